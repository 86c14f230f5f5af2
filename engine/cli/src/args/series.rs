//! Arguments of the commands that take series from files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::FailOn;

/// `engine trend`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrendArgs {
    /// Files: CSV with or without a column of times, a JSON array, or {"series": [{"raw": [..]}]}; `-` is standard input
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Column of the times, by name or number [default: found by name]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Column of the values [default: each column of numbers is a series]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) value: Option<String>,
    /// The level from this point on is accepted: nothing before it is held against what follows
    #[arg(long, value_name = "INDEX")]
    pub(crate) accept: Vec<usize>,
    /// The rule of another tool instead, such as otava, asv, perfherder, rustc, t:0.99, z, iqr:2
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Exit 11 when a change is confirmed, or 12 when one is suspected
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
}

/// `engine anomaly`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AnomalyArgs {
    /// CSV, or `-` for standard input
    pub(crate) file: PathBuf,
    /// Column of the times, by name or number [default: found by name]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// Column of the values [default: the first of numbers]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) value: Option<String>,
    /// What watches
    #[arg(long, value_name = "NAME", default_value = "robust")]
    pub(crate) detector: DetectorName,
}

/// Detectors of anomalies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DetectorName {
    /// Distance from the last few hundred points in robust standard deviations.
    Robust,
    /// What a Hierarchical Temporal Memory did not predict; learns from the first 15 % of the points.
    Htm,
}

/// Which direction is good, for values from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoalName {
    /// Smaller is better: times.
    Lower,
    /// Larger is better: rates.
    Higher,
}
