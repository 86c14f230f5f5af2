//! Growth of a series over time, with an interval that holds when neighbouring samples are alike: does memory leak?
//!
//! The usual interval of a fitted line assumes independent errors. Those of resident memory are anything but: a collector's
//! saw teeth, caches that fill, a random walk. On such series it finds "significant" growth most of the time. So, after
//! Perron and Yabu (Journal of Econometrics 151, 2009): the persistence of the errors is estimated and corrected for its
//! known bias; where it comes near that of a random walk it is taken to be one; the line is then fitted to the differences
//! that leave independent errors (Prais and Winsten), with what dependence is left in the errors' variance (Newey and
//! West). All that at several scales of averaging, as noise on top of a slow walk hides it at the finest; the widest
//! interval counts.
//!
//! What would make it wrong: a trend that is no straight line (a cache that fills up "grows" until it is full: leave out
//! the warm-up), fewer than some 100 points on a random walk under noise several times its step, and one jump.

use engine_core::stats::Interval;

/// With fewer points than this nothing is said.
const FEWEST: usize = 30;
/// More points are averaged to at most so many: what neighbours add then is dependence, not knowledge.
const MOST: usize = 480;
/// Scales of averaging: by 1, 2, 4 and 8.
const SCALES: usize = 4;
/// A persistence nearer to one than this over the root of the number of points is taken for one.
const NEAR: f64 = 2.0;
/// Of a normal distribution, for 95 %.
const Z: f64 = 1.959_964;

/// A fitted growth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Growth per second.
    pub per_second: f64,
    /// Its 95 % interval, per second.
    pub interval: Interval,
    /// Points that it rests on.
    pub points: usize,
}

impl Growth {
    /// Growth per hour.
    pub fn per_hour(&self) -> f64 {
        3600.0 * self.per_second
    }

    /// The 95 % interval of the growth per hour.
    pub fn interval_per_hour(&self) -> Interval {
        Interval { low: 3600.0 * self.interval.low, high: 3600.0 * self.interval.high }
    }

    /// Whether it grows at all, with the certainty of the interval.
    pub fn grows(&self) -> bool {
        self.interval.low > 0.0
    }
}

/// The growth of a series of (time in seconds, value), in order of time and about evenly spaced. `None` with fewer than 30
/// points, or when a value is not finite or time does not go on.
pub fn growth(points: &[(f64, f64)]) -> Option<Growth> {
    let usable = points.iter().all(|(time, value)| time.is_finite() && value.is_finite());
    if points.len() < FEWEST || !usable || points.windows(2).any(|pair| pair[1].0 <= pair[0].0) {
        return None;
    }
    let finest = averaged(points, points.len().div_ceil(MOST));
    let scales = (0..SCALES).map(|scale| averaged(&finest, 1 << scale));
    let fits = scales.filter(|points| points.len() >= FEWEST).filter_map(|points| fit(&points));
    let widest = fits.reduce(|widest, fit| if fit.1 > widest.1 { fit } else { widest })?;
    let (per_second, half) = widest;
    let interval = Interval { low: per_second - half, high: per_second + half };
    Some(Growth { per_second, interval, points: points.len() })
}

/// Means of so many neighbours each, in time and value; what is left over at the end is left out.
fn averaged(points: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    let mean = |chunk: &[(f64, f64)]| {
        let sum = chunk.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / count as f64, sum.1 / count as f64)
    };
    points.chunks_exact(count.max(1)).map(mean).collect()
}

/// Slope and half its interval at one scale.
fn fit(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    // From the first value, so that a large level costs no digits and one that never changes is exactly nothing.
    let level = points[0].1;
    let (mean_t, mean_y) = points.iter().fold((0.0, 0.0), |sum, (t, y)| (sum.0 + t / n, sum.1 + (y - level) / n));
    let points: Vec<(f64, f64)> = points.iter().map(|(t, y)| (t - mean_t, y - level - mean_y)).collect();
    let squares: f64 = points.iter().map(|(t, _)| t * t).sum();
    let slope = points.iter().map(|(t, y)| t * y).sum::<f64>() / squares;
    let errors: Vec<f64> = points.iter().map(|(t, y)| y - slope * t).collect();
    let size = points.iter().map(|(_, y)| y.abs()).fold(0.0, f64::max);
    if errors.iter().all(|error| error.abs() <= 1e-12 * size) {
        return Some((slope, 0.0));
    }
    let persistence = persistence(&errors)?;
    // The transform that leaves independent errors; a random walk has no level, only differences.
    let rest = |pair: &[(f64, f64)]| (pair[1].0 - persistence * pair[0].0, pair[1].1 - persistence * pair[0].1);
    let later = points.windows(2).map(rest);
    let fitted = if persistence >= 1.0 {
        let rows: Vec<(f64, f64, f64)> = later.map(|(t, y)| (0.0, t, y)).collect();
        regress(&rows)
    } else {
        let first = (1.0 - persistence * persistence).sqrt();
        let start = (first, first * points[0].0, first * points[0].1);
        let rows: Vec<(f64, f64, f64)> =
            std::iter::once(start).chain(later.map(|(t, y)| (1.0 - persistence, t, y))).collect();
        regress(&rows)
    };
    // Student's factor, to the first order: few points know their variance badly.
    fitted.map(|(slope, error)| (slope, Z * (1.0 + 2.5 / n) * error))
}

