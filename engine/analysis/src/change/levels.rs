//! Steps: where the level of a series changes for good, or for a while.
//!
//! 1. Clip what no level explains: a point far from the running median of its neighbours.
//! 2. Divide generously (`segment.rs`), by noise that is taken from differences of neighbours.
//! 3. Take back: while the weakest change does not stand out of the noise of the segments beside it, remove it, and
//!    estimate noise and autocorrelation anew. A change that came of noise makes its neighbours' noise look smaller than
//!    it is; with it gone, the others must stand out of more.
//! 4. Put each change where the innovations (what a point does not inherit from the one before) are smallest: under
//!    autocorrelation a step is a sharp edge in them and a blurred one in the values. Begin again at 3 until nothing moves.
//!
//! The constants were chosen on generated series (`tests.rs` has the generator, with other seeds), for at most 1 % of
//! stationary series of 200 points with any change, 2 % under autocorrelation 0.5.

use engine_core::stats::quantile::median;

use super::SHORTEST;
use super::noise::{correlation, correlation_of_differences, inflation, spread_about_zero, spread_of_differences};
use super::segment::{Sums, partition};

/// Points further than this many standard deviations from the running median are drawn in.
const CLIP: f64 = 2.0;

/// Points on each side that the running median takes in: more than the longest spike, fewer than a level.
const HALF_WINDOW: usize = 4;

/// Cost of a change in the first, generous division, times the logarithm of the length and the variance.
const PENALTY: f64 = 3.0;

/// How many standard errors a change must stand out: a search over all places and lengths in 200 points of noise alone
/// comes to 4.5 in less than one series of a hundred.
pub(crate) const STAND_OUT: f64 = 4.5;

/// A history of so many points at most is judged as one search. One that is longer is searched again and again, and what
/// stands out by chance in one search of a hundred does so in every long history.
const ONE_SEARCH: f64 = 1000.0;

/// And so many more, times the autocorrelation: it is estimated, and what depends on it is less sure.
const STAND_OUT_CORRELATED: f64 = 0.8;

/// A level of at most so many points must also lie where few points beside it lie: noise with two modes has short runs
/// in the rarer one.
const FEW_POINTS: usize = 10;

/// The noise of a short segment is taken together with so many points of the whole.
const PRIOR_POINTS: f64 = 10.0;

/// Quantile of the likelihood ratio of a change's place, at 95 %: (1 - exp(-x/2))^2 = 0.95 (Siegmund, 1988).
const PLACE_95: f64 = 7.35;

/// Levels with what they were told from.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    /// First points of the segments: begins with 0, ends with the length.
    pub(crate) bounds: Vec<usize>,
    pub(crate) clipped: Vec<f64>,
    pub(crate) sums: Sums,
    /// Clipped values about their levels.
    pub(crate) residuals: Vec<f64>,
    /// Standard deviation of one point, robust.
    pub(crate) sigma: f64,
    /// Lag-one autocorrelation of the residuals.
    pub(crate) correlation: f64,
    /// Variance of a point about its level, over all segments.
    pub(crate) pooled: f64,
    most_correlation: f64,
    /// The least standard deviation that the values can show.
    pub(crate) floor: f64,
    /// How many standard errors more a change must stand out in a long history.
    pub(crate) more: f64,
}

/// By how many standard errors more than `usual` a change must stand out when it is the strangest of `points` points.
fn more(usual: f64, points: usize) -> f64 {
    among(usual, points as f64 / ONE_SEARCH) - usual
}

/// How many standard errors a change must stand out when it is the strangest of so many searches, `usual` being enough for
/// one: the normal tail, which falls like `exp(-x^2 / 2)`, is divided by their number.
pub(crate) fn among(usual: f64, searches: f64) -> f64 {
    (usual * usual + 2.0 * searches.max(1.0).ln()).sqrt()
}

