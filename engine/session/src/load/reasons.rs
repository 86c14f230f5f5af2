//! What a load's outcome says beside its numbers: how it was made, where everything went, what failed, what speaks against it.

use engine_core::run::ValidityLevel;
use engine_core::step::{Failure, FailureKind};
use engine_load::ErrorClass;
use engine_load::Outcome;
use engine_load::outcome::Weight;
use engine_load::record::{ErrorCount, Kind, Row};

/// Front of the note that holds one error of each class; reports find them by it.
pub(crate) const ERRORS: &str = "errors: ";

/// Share of iterations that may end in an error of the script.
const SCRIPT_SHARE: f64 = 0.05;

/// Iterations in a row that may.
pub(crate) const SCRIPT_ROW: u64 = 100;

/// Whether the journey's own code was wrong.
pub(crate) fn is_script(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Script | ErrorClass::Panic)
}

/// How the load was made, and where everything has gone.
pub(crate) fn notes(outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    let threads = if outcome.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", outcome.threads) };
    let pacing = if outcome.spinning { "spinning" } else { "sleeping" };
    let catch_up = outcome.catch_up.as_ref().map(|policy| format!(", catch-up {policy}")).unwrap_or_default();
    notes.push(format!("driver {}, {threads}, {pacing}{catch_up}", outcome.driver.name()));
    let health = &outcome.health;
    let busiest = health.cpu.iter().copied().fold(0.0, f64::max) / health.seconds.max(1e-9);
    let efficiency = engine_core::usage::requests_per_cpu_second(outcome.conservation.ok, health.cpu.iter().sum());
    let efficiency = efficiency.map_or_else(String::new, |rate| format!("{rate:.0} requests a CPU-second, "));
    notes.push(format!(
        "generator: busiest thread {:.0} % of a CPU, {efficiency}lag p50 {:.1} us, p99 {:.1} us, {} connections open at most ({} made), \
         {} descriptors and {} ports allowed, {:.0} MiB resident",
        busiest * 100.0,
        health.lag_p50 * 1e6,
        health.lag_p99 * 1e6,
        health.connections,
        health.connected,
        health.descriptors,
        health.ports,
        health.resident as f64 / f64::from(1 << 20),
    ));
    let c = &outcome.conservation;
    let arrivals = if c.scheduled > 0 {
        format!(
            "{} arrivals due = {} came + {} dropped + {} not started; ",
            c.scheduled, c.arrived, c.dropped, c.not_started
        )
    } else {
        String::new()
    };
    notes.push(format!(
        "{arrivals}{} iterations; {} requests = {} ok + {} failed + {} timed out + {} cut off",
        c.iterations, c.requests, c.ok, c.failed, c.timed_out, c.cut_off
    ));
    for error in errors(outcome) {
        let times = if error.count == 1 { "once".to_owned() } else { format!("{} times", error.count) };
        notes.push(format!("{ERRORS}{}, {times}, such as: {}", error.class, error.example));
    }
    notes
}

/// Errors of requests, and those of iterations that no request had, by class; the most frequent first.
fn errors(outcome: &Outcome) -> Vec<ErrorCount> {
    let mut all = outcome.requests().errors;
    let others = outcome.totals.sum(|label| matches!(label.kind, Kind::Iteration | Kind::Check));
    let of_requests =
        |class| matches!(class, ErrorClass::Script | ErrorClass::Panic | ErrorClass::Journey | ErrorClass::Check);
    for error in others.errors.into_iter().filter(|error| of_requests(error.class)) {
        if !all.iter().any(|known: &ErrorCount| known.class == error.class) {
            all.push(error);
        }
    }
    all.sort_by_key(|error| std::cmp::Reverse(error.count));
    all
}

/// What speaks against the numbers, as validity.
pub(crate) fn doubts(outcome: &Outcome) -> Vec<(ValidityLevel, String)> {
    let level = |weight| match weight {
        Weight::Degraded => ValidityLevel::Degraded,
        Weight::Invalid => ValidityLevel::Invalid,
    };
    outcome.doubts.iter().map(|doubt| (level(doubt.weight), doubt.reason.clone())).collect()
}

/// Whether the step failed as a whole: nobody was there, or the journey's own code was wrong too often. `row` is the longest
/// row of iterations that ended so.
pub(crate) fn failure(outcome: &Outcome, target: &str, row: u64) -> Option<Failure> {
    let requests: Row = outcome.totals.sum(|label| label.kind == Kind::Request);
    let reached =
        |error: &&ErrorCount| matches!(error.class, ErrorClass::Refused | ErrorClass::Unreachable | ErrorClass::Dns);
    let nobody: u64 = requests.errors.iter().filter(reached).map(|error| error.count).sum();
    if requests.started > 0 && nobody >= requests.started {
        let example = requests.errors.iter().find(reached).map(|error| format!("{}: {}", error.class, error.example));
        let message = format!(
            "{target} was never reached: {}",
            example.unwrap_or_else(|| "every request was refused".to_owned())
        );
        return Some(Failure::new(FailureKind::Unreachable, message));
    }
    let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
    let broken: Vec<&ErrorCount> = iterations.errors.iter().filter(|error| is_script(error.class)).collect();
    let count: u64 = broken.iter().map(|error| error.count).sum();
    let share = count as f64 / iterations.ended().max(1) as f64;
    if share > SCRIPT_SHARE || row >= SCRIPT_ROW {
        let example = broken.first().map(|error| error.example.clone()).unwrap_or_default();
        let message = format!(
            "{count} of {} iterations ended in an error of the journey's own code: {example}",
            iterations.ended()
        );
        return Some(Failure::new(FailureKind::Script, message));
    }
    None
}
