//! Spikes: a few points apart from all others, with nothing left behind.
//!
//! Noise with heavy tails has outliers too. What tells a spike from them is a gap: ordered by size, the spikes are larger
//! than the next point by a factor that the tail of the others does not explain. For a tail that falls with power `a`,
//! the ratio of the k-th to the next value exceeds `r` with probability `r^(-k a)` (Renyi, 1953); `a` is estimated from
//! the largest tenth of the others (Hill, 1975). A series in which spikes are common has no spikes but a habit.

use super::SHORTEST;

/// Points of one spike at most; a longer one is a level and its return.
const LONGEST: usize = SHORTEST - 1;

/// One spike in so many points is rare; more are a habit.
const RARE: usize = 100;

/// Standard deviations that a spike lies apart at least.
const APART: f64 = 7.0;

/// Probability of such a gap in noise alone.
const LIKELY: f64 = 2e-3;

/// And one that leaves no doubt.
const NO_DOUBT: f64 = 1e-3;

/// A run of points apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spike {
    /// First point.
    pub(crate) at: usize,
    /// Points.
    pub(crate) length: usize,
    /// The residual that lies furthest.
    pub(crate) height: f64,
    /// Whether it is the only one, and leaves no doubt.
    pub(crate) alone: bool,
}

/// The spikes among `residuals` with standard deviation `sigma`, in rising order of place.
pub(crate) fn spikes(residuals: &[f64], sigma: f64) -> Vec<Spike> {
    let n = residuals.len();
    let most = (n / RARE).max(1);
    let mut runs: Vec<Spike> = Vec::new();
    for (t, residual) in residuals.iter().enumerate().filter(|(_, residual)| residual.abs() > APART * sigma) {
        match runs.last_mut() {
            Some(run) if t == run.at + run.length && run.height.signum() == residual.signum() => {
                run.length += 1;
                if residual.abs() > run.height.abs() {
                    run.height = *residual;
                }
            }
            _ => runs.push(Spike { at: t, length: 1, height: *residual, alone: false }),
        }
    }
    if runs.is_empty() || runs.len() > most || runs.iter().any(|run| run.length > LONGEST) {
        return Vec::new();
    }
    let within = |t: usize| runs.iter().any(|run| (run.at..run.at + run.length).contains(&t));
    let mut others: Vec<f64> =
        residuals.iter().enumerate().filter(|(t, _)| !within(*t)).map(|(_, value)| value.abs()).collect();
    others.sort_unstable_by(|a, b| b.total_cmp(a));
    let least = runs.iter().map(|run| run.height.abs()).fold(f64::INFINITY, f64::min);
    let next = others.first().copied().unwrap_or(0.0).max(3.0 * sigma);
    let tail = (others.len() / 10).max(5).min(others.len().saturating_sub(1));
    let edge = others.get(tail).copied().unwrap_or(0.0).max(1e-300);
    let mean = others[..tail].iter().map(|value| (value / edge).max(1.0).ln()).sum::<f64>() / tail.max(1) as f64;
    let power = if mean > 0.0 { (1.0 / mean).min(6.0) } else { 6.0 };
    let chance = (least / next).powf(-power * runs.len() as f64);
    if chance > LIKELY {
        return Vec::new();
    }
    let alone = runs.len() == 1 && chance <= NO_DOUBT;
    runs.iter_mut().for_each(|run| run.alone = alone);
    runs
}
