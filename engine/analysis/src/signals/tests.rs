use engine_core::alert::{Rule, Signal, Strength};
use engine_core::history::Timeline;
use engine_core::run::{RunId, RunRecord, Timestamp};
use engine_core::stats::Stream;
use engine_core::step::{Failure, FailureKind, Skip, SkipKind};

use super::*;
use crate::health::{Thresholds, health};
use crate::simulated::{Simulated, expect};
use crate::simulated_history::history as of_values;
use crate::{Options, compare, judge_run};

fn run(values: &[f64]) -> RunRecord {
    let mut run = Simulated::new().step("s", "time", values).record();
    // The last run of the histories below.
    run.header.id = RunId("run00049".to_owned());
    run
}

fn said(run: &RunRecord, comparison: Option<&Comparison>, timelines: &[Timeline]) -> Vec<Signal> {
    signals(run, comparison, &health(run, &Thresholds::default()), timelines)
}

/// What was said by a rule: subject and strength.
fn by(rule: Rule, all: &[Signal]) -> Vec<(&str, Option<Strength>)> {
    all.iter().filter(|one| one.rule == rule).map(|one| (one.subject.as_str(), one.strength)).collect()
}

/// Fifty runs; from `at` on 10 % slower.
fn stepped(at: usize) -> Timeline {
    let mut random = Stream::new(21, &[]);
    let values: Vec<f64> =
        (0..50).map(|run| if run < at { 1.0 } else { 1.1 } * (1.0 + 0.01 * random.normal())).collect();
    crate::timelines(vec![of_values(&values)], &|_| Vec::new()).remove(0)
}

#[test]
fn expectations_speak_as_they_were_judged() {
    let mut run = run(&[1.0, 1.01, 0.99, 1.0, 1.02, 1.0]);
    let texts = ["time < 2 s", "time < 0.5 s", "time < 0.5 s @warn", "time < 1 s", "time < 2 * baseline"];
    expect(&mut run, "s", &texts);
    run.judged = judge_run(&run, None);
    let all = said(&run, None, &[]);
    let found = by(Rule::Expectation, &all);
    assert_eq!(
        found[..3],
        [
            ("s: time < 2 s", None),
            ("s: time < 0.5 s", Some(Strength::Strong)),
            ("s: time < 0.5 s @warn", Some(Strength::Strong))
        ]
    );
    assert_eq!(found[3], ("s: time < 1 s", Some(Strength::Weak)), "unsure is pending");
    assert_eq!(found.len(), 4, "what was not judged says nothing: {found:?}");
}

#[test]
fn verdicts_speak_unless_they_are_open() {
    let worse = |factor: f64| {
        let (old, new) = (
            run(&[1.0, 1.001, 0.999, 1.0, 1.002, 0.998]),
            run(&[1.0, 1.001, 0.999, 1.0, 1.002, 0.998].map(|v| v * factor)),
        );
        let comparison = compare(&old, &new, &Options::default());
        by(Rule::Verdict, &said(&new, Some(&comparison), &[])).first().map(|(_, strength)| *strength)
    };
    assert_eq!(worse(1.2), Some(Some(Strength::Strong)));
    assert_eq!(worse(1.0), Some(None), "equivalent is well");
    assert_eq!(worse(0.8), Some(None), "better is well");
    assert_eq!(worse(1.01), None, "inconclusive says nothing");
}

#[test]
fn histories_speak_of_what_is_worse_now() {
    let run = run(&[1.0; 6]);
    let of = |timeline: Timeline| said(&run, None, &[timeline]).into_iter().find(|one| one.rule == Rule::ChangePoint);
    let found = of(stepped(30)).expect("a signal");
    assert_eq!((found.strength, found.subject.as_str()), (Some(Strength::Strong), "s.time"));
    assert_eq!(found.began, Some(RunId("run00030".to_owned())));
    assert!(
        found.perhaps.contains(&RunId("run00028".to_owned())) && found.summary.contains("since run run00030"),
        "{found:?}"
    );
    assert_eq!(of(stepped(48)).expect("a signal").strength, Some(Strength::Weak), "two runs are a suspicion");
    let well = of(stepped(50)).expect("a signal");
    assert_eq!((well.strength, well.began), (None, None), "nothing changed: all is well");
    // The new level was accepted: well from there on.
    let mut accepted = stepped(30);
    accepted.changes.clear();
    accepted.accepted = vec![33];
    let found = of(accepted).expect("a signal");
    assert_eq!((found.strength, found.began), (None, Some(RunId("run00033".to_owned()))));
    // What barely stands out is a suspicion, and says so.
    let mut unsure = stepped(30);
    unsure.changes.iter_mut().for_each(|found| found.change.size_low = -0.05);
    let found = of(unsure).expect("a signal");
    assert!(found.strength == Some(Strength::Weak) && found.summary.contains("standard errors"), "{found:?}");
    // Better is well too.
    let mut better = stepped(30);
    better.history.metric.goal = Goal::Higher;
    better.changes.iter_mut().for_each(|found| found.direction = engine_core::history::Direction::Better);
    let found = of(better).expect("a signal");
    assert_eq!((found.strength, found.began), (None, Some(RunId("run00030".to_owned()))));
    let mut neutral = stepped(30);
    neutral.history.metric.goal = Goal::Neutral;
    assert!(of(neutral).is_none());
    // The history of another run.
    let mut other = stepped(30);
    other.history.points.pop();
    assert!(of(other).is_none());
}

#[test]
fn failed_steps_and_sick_machines_speak() {
    let mut run = Simulated::new()
        .step("a", "time", &[1.0; 6])
        .step("b", "time", &[1.0; 6])
        .step("c", "time", &[1.0; 6])
        .record();
    run.steps[1].outcome = Some(Outcome::Failed(Failure::new(FailureKind::Panic, "it panicked")));
    run.steps[2].outcome = Some(Outcome::Skipped(Skip::new(SkipKind::Tool, "no tool", "install it")));
    let strong = Some(Strength::Strong);
    assert_eq!(by(Rule::Failure, &said(&run, None, &[])), [("a", None), ("b", strong), ("run", None)]);
    run.validity.lower(ValidityLevel::Invalid, "the clock went back");
    assert!(by(Rule::Failure, &said(&run, None, &[])).contains(&("run", strong)));
    run.host = (1..60)
        .map(|at| engine_core::host_sample::HostSample {
            at: f64::from(at) * 100.0,
            cpu: 1.0,
            cores: vec![1.0; 2],
            memory_used: 10,
            memory_total: 100,
            ..Default::default()
        })
        .collect();
    let all = said(&run, None, &[]);
    let health = by(Rule::Health, &all);
    assert!(health.contains(&("CPU", strong)) && health.contains(&("memory", None)), "{health:?}");
    run.header.plan.profile = Profile::Tiny;
    assert!(said(&run, None, &[]).is_empty());
    run.header.plan.profile = Profile::Default;
    run.state = RunState::Partial;
    run.validity = Default::default();
    run.header.started = Timestamp(0);
    assert!(
        !by(Rule::Failure, &said(&run, None, &[])).iter().any(|(subject, _)| *subject == "run"),
        "an early end says nothing"
    );
}
