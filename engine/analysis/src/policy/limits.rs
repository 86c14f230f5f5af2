//! Limits for the next point, from the points before it: the thresholds of Bencher.

use engine_core::stats::normal_quantile;
use engine_core::stats::quantile::{quantile, sorted};
use thiserror::Error;

use super::distribution::{moments, student_quantile};

/// What the next point may lie between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The lower limit.
    pub lower: Option<f64>,
    /// The upper limit.
    pub upper: Option<f64>,
}

impl Limits {
    const fn both(lower: f64, upper: f64) -> Self {
        Self { lower: Some(lower), upper: Some(upper) }
    }

    /// Whether a value lies outside.
    #[must_use]
    pub fn broken_by(&self, value: f64) -> bool {
        self.lower.is_some_and(|lower| value < lower) || self.upper.is_some_and(|upper| value > upper)
    }
}

/// There are too few points for the rule, or none that vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there are too few points before it, or none that vary")]
pub struct TooFew;

/// Mean and deviation where there are at least two points and they vary.
fn varying(before: &[f64]) -> Result<(f64, f64), TooFew> {
    let (mean, deviation) = moments(before);
    if before.len() >= 2 && deviation > 0.0 { Ok((mean, deviation)) } else { Err(TooFew) }
}

/// A share of the mean.
///
/// # Errors
/// Without points.
pub fn percentage(before: &[f64], share: f64) -> Result<Limits, TooFew> {
    if before.is_empty() {
        return Err(TooFew);
    }
    let mean = before.iter().sum::<f64>() / before.len() as f64;
    Ok(Limits::both(mean * (1.0 - share), mean * (1.0 + share)))
}

/// Normal quantiles about the mean, at a one-sided level.
///
/// # Errors
/// Below two points, or when none varies.
pub fn z(before: &[f64], level: f64) -> Result<Limits, TooFew> {
    let (mean, deviation) = varying(before)?;
    let reach = normal_quantile(level) * deviation;
    Ok(Limits::both(mean - reach, mean + reach))
}

/// Student's prediction interval of one more point, at a one-sided level.
///
/// # Errors
/// Below two points, or when none varies.
pub fn t_prediction(before: &[f64], level: f64) -> Result<Limits, TooFew> {
    let (mean, deviation) = varying(before)?;
    let n = before.len() as f64;
    let reach = student_quantile(level, n - 1.0) * deviation * (1.0 + 1.0 / n).sqrt();
    Ok(Limits::both(mean - reach, mean + reach))
}

/// Quantiles of the log-normal distribution with the moments of the logarithms, at a one-sided level. Its lower limit is
/// that of the distribution, not the upper one mirrored.
///
/// # Errors
/// Below two points, when none varies, or when one is not above zero.
pub fn log_normal(before: &[f64], level: f64) -> Result<Limits, TooFew> {
    if before.iter().any(|value| *value <= 0.0) {
        return Err(TooFew);
    }
    let logs: Vec<f64> = before.iter().map(|value| value.ln()).collect();
    let (mean, deviation) = varying(&logs)?;
    let reach = normal_quantile(level) * deviation;
    Ok(Limits::both((mean - reach).exp(), (mean + reach).exp()))
}

/// So many interquartile ranges from the median.
///
/// # Errors
/// Below two points, or when none varies.
pub fn iqr(before: &[f64], times: f64) -> Result<Limits, TooFew> {
    varying(before)?;
    let sorted = sorted(before);
    let (middle, range) = (quantile(&sorted, 0.5), quantile(&sorted, 0.75) - quantile(&sorted, 0.25));
    Ok(Limits::both(middle - times * range, middle + times * range))
}

/// The median and so many interquartile ranges of the relative changes from point to point, as a share of it.
///
/// # Errors
/// Below three points, when none varies, or when one that is divided by is zero.
pub fn delta_iqr(before: &[f64], times: f64) -> Result<Limits, TooFew> {
    varying(before)?;
    let changes: Vec<f64> = before.windows(2).map(|pair| ((pair[1] - pair[0]) / pair[0]).abs()).collect();
    if changes.len() < 2 || changes.iter().any(|change| !change.is_finite()) {
        return Err(TooFew);
    }
    let changes = sorted(&changes);
    let range = quantile(&changes, 0.75) - quantile(&changes, 0.25);
    let middle = quantile(&sorted(before), 0.5);
    let reach = middle * times * range;
    Ok(Limits::both(middle - reach, middle + reach))
}
