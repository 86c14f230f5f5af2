//! Findings: what a rule says about a run, with everything that it rests on.
//!
//! A finding names its evidence, its cause and an action, and says what the action should bring. A gain is a model with
//! its inputs shown, or it is unknown: there is no third kind. Values are kept, not references, so that pruning a run takes
//! no explanation with it. The form follows what Lighthouse does for pages (an audit, its evidence, a simulated saving),
//! with one field more: an experiment that can be run.

mod experiment;
mod gain;
mod priority;
mod resource;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::run::{RunId, Timestamp};
use crate::stats::Interval;
use crate::unit::Unit;

pub use experiment::{Experiment, SystemChange, Trial};
pub use gain::{Gain, Input, Model, Modelled, Range, Share};
pub use priority::{Level, Priority};
pub use resource::{Bottleneck, Resource, ResourceUse, Saturation};

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Processor.
    Cpu,
    /// Caches and memory.
    Memory,
    /// Storage.
    Storage,
    /// Network.
    Network,
    /// Builds.
    Build,
    /// Calls between languages.
    Ffi,
    /// Hierarchical Temporal Memory.
    Htm,
    /// Neural activation mapping.
    Nam,
    /// Tool calls.
    Tool,
    /// Services under load.
    Service,
    /// How the parts of a program are put together.
    Architecture,
    /// The measurement itself.
    Measurement,
}

impl Family {
    /// All of them, in the order of documents.
    pub const ALL: [Self; 12] = [
        Self::Cpu,
        Self::Memory,
        Self::Storage,
        Self::Network,
        Self::Build,
        Self::Ffi,
        Self::Htm,
        Self::Nam,
        Self::Tool,
        Self::Service,
        Self::Architecture,
        Self::Measurement,
    ];

    /// The name in ids: the part before the dot.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Build => "build",
            Self::Ffi => "ffi",
            Self::Htm => "htm",
            Self::Nam => "nam",
            Self::Tool => "tool",
            Self::Service => "service",
            Self::Architecture => "architecture",
            Self::Measurement => "measurement",
        }
    }

    /// The family of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// What it takes to follow an advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// A setting or a flag.
    Minutes,
    /// A change in one place of the code.
    Hours,
    /// A change of how a program is built.
    Days,
}

impl Effort {
    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Days => "days",
        }
    }

    /// The effort of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Minutes, Self::Hours, Self::Days].into_iter().find(|effort| effort.name() == name)
    }

    /// What a gain is divided by: twice as much for each step, so that effort orders and does not decide.
    #[must_use]
    pub const fn weight(self) -> f64 {
        match self {
            Self::Minutes => 1.0,
            Self::Hours => 2.0,
            Self::Days => 4.0,
        }
    }
}

/// On which side of its limit a value was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At least as large.
    AtLeast,
    /// At most as large.
    AtMost,
}

/// The limit that a value was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// Full name of the limit: `RULE.NAME`.
    pub setting: String,
    /// On which side of it the rule fires.
    pub side: Side,
    /// The limit, in the unit of the value.
    pub value: f64,
}

/// One number that a finding rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is: a series (`fsync.latency{method=fdatasync}`), a field of the environment (`os.thp`), or the monitor's
    /// (`monitor.cpu`); derived ones say of what.
    pub source: String,
    /// The run.
    pub run: String,
    /// The value, in `unit`; none where it is a word.
    pub value: Option<f64>,
    /// The word, where it is one.
    pub word: Option<String>,
    /// 95 % interval over rounds.
    pub interval: Option<Interval>,
    /// Unit of value, interval and limit.
    pub unit: Unit,
    /// What it was held against.
    pub against: Option<Against>,
    /// From when to when it was observed, in seconds since the run's start.
    pub times: Option<(f64, f64)>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ", self.source)?;
        match (&self.word, self.value) {
            (Some(word), _) => f.write_str(word)?,
            (None, Some(value)) => f.write_str(&self.unit.format(value))?,
            (None, None) => f.write_str("unknown")?,
        }
        if let Some(Interval { low, high }) = self.interval {
            write!(f, " [{} .. {}]", self.unit.format(low), self.unit.format(high))?;
        }
        if let Some(Against { setting, side, value }) = &self.against {
            let sign = if *side == Side::AtLeast { ">=" } else { "<=" };
            write!(f, " ({sign} {} of `{setting}`)", self.unit.format(*value))?;
        }
        if let Some((from, to)) = self.times {
            write!(f, ", at {from:.1} .. {to:.1} s")?;
        }
        Ok(())
    }
}

