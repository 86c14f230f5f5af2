use engine_core::stats::Stream;

use super::*;
use crate::simulated_history::history;

/// Sixty runs of series whose shifts with run 40 are given; the first is the one in question.
fn series(shifts: &[f64], seed: u64) -> Vec<History> {
    let one = |(at, shift): (usize, &f64)| {
        let mut random = Stream::new(seed, &[at as u64]);
        let level = |run: usize| if run < 40 { 1.0 } else { 1.0 + shift };
        let values: Vec<f64> = (0..46).map(|run| level(run) * (0.01 * random.normal()).exp()).collect();
        let mut found = history(&values);
        found.key.series.step = format!("s{at}");
        found
    };
    shifts.iter().enumerate().map(one).collect()
}

fn judged(histories: &[History]) -> Option<Apart> {
    let run = |at: usize| RunId(format!("run{at:05}"));
    apart(histories, "s0.time", &run(39), &run(41))
}

#[test]
fn one_that_moves_while_the_others_stand_is_apart() {
    for seed in 0..50 {
        let found = judged(&series(&[0.08, 0.0, 0.0, 0.0, 0.0, 0.0], seed)).unwrap_or_else(|| panic!("seed {seed}"));
        assert!((found.own - 0.08).abs() < 0.03 && found.count == 5, "{found:?}");
    }
}

#[test]
fn one_that_moves_more_than_all_others_is_apart_and_the_rest_are_not() {
    let (mut told, mut wrong) = (0, 0);
    for seed in 0..100 {
        told += usize::from(judged(&series(&[0.11, 0.03, 0.03, 0.03, 0.03, 0.03], seed)).is_some());
        wrong += usize::from(judged(&series(&[0.03; 6], seed)).is_some());
    }
    assert!(told >= 95, "{told} of 100");
    assert!(wrong <= 2, "{wrong} of 100");
}

#[test]
fn nothing_is_said_where_the_others_move_by_unlike_amounts_or_are_few() {
    let other_machine = [0.24, -0.2, 0.1, 0.22, -0.05, 0.0];
    assert_eq!(judged(&series(&other_machine, 1)), None);
    assert_eq!(judged(&series(&[0.08, 0.0, 0.0], 1)), None, "two others");
    assert_eq!(judged(&series(&[-0.08, 0.0, 0.0, 0.0, 0.0], 1)), None, "it is better");
    assert_eq!(judged(&series(&[0.08, 0.0, 0.0, 0.0, 0.0], 1)[..0]), None, "unknown");
}

#[test]
fn what_goes_down_is_worse_where_more_is_better_and_metrics_of_one_step_are_no_witnesses() {
    let mut all = series(&[-0.08, 0.0, 0.0, 0.0, 0.0], 3);
    all.iter_mut().for_each(|one| one.metric.goal = Goal::Higher);
    assert!(judged(&all).is_some());
    all.iter_mut().for_each(|one| one.key.series.step = "s0".to_owned());
    assert_eq!(judged(&all), None);
}
