//! Where a finding stands: expected gain on the run's objective, times confidence, over effort.
//!
//! Of the gain that is expected, what is sure counts: the lower end of its interval. That is the expected gain times the part of it
//! that another measurement would still show, so that a gain whose interval begins at none ranks low however large it may be.

use serde::{Deserialize, Serialize};

use super::{Effort, Gain, Range};
use crate::unit::Unit;

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Low,
    /// Worth doing some day.
    Medium,
    /// Worth doing next.
    High,
    /// Worth doing now.
    Critical,
}

impl Level {
    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level of a score: from a quarter, a tenth and three hundredths of the objective on.
    #[must_use]
    pub fn of(score: f64) -> Self {
        match score {
            score if score >= 0.25 => Self::Critical,
            score if score >= 0.10 => Self::High,
            score if score >= 0.03 => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// A level with its calculation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Priority {
    /// The level.
    pub level: Level,
    /// Share of the objective's time that would go at least, times confidence, over the weight of the effort.
    pub score: f64,
    /// The same in words.
    pub calculation: String,
}

impl Priority {
    /// The priority of a gain of which `left` (0 to 1, with its ends) of the objective's time is still to be had after the findings
    /// before it. Without a known gain it is low.
    #[must_use]
    pub fn of(gain: &Gain, confidence: f64, effort: Effort, left: Option<Range>, after: Option<&str>) -> Self {
        let Some(left) = left else {
            let why = match gain {
                Gain::Unknown { .. } => "the gain is unknown",
                Gain::Modelled(_) => "what share of your work this operation is, the run does not say",
            };
            return Self { level: Level::Low, score: 0.0, calculation: format!("{why}: ranked low") };
        };
        let score = Self::weighed(left.low, confidence, effort);
        let after = after.map_or_else(String::new, |rules| format!(", of what is left after {rules},"));
        let sure = if left.low < left.value {
            let (low, value) = (Unit::Ratio.format(left.low), Unit::Ratio.format(left.value));
            format!("at least {low} of the time ({value} expected)")
        } else {
            format!("{} of the time", Unit::Ratio.format(left.value))
        };
        let calculation = format!(
            "{sure}{after} x confidence {confidence:.2} / effort {} ({}) = {score:.3}",
            effort.weight(),
            effort.name(),
        );
        Self { level: Level::of(score), score, calculation }
    }

    /// A share of the time, weighed by how sure it is and what it takes.
    #[must_use]
    pub fn weighed(share: f64, confidence: f64, effort: Effort) -> f64 {
        share * confidence / effort.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calculation_is_shown_and_its_own_check() {
        let gain = Gain::Unknown { reason: "x".into() };
        let found = Priority::of(&gain, 0.8, Effort::Hours, Some(Range::exact(0.5)), None);
        assert_eq!((found.level, found.score), (Level::High, 0.2));
        assert_eq!(found.calculation, "50 % of the time x confidence 0.80 / effort 2 (hours) = 0.200");
        assert_eq!(Priority::of(&gain, 1.0, Effort::Minutes, None, None).level, Level::Low);
        let wide = |low| Priority::of(&gain, 0.8, Effort::Hours, Some(Range::new(0.5, low, 0.7)), Some("`a.b`"));
        assert_eq!(
            wide(0.25).calculation,
            "at least 25 % of the time (50 % expected), of what is left after `a.b`, x confidence 0.80 / effort 2 (hours) = 0.100"
        );
        // Nothing is sure: low, however much is expected.
        assert_eq!((wide(0.25).level, wide(0.0).level, wide(0.0).score), (Level::High, Level::Low, 0.0));
        assert!(Level::Critical > Level::High && Level::of(0.25) == Level::Critical && Level::of(0.0) == Level::Low);
    }
}
