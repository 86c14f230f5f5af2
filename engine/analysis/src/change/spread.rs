//! Changes of the spread: the level stays, the noise becomes wider or narrower.
//!
//! The square roots of absolute residuals are near normal for normal noise and have the logarithm of the spread in their
//! level, so the search for levels finds it, with all its guards against outliers and autocorrelation.

use super::levels::levels;
use super::noise::{spread_about_zero, spread_of_differences};

/// A smaller ratio of standard deviations is not worth an alert.
const LEAST_RATIO: f64 = 1.5;

/// Least ratio of the spreads of differences, in the same direction.
const LEAST_SHARP: f64 = 1.3;

/// Fewest points on each side.
const LEAST_POINTS: usize = 12;

/// Standard errors on the scale of the square roots.
const STAND_OUT: f64 = 5.5;

/// A change of the spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) at: usize,
    pub(crate) low: usize,
    pub(crate) high: usize,
    /// Standard deviation after, over the one before.
    pub(crate) ratio: f64,
    /// Standard error of its logarithm.
    pub(crate) error: f64,
}

/// The changes of spread among `residuals`, the end of a history of `points` points.
pub(crate) fn changes(residuals: &[f64], floor: f64, points: usize) -> Vec<Spread> {
    if residuals.len() < 2 * LEAST_POINTS {
        return Vec::new();
    }
    let roots: Vec<f64> = residuals.iter().map(|residual| residual.abs().sqrt()).collect();
    let found = levels(&roots, 0.1 * floor.sqrt(), points);
    let mut changes = Vec::new();
    for (bound, b) in found.bounds.windows(3).enumerate() {
        let (before, after) = (&residuals[b[0]..b[1]], &residuals[b[1]..b[2]]);
        let (old, new) = (spread_about_zero(before).max(floor), spread_about_zero(after).max(floor));
        let ratio = new / old;
        // A level that was not told apart widens the residuals and not their differences.
        let sharp = spread_of_differences(after).max(floor) / spread_of_differences(before).max(floor);
        let sharp = if ratio > 1.0 { sharp } else { 1.0 / sharp };
        let long = before.len() >= LEAST_POINTS && after.len() >= LEAST_POINTS;
        let stands = found.stands_out(b[0], b[1], b[2]) >= STAND_OUT + found.more;
        if !long || !stands || ratio.max(1.0 / ratio) < LEAST_RATIO || sharp < LEAST_SHARP {
            continue;
        }
        let (low, at, high) = found.placed(bound + 1);
        // The spread of n points is known to 1 / sqrt(2 n), and a robust one to a fifth less.
        let error = 1.2 * (0.5 / before.len() as f64 + 0.5 / after.len() as f64).sqrt();
        changes.push(Spread { at, low, high, ratio, error });
    }
    changes
}
