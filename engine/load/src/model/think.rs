//! How long a user pauses between requests, in seconds.

use engine_core::stats::{Stream, normal_cdf, normal_quantile};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A distribution of pauses. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Think {
    /// Always the same.
    Constant(f64),
    /// Any time from `from` to `to` alike.
    Uniform {
        /// Shortest.
        from: f64,
        /// Longest.
        to: f64,
    },
    /// Exponential: no memory, so the requests of many such users are a Poisson process.
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Normal, cut off at both ends and renormalised: values outside never occur and do not pile up at the ends.
    Normal {
        /// Mean before the cut.
        mean: f64,
        /// Standard deviation before the cut.
        deviation: f64,
        /// Shortest.
        min: f64,
        /// Longest.
        max: f64,
    },
    /// Log-normal: the usual shape of human reading times.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// Pareto (type I): heavy tail.
    Pareto {
        /// Shortest.
        scale: f64,
        /// Tail exponent; at 1 and below there is no mean.
        shape: f64,
    },
    /// As measured: the empirical distribution function of these values, with straight lines between them.
    Empirical(Vec<f64>),
}

/// Why a distribution is impossible.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ThinkError {
    /// A parameter is negative, not finite, or where it may not be, zero.
    #[error("`{name}` of a think time must be {want}, got `{got}`")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What it must be.
        want: &'static str,
        /// What it is.
        got: f64,
    },
    /// The range holds next to nothing of the distribution.
    #[error("a normal think time with mean {mean} and deviation {deviation} never lies from {min} to {max}")]
    EmptyRange {
        /// Mean.
        mean: f64,
        /// Deviation.
        deviation: f64,
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
    /// No values.
    #[error("an empirical think time needs at least one value")]
    NoValue,
}

fn at_least_zero(name: &'static str, got: f64) -> Result<(), ThinkError> {
    let good = got.is_finite() && got >= 0.0;
    if good { Ok(()) } else { Err(ThinkError::Parameter { name, want: "a number of seconds from 0 on", got }) }
}

fn positive(name: &'static str, got: f64) -> Result<(), ThinkError> {
    let good = got.is_finite() && got > 0.0;
    if good { Ok(()) } else { Err(ThinkError::Parameter { name, want: "positive", got }) }
}

impl Think {
    /// Checks the parameters and sorts the values of an empirical one.
    ///
    /// # Errors
    /// If a parameter is impossible.
    pub fn checked(mut self) -> Result<Self, ThinkError> {
        match &mut self {
            Self::Constant(seconds) => at_least_zero("seconds", *seconds)?,
            Self::Uniform { from, to } => {
                at_least_zero("from", *from)?;
                at_least_zero("to", *to)?;
                if to < from {
                    return Err(ThinkError::Parameter { name: "to", want: "not below `from`", got: *to });
                }
            }
            Self::Exponential { mean } => at_least_zero("mean", *mean)?,
            Self::Normal { mean, deviation, min, max } => {
                at_least_zero("min", *min)?;
                at_least_zero("mean", *mean)?;
                positive("deviation", *deviation)?;
                let inside = normal_cdf((*max - *mean) / *deviation) - normal_cdf((*min - *mean) / *deviation);
                if inside.is_nan() || inside < 1e-6 {
                    let (mean, deviation, min, max) = (*mean, *deviation, *min, *max);
                    return Err(ThinkError::EmptyRange { mean, deviation, min, max });
                }
            }
            Self::LogNormal { median, sigma } => {
                positive("median", *median)?;
                at_least_zero("sigma", *sigma)?;
            }
            Self::Pareto { scale, shape } => {
                positive("scale", *scale)?;
                positive("shape", *shape)?;
            }
            Self::Empirical(values) => {
                values.iter().try_for_each(|value| at_least_zero("value", *value))?;
                if values.is_empty() {
                    return Err(ThinkError::NoValue);
                }
                values.sort_by(f64::total_cmp);
            }
        }
        Ok(self)
    }

