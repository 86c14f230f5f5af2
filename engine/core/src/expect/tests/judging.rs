//! Judging, on rounds whose truth is known.

use std::collections::BTreeMap;

use super::super::*;
use crate::expected::Expected;
use crate::host_sample::HostSample;
use crate::judgement::{Judged, Judgement, Severity};
use crate::measurement::{Measurement, Round};
use crate::metric::{Goal, Metric, Nature};
use crate::plan::{Declaration, PlannedStep, Profile, Rounds, Warmup, Work};
use crate::run::StepRecord;
use crate::series::{Labels, SeriesId};
use crate::stats::Stream;
use crate::step::{Failure, FailureKind, Outcome, Skip, SkipKind};
use crate::unit::Unit;

fn measured(id: &str, unit: Unit, rounds: &[&[f64]]) -> Measurement {
    let goal = if unit == Unit::PerSecond { Goal::Higher } else { Goal::Lower };
    let rounds = rounds.iter().zip(0..).map(|(values, number)| Round {
        number,
        attempt: 0,
        at: f64::from(number),
        seconds: 1.0,
        taints: vec![],
        superseded: false,
        values: values.to_vec(),
        histogram: None,
    });
    let metric = Metric { id: id.to_owned(), unit, goal, nature: Nature::Cost };
    Measurement { metric, labels: Labels::new(), rounds: rounds.collect() }
}

/// One sample a round.
fn series(id: &str, unit: Unit, values: &[f64]) -> Measurement {
    let rounds: Vec<&[f64]> = values.chunks(1).collect();
    measured(id, unit, &rounds)
}

fn step(labels: &[(&str, &str)], outcome: Outcome, measurements: Vec<Measurement>) -> StepRecord {
    let plan = PlannedStep {
        name: "s".into(),
        labels: labels.iter().copied().collect(),
        work: Work::Custom { index: 0, metrics: vec![] },
        rounds: Rounds::Exact(5),
        warmup: Warmup::Detect,
        isolate: false,
        timeout: 1.0,
        budget: None,
        method: 0,
        estimate: 1.0,
    };
    StepRecord { plan, outcome: Some(outcome), stop: None, measurements, windows: vec![] }
}

fn one(measurements: Vec<Measurement>) -> Vec<StepRecord> {
    vec![step(&[], Outcome::Measured, measurements)]
}

#[derive(Default)]
struct Setting {
    profile: Profile,
    reference: Option<&'static str>,
    baseline: Option<Vec<(SeriesId, Measurement)>>,
    refusal: Option<&'static str>,
    expected: Option<Expected>,
    host: Vec<HostSample>,
}

fn judge_in(setting: &Setting, text: &str, steps: &[StepRecord]) -> Judged {
    let declaration = Declaration {
        name: "s".into(),
        expect: vec![],
        reference: setting.reference.map(str::to_owned),
        tags: vec![],
        place: None,
    };
    let baseline = setting.baseline.as_ref().map(|known| Baseline {
        series: known.iter().map(|(id, m)| (id.clone(), m)).collect(),
        refusal: setting.refusal.map(str::to_owned),
    });
    let context = Context {
        declaration: &declaration,
        profile: setting.profile,
        baseline: baseline.as_ref(),
        expected: setting.expected.as_ref(),
        host: &setting.host,
        place: None,
    };
    let steps: Vec<&StepRecord> = steps.iter().collect();
    judge(&Expectation::parse(text).unwrap(), &steps, &context)
}

fn verdict(text: &str, steps: &[StepRecord]) -> Judgement {
    judge_in(&Setting::default(), text, steps).judgement
}

const TENTHS: [f64; 10] = [0.100, 0.101, 0.099, 0.102, 0.098, 0.100, 0.101, 0.099, 0.100, 0.101];

