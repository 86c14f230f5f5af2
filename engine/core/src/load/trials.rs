//! Loads that are run again and again: the search for a capacity and the sweep over users or rates, as the plan and the
//! record know them.

use serde::{Deserialize, Serialize};

use crate::arrivals::Spacing;
use crate::measurement::Record;
use crate::metric::MetricDef;
use crate::quantity::Quantity;
use crate::series::Labels;
use crate::unit::Unit;

/// What a search for the highest rate that meets a service level will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityShape {
    /// The service level: expectations that each trial is judged by.
    pub slo: Vec<String>,
    /// The first rate, per second.
    pub from: f64,
    /// The highest rate that is tried, per second.
    pub to: f64,
    /// Length of a trial, in seconds.
    pub step: f64,
    /// Width of the final bracket, as a share.
    pub precision: f64,
    /// Most trials.
    pub most: usize,
    /// How arrivals lie around their rate.
    pub spacing: Spacing,
    /// Users within an iteration at the same time; without it five seconds' worth of arrivals.
    pub max_users: Option<usize>,
}

/// What a sweep goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Varied {
    /// Users of a closed model.
    Users,
    /// Arrivals per second of an open model.
    Rate,
}

/// What a sweep over users or rates will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScaleShape {
    /// What it goes along.
    pub of: Varied,
    /// The levels, in order.
    pub levels: Vec<f64>,
    /// Seconds that a level is held at once, and before it is looked at again.
    pub hold: f64,
    /// Longest time of one level, in seconds.
    pub most: f64,
    /// How arrivals lie around their rate.
    pub spacing: Spacing,
    /// Users within an iteration at the same time, with rates; without it five seconds' worth of arrivals.
    pub max_users: Option<usize>,
}

impl CapacityShape {
    /// One line.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { from, to, step, precision, .. } = self;
        let slo = self.slo.join(", ");
        format!("capacity from {from}/s to {to}/s to within {} % by trials of {step} s, while {slo}", precision * 100.0)
    }
}

impl ScaleShape {
    /// One line.
    #[must_use]
    pub fn describe(&self) -> String {
        let levels: Vec<String> = self.levels.iter().map(|level| self.of.label(*level)).collect();
        format!("{} {}, each for {} to {} s", self.of.name(), levels.join(", "), self.hold, self.most)
    }
}

impl Varied {
    /// Name of the label that tells levels apart.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Rate => "rate",
        }
    }

    /// The label's value for a level.
    #[must_use]
    pub fn label(self, level: f64) -> String {
        match self {
            Self::Users => format!("{level}"),
            Self::Rate => rate_label(level),
        }
    }

    /// The level of a label's value.
    #[must_use]
    pub fn level(self, label: &str) -> Option<f64> {
        match self {
            Self::Users => label.parse().ok(),
            Self::Rate => label.parse::<Quantity>().ok().map(|rate| rate.value),
        }
    }
}

