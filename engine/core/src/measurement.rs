//! Measurements: the samples of one metric, by round, and the estimates drawn from them.
//!
//! Two kinds of variation are kept apart. Within a round, samples are reduced to one value (see [`Nature`]); between
//! rounds, those values give the estimate and its interval. The round is the sampling unit: an interval computed from
//! the samples *within* rounds would be far too narrow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::metric::{Goal, Metric, Nature};
use crate::series::Labels;
use crate::stats::quantile::{median, quantile, sorted};
use crate::stats::{Interval, Summary, bootstrap};
use crate::taint::Taint;

/// What a probe recorded of one metric in one round. Values are in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The metric.
    pub metric: Metric,
    /// Labels beyond the step's own, such as the size on a latency curve.
    pub labels: Labels,
    /// Every sample, in order.
    pub values: Vec<f64>,
}

/// The samples of one metric in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
        self.estimate_of(self.round_values(), median)
    }

    /// The estimate of a statistic. Percentiles and means are taken within each round, then the median over rounds;
    /// `min` and `max` over everything; their intervals come from resampling rounds.
    #[must_use]
    pub fn statistic(&self, stat: Stat) -> Option<Estimate> {
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
                (rounds > 0).then_some(Estimate { value, interval, rounds, samples })
            }
            Stat::Last => {
                let value = *self.counted().last()?.values.last()?;
                Some(Estimate { value, interval: None, rounds: self.counted().count(), samples: 1 })
            }
        }
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
        Some(Estimate { value, interval: interval.flatten(), rounds: values.len(), samples })
    }
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
mod tests {
    use super::*;
    use crate::metric::MetricDef;
    use crate::unit::Unit;

    fn measurement(def: MetricDef, rounds: &[&[f64]]) -> Measurement {
        let rounds = rounds.iter().zip(0..).map(|(values, number)| Round {
            number,
            attempt: 0,
            at: 0.0,
            seconds: 1.0,
            taints: vec![],
            superseded: false,
            values: values.to_vec(),
        });
        Measurement { metric: def.metric(), labels: Labels::new(), rounds: rounds.collect() }
    }

    #[test]
    fn a_capability_counts_with_its_best_and_a_cost_with_its_median() {
        let rounds: &[&[f64]] = &[&[1.0, 2.0, 9.0], &[2.0, 3.0, 4.0]];
        assert_eq!(measurement(MetricDef::rate("r", Unit::BytesPerSecond, ""), rounds).round_values(), [9.0, 4.0]);
        assert_eq!(measurement(MetricDef::floor("l", Unit::Seconds, ""), rounds).round_values(), [1.0, 2.0]);
        assert_eq!(measurement(MetricDef::cost("t", Unit::Seconds, ""), rounds).round_values(), [2.0, 3.0]);
    }

    #[test]
    fn a_superseded_round_is_kept_and_does_not_count() {
        let mut m = measurement(MetricDef::cost("t", Unit::Seconds, ""), &[&[100.0], &[1.0], &[2.0], &[3.0]]);
        m.rounds[0].superseded = true;
        assert_eq!(m.estimate().map(|e| (e.value, e.rounds)), Some((2.0, 3)));
        assert_eq!(m.rounds.len(), 4);
    }

    #[test]
    fn no_interval_below_five_rounds() {
        let four = measurement(MetricDef::cost("t", Unit::Seconds, ""), &[&[1.0], &[2.0], &[3.0], &[4.0]]);
        assert_eq!(four.estimate().and_then(|e| e.interval), None);
        let five = measurement(MetricDef::cost("t", Unit::Seconds, ""), &[&[1.0], &[2.0], &[3.0], &[4.0], &[5.0]]);
        let interval = five.estimate().and_then(|e| e.interval).unwrap();
        // With five, the ends lie a part of the outermost gap outside: the range itself covers less than 95 %.
        assert!(interval.low > 0.5 && interval.low < 3.0 && interval.high > 3.0 && interval.high < 5.5);
    }

    #[test]
    fn statistics_are_read_and_written() {
        for text in ["median", "mean", "min", "max", "n", "spread", "last", "p50", "p99", "p99.9", "p99.99"] {
            assert_eq!(text.parse::<Stat>().unwrap().to_string(), text);
        }
        for bad in ["p", "p0", "p100", "pinf", "avg", ""] {
            assert!(bad.parse::<Stat>().is_err(), "{bad}");
        }
    }
}
