use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RATE: f64 = 200.0;
const P95: f64 = 0.010;

/// A service that is down for `down` after the fault, and whose response time then falls in a straight line from ten times
/// to the usual within `warm`. Open loop: as many requests come as ever. The fault is removed at its very start, as a crash is.
struct Case {
    fault: f64,
    down: f64,
    warm: f64,
}

impl Case {
    fn p95(&self, at: f64) -> Option<f64> {
        let back = self.fault + self.down;
        match at {
            at if at < self.fault => Some(P95),
            at if at < back => None,
            at if at < back + self.warm => Some(P95 * (1.0 + 9.0 * (1.0 - (at - back) / self.warm))),
            _ => Some(P95),
        }
    }

    fn windows(&self, random: &mut ChaCha8Rng, length: f64) -> Vec<Window> {
        (0..90)
            .map(|at| {
                let start = f64::from(at) * length;
                let points: Vec<Option<f64>> =
                    (0..20).map(|part| self.p95(start + length * (f64::from(part) + 0.5) / 20.0)).collect();
                let up = points.iter().flatten().count();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate times a time")]
                let requests = (RATE * length * random.random_range(0.98..1.02)) as u64;
                let succeeded = requests * up as u64 / 20;
                let worst = points.iter().flatten().copied().fold(0.0, f64::max);
                let p95 = (up > 0).then(|| worst * random.random_range(0.97..1.03));
                Window { start, length, succeeded, failed: requests - succeeded, p95 }
            })
            .collect()
    }
}

fn seen(recovery: Recovery) -> Seen {
    match recovery {
        Recovery::Seen(seen) => seen,
        Recovery::Inconclusive { reason } => panic!("inconclusive: {reason}"),
    }
}

#[test]
fn known_down_times_and_warm_ups_are_found_within_one_window() {
    for seed in 0..20 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let case = Case { fault: 30.0, down: random.random_range(0.5..15.0), warm: random.random_range(0.5..15.0) };
        let windows = case.windows(&mut random, 1.0);
        let seen = seen(recovery(&windows, case.fault, case.fault, &Criteria::default()));
        // It is well where the straight line comes within a tenth of the baseline: at 1 - 0.1 / 9 of the warm-up.
        let truth = case.down + case.warm * (1.0 - 0.1 / 9.0);
        let recover = seen.recover.unwrap();
        // Besides the one window, the percentile's own noise of 3 % moves the point on the line by up to a tenth of a second.
        assert!((recover - truth).abs() <= 1.0 + 0.15, "{seed}: {recover} instead of {truth}");
        assert!(seen.detect.unwrap() <= 1.0, "{seed}");
        // What the downtime itself costs.
        let lost = case.down * RATE;
        assert!((seen.lost - lost).abs() <= 1.5 * RATE, "{seed}: {} instead of {lost}", seen.lost);
        assert!((seen.failed as f64 - lost).abs() <= 0.1 * lost + RATE * 0.2, "{seed}");
        assert!(seen.worst_p95 > 5.0 * P95 && (seen.baseline.p95 / P95 - 1.0).abs() < 0.03, "{seed}");
    }
}

#[test]
fn a_fault_that_does_not_show_is_no_detection_and_recovers_at_once() {
    let case = Case { fault: 1000.0, down: 0.0, warm: 0.0 };
    let windows = case.windows(&mut ChaCha8Rng::seed_from_u64(1), 1.0);
    let seen = seen(recovery(&windows, 30.0, 40.0, &Criteria::default()));
    assert_eq!((seen.detect, seen.recover, seen.failed), (None, Some(0.0), 0));
}

#[test]
fn a_service_that_stays_down_or_flaps_does_not_recover() {
    let down = Case { fault: 30.0, down: 1000.0, warm: 1.0 };
    let mut windows = down.windows(&mut ChaCha8Rng::seed_from_u64(2), 1.0);
    let judged = |windows: &[Window]| seen(recovery(windows, 30.0, 35.0, &Criteria::default()));
    let never = judged(&windows);
    assert_eq!(never.recover, None);
    assert!((never.lost - 60.0 * RATE).abs() < 2.0 * RATE, "to the end: {}", never.lost);
    for (at, window) in windows.iter_mut().enumerate().skip(30) {
        // Four good windows in five.
        if at % 5 != 0 {
            (window.succeeded, window.failed, window.p95) = (200, 0, Some(P95));
        }
    }
    assert_eq!(judged(&windows).recover, None, "five in a row are asked for");
}

#[test]
fn an_unsteady_start_is_inconclusive_and_says_why() {
    let case = Case { fault: 30.0, down: 5.0, warm: 5.0 };
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let windows = case.windows(&mut random, 1.0);
    let reason =
        |windows: &[Window], fault: f64, removed: f64| match recovery(windows, fault, removed, &Criteria::default()) {
            Recovery::Inconclusive { reason } => reason,
            Recovery::Seen(seen) => panic!("{seen:?}"),
        };
    assert!(reason(&windows, 5.0, 6.0).contains("5 windows before"));
    assert!(reason(&windows, 30.0, 29.0).contains("removed before"));
    assert!(reason(&windows, 30.0, 88.0).contains("after the removal"));
    let mut noisy = windows.clone();
    noisy.iter_mut().take(30).for_each(|window| window.p95 = Some(P95 * random.random_range(0.2..5.0)));
    assert!(reason(&noisy, 30.0, 30.0).contains("spread"));
    let mut failing = windows.clone();
    failing.iter_mut().take(30).step_by(3).for_each(|window| (window.succeeded, window.failed) = (100, 100));
    assert!(reason(&failing, 30.0, 30.0).contains("not well"));
    let mut few = windows;
    few.iter_mut().for_each(|window| (window.succeeded, window.failed) = (1, 0));
    assert!(reason(&few, 30.0, 30.0).contains("requests before"));
}

#[test]
fn removal_is_what_counts_from() {
    // Down from 30 to 45 because a fault holds it until 40; five seconds are its own.
    let case = Case { fault: 30.0, down: 15.0, warm: 0.0 };
    let windows = case.windows(&mut ChaCha8Rng::seed_from_u64(4), 1.0);
    let seen = seen(recovery(&windows, 30.0, 40.0, &Criteria::default()));
    assert_eq!(seen.recover, Some(5.0));
    assert_eq!(seen.detect, Some(0.0));
}