/// Finds the levels. `floor` is the least standard deviation that the values can show, by their resolution; `points` is
/// the length of the history of which these values are the end.
pub(crate) fn levels(values: &[f64], floor: f64, points: usize) -> Levels {
    let n = values.len();
    let sigma = spread_of_differences(values).max(floor);
    let clipped = clip(values, CLIP * sigma);
    let sums = Sums::of(&clipped);
    let changes = partition(&sums, n, PENALTY * (n.max(2) as f64).ln() * sigma * sigma, SHORTEST);
    let mut bounds: Vec<usize> = std::iter::once(0).chain(changes).chain(std::iter::once(n)).collect();
    let mut found = Levels {
        most_correlation: correlation_of_differences(&clipped),
        clipped,
        sums,
        bounds: Vec::new(),
        residuals: Vec::with_capacity(n),
        sigma,
        correlation: 0.0,
        pooled: sigma * sigma,
        floor,
        more: more(STAND_OUT, points),
    };
    for _ in 0..4 {
        found.bounds.clone_from(&bounds);
        found.take_back();
        found.place();
        if found.bounds == bounds {
            break;
        }
        bounds.clone_from(&found.bounds);
    }
    found.refresh();
    found.sigma = spread_about_zero(&found.residuals).max(floor);
    found
}

/// Values with outliers drawn in to the edge of what the noise explains: the running median comes from a window that is
/// kept in order.
fn clip(values: &[f64], limit: f64) -> Vec<f64> {
    let n = values.len();
    let mut window: Vec<f64> = Vec::with_capacity(2 * HALF_WINDOW + 2);
    let place = |window: &[f64], value: f64| window.partition_point(|other| other.total_cmp(&value).is_lt());
    let mut clipped = Vec::with_capacity(n);
    let mut taken = 0;
    for at in 0..n {
        while taken < (at + HALF_WINDOW + 1).min(n) {
            window.insert(place(&window, values[taken]), values[taken]);
            taken += 1;
        }
        if at > HALF_WINDOW {
            window.remove(place(&window, values[at - HALF_WINDOW - 1]));
        }
        let half = window.len() / 2;
        let middle = if window.len() % 2 == 1 {
            window[half]
        } else {
            window[half - 1] + 0.5 * (window[half] - window[half - 1])
        };
        clipped.push(values[at].clamp(middle - limit, middle + limit));
    }
    clipped
}

impl Levels {
    /// Level of a stretch of points, on the scale of the values.
    pub(crate) fn level(&self, from: usize, to: usize) -> f64 {
        self.sums.centre + self.sums.mean(from, to)
    }

    /// Squared standard error of the level of `from..to`, autocorrelation paid for.
    pub(crate) fn error(&self, from: usize, to: usize) -> f64 {
        let count = (to - from) as f64;
        let variance = (self.sums.error(from, to) + PRIOR_POINTS * self.pooled) / (count - 1.0 + PRIOR_POINTS);
        variance / count * inflation(self.correlation)
    }

    /// Variance of what a point does not inherit from the one before.
    pub(crate) fn innovation(&self) -> f64 {
        self.pooled * (1.0 - self.correlation * self.correlation)
    }

    fn refresh(&mut self) {
        self.residuals.clear();
        for segment in self.bounds.windows(2) {
            let level = self.level(segment[0], segment[1]);
            self.residuals.extend(self.clipped[segment[0]..segment[1]].iter().map(|value| value - level));
        }
        self.correlation = correlation(&self.residuals, &self.bounds).min(self.most_correlation);
        let freedom = self.clipped.len() as f64 - (self.bounds.len() - 1) as f64;
        let total: f64 = self.residuals.iter().map(|value| value * value).sum();
        self.pooled = (total / freedom.max(1.0)).max(self.floor * self.floor);
    }

    /// How far the change between two stretches stands out, in standard errors.
    pub(crate) fn stands_out(&self, from: usize, at: usize, to: usize) -> f64 {
        let difference = self.sums.mean(at, to) - self.sums.mean(from, at);
        difference.abs() / (self.error(from, at) + self.error(at, to)).sqrt().max(f64::MIN_POSITIVE)
    }

