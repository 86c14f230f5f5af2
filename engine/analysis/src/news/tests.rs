use engine_core::stats::{normal_cdf, student_two_sided};

use super::*;
use crate::simulated_history::history;

/// A history of forty runs with changes at known places: first run, relative size, and how far it stands out.
fn timeline(changes: &[(usize, f64, f64)]) -> Timeline {
    let mut timeline = crate::timelines(vec![history(&[1.0; 40])], &|_| Vec::new()).remove(0);
    timeline.changes = changes
        .iter()
        .map(|(at, size, far)| {
            let (middle, error) = (size.ln_1p(), size.ln_1p().abs() / far);
            let change = ChangePoint {
                index: *at,
                low: *at,
                high: *at,
                kind: Kind::Step,
                tier: Tier::Confirmed,
                size: *size,
                size_low: (middle - WIDE * error).exp_m1(),
                size_high: (middle + WIDE * error).exp_m1(),
            };
            crate::dated(&timeline.history, change)
        })
        .collect();
    timeline
}

fn said(changes: &[(usize, f64, f64)]) -> Option<(usize, Strength)> {
    worse(&timeline(changes), 5.5).map(|(found, strength)| (found.first_new, strength))
}

#[test]
fn how_far_a_change_stands_out_is_read_from_its_interval() {
    for far in [1.0, 4.5, 80.0] {
        for size in [0.02, -0.3, 4.0] {
            let found = stands_out(&timeline(&[(20, size, far)]).changes[0].change, 1_000_000_000);
            assert!((found / far - 1.0).abs() < 1e-5, "{size}: {found} for {far}");
        }
    }
    let zero = ChangePoint { size: f64::NAN, ..timeline(&[(20, 0.1, 5.0)]).changes[0].change };
    assert_eq!(stands_out(&zero, 40), f64::INFINITY, "from nothing to something");
}

#[test]
fn few_points_know_the_noise_badly() {
    for points in [10, 20, 60, 400] {
        for far in [3.0, 5.0, 7.0] {
            let found = stands_out(&timeline(&[(20, 0.05, far)]).changes[0].change, points);
            let exact = student_two_sided(far, (points - 2) as f64);
            let tail = 2.0 * normal_cdf(-found);
            assert!((tail / exact - 1.0).abs() < 0.1, "{points} points, {far}: {tail} for {exact}");
        }
    }
}

#[test]
fn more_runs_and_more_histories_ask_for_more() {
    let one = timeline(&[]);
    let mut short = one.clone();
    short.history.points.truncate(5);
    assert!((needed(&[short]) - STAND_OUT).abs() < 1e-12, "one search");
    // Eight searches of each history; the tail is divided by their number.
    let tail = |x: f64| (-0.5 * x * x).exp();
    for histories in [1, 6, 100] {
        let found = needed(&vec![one.clone(); histories]);
        assert!((tail(STAND_OUT) / tail(found) / (8 * histories) as f64 - 1.0).abs() < 1e-9, "{found}");
    }
    let mut neutral = one.clone();
    neutral.history.metric.goal = Goal::Neutral;
    assert!((needed(&[one.clone(), neutral]) - needed(&[one])).abs() < 1e-12, "of it nothing is told");
}

#[test]
fn what_barely_stands_out_is_a_suspicion_and_hides_nothing_that_is_sure() {
    assert_eq!(said(&[(20, 0.05, 10.0)]), Some((20, Strength::Strong)));
    assert_eq!(said(&[(20, 0.01, 4.8)]), Some((20, Strength::Weak)));
    assert_eq!(said(&[(10, 0.05, 10.0), (30, 0.01, 4.8)]), Some((10, Strength::Strong)));
    assert_eq!(said(&[(10, 0.05, 10.0), (30, 0.05, 10.0)]), Some((30, Strength::Strong)));
    let mended = |size: f64| said(&[(10, 0.1, 10.0), (30, size, 10.0)]);
    assert_eq!(mended(-0.02), Some((10, Strength::Strong)), "a little better");
    assert_eq!(mended(-0.06), Some((10, Strength::Weak)), "a third of it is left: not told anew, and not over");
    assert_eq!(mended(-0.08), None, "made good");
    assert_eq!(said(&[(20, -0.05, 10.0)]), None);
}

#[test]
fn only_what_is_sure_to_be_better_ends_what_is_worse() {
    let began = |changes: &[(usize, f64, f64)]| better(&timeline(changes), 5.5).map(|found| found.first_new);
    assert_eq!(began(&[(10, 0.05, 10.0), (30, -0.047, 10.0)]), Some(30));
    assert_eq!(began(&[(10, 0.05, 10.0), (30, -0.01, 4.8)]), None);
    assert_eq!(began(&[(10, 0.05, 10.0)]), None);
    let mut higher = timeline(&[(10, 0.05, 10.0)]);
    higher.changes[0].direction = Direction::Better;
    assert_eq!(better(&higher, 5.5).map(|found| found.first_new), Some(10));
}