/// How much of an error is left in the next one, 0 to 1, after the correction for the bias of an estimate from errors around
/// a fitted line. By autoregression of the errors, with the last change beside the last error where that explains enough
/// more (by Schwarz' criterion). `None` where the errors do not vary.
fn persistence(errors: &[f64]) -> Option<f64> {
    let n = errors.len() as f64;
    let squares: f64 = errors[..errors.len() - 1].iter().map(|e| e * e).sum();
    if squares <= 0.0 {
        return None;
    }
    let plain = errors.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / squares;
    let left = |of: &dyn Fn(&[f64]) -> f64| errors.windows(3).map(|w| of(w).powi(2)).sum::<f64>();
    let criterion = |left: f64, terms: f64| (left / (n - 2.0)).ln() + terms * n.ln() / n;
    let simple = (criterion(left(&|w| w[2] - plain * w[1]), 1.0), plain);
    let sums = errors.windows(3).fold([0.0; 5], |s, w| {
        let (level, change) = (w[1], w[1] - w[0]);
        [s[0] + level * level, s[1] + level * change, s[2] + change * change, s[3] + level * w[2], s[4] + change * w[2]]
    });
    let determinant = sums[0] * sums[2] - sums[1] * sums[1];
    let mut best = simple;
    if determinant > 1e-12 * sums[0] * sums[2] {
        let level = (sums[3] * sums[2] - sums[4] * sums[1]) / determinant;
        let change = (sums[0] * sums[4] - sums[1] * sums[3]) / determinant;
        let value = criterion(left(&|w| w[2] - level * w[1] - change * (w[1] - w[0])), 2.0);
        if value < best.0 {
            best = (value, level);
        }
    }
    let corrected = best.1 + (2.0 + 4.0 * best.1) / n;
    // Alternating errors would make the interval narrower than independent ones: that is not taken.
    Some(if 1.0 - corrected < NEAR / n.sqrt() { 1.0 } else { corrected.max(0.0) })
}

/// Least squares of the third column on the first two: the coefficient of the second, and its standard error with what
/// dependence is left in the errors. Where the first column is nothing, on the second alone.
fn regress(rows: &[(f64, f64, f64)]) -> Option<(f64, f64)> {
    let sum = |of: &dyn Fn(&(f64, f64, f64)) -> f64| rows.iter().map(of).sum::<f64>();
    let ones = sum(&|r| r.0 * r.0);
    // The second column without what the first explains of it.
    let share = if ones > 0.0 { sum(&|r| r.0 * r.1) / ones } else { 0.0 };
    let level = if ones > 0.0 { sum(&|r| r.0 * r.2) / ones } else { 0.0 };
    let squares = sum(&|r| (r.1 - share * r.0).powi(2));
    let slope = sum(&|r| (r.1 - share * r.0) * r.2) / squares;
    let errors: Vec<f64> = rows.iter().map(|r| r.2 - level * r.0 - slope * (r.1 - share * r.0)).collect();
    let freedom = rows.len() as f64 - if ones > 0.0 { 2.0 } else { 1.0 };
    let product = |lag: usize| errors.iter().zip(&errors[lag..]).map(|(a, b)| a * b).sum::<f64>() / freedom;
    let plain = product(0);
    let lags = (4.0 * (rows.len() as f64 / 100.0).powf(2.0 / 9.0)) as usize + 1;
    let long: f64 =
        plain + (1..=lags).map(|lag| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * product(lag)).sum::<f64>();
    let error = (plain.max(long) / squares).sqrt();
    (slope.is_finite() && error.is_finite()).then_some((slope, error))
}

#[cfg(test)]
mod tests;
