//! The fence of rustc-perf: a change from one commit to the next counts when it lies beyond the outer fence of the
//! changes between the thirty commits before.

use engine_core::stats::quantile::sorted;

/// Commits that the fence is drawn from.
const COMMITS: usize = 30;

/// What counts where there are fewer.
const FALLBACK: f64 = 0.002;

/// The relative change that counts after these points: `Q3 + 3 (Q3 - Q1)` of the relative changes between the last
/// thirty, with quartiles as medians of the halves; 0.2 % where there are fewer.
#[must_use]
pub fn fence_threshold(before: &[f64]) -> f64 {
    if before.len() < COMMITS {
        return FALLBACK;
    }
    let recent = &before[before.len() - COMMITS..];
    let changes: Vec<f64> = recent.windows(2).map(|pair| ((pair[1] - pair[0]) / pair[0]).abs()).collect();
    let changes = sorted(&changes);
    let middle = |values: &[f64]| {
        let half = values.len() / 2;
        if values.len() % 2 == 1 { values[half] } else { 0.5 * (values[half - 1] + values[half]) }
    };
    let half = changes.len() / 2;
    let (lower, upper) = (middle(&changes[..half]), middle(&changes[changes.len() - half..]));
    upper + 3.0 * (upper - lower)
}

/// The points that differ from the one before by more than counts.
#[must_use]
pub fn fenced(values: &[f64]) -> Vec<usize> {
    let counts = |at: &usize| {
        let change = ((values[*at] - values[at - 1]) / values[at - 1]).abs();
        change >= fence_threshold(&values[..*at])
    };
    (1..values.len()).filter(counts).collect()
}