    /// Removes the weakest change, again and again, until all that are left stand out.
    fn take_back(&mut self) {
        self.refresh();
        while self.bounds.len() > 2 {
            let needed = STAND_OUT + self.more + STAND_OUT_CORRELATED * self.correlation;
            let scores = self.bounds.windows(3).map(|b| {
                let score = self.stands_out(b[0], b[1], b[2]);
                if score >= needed && self.is_common(b[0], b[1], b[2]) { 0.0 } else { score }
            });
            match scores.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((at, score)) if score < needed => self.bounds.remove(at + 1),
                _ => break,
            };
            self.refresh();
        }
    }

    /// Whether a short level beside a change lies where its neighbour often is, too often for its length.
    fn is_common(&self, from: usize, at: usize, to: usize) -> bool {
        let (before, after) = (&self.clipped[from..at], &self.clipped[at..to]);
        let (short, long) = if before.len() <= after.len() { (before, after) } else { (after, before) };
        if short.len() > FEW_POINTS || long.len() <= short.len() {
            return false;
        }
        let middle = median(short);
        let above = self.sums.mean(from, at) < self.sums.mean(at, to);
        let up = above == (short.len() == after.len() && long.len() == before.len());
        let as_far = long.iter().filter(|value| if up { **value >= middle } else { **value <= middle }).count();
        let share = (as_far.max(1)) as f64 / (long.len() + 1) as f64;
        short.len() as f64 * -share.ln() < (self.clipped.len() as f64).ln() + 4.6
    }

    fn place(&mut self) {
        self.refresh();
        for at in 1..self.bounds.len().saturating_sub(1) {
            self.bounds[at] = self.placed(at).1;
        }
    }

    /// The best place of an inner bound and the ends of its 95 % interval.
    pub(crate) fn placed(&self, bound: usize) -> (usize, usize, usize) {
        let (from, split, to) = (self.bounds[bound - 1], self.bounds[bound], self.bounds[bound + 1]);
        let (before, after) = (self.level(from, split), self.level(split, to));
        let rho = self.correlation;
        let y = |t: usize| self.clipped[t];
        let (first, last) = (from + SHORTEST, to - SHORTEST);
        if first > last {
            return (split, split, split);
        }
        let left = |t: usize| (y(t) - before - rho * (y(t - 1) - before)).powi(2);
        let right = |t: usize| (y(t) - after - rho * (y(t - 1) - after)).powi(2);
        let edge = |t: usize| (y(t) - after - rho * (y(t - 1) - before)).powi(2);
        // Relative to a change at `first`; with each step to the right one point more belongs to the left.
        let mut cost = edge(first);
        let mut costs = Vec::with_capacity(last - first + 1);
        costs.push(cost);
        for t in first..last {
            cost += left(t) - edge(t) + edge(t + 1) - right(t + 1);
            costs.push(cost);
        }
        let (best, least) = costs
            .iter()
            .enumerate()
            .fold((0, f64::INFINITY), |found, (at, cost)| if *cost < found.1 { (at, *cost) } else { found });
        let limit = least + PLACE_95 * self.innovation();
        let low = costs.iter().position(|cost| *cost <= limit).unwrap_or(best);
        let high = costs.iter().rposition(|cost| *cost <= limit).unwrap_or(best);
        (first + low, first + best, first + high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_long_history_a_change_must_stand_out_of_more() {
        assert!(more(STAND_OUT, 200).abs() < 1e-12 && more(STAND_OUT, 1000).abs() < 1e-12);
        // The tail beyond the new limit is ten thousand times thinner.
        let tail = |x: f64| (-0.5 * x * x).exp();
        let found = more(STAND_OUT, 10_000_000);
        assert!((tail(STAND_OUT) / tail(STAND_OUT + found) / 10_000.0 - 1.0).abs() < 1e-9);
        assert!((1.6..1.8).contains(&found), "{found}");
    }
}