#[test]
fn inside_passes_outside_fails_and_across_is_unsure() {
    let steps = one(vec![series("wall", Unit::Seconds, &TENTHS)]);
    for (text, want) in [
        ("wall < 110 ms", Judgement::Pass),
        ("median < 110 ms", Judgement::Pass),
        ("wall > 110 ms", Judgement::Fail),
        ("wall < 90 ms", Judgement::Fail),
        ("wall >= 90 ms", Judgement::Pass),
        ("wall < 100 ms", Judgement::Unsure),
        ("wall >= 100 ms", Judgement::Unsure),
        ("wall.max <= 102 ms", Judgement::Pass),
        ("wall.p90 < 200 ms", Judgement::Pass),
        ("wall.n >= 10", Judgement::Pass),
        ("wall.n == 10", Judgement::Pass),
        ("n > 10", Judgement::Fail),
        ("wall.last < 102 ms", Judgement::Pass),
        ("wall != 500 ms", Judgement::Pass),
        ("wall == 100 ms", Judgement::Fail),
        ("wall.median == 100 ms", Judgement::Unsure),
    ] {
        let judged = judge_in(&Setting::default(), text, &steps);
        assert_eq!(judged.judgement, want, "{text}: {}", judged.reason);
    }
    let unsure = judge_in(&Setting::default(), "wall < 100.2 ms @warn", &steps);
    assert!(unsure.reason.contains("lies on both sides of 100.2 ms; about "), "{}", unsure.reason);
    assert_eq!((unsure.severity, unsure.unit, unsure.series.as_str()), (Severity::Warn, Unit::Seconds, "s.wall"));
    assert!(unsure.limit.is_some_and(|limit| (limit - 0.1002).abs() < 1e-12));
}

#[test]
fn fewer_than_five_rounds_are_never_judged_but_for_exact_counts() {
    let four = one(vec![
        series("wall", Unit::Seconds, &[0.1; 4]),
        series("exit", Unit::Count, &[0.0; 4]),
        series("once", Unit::Count, &[0.0]),
        series("mixed", Unit::Count, &[0.0, 0.0, 1.0]),
    ]);
    let judged = judge_in(&Setting::default(), "wall < 1 s", &four);
    assert_eq!(judged.judgement, Judgement::Unsure);
    assert_eq!(judged.reason, "4 rounds is too few to judge: 1 more needed");
    for (text, want) in [
        ("exit == 0", Judgement::Pass),
        ("exit <= 0", Judgement::Pass),
        ("exit < 0", Judgement::Fail),
        ("exit == 1", Judgement::Fail),
        ("once == 0", Judgement::Pass),
        ("once <= 0", Judgement::Unsure),
        ("mixed == 0", Judgement::Fail),
        ("mixed != 0", Judgement::Fail),
        ("mixed != 7", Judgement::Pass),
        ("mixed <= 1", Judgement::Unsure),
    ] {
        assert_eq!(verdict(text, &four), want, "{text}");
    }
    let mut five = vec![0.0; 5];
    assert_eq!(verdict("exit == 0", &one(vec![series("exit", Unit::Count, &five)])), Judgement::Pass);
    five[3] = 2.0;
    let odd = judge_in(&Setting::default(), "exit == 0", &one(vec![series("exit", Unit::Count, &five)]));
    assert_eq!((odd.judgement, odd.reason.as_str()), (Judgement::Fail, "a sample is 2, wanted == 0"));
}

#[test]
fn one_long_round_with_many_samples_is_judged_on_its_value() {
    let many: Vec<f64> = (0..10_001).map(|i| f64::from(i) / 10_000.0).collect();
    assert_eq!(verdict("r.p99 < 995 ms", &one(vec![measured("r", Unit::Seconds, &[&many])])), Judgement::Pass);
    assert_eq!(verdict("r.p99 < 985 ms", &one(vec![measured("r", Unit::Seconds, &[&many])])), Judgement::Fail);
    assert_eq!(verdict("r.p99 < 995 ms", &one(vec![measured("r", Unit::Seconds, &[&many[1..]])])), Judgement::Unsure);
}

#[test]
fn a_metric_that_does_not_exist_or_saw_nothing_fails() {
    let steps = one(vec![series("wall", Unit::Seconds, &TENTHS), series("idle", Unit::Seconds, &[])]);
    let judged = judge_in(&Setting::default(), "wal < 1 s", &steps);
    assert_eq!(judged.judgement, Judgement::Fail);
    assert_eq!(judged.reason, "`wal` does not exist or saw no sample, did you mean `wall`?");
    assert_eq!(verdict("idle < 1 s", &steps), Judgement::Fail);
    assert_eq!(verdict("wall{depth=1} < 1 s", &steps), Judgement::Fail);
    assert_eq!(verdict("wall < 2 * wal", &steps), Judgement::Fail);
    assert_eq!(verdict("median < 1 s", &one(vec![])), Judgement::Fail);
    assert_eq!(verdict("host.cpu < 80 %", &steps), Judgement::Fail);
    let swept = vec![step(&[("depth", "8")], Outcome::Measured, vec![series("wall", Unit::Seconds, &TENTHS)])];
    let judged = judge_in(&Setting::default(), "wall{depth=1} < 1 s", &swept);
    assert_eq!(judged.reason, "no series fits `wall{depth=1}`: `depth` is one of `8`");
}