/// How far a finding can be trusted, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// 0 to 1.
    pub value: f64,
    /// What made it so: rounds, disturbances, validity, and how well the model fits the case.
    pub because: Vec<String>,
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the rule: `family.name`.
    pub rule: String,
    /// What it is about.
    pub family: Family,
    /// One line.
    pub title: String,
    /// The step that it was found at.
    pub subject: String,
    /// What the gain would come from; gains on the same resource do not add.
    pub resource: Resource,
    /// The numbers.
    pub evidence: Vec<Evidence>,
    /// One sentence: why it is so.
    pub cause: String,
    /// The exact command or change.
    pub action: String,
    /// What the action takes.
    pub effort: Effort,
    /// What it should bring.
    pub gain: Gain,
    /// When this is wrong.
    pub wrong_when: String,
    /// How far it can be trusted.
    pub confidence: Confidence,
    /// Where it stands among the others.
    pub priority: Priority,
    /// How it can be tried.
    pub experiment: Option<Experiment>,
    /// Other steps at which the same was found.
    pub also: Vec<String>,
}

impl Finding {
    /// The work whose time the gain is a share of: the step, or nothing for the user's work as a whole.
    #[must_use]
    pub fn work(&self) -> &str {
        match self.gain.modelled().map(|modelled| &modelled.share) {
            Some(Share::Part { given: true, .. }) => "",
            _ => &self.subject,
        }
    }
}

/// A rule that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotAssessed {
    /// Id of the rule.
    pub rule: String,
    /// What is missing.
    pub missing: String,
    /// How to get it, with the command.
    pub needs: String,
}

/// What all findings together could bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "potential")]
pub enum Potential {
    /// A share of the objective's time that would go, as an interval.
    Known {
        /// What it is a share of.
        objective: String,
        /// Share of its time, 0 to 1: the findings taken one after the other, each on what those before left.
        value: f64,
        /// From the largest alone (all others are the same time again) to the sum (none is).
        interval: Interval,
        /// The rules that it is made of.
        rules: Vec<String>,
    },
    /// It cannot be told.
    NotKnown {
        /// Why.
        reason: String,
    },
}

/// What came of an experiment: how many times as good, as predicted and as measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// When it was done.
    pub at: Timestamp,
    /// The rule.
    pub rule: String,
    /// The run that the prediction is from.
    pub predicted_by: RunId,
    /// The run of the experiment.
    pub measured_by: RunId,
    /// The prediction with its interval.
    pub predicted: Range,
    /// The median over rounds with its interval.
    pub measured: Range,
}

impl Verified {
    /// Whether what was measured lies within what was predicted.
    #[must_use]
    pub fn holds(&self) -> bool {
        (self.predicted.low..=self.predicted.high).contains(&self.measured.value)
    }

    /// How far the prediction was off, as a share of what was measured.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.predicted.value - self.measured.value).abs() / self.measured.value.abs().max(f64::MIN_POSITIVE)
    }
}

/// How well earlier estimates of a rule held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The rule; all together when it is empty.
    pub rule: String,
    /// Experiments that were done.
    pub trials: usize,
    /// Share of them whose measured gain lay within the predicted interval.
    pub coverage: f64,
    /// Median of |predicted - measured| / measured.
    pub median_error: f64,
}

/// Everything that the rules say about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The run.
    pub run: String,
    /// What gains are measured by.
    pub objective: String,
    /// What was found, the most urgent first.
    pub findings: Vec<Finding>,
    /// Rules that found nothing.
    pub quiet: Vec<String>,
    /// Rules that could not be asked.
    pub not_assessed: Vec<NotAssessed>,
    /// Resources of the run, and the one that limits.
    pub bottlenecks: Vec<Bottleneck>,
    /// All together.
    pub potential: Potential,
    /// How earlier estimates held; empty where none was verified.
    #[serde(default)]
    pub calibration: Vec<Calibration>,
}
