//! Metrics: what a number means, in which unit, and which direction is good.

use serde::{Deserialize, Serialize};

use crate::unit::Unit;

/// Which direction of change is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Smaller is better: times, memory.
    Lower,
    /// Larger is better: rates, efficiency.
    Higher,
    /// Neither: sizes found, counts.
    Neutral,
}

/// How the samples within one round become the round's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// What the machine can do (bandwidth, latency floor): the round counts with its best sample, because every
    /// disturbance makes it worse and none makes it better.
    Capability,
    /// What something costs (a spawn, an fsync, a command): the round counts with its median.
    Cost,
}

/// The declaration of a metric beside the probe that records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricDef {
    /// Name, unique within the step: `rate`, `latency`, `l3_size`.
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Unit in which values are recorded.
    pub unit: Unit,
    /// Which direction is good.
    pub goal: Goal,
    /// How a round is summarised.
    pub nature: Nature,
}

impl MetricDef {
    /// A cost: lower is better, a round counts with its median.
    #[must_use]
    pub const fn cost(id: &'static str, unit: Unit, title: &'static str) -> Self {
        Self { id, title, unit, goal: Goal::Lower, nature: Nature::Cost }
    }

    /// A capability of which more is better, such as a bandwidth.
    #[must_use]
    pub const fn rate(id: &'static str, unit: Unit, title: &'static str) -> Self {
        Self { id, title, unit, goal: Goal::Higher, nature: Nature::Capability }
    }

    /// A capability of which less is better, such as a latency floor.
    #[must_use]
    pub const fn floor(id: &'static str, unit: Unit, title: &'static str) -> Self {
        Self { id, title, unit, goal: Goal::Lower, nature: Nature::Capability }
    }

    /// A finding that is neither good nor bad, such as a detected size.
    #[must_use]
    pub const fn fact(id: &'static str, unit: Unit, title: &'static str) -> Self {
        Self { id, title, unit, goal: Goal::Neutral, nature: Nature::Cost }
    }

    /// The stored form.
    #[must_use]
    pub fn metric(&self) -> Metric {
        Metric { id: self.id.to_owned(), unit: self.unit, goal: self.goal, nature: self.nature }
    }
}

/// A metric as it is stored with a result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Metric {
    /// Name, unique within the step.
    pub id: String,
    /// Unit of every stored value.
    pub unit: Unit,
    /// Which direction is good.
    pub goal: Goal,
    /// How a round is summarised.
    pub nature: Nature,
}

impl Metric {
    /// A metric that a script records under its own name: neutral, a cost.
    #[must_use]
    pub fn scripted(id: impl Into<String>, unit: Unit) -> Self {
        Self { id: id.into(), unit, goal: Goal::Neutral, nature: Nature::Cost }
    }
}