#[test]
fn a_selector_must_hold_for_each_series_and_the_worst_is_reported() {
    let at = |depth, scale: f64| {
        let values = TENTHS.map(|value| value * scale);
        step(&[("depth", depth), ("block", "4 KiB")], Outcome::Measured, vec![series("wall", Unit::Seconds, &values)])
    };
    let steps = vec![at("1", 1.0), at("8", 3.0), at("32", 2.0)];
    let judged = judge_in(&Setting::default(), "wall < 150 ms", &steps);
    assert_eq!((judged.judgement, judged.series.as_str()), (Judgement::Fail, "s.wall{block=4 KiB,depth=8}"));
    let judged = judge_in(&Setting::default(), "wall < 1 s", &steps);
    assert_eq!((judged.judgement, judged.series.as_str()), (Judgement::Pass, "s.wall{block=4 KiB,depth=8}"));
    assert_eq!(verdict("wall{depth=1} < 150 ms", &steps), Judgement::Pass);
    assert_eq!(verdict("wall{block=4 KiB,depth=32} < 150 ms", &steps), Judgement::Fail);
}

#[test]
fn metrics_on_both_sides_are_joined_over_the_labels_not_named() {
    let at = |depth, block, scale: f64| {
        let values = TENTHS.map(|value| value * scale * 1e6);
        step(&[("depth", depth), ("block", block)], Outcome::Measured, vec![series("iops", Unit::PerSecond, &values)])
    };
    // Larger blocks are slower throughout; within each size, depth 128 is twice depth 32.
    let steps = vec![at("32", "4", 4.0), at("128", "4", 8.0), at("32", "16", 1.0), at("128", "16", 2.0)];
    assert_eq!(verdict("iops{depth=128} >= 1.9 * iops{depth=32}", &steps), Judgement::Pass);
    assert_eq!(verdict("iops{depth=128} >= 2.1 * iops{depth=32}", &steps), Judgement::Fail);
    let worse = vec![at("32", "4", 4.0), at("128", "4", 8.0), at("32", "16", 4.0), at("128", "16", 2.0)];
    let judged = judge_in(&Setting::default(), "iops{depth=128} >= 1.0 * iops{depth=32}", &worse);
    assert_eq!((judged.judgement, judged.series.as_str()), (Judgement::Fail, "s.iops{block=16,depth=128}"));
}

#[test]
fn the_reference_is_paired_by_round_so_common_drift_cancels() {
    let mut noise = Stream::new(5, &[1]);
    // The machine slows down by half over the run; the new program is 1 % slower than the old one.
    let drift: Vec<f64> = (0..20).map(|round| 1.0 + f64::from(round) / 40.0).collect();
    let mut values = |scale: f64| -> Vec<f64> {
        drift.iter().map(|drift| drift * scale * (1.0 + 0.002 * (noise.unit_f64() - 0.5))).collect()
    };
    let case = |name, values: Vec<f64>| {
        step(&[("case", name)], Outcome::Measured, vec![series("wall", Unit::Seconds, &values)])
    };
    let steps = vec![case("old", values(1.0)), case("new", values(1.01))];
    let setting = Setting { reference: Some("old"), ..Setting::default() };
    let judged = judge_in(&setting, "wall <= 1.02 * reference", &steps);
    assert_eq!(judged.judgement, Judgement::Pass, "{}", judged.reason);
    assert_eq!(judged.series, "s.wall{case=new}");
    assert!(judged.reason.contains("paired by round"), "{}", judged.reason);
    assert_eq!(judge_in(&setting, "wall <= 1.005 * reference", &steps).judgement, Judgement::Fail);
    // Unpaired, the drift hides it.
    assert_eq!(verdict("wall{case=new} < 1.26 s", &steps), Judgement::Unsure);
    // Without a reference case there is nothing to hold it against.
    assert_eq!(verdict("wall <= 1.02 * reference", &steps), Judgement::Fail);
    let skip = Outcome::Skipped(Skip::new(SkipKind::Tool, "`old` is not installed", "install it"));
    let lost = vec![step(&[("case", "old")], skip, vec![]), steps[1].clone()];
    assert_eq!(judge_in(&setting, "wall <= 1.02 * reference", &lost).judgement, Judgement::Unjudged);
    let exact = |name, size| step(&[("case", name)], Outcome::Measured, vec![series("size", Unit::Bytes, &[size; 5])]);
    let sizes = vec![exact("old", 100.0), exact("new", 104.0)];
    assert_eq!(judge_in(&setting, "size <= 1.05 * reference", &sizes).judgement, Judgement::Pass);
    assert_eq!(judge_in(&setting, "size <= 1.03 * reference", &sizes).judgement, Judgement::Fail);
}

