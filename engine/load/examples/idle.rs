//! What an idle user costs: many users that have sent a request and think for a long time.
//!
//!     idle URL USERS SECONDS
//!
//! Prints one line of JSON: resident memory before and with all users thinking, in bytes, and for each user.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::sync::Arc;

use engine_load::http::Url;
use engine_load::model::UserPhase;
use engine_load::spec::{Iterations, Load, Workload};
use engine_load::{Native, Runner, User};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let url = Url::parse(&words[0]).expect("an address");
    let (users, seconds): (f64, f64) = (words[1].parse().expect("users"), words[2].parse().expect("seconds"));
    let path = url.path.clone();
    let journey = Native::new("idle", move || {
        let path = path.clone();
        move |user: &User| {
            user.get(&path)?;
            user.pause(3600.0)
        }
    });
    let phase = UserPhase { name: "all".into(), from: users, to: users, duration: seconds };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::Endless, spread: seconds / 2.0 };
    let mut load = Load::new(Arc::new(journey), workload);
    load.target = Some(url.origin);
    load.grace = 0.0;
    let before = resident();
    let (mut most, mut active) = (0, 0);
    let outcome = Runner::new(load)
        .expect("a load")
        .run(&mut |interval| {
            if interval.active >= active {
                (most, active) = (resident(), interval.active);
            }
        })
        .expect("a run");
    println!(
        "{{\"users\": {active}, \"connections\": {}, \"before\": {before}, \"resident\": {most}, \"per_user\": {:.0}, \"errors\": {:?}}}",
        outcome.health.connections,
        (most as f64 - before as f64) / active as f64,
        outcome.requests().errors.iter().map(|error| format!("{} {}", error.count, error.class)).collect::<Vec<_>>(),
    );
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
