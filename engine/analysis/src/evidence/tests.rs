use engine_core::change::{ChangePoint, Kind, Tier};
use engine_core::evidence::{Compared, Evidence, SideData, Unit};
use engine_core::history::{Direction, SeriesKey};
use engine_core::judgement::Verdict;
use engine_core::metric::{Goal, MetricDef};
use engine_core::run::RunId;
use engine_core::series::{Labels, SeriesId};
use engine_core::stats::Stream;

use super::*;
use crate::verdict::Criteria;

fn series() -> SeriesId {
    SeriesId { step: "s".to_owned(), metric: "time".to_owned(), labels: Labels::new() }
}

fn noisy(seed: u64, n: usize, level: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut random = Stream::new(seed, &[]);
    (0..n).map(|at| level(at) * (1.0 + 0.01 * random.normal())).collect()
}

/// Two sides, decided as a comparison would.
fn evidence(old: &[f64], new: &[f64], unit: Unit) -> Compared {
    let criteria = Criteria::default();
    let each = |values: &[f64]| values.iter().map(|value| vec![*value]).collect::<Vec<_>>();
    let (change, verdict, reason, p, needed) = if new.len() < 5 {
        let found = crate::sets::predicted(old, new, Goal::Lower, &criteria);
        (found.change, found.verdict, found.reason, found.p, found.rounds_needed)
    } else {
        let found = crate::compare_samples(&each(old), &each(new), Goal::Lower, false, &criteria);
        (found.change, found.verdict, found.reason, found.p, found.rounds_needed)
    };
    let side = |values: &[f64]| SideData {
        runs: vec![RunId("01k9x8y7z6abcdefghjkmnpqrs".to_owned())],
        code: Some("1a2b3c4d5e6f".to_owned()),
        values: values.to_vec(),
    };
    Compared {
        suite: "q".to_owned(),
        series: series(),
        metric: MetricDef::cost("time", engine_core::unit::Unit::Seconds, "").metric(),
        unit,
        old: side(old),
        new: side(new),
        min_effect: criteria.min_effect,
        confidence: criteria.confidence,
        among: 1,
        change,
        verdict,
        reason,
        p,
        adjusted_p: p,
        apart: None,
        needed,
        shape: Vec::new(),
    }
}

fn text(evidence: Evidence) -> String {
    let found = explain(&evidence);
    let parts = found.parts.iter().map(|part| format!("{}\n{}", part.title, part.lines.join("\n")));
    std::iter::once(found.title.clone()).chain(parts).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in\n{text}");
    }
}

#[test]
fn a_comparison_says_its_data_its_test_and_its_doubts() {
    let (old, new) = (noisy(1, 10, |_| 1.0), noisy(2, 10, |_| 1.1));
    let found = text(Evidence::Compared(Box::new(evidence(&old, &new, Unit::Round))));
    says(
        &found,
        &[
            "q/s.time is worse",
            "10 rounds, median",
            "Hodges and Lehmann",
            "worked out anew from the data kept here: the same",
        ],
    );
    says(
        &found,
        &[
            "less is better",
            "p = ",
            "holds: no value of the old side lies far",
            "worse: the whole interval lies beyond 1 %",
        ],
    );
    // A side that climbs all the time has no level.
    let climbing = noisy(3, 20, |at| 1.0 + 0.02 * at as f64);
    let found = text(Evidence::Compared(Box::new(evidence(&climbing, &noisy(4, 20, |_| 1.2), Unit::Round))));
    says(&found, &["doubtful: the rounds of the old side rise from first to last"]);
    let coarse: Vec<f64> = (0..12).map(|at| 1.0 + 0.01 * f64::from(at % 2)).collect();
    says(&text(Evidence::Compared(Box::new(evidence(&coarse, &coarse, Unit::Round)))), &["equal to another"]);
}

#[test]
fn one_run_against_a_window_is_told_as_a_prediction() {
    let old = noisy(5, 8, |_| 1.0);
    let found = text(Evidence::Compared(Box::new(evidence(&old, &[1.2], Unit::Run))));
    says(
        &found,
        &[
            "prediction interval",
            "8 runs",
            "Each run counts as one value",
            "worked out anew from the data kept here: the same",
        ],
    );
    let few = text(Evidence::Compared(Box::new(evidence(&old[..3], &[1.2], Unit::Run))));
    says(&few, &["inconclusive", "None: at least 5 values"]);
}

#[test]
fn a_verdict_that_the_number_of_series_took_back_says_so() {
    let (old, new) = (noisy(1, 10, |_| 1.0), noisy(2, 10, |_| 1.1));
    let mut one = evidence(&old, &new, Unit::Round);
    (one.verdict, one.among, one.adjusted_p) = (Verdict::Inconclusive, 200, Some(0.2));
    says(
        &text(Evidence::Compared(Box::new(one))),
        &["taken alone, this series would be worse; among 200", "0.2000 adjusted for 200 series"],
    );
}

#[test]
fn a_change_says_its_levels_and_what_to_do() {
    let values = noisy(6, 40, |at| if at < 25 { 1.0 } else { 1.1 });
    let change = ChangePoint {
        index: 25,
        low: 24,
        high: 26,
        kind: Kind::Step,
        tier: Tier::Confirmed,
        size: 0.1,
        size_low: 0.09,
        size_high: 0.11,
    };
    let key = SeriesKey { suite: "q".to_owned(), series: series(), machine: "m".to_owned(), branch: None };
    let changed = Changed {
        key,
        metric: MetricDef::cost("time", engine_core::unit::Unit::Seconds, "").metric(),
        change,
        direction: Direction::Worse,
        remarks: vec!["the same commit on both sides".to_owned()],
        between: [None, Some((RunId("r2".to_owned()), Some("abc".to_owned())))],
        values,
        offset: 0,
        points: 40,
    };
    let evidence = Evidence::Changed(Box::new(changed));
    says(
        &text(evidence.clone()),
        &["confirmed step, worse: +10 %", "points 0 to 24, 25 runs", "points 25 to 39", "standard deviations"],
    );
    says(
        &text(evidence.clone()),
        &["At this place\nthe same commit", "engine baseline accept", "between the beginning and run r2 (abc)"],
    );
    // What is kept is read back as it was, sizes that are no number included.
    let stored = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<Evidence>(&stored).unwrap().id(), evidence.id());
}
