//! How late arrivals are sent: a constant rate against a target, spinning or sleeping.
//!
//!     pacing URL RATE SECONDS [sleep]
//!
//! Prints one line of JSON for each second, with the share of the machine's time that other machines took (steal) in it.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use engine_core::arrivals::Arrivals;
use engine_load::http::{Request, Url};
use engine_load::model::ArrivalPlan;
use engine_load::record::{Kind, Row};
use engine_load::spec::{CatchUp, Load, Pacing, Workload};
use engine_load::{Native, Runner, User};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let url = Url::parse(&words[0]).expect("an address");
    let (rate, seconds): (f64, f64) = (words[1].parse().expect("a rate"), words[2].parse().expect("seconds"));
    let path = url.path.clone();
    let journey = Native::new("get", move || {
        let request = Request::get(path.clone()).discarding();
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
    let plan = ArrivalPlan::new("all", &Arrivals::Constant { rate }, seconds, 1).expect("a plan");
    let workload = Workload::Arrivals { plan, max_users: 2000, catch_up: CatchUp::Burst };
    let mut load = Load::new(Arc::new(journey), workload);
    load.target = Some(url.origin);
    load.pacing = if words.iter().any(|word| word == "sleep") { Pacing::Sleep } else { Pacing::Spin };
    let mut before = steal();
    let outcome = Runner::new(load)
        .expect("a load")
        .run(&mut |interval| {
            let mut row = Row::default();
            for (label, one) in &interval.rows {
                if label.kind == Kind::Request {
                    row.merge(one);
                }
            }
            let now = steal();
            let lag = |q| row.lag.value_at_quantile(q).map_or(0, |value| value.floor()) as f64 / 1e3;
            println!(
                "{{\"at\": {:.0}, \"count\": {}, \"lag_p50_us\": {:.2}, \"lag_p99_us\": {:.2}, \"lag_p999_us\": {:.2}, \"cpu\": {:.3}, \"steal\": {}}}",
                interval.at,
                row.started,
                lag(0.5),
                lag(0.99),
                lag(0.999),
                interval.cpu / interval.seconds,
                now - before
            );
            before = now;
        })
        .expect("a run");
    println!(
        "{{\"all\": {}, \"ok\": {}, \"rate\": {:.1}, \"lag_p50_us\": {:.2}, \"lag_p99_us\": {:.2}, \"cpu_share\": {:.2}, \"doubts\": {:?}}}",
        outcome.conservation.scheduled,
        outcome.conservation.ok,
        outcome.rate(),
        outcome.health.lag_p50 * 1e6,
        outcome.health.lag_p99 * 1e6,
        outcome.health.cpu.iter().sum::<f64>() / outcome.health.seconds,
        outcome.doubts.iter().map(|doubt| &doubt.reason).collect::<Vec<_>>(),
    );
}

/// Ticks that the hypervisor gave to others so far.
fn steal() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("procfs");
    stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0)
}
