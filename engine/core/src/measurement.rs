//! Measurements: the samples of one metric, by round, and the estimates drawn from them.
//!
//! Two kinds of variation are kept apart. Within a round, samples are reduced to one value (see [`Nature`]); between
//! rounds, those values give the estimate and its interval. The round is the sampling unit: an interval computed from
//! the samples *within* rounds would be far too narrow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::histogram::{Packed, Percentile};
use crate::metric::{Goal, Metric, Nature};
use crate::series::Labels;
use crate::stats::quantile::{median, quantile, sorted};
use crate::stats::{Interval, Summary, bootstrap};
use crate::taint::Taint;
use crate::unit::{Dimension, Unit};

mod quantiles;

pub use quantiles::{QUANTILES, quantile_name, quantile_of};

/// What a probe recorded of one metric in one round. Values are in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The metric.
    pub metric: Metric,
    /// Labels beyond the step's own, such as the size on a latency curve.
    pub labels: Labels,
    /// Every sample, in order; where there is a histogram, only what stands for it.
    pub values: Vec<f64>,
    /// The samples of a load, too many to be kept one by one: nanoseconds, for a metric in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Packed>,
}

impl Record {
    /// One number.
    #[must_use]
    pub fn value(metric: Metric, labels: Labels, value: f64) -> Self {
        Self { metric, labels, values: vec![value], histogram: None }
    }

    /// Latencies; its median stands for it. Without a latency there is no value.
    #[must_use]
    pub fn latencies(metric: Metric, labels: Labels, histogram: Packed) -> Self {
        let scale = histogram_scale(metric.unit);
        let middle = histogram.value_at_quantile(0.5).map(|middle| middle.floor() as f64 / scale);
        Self { metric, labels, values: middle.into_iter().collect(), histogram: Some(histogram) }
    }
}

/// The samples of one metric in one round.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Round {
    /// Number of the round, from 0.
    pub number: u32,
    /// 0 for the first attempt; higher for each time a tainted one was taken again.
    pub attempt: u32,
    /// Start of the round, in seconds since the run's start.
    pub at: f64,
    /// How long the round took, in seconds.
    pub seconds: f64,
    /// What disturbed it.
    pub taints: Vec<Taint>,
    /// Whether a later attempt replaces it. It is kept, and does not count.
    pub superseded: bool,
    /// The samples, in the metric's unit.
    pub values: Vec<f64>,
    /// See [`Record::histogram`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Packed>,
}

/// One metric of one step over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The metric.
    pub metric: Metric,
    /// Labels beyond the step's own.
    pub labels: Labels,
    /// Rounds in the order in which they were taken, superseded ones included.
    pub rounds: Vec<Round>,
}

/// The labels that all these measurements carry, those of one step: the path by which its results came, such as
/// `engine=io_uring`.
#[must_use]
pub fn marks<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Labels {
    let mut all = measurements.into_iter().map(|measurement| &measurement.labels);
    let mut marks = all.next().cloned().unwrap_or_default();
    for labels in all {
        marks.0.retain(|name, value| labels.get(name) == Some(value));
    }
    marks
}

/// A number drawn from the rounds, with the interval that says how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value, in the metric's unit.
    pub value: f64,
    /// 95 % interval over rounds; none below five rounds.
    pub interval: Option<Interval>,
    /// Rounds that count.
    pub rounds: usize,
    /// Samples within them.
    pub samples: usize,
    /// Whether the value is only a bound from below: it lies among requests that were cut off or timed out. Prints as `> x`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub above: bool,
}

/// Below this many rounds nothing is judged and no interval is given: with four values even the interval from the
/// smallest to the largest covers the median only 87.5 % of the time.
pub const MIN_ROUNDS: usize = 5;

impl Measurement {
    /// The rounds that count: those not superseded, with at least one sample.
    pub fn counted(&self) -> impl Iterator<Item = &Round> {
        self.rounds.iter().filter(|round| !round.superseded && !round.values.is_empty())
    }

    /// One value a counted round: its best sample for a capability, its median for a cost.
    #[must_use]
    pub fn round_values(&self) -> Vec<f64> {
        self.counted().filter_map(|round| self.reduce(&round.values)).collect()
    }

    /// What a round counts with, whether it counts or not; none without samples.
    #[must_use]
    pub fn round_value(&self, round: &Round) -> Option<f64> {
        self.reduce(&round.values)
    }

    /// All samples of the counted rounds.
    #[must_use]
    pub fn pooled(&self) -> Vec<f64> {
        self.counted().flat_map(|round| round.values.iter().copied()).collect()
    }

