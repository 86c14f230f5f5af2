//! The windowed t of Perfherder: at each point, the twelve from it on against the twelve before it, and up to twice as
//! many before it the longer nothing was found. Nearer points weigh more in the means. A change begins where t exceeds 7
//! and is at least that of both neighbours.

/// Its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perfherder {
    /// Points before, at least.
    pub min_back: usize,
    /// Points before, at most.
    pub max_back: usize,
    /// Points from the one in question on.
    pub forward: usize,
    /// The value of t that is an alert.
    pub threshold: f64,
}

impl Default for Perfherder {
    fn default() -> Self {
        Self { min_back: 12, max_back: 24, forward: 12, threshold: 7.0 }
    }
}

/// The points at which a change begins.
#[must_use]
pub fn perfherder(values: &[f64], options: &Perfherder) -> Vec<usize> {
    let n = values.len();
    let mut scores = vec![0.0; n];
    let mut backs = vec![0; n];
    let mut quiet = 0;
    for at in 1..n {
        backs[at] = quiet.clamp(options.min_back, options.max_back).min(at);
        let before: Vec<f64> = values[at - backs[at]..at].iter().rev().copied().collect();
        scores[at] = weighted_t(&before, &values[at..(at + options.forward).min(n)]);
        quiet = if scores[at] > options.threshold { 0 } else { quiet + 1 };
    }
    (1..n)
        .filter(|at| backs[*at] >= options.min_back && at + options.forward <= n)
        .filter(|at| scores[*at] > options.threshold && scores[at - 1] <= scores[*at])
        .filter(|at| scores.get(at + 1).is_none_or(|next| *next <= scores[*at]))
        .collect()
}

/// The t statistic of two windows, each with its nearest point first: means with weights that fall linearly, variances
/// about them without.
fn weighted_t(before: &[f64], after: &[f64]) -> f64 {
    let one = |values: &[f64]| {
        let n = values.len() as f64;
        let weights = values.iter().enumerate().map(|(i, value)| ((n - i as f64) / n, value));
        let (sum, total) =
            weights.fold((0.0, 0.0), |(sum, total), (weight, value)| (sum + weight * value, total + weight));
        let mean = sum / total;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let variance = if values.len() > 1 { squares / (n - 1.0) } else { 0.0 };
        (mean, variance / n)
    };
    let ((left, left_error), (right, right_error)) = (one(before), one(after));
    let (difference, error) = ((right - left).abs(), (left_error + right_error).sqrt());
    match (difference > 0.0, error > 0.0) {
        (false, _) => 0.0,
        (true, false) => f64::INFINITY,
        (true, true) => difference / error,
    }
}
