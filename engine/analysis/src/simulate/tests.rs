use engine_core::history::Timeline;
use engine_core::stats::Stream;

use super::*;
use crate::simulated_history::history;

fn noisy(seed: u64, n: usize, noise: f64) -> Timeline {
    let mut random = Stream::new(seed, &[]);
    timeline((0..n).map(|_| 3.0 * (1.0 + noise * random.normal())).collect())
}

fn timeline(values: Vec<f64>) -> Timeline {
    crate::timelines(vec![history(&values)], &|_| Vec::new()).remove(0)
}

fn simulated(timeline: Timeline) -> Sensitivity {
    simulate(&[timeline], &Simulation { draws: 20, ..Simulation::default() }).remove(0).expect("long enough")
}

#[test]
fn a_quiet_history_shows_five_percent_soon_and_a_loud_one_does_not() {
    let quiet = simulated(noisy(1, 80, 0.01));
    assert!((quiet.noise - 0.01).abs() < 0.004, "{quiet:?}");
    assert!(quiet.suspected.share >= 0.95 && quiet.suspected.median.is_some_and(|runs| runs <= 3.0), "{quiet:?}");
    assert!(quiet.confirmed.share >= 0.9 && quiet.confirmed.median.is_some_and(|runs| runs >= 5.0), "{quiet:?}");
    let loud = simulated(noisy(2, 80, 0.10));
    assert!(loud.confirmed.share < 0.7, "{loud:?}");
    let (small, large) = (quiet.smallest.expect("found"), loud.smallest.expect("found"));
    // Ten times the noise asks for about ten times the change.
    assert!(small < 0.05 && large > 0.08 && (4.0..25.0).contains(&(large / small)), "{small} {large}");
}

#[test]
fn nothing_is_found_where_nothing_is() {
    for seed in 3..6 {
        let found = simulated(noisy(seed, 100, 0.02));
        assert!(found.false_confirmed <= 0.2 && found.false_suspects <= 2.0, "{found:?}");
    }
}

#[test]
fn the_changes_of_the_history_itself_are_no_noise() {
    let mut random = Stream::new(7, &[]);
    let stepped: Vec<f64> =
        (0..100).map(|at| if at < 50 { 1.0 } else { 1.5 } * (1.0 + 0.01 * random.normal())).collect();
    let found = simulated(timeline(stepped));
    assert!(found.noise < 0.015 && found.smallest.is_some_and(|size| size < 0.06), "{found:?}");
}

#[test]
fn the_same_seed_gives_the_same_and_short_histories_say_why_not() {
    assert_eq!(simulated(noisy(8, 40, 0.02)), simulated(noisy(8, 40, 0.02)));
    let error = |values: Vec<f64>| simulate(&[timeline(values)], &Simulation::default()).remove(0).unwrap_err();
    assert!(error(vec![1.0; 9]).contains("9 runs are too few"));
    assert!(error(vec![0.0; 30]).contains("not above zero"));
    let constant = simulated(timeline(vec![5.0; 30]));
    assert_eq!(constant.noise, 0.0);
    assert!(constant.smallest.is_some_and(|size| size < 0.01), "{constant:?}");
}
