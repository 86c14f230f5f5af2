//! Simulated nights for the claim of that name: one line of JSON for each seed.
//!
//!     cargo run --release -p engine-operate --example nightly -- FIRST_SEED COUNT

#[path = "../tests/it/nights.rs"]
mod nights;

use nights::{Truth, live};

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn main() {
    let number =
        |at: usize, default: u64| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (first, count) = (number(1, 1), number(2, 1));
    let truth = Truth::usual();
    for seed in first..first + count {
        let told = live(&truth, seed);
        let regressions: Vec<serde_json::Value> = truth
            .regressions
            .iter()
            .zip(told.found.iter().zip(&told.times))
            .map(|(one, (found, times))| {
                serde_json::json!({
                    "from": one.from, "size": one.size, "told": times,
                    "began": found.map(|(began, _)| began), "delay_runs": found.map(|(_, delay)| delay),
                })
            })
            .collect();
        let line = serde_json::json!({
            "seed": seed, "nights": truth.nights, "series": truth.series, "noise": truth.noise,
            "regressions": regressions, "wrong": told.wrong, "environment": told.environment,
            "machine": truth.machine, "kernel": truth.kernel,
            "recoveries": told.recoveries, "messages": told.messages.len(),
        });
        println!("{line}");
    }
}
