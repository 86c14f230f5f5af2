//! The Universal Scalability Law (Gunther, *Guerrilla Capacity Planning*, 2007): what throughput N users, threads or cores
//! reach, and what keeps it from more.
//!
//! `X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1))`: one alone reaches `gamma`; `alpha` is the share of the work that
//! is done one at a time (contention), `beta` what each must wait for every other (coherency). With `beta` zero it is
//! Amdahl's law with its ceiling `gamma / alpha`; above zero throughput falls beyond its peak at `N* = sqrt((1 - alpha) /
//! beta)`.
//!
//! Points are pairs (N, throughput), several at one N where it was measured several times. Both coefficients are at least
//! zero; errors are relative unless asked otherwise. Intervals are profile likelihood at 95 %: [`fit`] says why that and not
//! a bootstrap, which fails where a coefficient is at its bound (Andrews, 2000). How far points lie from the law is judged
//! by the spread between levels of N where the law does not fit as well as repetitions agree (lack of fit, F test at 25 %,
//! the level at which pooling is safe: Bancroft, 1964), so that repeating a level does not feign certainty.

mod fit;
mod limit;
#[cfg(test)]
mod tests;

use engine_core::stats::{Interval, fisher_upper};
use serde::Serialize;
use thiserror::Error;

pub use fit::Errors;
use fit::{Plane, Problem};
pub use limit::Limit;

/// How far beyond the largest measured N a prediction is made.
const REACH: f64 = 2.0;

/// A lack of fit that would come about more often than this by chance is none.
const POOLED: f64 = 0.25;

/// Which law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// With contention and coherency.
    #[default]
    Universal,
    /// Amdahl's: coherency is zero.
    Amdahl,
}

/// Why no law can be fitted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UslError {
    /// A level below 1, or a throughput that is not above zero.
    #[error("level {0} with throughput {1}: a level is at least 1, a throughput above zero")]
    Impossible(f64, f64),
    /// Too little was measured.
    #[error(
        "{levels} levels in {points} points are not enough for a law of three coefficients: measure at least 4 levels, or 3 of them twice"
    )]
    TooFew {
        /// Different N.
        levels: usize,
        /// All points.
        points: usize,
    },
    /// No coefficients that are not negative come near.
    #[error("the throughputs follow no law of this form")]
    NoFit,
}

/// Why no prediction is made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refused {
    /// Too far from what was measured.
    #[error(
        "{asked:.0} is more than twice the {measured:.0} that were measured: nothing is known of what comes into play there"
    )]
    Beyond {
        /// What was asked.
        asked: f64,
        /// The largest measured.
        measured: f64,
    },
    /// Less than one.
    #[error("the law says nothing of {0}: it begins at 1")]
    Below(f64),
    /// No N reaches the rate.
    #[error("the law has no N that reaches {rate:.4}: its peak is {peak:.4} at {at:.1}")]
    OverThePeak {
        /// The rate that was asked.
        rate: f64,
        /// The most that the law reaches within what may be said.
        peak: f64,
        /// Where.
        at: f64,
    },
}

/// A value with its 95 % interval; an end without bound is infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimated {
    /// The best value.
    pub value: f64,
    /// Where the truth lies.
    pub interval: Interval,
}

/// Where throughput is highest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Peak {
    /// `N* = sqrt((1 - alpha) / beta)`, at least 1. Without coherency the law has no peak.
    pub at: Estimated,
    /// The throughput there.
    pub throughput: Estimated,
}

/// A fitted law.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// Which.
    pub law: Law,
    /// Throughput of one alone.
    pub gamma: Estimated,
    /// Contention.
    pub alpha: Estimated,
    /// Coherency.
    pub beta: Estimated,
    /// The highest throughput, where coherency is above zero.
    pub peak: Option<Peak>,
    /// The ceiling `gamma / alpha` that contention alone would set; infinite without.
    pub ceiling: f64,
    /// Which coefficient matters, as far as it can be told.
    pub limit: Limit,
    /// Points that were fitted.
    pub points: usize,
    /// Different N among them, in rising order.
    pub levels: Vec<f64>,
    /// Typical distance of a point from the law: a share of it with relative errors, else a throughput.
    pub residual: f64,
    /// Whether the law misses levels by more than repetitions at one level differ.
    pub misfits: bool,
    #[serde(skip)]
    state: State,
}

#[derive(Debug, Clone)]
struct State {
    problem: Problem,
    coefficients: [f64; 3],
    /// The sum of squares at which a coefficient leaves its interval.
    limit: f64,
    errors: Errors,
    /// How far 95 % of points lie from the law at most.
    scatter: f64,
}