    /// The summary over rounds.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        Summary::of(&self.round_values())
    }

    /// The estimate that a report shows first: the median over rounds.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        if self.counted().any(|round| round.histogram.is_some()) {
            return self.statistic(Stat::Median);
        }
        self.estimate_of(self.round_values(), median)
    }

    /// The estimate of a statistic. Percentiles and means are taken within each round, then the median over rounds;
    /// `min` and `max` over everything; their intervals come from resampling rounds.
    #[must_use]
    pub fn statistic(&self, stat: Stat) -> Option<Estimate> {
        if let Some(histogram) = self.histogram()
            && let Some(estimate) = self.of_histogram(&histogram, stat)
        {
            return Some(estimate);
        }
        let per_round =
            |of: &dyn Fn(&[f64]) -> f64| -> Vec<f64> { self.counted().map(|round| of(&round.values)).collect() };
        match stat {
            Stat::Median => self.estimate(),
            Stat::Mean => self.estimate_of(per_round(&mean), mean),
            Stat::Min => self.estimate_of(per_round(&smallest), smallest),
            Stat::Max => self.estimate_of(per_round(&largest), largest),
            Stat::Percentile(p) => {
                // One sample a round: the percentile can only be one over rounds.
                if self.counted().all(|round| round.values.len() == 1) {
                    self.estimate_of(self.pooled(), move |values| quantile(&sorted(values), p / 100.0))
                } else {
                    self.estimate_of(per_round(&|values| quantile(&sorted(values), p / 100.0)), median)
                }
            }
            Stat::Spread => self.estimate_of(self.round_values(), relative_spread),
            Stat::Count => {
                let samples = self.pooled().len();
                let rounds = self.counted().count();
                #[expect(clippy::cast_precision_loss, reason = "a number of samples is far below 2^53")]
                let value = samples as f64;
                let interval = Some(Interval { low: value, high: value });
                (rounds > 0).then_some(Estimate { value, interval, rounds, samples, above: false })
            }
            Stat::Last => {
                let value = *self.counted().last()?.values.last()?;
                Some(Estimate { value, interval: None, rounds: self.counted().count(), samples: 1, above: false })
            }
        }
    }

    /// The latencies of all counted rounds together; none where rounds hold samples.
    #[must_use]
    pub fn histogram(&self) -> Option<Packed> {
        let mut all = self.counted().filter_map(|round| round.histogram.as_ref()).peekable();
        all.peek().is_some().then(|| Packed::merged(all))
    }

    /// A statistic of the latencies of all rounds together. From five rounds on its interval is that over rounds, else the one
    /// that the number of latencies allows (see [`Self::bounds`]); a statistic that only rounds have is left to them.
    fn of_histogram(&self, histogram: &Packed, stat: Stat) -> Option<Estimate> {
        let count = histogram.count();
        let scale = histogram_scale(self.metric.unit);
        let (value, above) = value_of(histogram, stat, scale)?;
        let each: Vec<f64> = self
            .counted()
            .filter_map(|round| value_of(round.histogram.as_ref()?, stat, scale).map(|(value, _)| value))
            .collect();
        let interval = if stat == Stat::Count {
            Some(Interval { low: value, high: value })
        } else if each.len() >= MIN_ROUNDS && !matches!(stat, Stat::Min | Stat::Max) {
            let over = bootstrap::median_of_sorted(&sorted(&each));
            over.map(|over| Interval { low: over.low.min(value), high: over.high.max(value) })
        } else {
            self.bounds(stat).and_then(|(low, high)| high.map(|high| Interval { low, high }))
        };
        let samples = usize::try_from(count).unwrap_or(usize::MAX);
        Some(Estimate { value, interval, rounds: each.len(), samples, above })
    }

    /// The 95 % interval of a statistic of the latencies of all rounds together, from their number alone: of a quantile from
    /// the order statistics, of the mean by the normal approximation. No upper end where there are too few latencies for
    /// one, or where it lies among those that were cut off. `None` for other statistics, and where rounds hold samples.
    #[must_use]
    pub fn bounds(&self, stat: Stat) -> Option<(f64, Option<f64>)> {
        let histogram = self.histogram()?;
        let scale = histogram_scale(self.metric.unit);
        let (low, high) = match stat {
            Stat::Median => quantile_interval(&histogram, 0.5),
            Stat::Percentile(p) => quantile_interval(&histogram, p / 100.0),
            Stat::Mean => mean_interval(&histogram),
            _ => None,
        }?;
        Some((low / scale, high.map(|high| high / scale)))
    }

    /// Whether any counted round is tainted.
    #[must_use]
    pub fn is_tainted(&self) -> bool {
        self.counted().any(|round| !round.taints.is_empty())
    }

    fn reduce(&self, values: &[f64]) -> Option<f64> {
        if values.is_empty() {
            return None;
        }
        Some(match (self.metric.nature, self.metric.goal) {
            (Nature::Capability, Goal::Higher) => largest(values),
            (Nature::Capability, Goal::Lower) => smallest(values),
            _ => median(values),
        })
    }

    fn estimate_of(&self, values: Vec<f64>, statistic: impl Fn(&[f64]) -> f64) -> Option<Estimate> {
        if values.is_empty() {
            return None;
        }
        let value = statistic(&values);
        let interval = (values.len() >= MIN_ROUNDS).then(|| {
            #[expect(clippy::float_cmp, reason = "asks whether the statistic is the median, exactly")]
            if value == median(&values) {
                bootstrap::median_of_sorted(&sorted(&values))
            } else {
                bootstrap::interval(&values, 0, statistic)
            }
        });
        let samples = self.counted().map(|round| round.values.len()).sum();
        Some(Estimate { value, interval: interval.flatten(), rounds: values.len(), samples, above: false })
    }
}

