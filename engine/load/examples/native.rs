//! A native journey: one prepared `GET` again and again, to be measured beside wrk and oha.
//!
//!     native URL CONNECTIONS SECONDS [THREADS] [epoll] [insecure] [h2]
//!
//! Prints one line of JSON: requests, errors, CPU time of the generator's threads and of the process, latencies.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::sync::Arc;

use engine_load::driver::DriverChoice;
use engine_load::http::{Request, Url};
use engine_load::model::UserPhase;
use engine_load::spec::{HttpVersion, Iterations, Load, Workload};
use engine_load::{Native, Runner, User};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: f64| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(usual);
    let url = Url::parse(words.first().map_or("http://127.0.0.1:8080/", String::as_str)).expect("an address");
    let (users, seconds, threads) = (number(1, 50.0), number(2, 3.0), number(3, 1.0) as usize);
    let path = url.path.clone();
    let journey = Native::new("get", move || {
        let request = Request::get(path.clone()).named("static").discarding();
        let prepared = std::cell::OnceCell::new();
        move |user: &User| {
            let prepared = match prepared.get() {
                Some(prepared) => prepared,
                None => {
                    let made = user.prepare(&request)?;
                    prepared.get_or_init(|| made)
                }
            };
            user.send(prepared).map(drop)
        }
    });
    let phase = UserPhase { name: "steady".into(), from: users, to: users, duration: seconds };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::Endless, spread: 0.0 };
    let mut load = Load::new(Arc::new(journey), workload);
    load.target = Some(url.origin);
    load.threads = threads;
    let told = |option: &str| words.iter().any(|word| word == option);
    if told("epoll") {
        load.driver = DriverChoice::Epoll;
    }
    load.tls.insecure = told("insecure");
    if told("h2") {
        load.http = HttpVersion::Two;
    }
    let outcome = Runner::new(load).expect("a load").run(&mut |_| ()).expect("a run");
    let row = outcome.requests();
    let quantile = |q| row.response.value_at_quantile(q).map_or(0, |value| value.floor());
    let cpu: f64 = outcome.health.cpu.iter().sum();
    println!(
        "{{\"driver\": \"{:?}\", \"requests\": {}, \"ok\": {}, \"seconds\": {:.3}, \"rate\": {:.0}, \"cpu\": {cpu:.3}, \
         \"cpu_us\": {:.3}, \"process_cpu_us\": {:.3}, \"p50_us\": {}, \"p99_us\": {}, \"lag_p99_us\": {:.1}, \"resident\": {}, \"doubts\": {:?}}}",
        outcome.driver,
        row.started,
        row.ok,
        outcome.seconds,
        outcome.rate(),
        cpu / row.ok as f64 * 1e6,
        process_cpu() / row.ok as f64 * 1e6,
        quantile(0.5) / 1000,
        quantile(0.99) / 1000,
        outcome.health.lag_p99 * 1e6,
        outcome.health.resident,
        outcome.doubts.iter().map(|doubt| &doubt.reason).collect::<Vec<_>>(),
    );
    for error in row.errors {
        eprintln!("{} x {}: {}", error.count, error.class, error.example);
    }
}

/// CPU time of this process in seconds, user and kernel.
fn process_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("procfs");
    let after = stat.rsplit(')').next().unwrap_or("");
    let fields: Vec<f64> = after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse().ok()).collect();
    fields.iter().sum::<f64>() / 100.0
}
