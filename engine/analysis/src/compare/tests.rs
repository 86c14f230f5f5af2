//! What is compared, and what is refused.

use engine_core::args::ArgValue;
use engine_core::fact::Fact;
use engine_core::judgement::Verdict;
use engine_core::plan::{PlannedStep, Profile, Work};
use engine_core::run::ValidityLevel;
use engine_core::unit::Unit;

use super::*;
use crate::simulated::{Simulated, measured};

const TENTHS: [f64; 6] = [0.100, 0.1001, 0.0999, 0.100, 0.1002, 0.0998];

fn run(scale: f64) -> RunRecord {
    let values = TENTHS.map(|value| value * scale);
    let at = |depth| [("depth", depth)];
    Simulated::new()
        .step("a", "wall", &values)
        .measured("b", &at("1"), vec![measured("wall", &TENTHS)])
        .measured("b", &at("8"), vec![measured("wall", &values)])
        .record()
}

fn verdicts_of(comparison: &Comparison) -> Vec<(String, Verdict)> {
    comparison.series.iter().map(|series| (series.id.to_string(), series.verdict)).collect()
}

#[test]
fn each_series_gets_its_verdict_in_the_order_of_the_newer_run() {
    let comparison = compare(&run(1.0), &run(1.5), &Options::default());
    assert_eq!(
        verdicts_of(&comparison),
        [
            ("a.wall".to_owned(), Verdict::Worse),
            ("b.wall{depth=1}".to_owned(), Verdict::Equivalent),
            ("b.wall{depth=8}".to_owned(), Verdict::Worse)
        ]
    );
    assert!(!comparison.is_refused() && comparison.refusals.is_empty());
    assert_eq!(verdicts_of(&compare(&run(1.5), &run(1.0), &Options::default()))[0].1, Verdict::Better);
    assert!((comparison.series[0].change.unwrap().ratio - 1.5).abs() < 1e-9);
}

#[test]
fn what_only_one_run_has_is_listed() {
    let more = Simulated::new().step("a", "wall", &TENTHS).step("new", "wall", &TENTHS).record();
    let comparison = compare(&run(1.0), &more, &Options::default());
    let names = |ids: &[SeriesId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&comparison.only_new), ["new.wall"]);
    assert_eq!(names(&comparison.only_old), ["b.wall{depth=1}", "b.wall{depth=8}"]);
}

#[test]
fn unlike_environments_are_refused_unless_insisted() {
    let (mut old, mut new) = (run(1.0), run(1.0));
    old.header.environment.cpu.model = Fact::Known("A".into());
    new.header.environment.cpu.model = Fact::Known("B".into());
    let comparison = compare(&old, &new, &Options::default());
    assert!(comparison.is_refused() && comparison.series.is_empty());
    assert_eq!(comparison.refusals[0].reason, "the environments are unlike: `cpu.model` was A and is B");
    assert_eq!(comparison.differences.len(), 1);
    let insisted = compare(&old, &new, &Options { allow_unlike: true, ..Options::default() });
    assert!(!insisted.is_refused());
    assert_eq!((insisted.series.len(), insisted.refusals[0].subject.as_deref()), (3, Some("environment")));
    // A field that does not define the class is told and does no harm.
    new.header.environment = old.header.environment.clone();
    new.header.environment.cpu.microcode = Fact::Known("0x2".into());
    old.header.environment.cpu.microcode = Fact::Known("0x1".into());
    let noted = compare(&old, &new, &Options::default());
    assert!(!noted.is_refused() && noted.differences.len() == 1);
}

#[test]
fn tiny_and_invalid_runs_are_refused() {
    let mut tiny = run(1.0);
    tiny.header.plan.profile = Profile::Tiny;
    assert!(compare(&tiny, &run(1.0), &Options::default()).is_refused());
    assert!(compare(&run(1.0), &tiny, &Options::default()).is_refused());
    let mut invalid = run(1.0);
    invalid.validity.lower(ValidityLevel::Invalid, "the clock went back");
    let comparison = compare(&run(1.0), &invalid, &Options::default());
    assert_eq!(comparison.refusals[0].reason, "the newer run is invalid: the clock went back");
    let mut degraded = run(1.0);
    degraded.validity.lower(ValidityLevel::Degraded, "steal");
    assert!(!compare(&run(1.0), &degraded, &Options::default()).is_refused());
}

