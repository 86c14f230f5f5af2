//! The declaration of a probe: its name, options, metrics and method. The code that measures lives in `engine-probes`;
//! everything that only needs to *know* a probe (scripts, documents, checks) needs no more than this.

use crate::metric::MetricDef;
use crate::unit::Dimension;

/// A probe as data.
#[derive(Debug, Clone, Copy)]
pub struct ProbeInfo {
    /// `area.name`, the same in files, scripts and results.
    pub id: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Raised whenever a change of the code changes the numbers; results of unlike versions are not compared.
    pub method: u32,
    /// The method in a few sentences, its source, and what would make the number wrong.
    pub about: &'static str,
    /// The options, in the order in which documents list them.
    pub params: &'static [ParamDef],
    /// What is recorded; the first is the primary metric.
    pub metrics: &'static [MetricDef],
    /// A typical round with default options, in seconds: for the plan's estimate.
    pub round_seconds: f64,
    /// In which process a round runs.
    pub process: RoundProcess,
    /// Which disturbances are the probe's own doing and taint nothing.
    pub noise: OwnNoise,
}

/// In which process a round of a probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoundProcess {
    /// In the engine's own, unless the step asks for a fresh one.
    #[default]
    Engine,
    /// Always in a fresh child of the engine: the probe may take so much memory, or call into such drivers, that the
    /// system or a fault could end the process, and that must not be the engine's.
    Child,
    /// The probe starts processes itself, so that isolating its round would add nothing.
    Starts,
}

/// What a probe does to the machine by itself, so that it is not taken for a disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnNoise {
    /// Nothing: one thread a CPU.
    #[default]
    Quiet,
    /// It waits for I/O.
    Io,
    /// It runs children or more threads than CPUs.
    Crowd,
}

impl ProbeInfo {
    /// The part before the dot: the script module.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(area, _)| area)
    }

    /// The part behind the dot: the script function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(_, name)| name)
    }

    /// The metric that a bare statistic (`median < 50 ms`) means.
    #[must_use]
    pub fn primary(&self) -> Option<&'static MetricDef> {
        self.metrics.first()
    }

    /// A metric by name.
    #[must_use]
    pub fn metric(&self, id: &str) -> Option<&'static MetricDef> {
        self.metrics.iter().find(|metric| metric.id == id)
    }

    /// An option by name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'static ParamDef> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// One option of a probe.
#[derive(Debug, Clone, Copy)]
pub struct ParamDef {
    /// Name in scripts and on the command line.
    pub name: &'static str,
    /// What values it takes.
    pub kind: ParamKind,
    /// Written as in a script; `None` when the option must be given.
    pub default: Option<&'static str>,
    /// Upper bound under the tiny profile.
    pub tiny: Option<&'static str>,
    /// One line.
    pub doc: &'static str,
}

/// The values an option takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// An amount of data with a unit, between the bounds (bytes).
    Size {
        /// Smallest, in bytes.
        min: f64,
        /// Largest, in bytes.
        max: f64,
    },
    /// A time with a unit, between the bounds (seconds).
    Time {
        /// Shortest, in seconds.
        min: f64,
        /// Longest, in seconds.
        max: f64,
    },
    /// A whole number between the bounds.
    Count {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A number of threads from 1 to the machine's, or `"all"`.
    Threads,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text, such as a file's path.
    Text,
    /// `true` or `false`.
    Flag,
    /// A program and its arguments; none when the text is empty.
    Command,
    /// The path of a `Cargo.toml` or of its folder; empty for none. Building it runs its code, so a script needs the
    /// same permission as for a program.
    Manifest,
    /// A map, such as the arguments of a tool; a text is read as JSON.
    Object,
}

impl ParamKind {
    /// What a document calls it.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Size { .. } => "size".to_owned(),
            Self::Time { .. } => "time".to_owned(),
            Self::Count { .. } => "count".to_owned(),
            Self::Threads => "threads or `\"all\"`".to_owned(),
            Self::Choice(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or "),
            Self::Text => "text".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Command => "program and arguments".to_owned(),
            Self::Manifest => "path of a `Cargo.toml`".to_owned(),
            Self::Object => "map".to_owned(),
        }
    }

    /// The dimension of its numbers, where it takes numbers.
    #[must_use]
    pub const fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Size { .. } => Some(Dimension::DATA),
            Self::Time { .. } => Some(Dimension::TIME),
            Self::Count { .. } | Self::Threads => Some(Dimension::NONE),
            Self::Choice(_) | Self::Text | Self::Flag | Self::Command | Self::Manifest | Self::Object => None,
        }
    }
}
