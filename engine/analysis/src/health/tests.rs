//! Health on machines of known state.

use engine_core::fact::Fact;

use super::*;
use crate::simulated::{Simulated, measured};

/// Two CPUs; `total` and `own` are shares of both, sampled once a second.
fn sample(at: f64, total: f64, own: f64) -> HostSample {
    HostSample {
        at,
        cpu: total,
        cores: vec![total; 2],
        own_cpu: 2.0 * own,
        memory_used: 40,
        memory_total: 100,
        ..HostSample::default()
    }
}

fn run(host: impl IntoIterator<Item = HostSample>) -> RunRecord {
    let mut run = Simulated::new().measured("disk", &[], vec![measured("latency", &[0.002; 6])]).record();
    run.host = host.into_iter().collect();
    run
}

fn verdicts(run: &RunRecord) -> (HealthVerdict, Vec<(String, HealthVerdict)>) {
    let health = health(run, &Thresholds::default());
    (health.verdict, health.rows.into_iter().map(|row| (row.name, row.verdict)).collect())
}

fn seconds(n: u32) -> impl Iterator<Item = f64> {
    (1..=n).map(f64::from)
}

#[test]
fn our_own_load_is_healthy_and_that_of_others_is_not() {
    let ours = run(seconds(60).map(|at| sample(at, 1.0, 0.95)));
    assert_eq!(verdicts(&ours).0, HealthVerdict::Healthy);
    let foreign = run(seconds(60).map(|at| sample(at, 1.0, 0.1)));
    let (verdict, rows) = verdicts(&foreign);
    assert_eq!((verdict, &rows[0]), (HealthVerdict::Warning, &("CPU".to_owned(), HealthVerdict::Warning)));
    // A burst in a fifth of the samples is no lasting load.
    let burst = run(seconds(60).map(|at| if at < 12.0 { sample(at, 1.0, 0.0) } else { sample(at, 0.2, 0.1) }));
    assert_eq!(verdicts(&burst).0, HealthVerdict::Healthy);
}

#[test]
fn without_samples_the_load_before_can_only_acquit() {
    let mut short = run([]);
    short.header.environment.cpu.logical_cpus = Fact::Known(2);
    short.header.environment.load.before.average_1 = Fact::Known(0.5);
    let row = |run: &RunRecord| health(run, &Thresholds::default()).rows[0].clone();
    assert_eq!((row(&short).verdict, row(&short).observed), (HealthVerdict::Healthy, Some(0.25)));
    short.header.environment.load.before.average_1 = Fact::Known(1.9);
    assert_eq!(row(&short).verdict, HealthVerdict::Unknown);
}

#[test]
fn memory_and_latency_have_limits_of_their_own() {
    let mut full = run(seconds(10).map(|at| sample(at, 0.1, 0.0)));
    full.host[3].memory_used = 76;
    let found = health(&full, &Thresholds::default());
    assert_eq!((found.verdict, found.rows[1].observed), (HealthVerdict::Warning, Some(0.76)));
    let strict = Thresholds { latency_warning: 0.001, memory_usage_warning: 0.9, ..Thresholds::default() };
    let found = health(&full, &strict);
    assert_eq!((found.rows[1].verdict, found.rows[2].verdict), (HealthVerdict::Healthy, HealthVerdict::Warning));
    assert!(found.rows[2].reason.contains("`disk.latency`"), "{}", found.rows[2].reason);
}

#[test]
fn the_responses_of_a_load_are_a_latency() {
    let mut run = Simulated::new().measured("shop", &[], vec![measured("response", &[1.5; 6])]).record();
    run.host = seconds(10).map(|at| sample(at, 0.1, 0.0)).collect();
    let found = health(&run, &Thresholds::default());
    assert_eq!(found.rows[2].verdict, HealthVerdict::Warning);
    assert!(found.rows[2].reason.contains("`shop.response`"), "{}", found.rows[2].reason);
}

#[test]
fn what_was_not_observed_is_unknown_and_not_healthy() {
    let (verdict, rows) = verdicts(&run([]));
    assert_eq!(verdict, HealthVerdict::Unknown);
    assert_eq!(rows[2].1, HealthVerdict::Healthy);
    let mut none = run(seconds(10).map(|at| sample(at, 0.1, 0.0)));
    none.steps.clear();
    assert_eq!(verdicts(&none).1[2], ("latency".to_owned(), HealthVerdict::Unknown));
}

#[test]
fn a_degraded_run_is_shown_and_an_invalid_one_leaves_the_health_unknown() {
    let mut run = run(seconds(10).map(|at| sample(at, 0.1, 0.0)));
    assert_eq!(verdicts(&run).1.len(), 3);
    run.validity.lower(ValidityLevel::Degraded, "steal");
    assert_eq!((verdicts(&run).0, verdicts(&run).1.len()), (HealthVerdict::Healthy, 4));
    run.validity.lower(ValidityLevel::Invalid, "the clock went back");
    assert_eq!(verdicts(&run).0, HealthVerdict::Unknown);
}
