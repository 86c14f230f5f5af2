use super::*;
use engine_core::stats::Stream;

/// Errors around a trend.
#[derive(Debug, Clone, Copy)]
enum Noise {
    White,
    /// Each holds this share of the one before.
    Persistent(f64),
    Walk,
    /// A walk under noise three times its step.
    NoisyWalk,
    /// A collector's saw teeth.
    Saw,
}

fn noise(kind: Noise, n: usize, draws: &mut Stream) -> Vec<f64> {
    let mut state = match kind {
        Noise::Persistent(share) => draws.normal() / (1.0 - share * share).sqrt(),
        _ => 0.0,
    };
    let (period, phase) = (15.0 + 10.0 * draws.unit_f64(), draws.unit_f64());
    (0..n)
        .map(|i| {
            state = match kind {
                Noise::Persistent(share) => share * state + draws.normal(),
                _ => state + draws.normal(),
            };
            match kind {
                Noise::White => draws.normal(),
                Noise::Persistent(_) | Noise::Walk => state,
                Noise::NoisyWalk => state + 3.0 * draws.normal(),
                Noise::Saw => 10.0 * (i as f64 / period + phase).fract() + 0.3 * draws.normal(),
            }
        })
        .collect()
}

/// In how many of 300 simulated series the interval holds the true growth, which is not zero.
fn coverage(kind: Noise, n: usize) -> f64 {
    let truth = 0.25;
    let held = (0..300_u64)
        .filter(|run| {
            let errors = noise(kind, n, &mut Stream::new(8, &[*run]));
            let points: Vec<(f64, f64)> =
                errors.iter().enumerate().map(|(i, e)| (1e6 + i as f64, 3e8 + truth * i as f64 + e)).collect();
            let found = growth(&points).unwrap();
            (found.interval.low..=found.interval.high).contains(&truth)
        })
        .count();
    held as f64 / 300.0
}

#[test]
fn the_interval_holds_the_truth_as_often_as_it_says() {
    // Nominally 95 %; four standard errors of 300 draws are 5 points. The hard ones are allowed what the top of the file
    // says of them.
    for (kind, n, least) in [
        (Noise::White, 40, 0.90),
        (Noise::White, 300, 0.90),
        (Noise::White, 3000, 0.90),
        (Noise::Persistent(0.5), 60, 0.90),
        (Noise::Persistent(0.8), 300, 0.90),
        (Noise::Persistent(0.95), 300, 0.90),
        (Noise::Persistent(0.99), 3000, 0.90),
        (Noise::Walk, 60, 0.85),
        (Noise::Walk, 300, 0.90),
        (Noise::NoisyWalk, 480, 0.85),
        (Noise::Saw, 120, 0.90),
        (Noise::Saw, 3000, 0.90),
    ] {
        let share = coverage(kind, n);
        println!("{kind:?} {n}: {share:.3}");
        assert!(share >= least, "{kind:?}, {n} points: {share}");
    }
}

#[test]
fn the_interval_of_independent_errors_is_nearly_as_narrow_as_can_be() {
    let mut widths: Vec<f64> = (0..200_u64)
        .map(|run| {
            let errors = noise(Noise::White, 300, &mut Stream::new(9, &[run]));
            let points: Vec<(f64, f64)> = errors.iter().enumerate().map(|(i, e)| (i as f64, *e)).collect();
            let found = growth(&points).unwrap();
            found.interval.high - found.interval.low
        })
        .collect();
    widths.sort_unstable_by(f64::total_cmp);
    // Known errors: 2 x 1.96 / sqrt(n^3 / 12).
    let best = 2.0 * 1.96 / (300.0_f64.powi(3) / 12.0).sqrt();
    assert!(widths[100] < 1.25 * best, "{} against {best}", widths[100]);
}

#[test]
fn a_leak_is_told_from_none() {
    // 1 KiB a second under a collector's saw teeth of 10 MB, sampled for an hour.
    let leak = |rate: f64| {
        let errors = noise(Noise::Saw, 3600, &mut Stream::new(3, &[]));
        let points: Vec<(f64, f64)> =
            errors.iter().enumerate().map(|(i, e)| (i as f64, 2e8 + 1e6 * e + rate * i as f64)).collect();
        growth(&points).unwrap()
    };
    let (leaking, tight) = (leak(1024.0), leak(0.0));
    assert!(leaking.grows() && !tight.grows(), "{leaking:?} {tight:?}");
    assert!((leaking.per_hour() / (3600.0 * 1024.0) - 1.0).abs() < 0.1, "{leaking:?}");
    assert_eq!(leaking.interval_per_hour().low, 3600.0 * leaking.interval.low);
    assert_eq!(leaking.points, 3600);
}

#[test]
fn an_exact_line_and_a_constant_have_no_doubt() {
    let line: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 7.0 + 0.5 * f64::from(i))).collect();
    let found = growth(&line).unwrap();
    assert!((found.per_second - 0.5).abs() < 1e-12 && found.interval.high - found.interval.low < 1e-9, "{found:?}");
    let flat: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i), 4e9)).collect();
    let found = growth(&flat).unwrap();
    assert_eq!((found.per_second, found.interval.low, found.interval.high), (0.0, 0.0, 0.0));
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let points = |n: usize| -> Vec<(f64, f64)> { (0..n).map(|i| (i as f64, (i % 3) as f64)).collect() };
    assert!(growth(&points(29)).is_none() && growth(&points(30)).is_some());
    let mut bad = points(40);
    bad[5].1 = f64::NAN;
    assert!(growth(&bad).is_none());
    let mut still = points(40);
    still[5].0 = 4.0;
    assert!(growth(&still).is_none());
}
