//! Quantiles of latencies as series of their own: `response.p99` beside `response`, so that the tail of a load has a history,
//! a baseline and a verdict like any other metric.
//!
//! A round counts with the quantile of its own latencies. How sure the quantile of several rounds or runs is follows from
//! how far they lie apart, never from the number of latencies, of which a single run has thousands that know nothing
//! about the next run.

use super::{Measurement, Round, Stat, histogram_scale, value_of};
use crate::histogram::Packed;
use crate::metric::{Goal, Metric, Nature};

/// The quantiles that are looked at where nobody names one, in percent.
pub const QUANTILES: [f64; 3] = [95.0, 99.0, 99.9];

/// Latencies that must lie beyond a quantile before it is one: fewer are a matter of luck.
const BEYOND: f64 = 10.0;

/// The name of a quantile of a metric, such as `response.p99`.
#[must_use]
pub fn quantile_name(metric: &str, percent: f64) -> String {
    format!("{metric}.p{percent}")
}

impl Metric {
    /// The metric that a quantile of this one is; none for what has no direction.
    #[must_use]
    pub fn quantile(&self, percent: f64) -> Option<Self> {
        let id = quantile_name(&self.id, percent);
        (self.goal != Goal::Neutral).then(|| Self { id, nature: Nature::Cost, ..self.clone() })
    }
}

/// A quantile of latencies in a metric's unit. Where it lies among those that were cut off or timed out, what it is at
/// least. None with too few latencies.
#[must_use]
pub fn quantile_of(histogram: &Packed, metric: &Metric, percent: f64) -> Option<f64> {
    if (histogram.count() as f64) * (1.0 - percent / 100.0) < BEYOND {
        return None;
    }
    value_of(histogram, Stat::Percentile(percent), histogram_scale(metric.unit)).map(|(value, _)| value)
}

impl Measurement {
    /// A quantile of each round's latencies as a measurement; none where rounds hold samples, or have too few latencies.
    #[must_use]
    pub fn quantile(&self, percent: f64) -> Option<Self> {
        let metric = self.metric.quantile(percent)?;
        let rounds: Vec<Round> = self
            .counted()
            .filter_map(|round| {
                let value = quantile_of(round.histogram.as_ref()?, &self.metric, percent)?;
                Some(Round { values: vec![value], histogram: None, taints: round.taints.clone(), ..*round })
            })
            .collect();
        (!rounds.is_empty()).then(|| Self { metric, labels: self.labels.clone(), rounds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;
    use crate::metric::MetricDef;
    use crate::series::Labels;
    use crate::unit::Unit;

    /// A round with latencies of 1, 2, .. milliseconds, `slow` of them in the tenth of a second.
    fn round(number: u32, count: u64, slow: u64) -> Round {
        let mut histogram = Histogram::new();
        for n in 0..count {
            histogram.record(if n < slow { 100_000_000 } else { 1_000_000 });
        }
        let values = vec![0.001];
        Round { number, values, histogram: Some(Packed::from(&histogram)), ..Round::default() }
    }

    #[test]
    fn a_quantile_has_one_value_a_round_and_the_spread_of_the_rounds() {
        let metric = MetricDef::cost("response", Unit::Seconds, "").metric();
        let rounds = (0..6).map(|n| round(n, 10_000, if n < 3 { 50 } else { 150 })).collect();
        let all = Measurement { metric, labels: Labels::new(), rounds };
        let tail = all.quantile(99.0).expect("enough latencies");
        assert_eq!((tail.metric.id.as_str(), tail.metric.goal), ("response.p99", Goal::Lower));
        let values: Vec<u64> = tail.round_values().iter().map(|value| (value * 1e3).round() as u64).collect();
        assert_eq!(values, [1, 1, 1, 100, 100, 100]);
        // Half of the rounds are fast and half slow: the interval says so, however many latencies there are.
        let interval = tail.estimate().and_then(|estimate| estimate.interval).expect("six rounds");
        assert!(interval.low < 0.002 && interval.high > 0.099, "{interval:?}");
    }

    #[test]
    fn few_latencies_have_no_tail_and_samples_no_quantile() {
        let metric = MetricDef::cost("response", Unit::Seconds, "").metric();
        let all = |rounds| Measurement { metric: metric.clone(), labels: Labels::new(), rounds };
        assert!(all(vec![round(0, 999, 0)]).quantile(99.0).is_none());
        assert!(all(vec![round(0, 1001, 0)]).quantile(99.0).is_some());
        assert!(all(vec![Round { values: vec![1.0; 5000], ..Round::default() }]).quantile(99.0).is_none());
        let without = Metric { goal: Goal::Neutral, ..metric.clone() };
        assert!(without.quantile(99.0).is_none());
        assert_eq!(quantile_name("response", 99.9), "response.p99.9");
    }
}
