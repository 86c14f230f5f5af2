//! Arguments of the commands that take series from files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::FailOn;

/// `engine trend`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrendArgs {
    /// Stored series, such as quick/cpu.primes.time, '*.rate{threads=8}' or time; `*` and `?` stand for anything
    #[arg(required_unless_present = "file", conflicts_with = "file", value_name = "METRIC")]
    pub(crate) metric: Vec<String>,
    /// Files instead: CSV with or without a column of times, a JSON array, or {"series": [{"raw": [..]}]}; `-` is standard input
    #[arg(long, short, num_args = 1.., value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) which: WhichRuns,
    /// Column of the times, by name or number [default: found by name]
    #[arg(long, value_name = "COLUMN", requires = "file")]
    pub(crate) time: Option<String>,
    /// Column of the values [default: each column of numbers is a series]
    #[arg(long, value_name = "COLUMN", requires = "file")]
    pub(crate) value: Option<String>,
    /// The level from this point on is accepted: nothing before it is held against what follows
    #[arg(long, value_name = "INDEX", requires = "file")]
    pub(crate) accept: Vec<usize>,
    /// Where the metric will be after this time, such as 30d: told only where a line foretold its own past better than "no change"
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    pub(crate) forecast: Option<String>,
    /// With --forecast: when this value is reached, such as "200 ms"
    #[arg(long, value_name = "VALUE", requires = "forecast")]
    pub(crate) threshold: Option<String>,
    /// The rule of another tool instead, such as otava, asv, perfherder, rustc, t:0.99, z, iqr:2
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Exit 11 when a change is confirmed, or 12 when one is suspected
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
}

/// Which stored runs a history is made of.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhichRuns {
    /// Only runs younger than this, such as 90d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only runs of this branch
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Only runs of this machine: its id or the beginning of it, or `this`
    #[arg(long)]
    pub(crate) machine: Option<String>,
    /// Only the newest so many runs of each series
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) last: Option<u32>,
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