#[test]
fn a_baseline_is_the_same_series_of_another_run() {
    let steps = one(vec![series("wall", Unit::Seconds, &TENTHS)]);
    let id = SeriesId { step: "s".into(), metric: "wall".into(), labels: Labels::new() };
    let against = |scale: f64| Setting {
        baseline: Some(vec![(id.clone(), series("wall", Unit::Seconds, &TENTHS.map(|value| value * scale)))]),
        ..Setting::default()
    };
    let text = "wall <= 1.05 * baseline";
    assert_eq!(judge_in(&against(1.0), text, &steps).judgement, Judgement::Pass);
    assert_eq!(judge_in(&against(0.8), text, &steps).judgement, Judgement::Fail);
    assert_eq!(judge_in(&against(1.0 / 1.05), text, &steps).judgement, Judgement::Unsure);
    let without = judge_in(&Setting::default(), text, &steps);
    assert_eq!(without.judgement, Judgement::Unjudged);
    assert!(without.reason.contains("there is no baseline"), "{}", without.reason);
    let refused = judge_in(&Setting { refusal: Some("another machine"), ..against(1.0) }, text, &steps);
    assert_eq!((refused.judgement, refused.reason.as_str()), (Judgement::Unsure, "`baseline`: another machine"));
    let empty = Setting { baseline: Some(vec![]), ..Setting::default() };
    assert_eq!(judge_in(&empty, text, &steps).judgement, Judgement::Unsure);
}

#[test]
fn products_multiply_their_intervals() {
    let steps = one(vec![
        series("moved", Unit::Bytes, &TENTHS.map(|value| value * 1e9)),
        series("rate", Unit::BytesPerSecond, &TENTHS.map(|value| value * 1e9)),
    ]);
    assert_eq!(verdict("moved <= 1.5 s * rate", &steps), Judgement::Pass);
    assert_eq!(verdict("moved <= 0.5 s * rate", &steps), Judgement::Fail);
    assert_eq!(verdict("moved <= 1 s * rate", &steps), Judgement::Unsure);
}

#[test]
fn skipped_is_not_failed_and_tiny_is_not_judged() {
    let skip = || Outcome::Skipped(Skip::new(SkipKind::Hardware, "no GPU", "use one"));
    let judged = judge_in(&Setting::default(), "wall < 1 s", &[step(&[], skip(), vec![])]);
    assert_eq!((judged.judgement, judged.reason.as_str()), (Judgement::Unjudged, "skipped: no GPU"));
    let failed = Outcome::Failed(Failure::new(FailureKind::Panic, "it broke"));
    let judged = judge_in(&Setting::default(), "wall < 1 s", &[step(&[], failed, vec![])]);
    assert_eq!((judged.judgement, judged.reason.as_str()), (Judgement::Fail, "the step failed: it broke"));
    let wall = || vec![series("wall", Unit::Seconds, &TENTHS)];
    let both = [step(&[("t", "1")], Outcome::Measured, wall()), step(&[("t", "2")], skip(), vec![])];
    let judged = judge_in(&Setting::default(), "wall < 1 s", &both);
    assert_eq!(judged.judgement, Judgement::Pass);
    assert!(judged.reason.ends_with("(1 of 2 not judged)"), "{}", judged.reason);
    let mut open = step(&[], Outcome::Measured, vec![]);
    open.outcome = None;
    assert_eq!(verdict("wall < 1 s", &[open]), Judgement::Unjudged);
    let tiny = Setting { profile: Profile::Tiny, ..Setting::default() };
    let judged = judge_in(&tiny, "wall < 1 ms", &one(wall()));
    assert_eq!(judged.judgement, Judgement::Unjudged);
    assert_eq!(judged.observed.map(|estimate| estimate.value), Some(0.1));
    assert!(judged.reason.starts_with("tiny profile, not judged: "), "{}", judged.reason);
}

