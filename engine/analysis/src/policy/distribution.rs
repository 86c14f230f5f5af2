//! Moments, and quantiles of Student's distribution.

use engine_core::stats::{normal_quantile, student_two_sided};

/// Quantile of Student's t with `df` degrees of freedom at level `p` above one half, by bisection of the distribution.
pub(crate) fn student_quantile(p: f64, df: f64) -> f64 {
    let beyond = 2.0 * (1.0 - p);
    let (mut low, mut high) = (0.0, normal_quantile(p).max(1.0));
    while student_two_sided(high, df) > beyond && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if student_two_sided(middle, df) > beyond { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Mean and standard deviation with `n - 1`.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}