#[test]
fn a_step_that_did_something_else_is_left_out() {
    let old = run(1.0);
    type Edit = fn(&mut PlannedStep);
    let cases: [(&str, Edit); 4] = [
        ("the probe's method was version 1 and is 2", |step| step.method = 2),
        ("it ran `fake.probe` and now runs `other.probe`", |step| {
            step.work = Work::Probe { id: "other.probe".into(), args: Default::default() };
        }),
        ("other options: `size` was not given and is `4 KiB`", |step| {
            let Work::Probe { args, .. } = &mut step.work else { panic!("a probe") };
            args.0.insert("size".into(), ArgValue::Text("4 KiB".into()));
        }),
        ("steps of unlike kinds do not measure the same", |step| {
            step.work = Work::Custom { index: 0, metrics: vec![] };
        }),
    ];
    for (reason, change) in cases {
        let mut new = run(1.5);
        change(&mut new.steps[2].plan);
        let comparison = compare(&old, &new, &Options::default());
        assert!(!comparison.is_refused());
        assert_eq!(comparison.refusals[0].subject.as_deref(), Some("b{depth=8}"));
        assert_eq!(comparison.refusals[0].reason, reason);
        let compared: Vec<String> = comparison.series.iter().map(|series| series.id.to_string()).collect();
        assert_eq!(compared, ["a.wall", "b.wall{depth=1}"], "{reason}");
        assert!(comparison.only_old.is_empty() && comparison.only_new.is_empty());
        let insisted = compare(&old, &new, &Options { allow_unlike: true, ..Options::default() });
        assert_eq!((insisted.series.len(), insisted.refusals.len()), (3, 1));
    }
}

#[test]
fn another_unit_is_another_metric() {
    let mut new = run(1.0);
    new.steps[0].measurements[0].metric.unit = Unit::Bytes;
    let comparison = compare(&run(1.0), &new, &Options::default());
    assert_eq!(comparison.series.len(), 2);
    assert_eq!(comparison.refusals[0].reason, "it was measured in s and is now in B");
}

/// Of many series that did not change, hardly any is called better or worse, and a real change among them is found.
#[test]
fn many_series_at_once_raise_no_more_alarms() {
    let mut stream = engine_core::stats::Stream::new(14, &[]);
    let mut run = |changed: f64| {
        let mut run = Simulated::new();
        for number in 0..100 {
            let scale = if number == 0 { changed } else { 1.0 };
            run = run.step(&format!("s{number}"), "wall", &crate::simulated::rounds(&mut stream, 10, scale, 0.03));
        }
        run.record()
    };
    let comparison = compare(&run(1.0), &run(1.25), &Options::default());
    let called: Vec<&str> = comparison
        .series
        .iter()
        .filter(|series| matches!(series.verdict, Verdict::Better | Verdict::Worse))
        .map(|series| series.id.step.as_str())
        .collect();
    assert!(called.contains(&"s0") && called.len() <= 2, "{called:?}");
    assert!(comparison.series.iter().all(|series| series.p.is_some() && series.adjusted_p >= series.p));
}

#[test]
fn a_change_that_does_not_stand_out_of_many_says_how_many_rounds_would() {
    let mut stream = engine_core::stats::Stream::new(15, &[]);
    let mut run = |changed: f64| {
        let mut run = Simulated::new();
        for number in 0..60 {
            let scale = if number == 0 { changed } else { 1.0 };
            run = run.step(&format!("s{number}"), "wall", &crate::simulated::rounds(&mut stream, 5, scale, 0.02));
        }
        run.record()
    };
    // Five against five rounds, wholly apart, have a p-value of 0.008: too much among 60.
    let comparison = compare(&run(1.0), &run(1.5), &Options::default());
    let first = &comparison.series[0];
    assert_eq!(first.verdict, Verdict::Inconclusive, "{first:?}");
    assert!(first.reason.contains("among 60 series") && first.rounds_needed.is_some_and(|rounds| rounds > 5));
}