/// A rate as a label: five digits tell apart all that a search tries.
#[must_use]
pub fn rate_label(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of digits, clamped")]
    let digits = (4.0 - rate.abs().max(1e-9).log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{rate:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}/s")
}

/// Metrics of a search; the first is the primary one. Beside them come `rate`, `response` and `errors` of the trials, with
/// their rate as a label.
pub const CAPACITY_METRICS: &[MetricDef] = &[
    MetricDef::rate("capacity", Unit::PerSecond, "highest rate that met the service level"),
    MetricDef::fact("capacity_low", Unit::PerSecond, "lower end of the bracket: the highest rate that met the level"),
    MetricDef::fact(
        "capacity_high",
        Unit::PerSecond,
        "upper end of the bracket: the lowest rate that missed the level",
    ),
    MetricDef::fact("trials", Unit::Count, "trials that were made"),
    MetricDef::fact("met", Unit::Ratio, "share of the trials at a rate that met the service level"),
];

/// Metrics of a sweep; beside them come `rate`, `response` and `errors` of the levels, with the level as a label.
pub const SCALE_METRICS: &[MetricDef] = &[
    MetricDef::fact(
        "throughput",
        Unit::PerSecond,
        "rates of equal parts of a level's steady time: what a law is fitted to",
    ),
    MetricDef::fact("inside", Unit::Count, "mean number of users within an iteration"),
    MetricDef::rate("gamma", Unit::PerSecond, "throughput of one alone, by the fitted law"),
    MetricDef::fact("gamma_low", Unit::PerSecond, "lower end of the interval of `gamma`"),
    MetricDef::fact("gamma_high", Unit::PerSecond, "upper end of the interval of `gamma`"),
    MetricDef::cost("alpha", Unit::Ratio, "contention: share of the work that is done one at a time"),
    MetricDef::fact("alpha_low", Unit::Ratio, "lower end of the interval of `alpha`"),
    MetricDef::fact("alpha_high", Unit::Ratio, "upper end of the interval of `alpha`"),
    MetricDef::cost("beta", Unit::Ratio, "coherency: what each waits for every other, as a share of the time of one"),
    MetricDef::fact("beta_low", Unit::Ratio, "lower end of the interval of `beta`"),
    MetricDef::fact("beta_high", Unit::Ratio, "upper end of the interval of `beta`"),
    MetricDef::rate("peak", Unit::PerSecond, "highest throughput of the fitted law, where it has one"),
    MetricDef::fact("peak_low", Unit::PerSecond, "lower end of the interval of `peak`"),
    MetricDef::fact("peak_high", Unit::PerSecond, "upper end of the interval of `peak`"),
    MetricDef::fact("peak_at", Unit::Count, "number at which the fitted law has its peak"),
    MetricDef::rate(
        "knee",
        Unit::Count,
        "level from where on more brings less than half of what the first ones brought",
    ),
    MetricDef::rate("knee_rate", Unit::PerSecond, "throughput at the knee"),
    MetricDef::fact("little", Unit::Ratio, "users measured over users by Little's law, worst level"),
];

/// A metric of a search or a sweep by its name.
#[must_use]
pub fn trial_metric(id: &str) -> Option<&'static MetricDef> {
    CAPACITY_METRICS.iter().chain(SCALE_METRICS).find(|metric| metric.id == id)
}

/// One number of a search or a sweep, if the name is known.
#[must_use]
pub fn trial_record(id: &str, labels: Labels, value: f64) -> Option<Record> {
    trial_metric(id).filter(|_| value.is_finite()).map(|def| Record::value(def.metric(), labels, value))
}

/// One steady level of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingLevel {
    /// Users, or the rate asked for.
    pub level: f64,
    /// Rates of equal parts of its steady time: repetitions for a fit.
    pub rates: Vec<f64>,
    /// Mean number of users within an iteration.
    pub inside: f64,
    /// Iterations per second.
    pub iterations: f64,
    /// Mean time of an iteration, in seconds.
    pub stay: f64,
}

/// What a sweep measured, for whoever fits a law.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// What it went along.
    pub of: Varied,
    /// The levels that were steady.
    pub levels: Vec<ScalingLevel>,
    /// Levels that never were.
    pub unsteady: Vec<f64>,
}

/// What a fit gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fitted {
    /// The coefficients with their intervals, knee and peak.
    pub records: Vec<Record>,
    /// What they say, in words.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_labels_that_can_be_read_and_told_apart() {
        for (rate, text) in
            [(50.0, "50/s"), (1_414.213_56, "1414.2/s"), (0.123_456, "0.12346/s"), (5e5, "500000/s"), (100.0, "100/s")]
        {
            assert_eq!(rate_label(rate), text);
            let read = Varied::Rate.level(text).expect("a rate");
            assert!((read / rate - 1.0).abs() < 1e-4, "{read}");
        }
        assert_ne!(rate_label(1000.0), rate_label(1000.2));
        assert_eq!(Varied::Users.level(&Varied::Users.label(20.0)), Some(20.0));
    }
}
