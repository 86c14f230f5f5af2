//! When a bench has enough samples: its interval is narrow enough, or its count reached the bound.
//!
//! Looking after every sample and stopping at the first narrow interval favours samples that happen to agree, which
//! costs a little coverage (two to three points at n = 5). A minimum of ten or so keeps that small.

use serde::{Deserialize, Serialize};

use super::bootstrap;
use super::quantile::{quantile, sorted};

/// Whether to go on, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Take another sample.
    More,
    /// The interval of the median is as narrow as was asked.
    Narrow,
    /// The most samples allowed have been taken.
    Exhausted,
}

/// Width of the 95 % interval of the median relative to the median's size. `None` if there is no interval (below five
/// samples, or not all finite) or the median is zero.
pub fn relative_width(samples: &[f64]) -> Option<f64> {
    if samples.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let values = sorted(samples);
    let median = quantile(&values, 0.5);
    let interval = bootstrap::median_of_sorted(&values)?;
    (median != 0.0).then(|| interval.width() / median.abs())
}

/// Decides after each sample. `target` is the relative width to reach (0.02 is 2 %, ends about 1 % off the median);
/// at least `min` and at most `max` samples are taken.
pub fn decide(samples: &[f64], target: f64, min: usize, max: usize) -> Decision {
    if samples.len() >= max {
        Decision::Exhausted
    } else if samples.len() >= min && relative_width(samples).is_some_and(|width| width <= target) {
        Decision::Narrow
    } else {
        Decision::More
    }
}

/// Whether [`decide`] says to stop.
pub fn enough(samples: &[f64], target: f64, min: usize, max: usize) -> bool {
    decide(samples, target, min, max) != Decision::More
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Stream;

    #[test]
    fn decisions() {
        let tight = [100.0, 100.1, 99.9, 100.0, 100.2, 99.8];
        assert_eq!(decide(&tight, 0.02, 5, 50), Decision::Narrow);
        assert_eq!(decide(&tight, 0.02, 7, 50), Decision::More);
        assert_eq!(decide(&tight, 0.000_1, 5, 50), Decision::More);
        assert_eq!(decide(&tight, 0.000_1, 5, 6), Decision::Exhausted);
        assert!(enough(&tight, 0.02, 5, 50) && !enough(&tight[..4], 0.02, 1, 50));
        assert_eq!(relative_width(&[0.0; 8]), None);
        assert_eq!(relative_width(&[1.0, 2.0, 3.0, f64::NAN, 4.0]), None);
    }

    #[test]
    fn a_noisier_bench_takes_more_samples() {
        let taken = |sd: f64| {
            let mut stream = Stream::new(8, &[]);
            let mut samples = vec![];
            while !enough(&samples, 0.02, 5, 400) {
                samples.push(100.0 + sd * stream.normal());
            }
            samples.len()
        };
        // Width of a median's interval: about 4.9 sd / sqrt(n), so n near (4.9 sd / 2)^2.
        assert_eq!(taken(0.1), 5);
        assert!((10..=60).contains(&taken(2.0)), "{}", taken(2.0));
        assert!((80..=250).contains(&taken(5.0)), "{}", taken(5.0));
        assert_eq!(taken(50.0), 400);
    }
}
