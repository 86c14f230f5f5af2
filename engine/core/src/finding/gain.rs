//! What an advice should bring: a model with its inputs, or nothing.

use serde::{Deserialize, Serialize};

use crate::unit::Unit;

/// How a gain was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Amdahl's law: `S = 1 / ((1 - f) + f / k)`.
    Amdahl,
    /// The Universal Scalability Law.
    Usl,
    /// M/M/c.
    Queue,
    /// Kingman's bound of the wait of G/G/1.
    Kingman,
    /// Little's law.
    Little,
    /// Roofline with ceilings that were measured on this machine.
    Roofline,
    /// Top-Down: an upper bound only.
    TopDown,
    /// Share of the time that is not the work itself.
    Overhead,
    /// The ratio of two variants, both measured in this run.
    Ratio,
    /// A straight line through a course.
    Trend,
}

impl Model {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amdahl => "Amdahl's law",
            Self::Usl => "Universal Scalability Law",
            Self::Queue => "M/M/c queue",
            Self::Kingman => "Kingman's bound",
            Self::Little => "Little's law",
            Self::Roofline => "roofline, ceilings of this machine",
            Self::TopDown => "Top-Down, upper bound",
            Self::Overhead => "overhead share",
            Self::Ratio => "measured ratio",
            Self::Trend => "linear trend",
        }
    }
}

/// A value with its ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The best value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Range {
    /// A value with the ends put in order, so that they hold it.
    #[must_use]
    pub fn new(value: f64, low: f64, high: f64) -> Self {
        Self { value, low: low.min(high).min(value), high: high.max(low).max(value) }
    }

    /// One that is known exactly.
    #[must_use]
    pub const fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Both ends and the value through a function that rises or falls all the way.
    #[must_use]
    pub fn map(self, of: impl Fn(f64) -> f64) -> Self {
        Self::new(of(self.value), of(self.low), of(self.high))
    }

    /// Of this over `other`, if neither knows of the other.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self::new(self.value / other.value, self.low / other.high, self.high / other.low)
    }

    /// The product, both above zero.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self::new(self.value * other.value, self.low * other.low, self.high * other.high)
    }

    /// Cut to these ends.
    #[must_use]
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { value: self.value.clamp(low, high), low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }

    /// Whether all three are numbers.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.value.is_finite() && self.low.is_finite() && self.high.is_finite()
    }
}

/// One number that a model was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name in the formula.
    pub name: String,
    /// The value with its ends.
    pub range: Range,
    /// Its unit.
    pub unit: Unit,
    /// Where it is from: a series of the run, or what it was computed from.
    pub from: String,
}

/// Which part of the run's objective the operation is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "share")]
pub enum Share {
    /// All of it: the step is the objective.
    Whole,
    /// This part of its time.
    Part {
        /// 0 to 1.
        range: Range,
        /// How it is known.
        from: String,
        /// Whether the user gave it: then it is a share of all of their work, and not of one step.
        given: bool,
    },
    /// The run does not say.
    Unknown,
}

/// A gain by a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Modelled {
    /// Which.
    pub model: Model,
    /// The formula with its numbers in words.
    pub formula: String,
    /// What it was given.
    pub inputs: Vec<Input>,
    /// What becomes faster.
    pub of: String,
    /// How many times as fast: time before over time after, at least 1.
    pub speedup: Range,
    /// Which part of the objective that is.
    pub share: Share,
}

impl Modelled {
    /// Share of the objective's time that would go, by Amdahl's law; none where the share is not known.
    #[must_use]
    pub fn saved(&self) -> Option<Range> {
        let of_operation = self.speedup.map(|speedup| if speedup > 1.0 { 1.0 - 1.0 / speedup } else { 0.0 });
        let saved = match &self.share {
            Share::Whole => of_operation,
            Share::Part { range, .. } => range.within(0.0, 1.0).times(of_operation),
            Share::Unknown => return None,
        };
        Some(saved.within(0.0, 1.0))
    }
}

/// What an advice should bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gain")]
pub enum Gain {
    /// By a model.
    Modelled(Box<Modelled>),
    /// There is no model for it, or its inputs were not measured.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Gain {
    /// The gain by a model, if there is one.
    #[must_use]
    pub fn modelled(&self) -> Option<&Modelled> {
        match self {
            Self::Modelled(modelled) => Some(modelled),
            Self::Unknown { .. } => None,
        }
    }

    /// Share of the objective's time that would go.
    #[must_use]
    pub fn saved(&self) -> Option<Range> {
        self.modelled().and_then(Modelled::saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modelled(speedup: Range, share: Share) -> Modelled {
        Modelled { model: Model::Ratio, formula: String::new(), inputs: vec![], of: "x".into(), speedup, share }
    }

    #[test]
    fn what_is_saved_follows_amdahls_law() {
        let half = |k: f64| {
            modelled(Range::exact(k), Share::Part { range: Range::exact(0.5), from: String::new(), given: true })
        };
        // Half of the time made twice as fast: a quarter goes, S = 1 / 0.75.
        assert_eq!(half(2.0).saved().map(|saved| saved.value), Some(0.25));
        // However fast, no more than the half.
        assert!((half(1e12).saved().unwrap().value - 0.5).abs() < 1e-9);
        assert_eq!(modelled(Range::exact(4.0), Share::Whole).saved().unwrap().value, 0.75);
        assert_eq!(modelled(Range::exact(4.0), Share::Unknown).saved(), None);
        // What makes it slower saves nothing.
        assert_eq!(modelled(Range::exact(0.5), Share::Whole).saved().unwrap().value, 0.0);
    }

    #[test]
    fn ends_stay_in_order() {
        let range = Range::new(2.0, 1.0, 4.0);
        assert_eq!(range.map(|x| 1.0 / x), Range { value: 0.5, low: 0.25, high: 1.0 });
        assert_eq!(range.over(range), Range { value: 1.0, low: 0.25, high: 4.0 });
        assert_eq!(Range::new(5.0, 1.0, 4.0).high, 5.0);
    }
}
