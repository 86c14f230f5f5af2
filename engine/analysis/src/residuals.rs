//! The noise of a history, with its changes taken out: what a replay, a search for patterns and a forecast start from.

use engine_core::change::{ChangePoint, Kind};
use engine_core::stats::Stream;
use engine_core::stats::quantile::median;

/// Where the levels of `n` values begin, and their end.
pub(crate) fn level_bounds(changes: &[ChangePoint], n: usize) -> Vec<usize> {
    let level = |change: &&ChangePoint| matches!(change.kind, Kind::Step | Kind::Return | Kind::Trend);
    let inner = changes.iter().filter(level).map(|change| change.index).filter(|index| (1..n).contains(index));
    let mut bounds: Vec<usize> = std::iter::once(0).chain(inner).chain([n]).collect();
    bounds.dedup();
    bounds
}

/// Each value over the median of its level, so that 1 is the level. `None` where a level is not above zero, or a value
/// not finite.
pub(crate) fn relative(values: &[f64], changes: &[ChangePoint]) -> Option<Vec<f64>> {
    let bounds = level_bounds(changes, values.len());
    let mut all = Vec::with_capacity(values.len());
    for pair in bounds.windows(2) {
        let part = &values[pair[0]..pair[1]];
        let level = median(part);
        if !level.is_finite() || level <= 0.0 || part.iter().any(|value| !value.is_finite()) {
            return None;
        }
        all.extend(part.iter().map(|value| value / level));
    }
    Some(all)
}

/// A history of the same noise in another order: blocks of neighbours drawn at random, as long as keeps most of what each
/// value inherits from the one before (Kunsch, 1989: the cube root of the number).
pub(crate) fn resampled(residuals: &[f64], n: usize, stream: &mut Stream) -> Vec<f64> {
    let length = (residuals.len() as f64).cbrt().ceil() as usize;
    let starts = (residuals.len() - length.min(residuals.len()) + 1) as u64;
    let mut all = Vec::with_capacity(n + length);
    while all.len() < n {
        let start = stream.below(starts) as usize;
        all.extend_from_slice(&residuals[start..(start + length).min(residuals.len())]);
    }
    all.truncate(n);
    all
}
