//! Trends: a level that goes over into another little by little, told apart from one that jumps.
//!
//! A ramp is a level, a straight line and a level: `c + d g(t)` with `g` rising from 0 to 1 over `length` points from
//! `start` on; with a length of one it is a step. For given ends it is a regression whose sums come from prefix sums, so
//! the best ends are found by trying a grid and refining. A ramp takes the place of one or several steps in the same
//! direction where it fits better by more than its parameters are worth, and of a level where it fits far better. Both
//! are held against the noise about the ramp itself: about a trend cut into levels, noise looks wider than it is.

use super::levels::Levels;
use super::noise::{correlation, inflation};

/// Shorter ones are steps.
const SHORTEST_RAMP: usize = 12;

/// Likelihood ratio by which a ramp must beat the level: what a search over all ends comes to in noise alone.
const AGAINST_LEVEL: f64 = 30.0;

/// And one step.
pub(crate) const AGAINST_STEP: f64 = 18.0;

/// A ramp, on the scale of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ramp {
    /// First point that lies above the level before.
    pub(crate) start: usize,
    /// Points until the level after is reached.
    pub(crate) length: usize,
    /// The level before.
    pub(crate) base: f64,
    /// Change from the level before to the level after.
    pub(crate) rise: f64,
    /// Its standard error.
    pub(crate) error: f64,
    /// Ends of the interval of `start`.
    pub(crate) earliest: usize,
    pub(crate) latest: usize,
    /// The stretch of points that it describes.
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Ramp {
    /// Its value at a point.
    pub(crate) fn at(&self, t: usize) -> f64 {
        self.base + self.rise * share(t, self.start, self.length)
    }
}

fn share(t: usize, start: usize, length: usize) -> f64 {
    if t < start { 0.0 } else { (((t - start + 1) as f64) / length as f64).min(1.0) }
}

/// Prefix sums for the regression.
struct Moments {
    sums: Vec<f64>,
    weighted: Vec<f64>,
    squares: f64,
}

struct Fit {
    squares: f64,
    base: f64,
    rise: f64,
    /// Sum of squares of the centred regressor.
    leverage: f64,
}

impl Moments {
    fn of(values: &[f64], centre: f64) -> Self {
        let (mut sums, mut weighted) = (vec![0.0], vec![0.0]);
        let (mut sum, mut weight, mut squares) = (0.0, 0.0, 0.0);
        for (t, value) in values.iter().enumerate() {
            let value = value - centre;
            sum += value;
            weight += (t + 1) as f64 * value;
            squares += value * value;
            sums.push(sum);
            weighted.push(weight);
        }
        Self { sums, weighted, squares }
    }

    /// Least squares for a ramp of `length` points from `start` on.
    fn fit(&self, start: usize, length: usize) -> Fit {
        let n = self.sums.len() - 1;
        let end = (start + length).min(n);
        let (count, l) = (n as f64, length as f64);
        let after = (n - end) as f64;
        let steps = (end - start) as f64;
        let g = steps * (steps + 1.0) / (2.0 * l) + after;
        let gg = steps * (steps + 1.0) * (2.0 * steps + 1.0) / (6.0 * l * l) + after;
        let within = self.weighted[end] - self.weighted[start] - start as f64 * (self.sums[end] - self.sums[start]);
        let gy = within / l + self.sums[n] - self.sums[end];
        let (total, leverage) = (self.sums[n], gg - g * g / count);
        let cross = gy - g * total / count;
        let rise = if leverage > 1e-9 { cross / leverage } else { 0.0 };
        let squares = (self.squares - total * total / count - rise * cross).max(0.0);
        Fit { squares, base: (total - rise * g) / count, rise, leverage }
    }
}

/// The ramp that fits a stretch best.
fn best(moments: &Moments, n: usize) -> (usize, usize, Fit) {
    let stride = (n / 16).max(1);
    let mut found = (0, n, moments.fit(0, n));
    let try_at = |found: &mut (usize, usize, Fit), start: usize, length: usize| {
        if length >= SHORTEST_RAMP.min(n) && start + length <= n {
            let fit = moments.fit(start, length);
            if fit.squares < found.2.squares {
                *found = (start, length, fit);
            }
        }
    };
    for start in (0..n).step_by(stride) {
        for length in (stride..=n - start).step_by(stride) {
            try_at(&mut found, start, length);
        }
    }
    let mut reach = stride;
    while reach > 0 {
        let (start, length, _) = found;
        let end = start + length;
        for start in [start.saturating_sub(reach), start, start + reach] {
            for end in [end.saturating_sub(reach), end, end + reach] {
                if end > start {
                    try_at(&mut found, start, end - start);
                }
            }
        }
        reach = if (found.0, found.1) == (start, length) { reach / 2 } else { reach };
    }
    found
}

/// The ramp over the points `from..to`, if it describes them better than the levels do, of which `changes` lie within.
pub(crate) fn ramp(levels: &Levels, from: usize, to: usize, changes: usize, steps: f64) -> Option<Ramp> {
    let n = to - from;
    if n < 2 * SHORTEST_RAMP {
        return None;
    }
    let values = &levels.clipped[from..to];
    let centre = levels.level(from, to);
    let moments = Moments::of(values, centre);
    let (start, length, fit) = best(&moments, n);
    let residuals: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(t, value)| value - centre - fit.base - fit.rise * share(t, start, length))
        .collect();
    let variance = (fit.squares / (n as f64 - 4.0)).max(levels.floor * levels.floor);
    let noise = variance * inflation(correlation(&residuals, &[0, n]));
    // Steps taken for a ramp leave residuals that look correlated, and a ramp cut into levels does too.
    let least = noise.min(levels.pooled * inflation(levels.correlation));
    let gain = (steps - fit.squares) / if changes == 0 { noise } else { least };
    let logarithm = (n as f64).ln();
    let needed = match changes {
        0 => AGAINST_LEVEL,
        1 => AGAINST_STEP,
        // Each further step has two parameters more than the ramp needs.
        more => 6.0 + 0.9 * (3.0 - 2.0 * more as f64) * logarithm,
    };
    if gain < needed || length < SHORTEST_RAMP {
        return None;
    }
    let limit = fit.squares + 5.99 * noise;
    let end = (start + length).min(n);
    let reaches = |other: &usize| moments.fit(*other, end - other).squares <= limit;
    let earliest = (0..=start).rev().take_while(reaches).last().unwrap_or(start);
    let latest = (start..end.saturating_sub(1)).take_while(reaches).last().unwrap_or(start);
    Some(Ramp {
        start: from + start,
        length,
        base: centre + fit.base,
        rise: fit.rise,
        error: (noise / fit.leverage).sqrt(),
        earliest: from + earliest,
        latest: from + latest,
        from,
        to,
    })
}