    /// The next pause in seconds. One draw each, so that the stream stays in step whatever the distribution.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Constant(seconds) => {
                stream.next_u64();
                *seconds
            }
            Self::Uniform { from, to } => from + (to - from) * stream.unit_f64(),
            Self::Exponential { mean } => mean * stream.exponential(),
            Self::Normal { mean, deviation, min, max } => {
                let (low, high) = (normal_cdf((min - mean) / deviation), normal_cdf((max - mean) / deviation));
                let at = low + (high - low) * stream.unit_f64();
                (mean + deviation * normal_quantile(at.clamp(1e-300, 1.0 - 1e-16))).clamp(*min, *max)
            }
            Self::LogNormal { median, sigma } => median * (sigma * stream.normal()).exp(),
            // A power of a uniform number is an exponential of an exponential one.
            Self::Pareto { scale, shape } => scale * (stream.exponential() / shape).exp(),
            Self::Empirical(values) => {
                let at = stream.unit_f64() * (values.len() - 1) as f64;
                let below = at as usize;
                let above = (below + 1).min(values.len() - 1);
                values[below] + (values[above] - values[below]) * (at - below as f64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest distance between the distribution of `n` draws and `cdf`, times the square root of `n`.
    fn distance(think: &Think, n: usize, cdf: impl Fn(f64) -> f64) -> f64 {
        let mut stream = Stream::new(11, &[3]);
        let mut drawn: Vec<f64> = (0..n).map(|_| think.draw(&mut stream)).collect();
        drawn.sort_by(f64::total_cmp);
        let gaps = drawn.iter().enumerate().map(|(at, x)| {
            let (below, above) = (at as f64 / n as f64, (at + 1) as f64 / n as f64);
            (cdf(*x) - below).abs().max((above - cdf(*x)).abs())
        });
        gaps.fold(0.0, f64::max) * (n as f64).sqrt()
    }

    type Distribution = Box<dyn Fn(f64) -> f64>;

    #[test]
    fn draws_follow_their_distribution() {
        // The seed is fixed; 1.63 is passed by one seed in a hundred of a right generator (Kolmogorov).
        let truncated = |x: f64| {
            let (low, high) = (normal_cdf(-1.0), normal_cdf(2.0));
            (normal_cdf((x - 2.0) / 1.0) - low) / (high - low)
        };
        let measured = vec![0.5, 3.0, 1.0, 1.0, 2.0];
        let empirical = |x: f64| {
            let sorted = [0.5, 1.0, 1.0, 2.0, 3.0];
            let at = sorted.iter().rposition(|value| *value <= x).unwrap_or(0);
            if at + 1 == sorted.len() {
                return 1.0;
            }
            (at as f64 + (x - sorted[at]) / (sorted[at + 1] - sorted[at])) / 4.0
        };
        let cases: Vec<(Think, Distribution)> = vec![
            (Think::Uniform { from: 2.0, to: 10.0 }, Box::new(|x| (x - 2.0) / 8.0)),
            (Think::Exponential { mean: 3.0 }, Box::new(|x| 1.0 - (-x / 3.0).exp())),
            (Think::Normal { mean: 2.0, deviation: 1.0, min: 1.0, max: 4.0 }, Box::new(truncated)),
            (Think::LogNormal { median: 4.0, sigma: 0.7 }, Box::new(|x| normal_cdf((x / 4.0).ln() / 0.7))),
            (Think::Pareto { scale: 1.5, shape: 2.5 }, Box::new(|x| 1.0 - (1.5 / x).powf(2.5))),
        ];
        for (think, cdf) in cases {
            let think = think.checked().unwrap();
            let found = distance(&think, 100_000, &cdf);
            assert!(found < 1.63, "{think:?}: {found}");
            // The test can tell: a distribution 2 % off is caught.
            assert!(distance(&think, 100_000, |x| cdf(x * 1.02)) > 1.63, "{think:?}");
        }
        // With its atom at 1 the empirical one is compared away from it.
        let think = Think::Empirical(measured).checked().unwrap();
        let mut stream = Stream::new(5, &[]);
        let drawn: Vec<f64> = (0..100_000).map(|_| think.draw(&mut stream)).collect();
        for x in [0.6, 0.9, 1.2, 1.7, 2.5, 2.9] {
            let share = drawn.iter().filter(|value| **value <= x).count() as f64 / 1e5;
            assert!((share - empirical(x)).abs() < 0.007, "{x}: {share} against {}", empirical(x));
        }
        assert_eq!(Think::Constant(1.5).draw(&mut stream).to_bits(), 1.5_f64.to_bits());
    }

    #[test]
    fn impossible_ones_are_refused() {
        for think in [
            Think::Constant(-1.0),
            Think::Constant(f64::NAN),
            Think::Uniform { from: 2.0, to: 1.0 },
            Think::Exponential { mean: f64::INFINITY },
            Think::Normal { mean: 1.0, deviation: 1.0, min: 50.0, max: 60.0 },
            Think::Normal { mean: 1.0, deviation: 0.0, min: 0.0, max: 2.0 },
            Think::LogNormal { median: 0.0, sigma: 1.0 },
            Think::Pareto { scale: 1.0, shape: 0.0 },
            Think::Empirical(vec![]),
            Think::Empirical(vec![1.0, -2.0]),
        ] {
            assert!(think.clone().checked().is_err(), "{think:?}");
        }
    }
}
