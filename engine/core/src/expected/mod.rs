//! What a machine should reach: figures with their source, and which series of a run each is about.
//!
//! A figure comes from a machine profile, from what the machine declares of itself (the bus by its memory modules, the
//! sizes of its caches), or from what the same run measured elsewhere. They are asked in this order, and the first that
//! has something to say about a series stands for the word `expected`.

mod declared;
mod fit;
mod measured;
mod of_run;
mod subject;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use declared::declared;
pub use fit::{Fit, GpuMatch, MachineProfile, MemoryMatch, Part, Requirements, StorageMatch, glob};
pub use of_run::{Above, Expected, of_run};
pub use subject::{Subject, SubjectError};

use crate::metric::Goal;
use crate::quantity::Quantity;

/// Whether a figure can be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureKind {
    /// Nothing can be better: a measurement beyond it is wrong, or the machine is another one.
    Ceiling,
    /// What such a machine usually reaches.
    Typical,
}

impl FigureKind {
    /// The word in profiles and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Typical => "typical",
        }
    }
}

/// One figure: what it is about, how much, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Which series it is about.
    pub subject: Subject,
    /// How much, with its dimension.
    pub value: Quantity,
    /// Whether it can be exceeded.
    pub kind: FigureKind,
    /// Who says so, or the arithmetic that gives it.
    pub source: String,
}

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A machine profile, by its name.
    Profile(String),
    /// What the machine declares of itself.
    Declared,
    /// What the same run measured.
    Measured,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Profile(name) => f.write_str(name),
            Self::Declared => f.write_str("declared"),
            Self::Measured => f.write_str("measured"),
        }
    }
}

/// What one series of a run should reach.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedValue {
    /// How much, in the unit of the series.
    pub value: f64,
    /// Whether it can be exceeded.
    pub kind: FigureKind,
    /// Where the figure comes from.
    pub origin: Origin,
    /// Who says so, or the arithmetic that gives it.
    pub source: String,
}

/// The machine profile of a run, as it was when the run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChosenProfile {
    /// Its name.
    pub name: String,
    /// Whether `--machine` or the settings named it; else the machine was recognised.
    pub named: bool,
    /// The figures that hold for this machine.
    pub figures: Vec<Figure>,
    /// What is unlike the profile or could not be read, one sentence each.
    pub remarks: Vec<String>,
}

/// How much of what is expected was reached: 1 is all of it, less is worse, in whichever direction is good. A metric
/// without a direction is simply divided. None where that has no meaning.
#[must_use]
pub fn share(goal: Goal, measured: f64, expected: f64) -> Option<f64> {
    let share = match goal {
        Goal::Lower => expected / measured,
        Goal::Higher | Goal::Neutral => measured / expected,
    };
    (share.is_finite() && share >= 0.0).then_some(share)
}
