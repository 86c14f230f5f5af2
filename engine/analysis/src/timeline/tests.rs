use engine_core::args::{ArgValue, Args};
use engine_core::change::{Kind, Tier};
use engine_core::metric::Goal;
use engine_core::plan::Work;
use engine_core::stats::Stream;
use engine_core::unit::Unit;

use super::*;
use crate::simulated_history::history;

fn noisy(n: usize, level: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut random = Stream::new(11, &[]);
    (0..n).map(|at| level(at) * (1.0 + 0.01 * random.normal())).collect()
}

fn one(history: History) -> Timeline {
    timelines(vec![history], &|_| Vec::new()).remove(0)
}

#[test]
fn a_change_lies_between_two_commits() {
    let found = one(history(&noisy(60, |at| if at < 40 { 1.0 } else { 1.1 })));
    assert_eq!(found.changes.len(), 1, "{:?}", found.changes);
    let change = &found.changes[0];
    assert_eq!((change.change.index, change.change.kind, change.change.tier), (40, Kind::Step, Tier::Confirmed));
    assert_eq!((change.direction, change.last_old, change.first_new), (Direction::Worse, Some(39), 40));
    assert!(change.widest.0 <= 39 && change.widest.1 >= 40 && change.remarks.is_empty(), "{change:?}");
    assert!(found.is_regressed(Tier::Confirmed) && !found.is_regressed(Tier::Suspect));
    let mut higher = history(&noisy(60, |at| if at < 40 { 1.0 } else { 1.1 }));
    higher.metric.goal = Goal::Higher;
    let found = one(higher);
    assert_eq!(found.changes[0].direction, Direction::Better);
    assert!(!found.is_regressed(Tier::Confirmed));
}

#[test]
fn a_level_that_came_back_is_no_regression_now() {
    let found = one(history(&noisy(90, |at| if (30..60).contains(&at) { 1.1 } else { 1.0 })));
    let kinds: Vec<Kind> = found.changes.iter().map(|change| change.change.kind).collect();
    assert_eq!(kinds, [Kind::Step, Kind::Return]);
    assert!(!found.is_regressed(Tier::Confirmed));
}

#[test]
fn what_else_changed_at_the_place_is_told() {
    let step = noisy(60, |at| if at < 40 { 1.0 } else { 1.1 });
    let mut same = history(&step);
    same.points[40].commit = same.points[39].commit.clone();
    let found = one(same);
    assert!(found.changes[0].remarks[0].contains("the same commit"), "{:?}", found.changes[0].remarks);
    let mut moved = history(&step);
    moved.points[40..].iter_mut().for_each(|point| point.class = "c2".to_owned());
    let found = one(moved);
    assert!(found.changes[0].remarks[0].contains("environment changed"), "{:?}", found.changes[0].remarks);
    let mut dirty = history(&step);
    dirty.points[40].dirty = Some(true);
    assert!(one(dirty).changes[0].remarks[0].contains("files differed"));
}

#[test]
fn an_accepted_level_is_not_held_against_what_was_before() {
    let step = history(&noisy(60, |at| if at < 40 { 1.0 } else { 1.1 }));
    let moment = step.points[40].started;
    let found = timelines(vec![step], &move |_| vec![moment]).remove(0);
    assert_eq!((found.accepted.as_slice(), found.changes.len()), (&[40][..], 0), "{:?}", found.changes);
}

#[test]
fn what_was_measured_in_another_way_says_in_what() {
    let values = noisy(12, |_| 1.0);
    let first = history(&values);
    let later = |change: &dyn Fn(&mut History)| {
        let mut later = history(&values);
        later.points.iter_mut().for_each(|point| point.started.0 += 100 * 86_400_000_000);
        change(&mut later);
        let found = timelines(vec![first.clone(), later], &|_| Vec::new());
        assert!(found[0].apart.is_empty());
        found[1].apart.join("; ")
    };
    assert_eq!(later(&|_| {}), "");
    assert_eq!(later(&|h| h.method = 2), "the probe's method was version 1 and is 2");
    assert_eq!(later(&|h| h.metric.unit = Unit::Bytes), "it was measured in s before");
    assert_eq!(later(&|h| h.metric.goal = Goal::Higher), "before, less was better");
    let options = later(&|h| {
        let mut args = Args::default();
        args.0.insert("limit".to_owned(), ArgValue::Text("5".to_owned()));
        h.work = Work::Probe { id: "cpu.primes".to_owned(), args };
    });
    assert_eq!(options, "other options: `limit` was not given and is `5`");
    // Another machine is another series, not the same one apart.
    assert_eq!(later(&|h| (h.key.machine, h.method) = ("m2".to_owned(), 2)), "");
}

#[test]
fn few_constant_and_no_points_have_clear_answers() {
    for values in [vec![], vec![1.0], vec![1.0, 2.0], vec![5.0; 50], vec![f64::NAN; 20]] {
        assert!(one(history(&values)).changes.is_empty(), "{values:?}");
    }
}

#[test]
fn what_was_made_good_stays_so_when_another_change_begins() {
    let level = |at: usize| match at {
        40..80 => 1.06,
        123.. => 1.3,
        _ => 1.0,
    };
    let found = one(history(&noisy(126, level)));
    assert!(found.is_regressed(Tier::Suspect), "{:?}", found.changes);
    assert!(!found.is_regressed(Tier::Confirmed), "the first one was made good: {:?}", found.changes);
}
