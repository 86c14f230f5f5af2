//! A queue of known truth: Poisson arrivals at the demo target, whose workers take exponential times.
//!
//!     queue URL RATE SECONDS SEED WORKERS MEAN TARGET_SEED
//!
//! The target is `engine target --service "exponential MEAN s" --workers WORKERS --seed TARGET_SEED`. Arrivals and service
//! times both follow from their seeds, so the very same queue is also worked out here, request by request (Kiefer and
//! Wolfowitz): what the machine adds is told from the luck of a draw. With `-` as the address only that is done. Prints one
//! line of JSON in seconds.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use engine_core::arrivals::Arrivals;
use engine_core::load::{DemoTarget, ServiceTime};
use engine_core::stats::quantile::{quantile, sorted};
use engine_load::http::{Request, Url};
use engine_load::model::ArrivalPlan;
use engine_load::spec::{CatchUp, Load, Workload};
use engine_load::{Native, Runner, User};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> f64 { words[at].parse().expect("a number") };
    let (rate, seconds, seed) = (number(1), number(2), number(3) as u64);
    let target = DemoTarget {
        service: ServiceTime::Exponential { mean: number(5) },
        workers: number(4) as u32,
        seed: number(6) as u64,
        ..DemoTarget::default()
    };
    let plan = ArrivalPlan::new("all", &Arrivals::Poisson { rate }, seconds, seed).expect("a plan");
    let worked_out = sorted(&responses(&plan, &target));
    let mean = worked_out.iter().sum::<f64>() / worked_out.len() as f64;
    print!(
        "{{\"count\": {}, \"draw_mean\": {mean:.6}, \"draw_p95\": {:.6}",
        worked_out.len(),
        quantile(&worked_out, 0.95)
    );
    if words[0] != "-" {
        measure(&words[0], plan);
    }
    println!("}}");
}

/// The response times of the queue without any machine, in seconds.
fn responses(plan: &ArrivalPlan, target: &DemoTarget) -> Vec<f64> {
    let mut free = vec![0.0_f64; target.workers as usize];
    plan.due(0, 1)
        .map(|(index, time)| {
            let first = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])).expect("a worker");
            free[first] = free[first].max(time) + target.service_of(index);
            free[first] - time
        })
        .collect()
}

fn measure(address: &str, plan: ArrivalPlan) {
    let url = Url::parse(address).expect("an address");
    let journey = Native::new("feed", || |user: &User| user.request(&Request::get("/feed").named("feed")).map(drop));
    let workload = Workload::Arrivals { plan, max_users: 500, catch_up: CatchUp::Burst };
    let mut load = Load::new(Arc::new(journey), workload);
    load.target = Some(url.origin);
    let outcome = Runner::new(load).expect("a load").run(&mut |_| ()).expect("a run");
    let row = outcome.requests();
    let quantile = |q| row.response.value_at_quantile(q).map_or(0, |value| value.floor()) as f64 / 1e9;
    print!(
        ", \"ok\": {}, \"mean\": {:.6}, \"p50\": {:.6}, \"p95\": {:.6}, \"lag_p99\": {:.6}, \"cpu\": {:.3}, \"steal\": {:.4}, \"doubts\": {:?}",
        row.ok,
        row.response.mean().unwrap_or(0.0) / 1e9,
        quantile(0.5),
        quantile(0.95),
        outcome.health.lag_p99,
        outcome.health.cpu.iter().sum::<f64>() / outcome.health.seconds,
        outcome.health.steal,
        outcome.doubts.iter().map(|doubt| &doubt.reason).collect::<Vec<_>>(),
    );
}
