//! Whether one series moved apart from the others at a place where the machine changed: then the machine alone does not
//! explain it.
//!
//! Each series' shift is the difference of the medians of its logarithms on both sides of the place. What the others
//! moved is held to be a sample of what such a change does to a series; the one in question stands apart when it is worse
//! by more than the 99.5 % prediction limit of one more such shift (Student), its own noise added. With few others, or
//! with others that moved by unlike amounts, that limit is far away: then nothing is said, which is the safe side. What
//! would make it wrong: a change of the machine that hits one kind of work alone, which looks like a change of the code
//! and is told as one, with the change of the machine beside it.

use engine_core::history::History;
use engine_core::metric::Goal;
use engine_core::run::RunId;
use engine_core::stats::quantile::median;

use crate::change::noise::spread_of_differences;
use crate::policy::student_quantile;

/// Runs before the place that are looked at.
const BEFORE: usize = 30;

/// Fewest runs on each side.
const FEWEST: usize = 4;

/// Fewest other series.
const OTHERS: usize = 3;

/// Prediction limit, one-sided.
const SURE: f64 = 0.995;

/// A smaller difference is not worth a message.
const LEAST: f64 = 0.01;

/// How far one series moved, and the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Apart {
    /// By how much worse it is: 0.05 is 5 %.
    pub own: f64,
    /// The least and the most that the others moved, for the worse.
    pub others: (f64, f64),
    /// Other series.
    pub count: usize,
}

/// Whether the series `subject` (`step.metric{labels}`) stands apart from the others; what lies from `from` on and before
/// `to` belongs to neither side. None where it does not, or where too little is known.
#[must_use]
pub fn apart(histories: &[History], subject: &str, from: &RunId, to: &RunId) -> Option<Apart> {
    let own = histories.iter().find(|history| history.key.series.to_string() == subject)?;
    let (shift, error) = shift(own, from, to)?;
    // Other metrics of the same step move with it, whatever the cause.
    let others: Vec<f64> = histories
        .iter()
        .filter(|other| other.key.series.step != own.key.series.step && other.metric.goal != Goal::Neutral)
        .filter_map(|other| self::shift(other, from, to))
        .map(|(shift, _)| shift)
        .collect();
    if others.len() < OTHERS {
        return None;
    }
    let count = others.len() as f64;
    let mean = others.iter().sum::<f64>() / count;
    let variance = others.iter().map(|other| (other - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let limit = student_quantile(SURE, count - 1.0) * (variance * (1.0 + 1.0 / count) + error * error).sqrt();
    let least = others.iter().copied().fold(f64::INFINITY, f64::min);
    let most = others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (shift - mean > limit.max(LEAST)).then(|| Apart {
        own: shift.exp_m1(),
        others: (least.exp_m1(), most.exp_m1()),
        count: others.len(),
    })
}

/// By how much worse a series is after than before, as a logarithm, with its standard error.
fn shift(history: &History, from: &RunId, to: &RunId) -> Option<(f64, f64)> {
    let side = |wanted: &dyn Fn(&RunId) -> bool| -> Vec<f64> {
        let points = history.points.iter().filter(|point| wanted(&point.run));
        points.map(|point| point.value().ln()).filter(|value| value.is_finite()).collect()
    };
    let (before, after) = (side(&|run| run < from), side(&|run| run >= to));
    let before = &before[before.len().saturating_sub(BEFORE)..];
    if before.len() < FEWEST || after.len() < FEWEST {
        return None;
    }
    let sigma = spread_of_differences(before);
    // The variance of a median is pi / 2 times that of a mean.
    let error = sigma * (std::f64::consts::FRAC_PI_2 * (1.0 / before.len() as f64 + 1.0 / after.len() as f64)).sqrt();
    let worse = match history.metric.goal {
        Goal::Higher => -1.0,
        _ => 1.0,
    };
    Some((worse * (median(&after) - median(before)), error))
}

#[cfg(test)]
mod tests;
