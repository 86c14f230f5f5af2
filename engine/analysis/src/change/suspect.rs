//! Suspicions: do the last few points still belong to the present level?
//!
//! They are held against the level before them: all on one side of it, each of them far, and their mean further than the
//! noise of so few correlated points explains; and where the level's own points are often as far out, that counts too.

use engine_core::stats::quantile::median;

use super::SHORTEST;
use super::noise::{correlation, spread_about_zero};

/// Fewest points of the level that they are held against.
const LEAST_LEVEL: usize = 8;

/// Standard errors of the mean.
const STAND_OUT: f64 = 4.5;

/// What speaks for a change at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Suspicion {
    /// Points from the change to the end.
    pub(crate) points: usize,
    /// Their median less the level, on the scale of the values.
    pub(crate) shift: f64,
    /// Its standard error.
    pub(crate) error: f64,
}

/// Judges the last points of a level, given as residuals of all its points; `floor` is the least standard deviation.
pub(crate) fn suspicion(residuals: &[f64], floor: f64) -> Option<Suspicion> {
    let judged = (1..SHORTEST + 3).filter_map(|points| judge(residuals, points, floor));
    judged.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, found)| found)
}

fn judge(residuals: &[f64], points: usize, floor: f64) -> Option<(f64, Suspicion)> {
    let before = residuals.len().checked_sub(points).filter(|before| *before >= LEAST_LEVEL)?;
    let (level, last) = residuals.split_at(before);
    let middle = median(level);
    // Noise from the points before alone: those in question would widen it and make it look correlated.
    let centred: Vec<f64> = level.iter().map(|value| value - middle).collect();
    let sigma = spread_about_zero(&centred).max(floor) * (1.0 + 2.0 / before as f64);
    let rho = correlation(&centred, &[0, before]);
    let apart: Vec<f64> = last.iter().map(|value| (value - middle) / sigma).collect();
    let sign = apart[0].signum();
    let least = apart.iter().map(|value| value * sign).fold(f64::INFINITY, f64::min);
    let each = match points {
        1 => 6.0,
        2 => 2.5,
        _ => 1.5,
    };
    if least < each {
        return None;
    }
    let as_far = level.iter().filter(|value| (*value - middle) / sigma * sign >= least).count();
    let common = (as_far + 1) as f64 / (before + 1) as f64;
    let rare = match points {
        1 => as_far == 0,
        2 => common <= 0.12,
        _ => common <= 0.3,
    };
    let count = points as f64;
    let mean = apart.iter().sum::<f64>() / count;
    let correlated = 1.0 + 2.0 * (1..points).map(|lag| (1.0 - lag as f64 / count) * rho.powi(lag as i32)).sum::<f64>();
    let whole = (1.0 + rho) / (1.0 - rho);
    let error = (correlated / count + whole / before as f64).sqrt();
    let score = mean.abs() / error;
    let found = Suspicion { points, shift: median(last) - middle, error: error * sigma };
    (rare && score >= STAND_OUT).then_some((score, found))
}
