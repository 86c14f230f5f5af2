//! Coordinated omission in real time: 1,000/s for 10 s over 50 connections, the target frozen for 2 s, then fast again.
//!
//!     omission [RATE SECONDS USERS FREEZE_AT FREEZE [past]]
//!
//! The target is a thread of this process. With `past` it stays frozen until after the end. Prints one line of JSON in
//! seconds: quantiles (`"> x"` where only a bound is known), mean, and the median service time.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use engine_core::arrivals::Arrivals;
use engine_core::histogram::Percentile;
use engine_load::http::{Origin, Request};
use engine_load::model::ArrivalPlan;
use engine_load::spec::{CatchUp, Load, Workload};
use engine_load::{Native, Runner, User};

/// When the load began, by its first request.
static BEGAN: OnceLock<Instant> = OnceLock::new();

fn serve(mut stream: TcpStream, from: f64, until: f64) {
    let mut chunk = [0; 1024];
    while let Ok(1..) = stream.read(&mut chunk) {
        let since = BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64();
        if (from..until).contains(&since) {
            std::thread::sleep(Duration::from_secs_f64(until - since));
        }
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: f64| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(usual);
    let (rate, seconds, users) = (number(0, 1000.0), number(1, 10.0), number(2, 50.0) as usize);
    let (at, freeze) = (number(3, 4.0), number(4, 2.0));
    let until = if words.iter().any(|word| word == "past") { seconds + 2.0 } else { at + freeze };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            std::thread::spawn(move || serve(stream, at, until));
        }
    });
    let plan = ArrivalPlan::new("all", &Arrivals::Constant { rate }, seconds, 0).expect("a plan");
    let workload = Workload::Arrivals { plan, max_users: users, catch_up: CatchUp::Burst };
    let journey = Native::new("get", || |user: &User| user.request(&Request::get("/").named("x")).map(drop));
    let mut load = Load::new(Arc::new(journey), workload);
    load.target = Some(Origin { secure: false, host: "127.0.0.1".into(), port: address.port() });
    load.grace = 0.0;
    let outcome = Runner::new(load).expect("a load").run(&mut |_| ()).expect("a run");
    let row = outcome.requests();
    let quantile = |q| match row.response.value_at_quantile(q) {
        Some(Percentile::At(value)) => format!("{:.4}", value as f64 / 1e9),
        Some(Percentile::Above(value)) => format!("\"> {:.4}\"", value as f64 / 1e9),
        None => "null".into(),
    };
    println!(
        "{{\"p25\": {}, \"p50\": {}, \"p60\": {}, \"p75\": {}, \"p90\": {}, \"p99\": {}, \"p999\": {}, \"mean\": {:.4}, \"service_p50\": {:.6}, \
         \"scheduled\": {}, \"ok\": {}, \"cut_off\": {}, \"not_started\": {}, \"violations\": {:?}, \"catch_up\": {:?}}}",
        quantile(0.25),
        quantile(0.5),
        quantile(0.6),
        quantile(0.75),
        quantile(0.9),
        quantile(0.99),
        quantile(0.999),
        row.response.mean().unwrap_or(0.0) / 1e9,
        row.service.value_at_quantile(0.5).map_or(0, |value| value.floor()) as f64 / 1e9,
        outcome.conservation.scheduled,
        outcome.conservation.ok,
        outcome.conservation.cut_off,
        outcome.conservation.not_started,
        outcome.conservation.violations(),
        outcome.catch_up.unwrap_or_default(),
    );
}