/// Fits the Universal Scalability Law with relative errors.
///
/// # Errors
/// See [`UslError`].
pub fn fit(points: &[(f64, f64)]) -> Result<Fit, UslError> {
    fit_law(points, Law::Universal, Errors::Relative)
}

/// Fits a law.
///
/// # Errors
/// See [`UslError`].
pub fn fit_law(points: &[(f64, f64)], law: Law, errors: Errors) -> Result<Fit, UslError> {
    for (n, x) in points {
        if !(n.is_finite() && x.is_finite() && *n >= 1.0 && *x > 0.0) {
            return Err(UslError::Impossible(*n, *x));
        }
    }
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut levels: Vec<f64> = points.iter().map(|(n, _)| *n).collect();
    levels.dedup();
    let parameters = if law == Law::Amdahl { 2 } else { 3 };
    if levels.len() < parameters || points.len() <= parameters {
        return Err(UslError::TooFew { levels: levels.len(), points: points.len() });
    }
    let problem = Problem::new(&points, errors, law == Law::Universal);
    let (coefficients, squares) = problem.best(None).ok_or(UslError::NoFit)?;
    let noise = noise(&points, levels.len(), parameters, squares, errors);
    let quantile = student_quantile(noise.freedom);
    // A fit without any error has intervals of no width; rounding must not make them empty.
    let limit = squares + (noise.variance * quantile * quantile).max(1e-18 * (1.0 + squares));
    // Absolute errors are fitted in units of the typical throughput of one.
    let residual = noise.variance.sqrt() / if errors == Errors::Absolute { Problem::time_of(&points) } else { 1.0 };
    let state = State { problem, coefficients, limit, errors, scatter: quantile * residual };
    let [a, b, c] = coefficients;
    let ratio = |value: f64| if a > 0.0 { value / a } else { f64::INFINITY };
    let (alpha, beta) = (ratio(b), ratio(c));
    let fit = Fit {
        law,
        gamma: state.estimate(ratio(1.0), (0.0, 1e9 * ratio(1.0)), |k| Plane { normal: [k, 0.0, 0.0], offset: 1.0 }),
        alpha: state.estimate(alpha, (0.0, 1e9), |k| Plane { normal: [-k, 1.0, 0.0], offset: 0.0 }),
        beta: if law == Law::Amdahl {
            Estimated { value: 0.0, interval: Interval::new(0.0, 0.0) }
        } else {
            state.estimate(beta, (0.0, 1e9), |k| Plane { normal: [-k, 0.0, 1.0], offset: 0.0 })
        },
        peak: (beta > 0.0).then(|| state.peak()),
        ceiling: if b > 0.0 { 1.0 / b } else { f64::INFINITY },
        limit: Limit::Unclear,
        points: points.len(),
        levels,
        residual,
        misfits: noise.misfits,
        state,
    };
    let limit = limit::of(&fit);
    Ok(Fit { limit, ..fit })
}

/// How far points lie from the law.
struct Noise {
    variance: f64,
    freedom: f64,
    misfits: bool,
}

fn noise(points: &[(f64, f64)], levels: usize, parameters: usize, squares: f64, errors: Errors) -> Noise {
    let scale = |x: f64| if errors == Errors::Relative { x.ln() } else { x };
    // As the problem scales absolute errors, so are they here.
    let unit = if errors == Errors::Relative { 1.0 } else { Problem::time_of(points) };
    let mut pure = 0.0;
    for level in points.chunk_by(|a, b| a.0 == b.0) {
        let mean = level.iter().map(|(_, x)| scale(*x)).sum::<f64>() / level.len() as f64;
        pure += level.iter().map(|(_, x)| ((scale(*x) - mean) * unit).powi(2)).sum::<f64>();
    }
    let (within, between) = ((points.len() - levels) as f64, (levels - parameters) as f64);
    let lack = (squares - pure).max(0.0);
    if within == 0.0 {
        return Noise { variance: lack / between, freedom: between, misfits: false };
    }
    if between == 0.0 {
        return Noise { variance: pure / within, freedom: within, misfits: false };
    }
    let f = (lack / between) / (pure / within).max(f64::MIN_POSITIVE);
    let chance = fisher_upper(f, between, within);
    if chance < POOLED {
        Noise { variance: lack / between, freedom: between, misfits: chance < 0.05 }
    } else {
        Noise { variance: squares / (within + between), freedom: within + between, misfits: false }
    }
}

