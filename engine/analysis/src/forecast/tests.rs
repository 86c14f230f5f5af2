use engine_core::stats::Stream;

use super::*;
use crate::simulated_history::history;

fn timeline(values: &[f64]) -> Timeline {
    let mut found = crate::timelines(vec![history(values)], &|_| Vec::new()).remove(0);
    // A ramp may be told as a few steps: here the whole is one level that moves.
    found.changes.retain(|change| !matches!(change.change.kind, Kind::Step | Kind::Return));
    found
}

/// A ramp of so much a day with noise; the history, and what comes after it.
fn ramp(seed: u64, n: usize, after: usize, slope: f64, noise: f64) -> (Timeline, Vec<f64>) {
    let mut random = Stream::new(seed, &[]);
    let values: Vec<f64> = (0..n + after).map(|at| 100.0 + slope * at as f64 + noise * random.normal()).collect();
    (timeline(&values[..n]), values[n..].to_vec())
}

#[test]
fn a_ramp_is_foretold_and_its_interval_holds() {
    let (mut told, mut within) = (0, 0);
    for seed in 0..60 {
        let (past, after) = ramp(seed, 120, 30, 0.2, 1.0);
        if let Ok(found) = forecast(&past, 30.0, None) {
            told += 1;
            assert!((found.slope - 0.2).abs() < 0.03, "{found:?}");
            within += usize::from(found.interval.contains(after[29]));
        }
    }
    assert!(told >= 54, "{told} of 60");
    assert!(within * 100 >= told * 92, "{within} of {told}");
}

#[test]
fn what_does_not_beat_no_change_is_silent() {
    let told = |draw: &dyn Fn(u64) -> Vec<f64>| {
        (0..100).filter(|seed| forecast(&timeline(&draw(*seed)), 20.0, None).is_ok()).count()
    };
    let flat = |seed: u64| {
        let mut random = Stream::new(1000 + seed, &[]);
        (0..100).map(|_| 100.0 + random.normal()).collect::<Vec<f64>>()
    };
    let walk = |seed: u64| {
        let mut random = Stream::new(2000 + seed, &[]);
        let mut level = 1000.0;
        (0..100)
            .map(|_| {
                level += random.normal();
                level
            })
            .collect::<Vec<f64>>()
    };
    let (flat, walk) = (told(&flat), told(&walk));
    assert!(flat <= 5, "{flat} of 100 flat histories were foretold");
    assert!(walk <= 20, "{walk} of 100 random walks were foretold");
}

#[test]
fn the_date_of_a_threshold_lies_about_where_it_is() {
    let (past, _) = ramp(5, 120, 0, 0.5, 1.0);
    // From 100 with half a unit a day, 170 is reached on day 140.
    let found = forecast(&past, 40.0, Some(170.0)).expect("a clear ramp");
    let reached = found.threshold.expect("asked for");
    let day = |moment: Option<Timestamp>| moment.expect("within 40 days").0 as f64 / DAY;
    assert!(!reached.passed && (day(reached.at) - 140.0).abs() < 4.0, "{reached:?}");
    assert!(day(reached.earliest) < 140.0 && day(reached.latest) > 140.0, "{reached:?}");
    let far = forecast(&past, 40.0, Some(1000.0)).expect("a clear ramp").threshold.expect("asked for");
    assert_eq!((far.at, far.earliest, far.passed), (None, None, false));
    assert!(forecast(&past, 40.0, Some(110.0)).expect("a clear ramp").threshold.expect("asked for").passed);
}

#[test]
fn short_and_odd_histories_say_why_not() {
    let error = |values: &[f64], days: f64| forecast(&timeline(values), days, None).expect_err("no forecast");
    assert!(error(&[], 10.0).contains("no run"));
    assert!(error(&[1.0; 19], 10.0).contains("19 runs of the present level are too few"));
    assert!(error(&[1.0; 40], 60.0).contains("too short a past"));
    assert!(error(&[1.0; 40], 35.0).contains("places only"));
    assert!(error(&[1.0; 60], 10.0).contains("no change"), "a constant is no line");
}

#[test]
fn only_the_present_level_counts() {
    let mut random = Stream::new(9, &[]);
    let values: Vec<f64> = (0..100).map(|at| if at < 60 { 100.0 } else { 150.0 } + random.normal()).collect();
    let found = crate::timelines(vec![history(&values)], &|_| Vec::new()).remove(0);
    assert_eq!(present(&found).1.len(), 40);
}
