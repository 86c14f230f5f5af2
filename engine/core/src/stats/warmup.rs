//! Where a series becomes steady: how many of its first samples belong to the warm-up.
//!
//! The rule: the warm-up ends at the first sample from which two windows in a row have medians that differ by less
//! than the tolerance (1 %), and the first of them also agrees with the median of everything after it. The second
//! condition is what a slow ramp fails: it passes window against next window, but not window against the end. Where
//! the series itself is noisier than the tolerance, the medians may differ by twice the standard error that this
//! noise explains, or a noisy series would never be steady.

use serde::{Deserialize, Serialize};

use super::quantile::{median, median_mut};

/// What counts as steady.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Samples in a window, at least 1.
    pub window: usize,
    /// Largest relative difference between medians that count as equal.
    pub tolerance: f64,
    /// Most samples to drop, as a share of the series (0 to 1). The rest is kept even if it never becomes steady.
    pub most: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { window: 5, tolerance: 0.01, most: 0.5 }
    }
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warmup {
    /// Samples at the start that belong to the warm-up.
    pub dropped: usize,
    /// Whether the rest is steady. If not, `dropped` is the rule's bound, or 0 if the series is too short to tell.
    pub steady: bool,
}

/// Finds the end of the warm-up of `samples`, in the order in which they were taken.
///
/// A series shorter than two windows is too short to tell: nothing is dropped and it does not count as steady.
pub fn detect(samples: &[f64], rule: &Rule) -> Warmup {
    let (n, window) = (samples.len(), rule.window.max(1));
    if n < 2 * window {
        return Warmup { dropped: 0, steady: false };
    }
    let noise = noise(samples);
    let most = ((n as f64 * rule.most.clamp(0.0, 1.0)) as usize).min(n - 2 * window);
    for start in 0..=most {
        let (first, rest) = samples[start..].split_at(window);
        let one = median(first);
        let agrees = |others: &[f64]| {
            let other = median(others);
            // A median of k normal values has 1.2533 sd / sqrt(k); twice that of the difference.
            let error = 2.0 * 1.2533 * noise * (1.0 / window as f64 + 1.0 / others.len() as f64).sqrt();
            (one - other).abs() <= (rule.tolerance * other.abs()).max(error)
        };
        if agrees(&rest[..window]) && agrees(rest) {
            return Warmup { dropped: start, steady: true };
        }
    }
    Warmup { dropped: most, steady: false }
}

/// Standard deviation of the noise, from the differences of neighbours: a ramp hardly touches it.
fn noise(samples: &[f64]) -> f64 {
    let mut steps: Vec<f64> = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    1.4826 / std::f64::consts::SQRT_2 * median_mut(&mut steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Stream;

    /// A level of 100 with `sd` noise, higher by `excess` at the start and decaying with time constant `decay`.
    fn ramp(seed: u64, n: usize, excess: f64, decay: f64, sd: f64) -> Vec<f64> {
        let mut stream = Stream::new(seed, &[]);
        (0..n).map(|i| 100.0 + excess * (-(i as f64) / decay).exp() + sd * stream.normal()).collect()
    }

    #[test]
    fn steady_series_lose_next_to_nothing() {
        let dropped: Vec<usize> =
            (0..200).map(|s| detect(&ramp(s, 60, 0.0, 1.0, 0.2), &Rule::default()).dropped).collect();
        assert!(dropped.iter().all(|d| *d == 0), "{dropped:?}");
        // Noise of 5 % is five times the tolerance; it must not look like a warm-up.
        let noisy = (0..200).map(|s| detect(&ramp(s, 60, 0.0, 1.0, 5.0), &Rule::default()));
        let (none, steady) =
            noisy.fold((0, 0), |(none, steady), w| (none + u32::from(w.dropped == 0), steady + u32::from(w.steady)));
        assert!(none > 160 && steady == 200, "{none} {steady}");
    }

    #[test]
    fn a_decaying_start_is_dropped() {
        // Twice as slow at first, time constant 4: below 1 % after 4 ln(100) = 18 samples.
        for seed in 0..200 {
            let w = detect(&ramp(seed, 100, 100.0, 4.0, 0.2), &Rule::default());
            assert!(w.steady && (13..=24).contains(&w.dropped), "{seed}: {w:?}");
        }
        // A single slow first sample hides in the first window's median, and harms a median no more than that.
        let mut first = ramp(1, 40, 0.0, 1.0, 0.1);
        first[0] = 500.0;
        assert_eq!(detect(&first, &Rule::default()), Warmup { dropped: 0, steady: true });
    }

    #[test]
    fn a_step_is_dropped_to_the_sample() {
        let series: Vec<f64> = (0..60).map(|i| if i < 12 { 130.0 } else { 100.0 }).collect();
        let w = detect(&series, &Rule::default());
        // A median of five forgives two strangers.
        assert_eq!(w, Warmup { dropped: 10, steady: true });
        assert_eq!(detect(&series, &Rule { window: 1, ..Rule::default() }).dropped, 12);
    }

    #[test]
    fn a_slow_ramp_is_not_steady_and_the_bound_holds() {
        // 0.1 % a sample: neighbouring windows differ by 0.5 %, but the series never settles.
        let series: Vec<f64> = (0..100).map(|i| 200.0 - 0.2 * f64::from(i)).collect();
        let w = detect(&series, &Rule::default());
        assert_eq!(w, Warmup { dropped: 50, steady: false });
    }

    #[test]
    fn too_short_to_tell() {
        assert_eq!(detect(&[1.0; 9], &Rule::default()), Warmup { dropped: 0, steady: false });
        assert_eq!(detect(&[1.0; 10], &Rule::default()), Warmup { dropped: 0, steady: true });
        assert_eq!(detect(&[], &Rule { window: 0, ..Rule::default() }), Warmup { dropped: 0, steady: false });
    }
}