impl State {
    fn estimate(&self, value: f64, (lowest, highest): (f64, f64), plane: impl Fn(f64) -> Plane) -> Estimated {
        if !value.is_finite() {
            return Estimated { value, interval: Interval::new(lowest, f64::INFINITY) };
        }
        let (low, high) = self.problem.extent((lowest, value, highest), self.limit, plane);
        Estimated { value, interval: Interval::new(low, high) }
    }

    fn at(&self, n: f64) -> f64 {
        let [a, b, c] = self.coefficients;
        n / (a + b * (n - 1.0) + c * n * (n - 1.0))
    }

    /// The law's throughput at `n` with its interval.
    fn throughput(&self, n: f64) -> Estimated {
        self.estimate(self.at(n), (0.0, 1e9 * self.at(n)), |x| Plane {
            normal: [x, x * (n - 1.0), x * n * (n - 1.0)],
            offset: n,
        })
    }

    fn peak(&self) -> Peak {
        let [a, b, c] = self.coefficients;
        let square = ((a - b) / c).max(1.0);
        let of = |k: f64| Plane { normal: [1.0, -1.0, -k], offset: 0.0 };
        let (low, high) = self.problem.extent((1.0, square, 1e18), self.limit, of);
        let at = Estimated { value: square.sqrt(), interval: Interval::new(low.sqrt(), high.sqrt()) };
        // At its top the curve is flat, so that where exactly the top is matters little.
        Peak { at, throughput: self.throughput(at.value) }
    }
}

impl Fit {
    /// The largest measured level.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.levels.last().copied().unwrap_or(1.0)
    }

    /// The throughput of `n`, with the interval of the law there.
    ///
    /// # Errors
    /// [`Refused::Beyond`] at more than twice of what was measured.
    pub fn predict(&self, n: f64) -> Result<Estimated, Refused> {
        if n.is_nan() || n < 1.0 {
            return Err(Refused::Below(n));
        }
        if n > REACH * self.largest() {
            return Err(Refused::Beyond { asked: n, measured: self.largest() });
        }
        Ok(self.state.throughput(n))
    }

    /// Where one more measurement at `n` would lie: wider than the law's own interval by what single points scatter.
    ///
    /// # Errors
    /// Those of [`Fit::predict`].
    pub fn predict_measurement(&self, n: f64) -> Result<Estimated, Refused> {
        let law = self.predict(n)?;
        let scatter = self.state.scatter;
        let interval = match self.state.errors {
            Errors::Relative => {
                let widened = |end: f64| (end / law.value).ln().hypot(scatter);
                let Interval { low, high } = law.interval;
                Interval::new(law.value * (-widened(low)).exp(), law.value * widened(high).exp())
            }
            Errors::Absolute => {
                let widened = |end: f64| (end - law.value).hypot(scatter);
                let Interval { low, high } = law.interval;
                Interval::new((law.value - widened(low)).max(0.0), law.value + widened(high))
            }
        };
        Ok(Estimated { interval, ..law })
    }

    /// The smallest N that carries `rate`. An end of the interval at which nothing within twice of what was measured
    /// carries it is infinite.
    ///
    /// # Errors
    /// [`Refused::OverThePeak`] when the law does not reach the rate within twice of what was measured.
    pub fn needed(&self, rate: f64) -> Result<Estimated, Refused> {
        let most = REACH * self.largest();
        let top = self.peak.map_or(most, |peak| peak.at.value.min(most));
        let peak = self.state.at(top);
        if rate.is_nan() || rate > peak {
            return Err(Refused::OverThePeak { rate, peak, at: top });
        }
        let first = |reaches: &dyn Fn(f64) -> bool| {
            // The first of a fine grid that reaches it, then halved: the ends of the interval rise up to their own peak.
            let step = (most - 1.0) / 256.0;
            let found = (0..=256).map(|i| 1.0 + step * f64::from(i)).find(|n| reaches(n.min(most)));
            found.map_or(f64::INFINITY, |high| {
                let (mut low, mut high) = ((high - step).max(1.0), high);
                for _ in 0..40 {
                    let middle = 0.5 * (low + high);
                    if reaches(middle) { high = middle } else { low = middle }
                }
                high
            })
        };
        let value = first(&|n| self.state.at(n) >= rate);
        let low = first(&|n| self.state.throughput(n).interval.high >= rate);
        let high = first(&|n| self.state.throughput(n).interval.low >= rate);
        Ok(Estimated { value, interval: Interval::new(low.min(value), high.max(value)) })
    }
}

/// The 97.5 % quantile of Student's distribution.
fn student_quantile(freedom: f64) -> f64 {
    crate::policy::student_quantile(0.975, freedom)
}