/// How many steps of a histogram make one of a unit: histograms count whole numbers, nanoseconds where a time is meant.
#[must_use]
pub fn histogram_scale(unit: Unit) -> f64 {
    match unit.dimension() {
        Dimension::DATA => 1.0,
        dimension if dimension == Dimension::DATA.per(Dimension::TIME) => 1.0,
        Dimension::TIME => 1e9,
        _ if unit == Unit::Ratio => 1e9,
        _ => 1e3,
    }
}

/// A statistic of a histogram in a unit, and whether it is only a bound from below.
fn value_of(histogram: &Packed, stat: Stat, scale: f64) -> Option<(f64, bool)> {
    let cut = histogram.censored_count() > 0;
    let seconds = |value: u64| value as f64 / scale;
    let quantile = |q| {
        histogram.value_at_quantile(q).map(|found| match found {
            Percentile::At(nanos) => (seconds(nanos), false),
            Percentile::Above(nanos) => (seconds(nanos), true),
        })
    };
    match stat {
        Stat::Median => quantile(0.5),
        Stat::Percentile(p) => quantile(p / 100.0),
        Stat::Mean => histogram.mean().map(|mean| (mean / scale, cut)),
        Stat::Min => histogram.min().map(|nanos| (seconds(nanos), false)),
        Stat::Max => histogram.max().map(|nanos| (seconds(nanos), cut)),
        Stat::Count => Some((histogram.count() as f64, false)),
        Stat::Spread | Stat::Last => None,
    }
}

/// Two-sided 95 % of the normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a quantile from the order statistics alone, in the histogram's steps: the ranks `n q -+ 1.96 sqrt(n q (1 - q))`
/// (normal approximation of the binomial), widened outwards to whole ranks. No upper end where its rank is beyond
/// the last latency, or lies among those that were cut off.
fn quantile_interval(histogram: &Packed, q: f64) -> Option<(f64, Option<f64>)> {
    let n = histogram.count() as f64;
    let reach = NORMAL_95 * (n * q * (1.0 - q)).sqrt();
    let (low, high) = ((n * q - reach).floor().max(1.0), (n * q + reach).ceil() + 1.0);
    let at = |rank: f64| histogram.quantile_bounds(((rank - 0.5) / n).clamp(0.0, 1.0));
    let (below, _) = at(low)?;
    let above = if high > n { None } else { at(high)?.1 };
    Some((below as f64, above.map(|above| above as f64)))
}

/// The 95 % interval of the mean, in the histogram's steps, by the normal approximation; no upper end with latencies that were cut off.
fn mean_interval(histogram: &Packed) -> Option<(f64, Option<f64>)> {
    let (n, mean) = (histogram.count() as f64, histogram.mean()?);
    if n < 2.0 {
        return None;
    }
    let part = |bucket: crate::histogram::Bucket| {
        let middle = 0.5 * (bucket.low as f64 + bucket.high as f64);
        bucket.count as f64 * (middle - mean).powi(2)
    };
    let squares: f64 = histogram.buckets().chain(histogram.censored_buckets()).map(part).sum();
    let half = NORMAL_95 * (squares / (n - 1.0) / n).sqrt();
    let high = (histogram.censored_count() == 0).then_some(mean + half);
    Some((mean - half, high))
}

fn mean(values: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number of samples is far below 2^53")]
    let n = values.len() as f64;
    values.iter().sum::<f64>() / n
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Half the distance from the smallest to the largest, relative to the median.
fn relative_spread(values: &[f64]) -> f64 {
    let middle = median(values);
    if middle == 0.0 { 0.0 } else { (largest(values) - smallest(values)) / 2.0 / middle.abs() }
}

/// A statistic as expectations name it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stat {
    /// Median over rounds; the default.
    Median,
    /// Arithmetic mean.
    Mean,
    /// Smallest sample.
    Min,
    /// Largest sample.
    Max,
    /// Half the range over rounds, relative to the median.
    Spread,
    /// Number of samples.
    Count,
    /// The last sample.
    Last,
    /// Percentile in 0..100.
    Percentile(f64),
}

impl FromStr for Stat {
    type Err = ();

    /// Reads `median mean min max spread n last p50..p99.99`.
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "median" => Self::Median,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "spread" => Self::Spread,
            "n" => Self::Count,
            "last" => Self::Last,
            _ => {
                let digits =
                    text.strip_prefix('p').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).ok_or(())?;
                let percentile: f64 = digits.parse().map_err(|_| ())?;
                if percentile > 0.0 && percentile < 100.0 {
                    Self::Percentile(percentile)
                } else {
                    return Err(());
                }
            }
        })
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Median => f.write_str("median"),
            Self::Mean => f.write_str("mean"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Spread => f.write_str("spread"),
            Self::Count => f.write_str("n"),
            Self::Last => f.write_str("last"),
            Self::Percentile(p) => write!(f, "p{p}"),
        }
    }
}

#[cfg(test)]
mod tests;
