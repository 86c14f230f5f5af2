//! Where a load becomes steady: how many of its first windows belong to the warm-up, and whether it becomes steady at all.
//!
//! The cut is MSER (White, 1997; with batches of five, White, Cobb and Spratt, 2000): the start after which the standard
//! error of the mean of the rest is smallest. Early windows that lie off the level widen it more than their number narrows
//! it. Only the first half is searched: near the end a few windows agree by chance, and taking that for a series without a
//! level would refuse every fourth one that has one. MSER takes a slow drift for noise, so whether there is a level is
//! asked of what is left: it must show no trend by Kendall's test (reverse arrangements, as Bendat and Piersol use them),
//! unless its two halves hardly differ.

use serde::{Deserialize, Serialize};

/// Batches that a series is cut into at least, where it is long enough; with more windows they have five each.
const BATCH: usize = 5;

/// Fewest windows of which anything is said.
pub const FEWEST: usize = 10;

/// Halves that differ by less than this are one level, whatever a test says of so many windows.
const SAME: f64 = 0.02;

/// A trend is believed beyond so many standard deviations: 5 %, as the mistake only makes the load go on for longer, and
/// of six values even a perfect order reaches no more than 2.8.
const SURE: f64 = 1.96;

/// What was found in a series of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// Windows at the start that belong to the warm-up.
    pub dropped: usize,
    /// Whether what is left is a level. If not, `dropped` says nothing.
    pub steady: bool,
}

/// Finds the level of one series: the values of windows of equal length, in order. Shorter than [`FEWEST`] it is not
/// steady.
#[must_use]
pub fn steady(series: &[f64]) -> Steady {
    let n = series.len();
    if n < FEWEST || series.iter().any(|value| !value.is_finite()) {
        return Steady { dropped: 0, steady: false };
    }
    let size = (n / FEWEST).clamp(1, BATCH);
    // Batches end with the series: what does not fill one is at the front, and the warm-up's.
    let front = n % size;
    let batches: Vec<f64> = series[front..].chunks(size).map(mean).collect();
    let cut = mser(&batches);
    // An odd window at the front is of no batch: it stays only where nothing is cut.
    let dropped = if cut == 0 { 0 } else { front + cut * size };
    Steady { dropped, steady: !trends(&batches[cut..]) }
}

/// The steady part of several series of the same windows: from the latest of their cuts on, if all are steady there.
#[must_use]
pub fn all_steady(series: &[&[f64]]) -> Steady {
    let found: Vec<Steady> = series.iter().map(|series| steady(series)).collect();
    Steady {
        dropped: found.iter().map(|found| found.dropped).max().unwrap_or(0),
        steady: !found.is_empty() && found.iter().all(|found| found.steady),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How many of the first values to drop, up to half.
fn mser(values: &[f64]) -> usize {
    // From the end, so that each start costs one step: sums of what is left (about the last value, for precision).
    let origin = values.last().copied().unwrap_or(0.0);
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for start in (0..values.len()).rev() {
        let value = values[start] - origin;
        sum += value;
        squares += value * value;
        let left = (values.len() - start) as f64;
        if 2 * start > values.len() {
            continue;
        }
        let error = (squares - sum * sum / left).max(0.0) / (left * left);
        if error <= best.0 {
            best = (error, start);
        }
    }
    best.1
}

/// Whether values rise or fall: surely, and by more than is worth a word.
fn trends(values: &[f64]) -> bool {
    let n = values.len();
    if n < 4 {
        return true;
    }
    let (first, second) = (mean(&values[..n / 2]), mean(&values[n - n / 2..]));
    if (second - first).abs() <= SAME * first.abs().max(second.abs()) {
        return false;
    }
    let mut order = 0_i64;
    for (i, early) in values.iter().enumerate() {
        order += values[i + 1..].iter().map(|late| i64::from(late > early) - i64::from(late < early)).sum::<i64>();
    }
    let size = n as f64;
    let deviation = (size * (size - 1.0) * (2.0 * size + 5.0) / 18.0).sqrt();
    (order as f64).abs() > SURE * deviation
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::stats::Stream;

    /// A level of 100 with AR(1) noise of standard deviation 5, that starts `off` it and comes nearer by a factor.
    fn series(seed: u64, n: usize, off: f64, nearer: f64, memory: f64) -> Vec<f64> {
        let mut stream = Stream::new(seed, &[]);
        let mut noise = 5.0 * stream.normal();
        (0..n)
            .map(|i| {
                noise = memory * noise + 5.0 * (1.0 - memory * memory).sqrt() * stream.normal();
                100.0 + off * nearer.powi(i as i32) + noise
            })
            .collect()
    }

    #[test]
    fn the_minimum_of_the_error_is_found() {
        assert_eq!(mser(&[0.0, 50.0, 100.0, 101.0, 99.0, 100.0, 101.0, 99.0, 100.0, 100.0]), 2);
        assert_eq!(mser(&[5.0; 10]), 0, "of equals the longest");
    }

    #[test]
    fn a_warm_up_is_cut_and_the_mean_is_right() {
        let (mut worst, mut steadies) = (0.0_f64, 0);
        for seed in 0..100 {
            let values = series(seed, 120, -80.0, 0.85, 0.3);
            let found = steady(&values);
            steadies += usize::from(found.steady);
            assert!(found.dropped >= 5 || !found.steady, "{found:?}");
            if found.steady {
                worst = worst.max((mean(&values[found.dropped..]) - 100.0).abs());
            }
        }
        assert!(steadies >= 90, "{steadies} of 100 are steady");
        assert!(worst < 3.5, "the mean of the level is off by {worst}");
    }

    #[test]
    fn a_level_keeps_most_of_its_windows() {
        let found: Vec<Steady> = (0..200).map(|seed| steady(&series(seed, 60, 0.0, 0.5, 0.5))).collect();
        let steadies = found.iter().filter(|found| found.steady).count();
        assert!(steadies >= 180, "{steadies} of 200");
        let dropped = found.iter().map(|found| found.dropped).sum::<usize>() / 200;
        assert!(dropped <= 15, "{dropped} of 60 windows are dropped on average");
    }

    #[test]
    fn what_still_moves_is_not_steady() {
        for seed in 0..50 {
            let mut stream = Stream::new(seed, &[]);
            let ramp: Vec<f64> = (0..60).map(|i| f64::from(i) + stream.normal()).collect();
            assert!(!steady(&ramp).steady, "a queue that grows");
            let slow: Vec<f64> = (0..60).map(|i| 100.0 + 0.5 * f64::from(i) + 2.0 * stream.normal()).collect();
            assert!(!steady(&slow).steady, "a drift of 30 % beneath noise of 2 %");
        }
        assert!(!steady(&[1.0; 9]).steady && !steady(&[f64::NAN; 20]).steady);
        assert!(steady(&[7.0; 20]).steady);
    }

    #[test]
    fn the_slowest_of_several_series_decides() {
        let (fast, slow) = (series(1, 100, 0.0, 0.5, 0.0), series(2, 100, -90.0, 0.9, 0.0));
        let both = all_steady(&[&fast, &slow]);
        assert_eq!(both.dropped, steady(&fast).dropped.max(steady(&slow).dropped));
        let ramp: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(!all_steady(&[&fast, &ramp]).steady);
        assert!(!all_steady(&[]).steady);
    }
}