#[test]
fn forms_of_load_tests_are_unsure_on_rounds() {
    let steps = one(vec![series("wall", Unit::Seconds, &TENTHS), series("rate", Unit::PerSecond, &TENTHS)]);
    for text in [
        "wall.p99[10 s] < 2 s for 2 windows",
        "wall.slope < 5 ms/h",
        "wall <= 1.1 * baseline within 20 s",
        "rate >= 0.99 * target",
    ] {
        let judged = judge_in(&Setting::default(), text, &steps);
        assert_eq!(judged.judgement, Judgement::Unsure, "{text}");
        assert!(judged.reason.contains("do not have"), "{}", judged.reason);
    }
}

#[test]
fn the_monitor_is_a_metric_of_every_step() {
    let sample = |cpu| HostSample { cpu, memory_used: 50, memory_total: 100, ..HostSample::default() };
    let host = [0.5, 0.6, 0.4, 0.5, 0.55, 0.5].map(sample).to_vec();
    let setting = Setting { host, ..Setting::default() };
    let steps = one(vec![series("wall", Unit::Seconds, &TENTHS)]);
    assert_eq!(judge_in(&setting, "host.cpu < 80 %", &steps).judgement, Judgement::Pass);
    assert_eq!(judge_in(&setting, "host.cpu < 30 %", &steps).judgement, Judgement::Fail);
    assert_eq!(judge_in(&setting, "host.memory.max < 75 %", &steps).judgement, Judgement::Pass);
}

/// Ten rounds around a true median of 1 s with 2 % noise, 1,000 times over.
#[test]
fn false_judgements_are_rare_and_clear_cases_decided() {
    let mut noise = Stream::new(11, &[2]);
    let mut counts = BTreeMap::from([("at", [0; 3]), ("clear", [0; 3])]);
    for _ in 0..1000 {
        let values: Vec<f64> = (0..10).map(|_| 1.0 + 0.02 * noise.normal()).collect();
        let steps = one(vec![series("wall", Unit::Seconds, &values)]);
        for (name, text) in [("at", "wall < 1 s"), ("clear", "wall < 1.05 s")] {
            let slot = match verdict(text, &steps) {
                Judgement::Pass => 0,
                Judgement::Fail => 1,
                _ => 2,
            };
            counts.entry(name).and_modify(|counts| counts[slot] += 1);
        }
    }
    // At the limit itself each wrong answer has 2.5 %.
    assert!(counts["at"][0] <= 40 && counts["at"][1] <= 40, "{counts:?}");
    assert!(counts["clear"][0] >= 990 && counts["clear"][1] == 0, "{counts:?}");
}

#[test]
fn what_the_machine_should_reach_is_a_number_or_no_judgement() {
    use crate::expected::{ExpectedValue, FigureKind, Origin};
    let steps = one(vec![series("wall", Unit::Seconds, &TENTHS)]);
    let id = SeriesId { step: "s".into(), metric: "wall".into(), labels: Labels::new() };
    let value = ExpectedValue {
        value: 0.2,
        kind: FigureKind::Typical,
        origin: Origin::Profile("desk".into()),
        source: "the maker".into(),
    };
    let expected = Expected { values: BTreeMap::from([(id, value)]), above: vec![], absence: "nobody knows".into() };
    let setting = Setting { expected: Some(expected), ..Setting::default() };
    for (text, want) in [
        ("wall <= expected", Judgement::Pass),
        ("wall <= 0.51 * expected", Judgement::Pass),
        ("wall <= 0.5 * expected", Judgement::Unsure),
        ("wall <= 40 % * expected", Judgement::Fail),
        ("wall.p90 < expected", Judgement::Pass),
        ("wall.spread < expected", Judgement::Unjudged),
    ] {
        let judged = judge_in(&setting, text, &steps);
        assert_eq!(judged.judgement, want, "{text}: {}", judged.reason);
    }
    let judged = judge_in(&setting, "wall <= 0.4 * expected", &steps);
    assert!(judged.reason.ends_with("; expected 200 ms (desk: the maker)"), "{}", judged.reason);
    assert!(judged.limit.is_some_and(|limit| (limit - 0.08).abs() < 1e-12));
    let unknown = Setting {
        expected: Some(Expected { absence: "nobody knows".into(), ..Expected::default() }),
        ..Setting::default()
    };
    let judged = judge_in(&unknown, "wall <= expected", &steps);
    assert_eq!((judged.judgement, judged.reason.as_str()), (Judgement::Unjudged, "`expected`: nobody knows"));
    assert!(judged.observed.is_some());
    assert_eq!(judge_in(&Setting::default(), "wall <= expected", &steps).judgement, Judgement::Unjudged);
    assert!(Expectation::parse("wall <= expected").unwrap().needs_expected());
    assert!(is_reserved_metric("expected"));
}
