//! Arguments of what shows a stored run or the machine.

use std::path::PathBuf;

use clap::Args;

use super::{FailOn, GoalName};

/// `engine report`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReportArgs {
    /// @last, @-2, @NAME, an id or its prefix, an exported file
    #[arg(default_value = "@last")]
    pub(crate) run: String,
    /// The file; its suffix says what: json md csv xml txt html [default: text on standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Vec<PathBuf>,
    /// What goes to standard output: json md csv xml txt html
    #[arg(long, value_name = "NAME", conflicts_with = "out")]
    pub(crate) format: Option<String>,
    /// HTML without a script: smaller, for mail and for places that forbid scripts
    #[arg(long)]
    pub(crate) lite: bool,
}

/// `engine top`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TopArgs {
    /// Time between two samples
    #[arg(long, value_name = "TIME", default_value = "1 s")]
    pub(crate) period: String,
    /// Samples after which it ends by itself
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// `engine compare`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareArgs {
    /// What to measure against: @NAME of a baseline, @auto, @last, @-2, an id or its prefix, an exported file; several runs
    /// with commas are a set, in which each run counts as one
    pub(crate) old: String,
    /// The run in question, or several with commas
    #[arg(default_value = "@last")]
    pub(crate) new: String,
    /// Both are files of values: one a line, each from a process run of its own, or CSV with a column that names the run
    #[arg(long)]
    pub(crate) file: bool,
    /// Column of the values in such files, by name or number
    #[arg(long, value_name = "COLUMN", requires = "file")]
    pub(crate) value: Option<String>,
    /// Column that names the process run
    #[arg(long, value_name = "COLUMN", requires = "file")]
    pub(crate) group: Option<String>,
    /// Which direction is good
    #[arg(long, value_name = "WHICH", default_value = "lower", requires = "file")]
    pub(crate) goal: GoalName,
    /// The runs of one place in both files were taken side by side
    #[arg(long, requires = "file")]
    pub(crate) paired: bool,
    /// What makes the command fail
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    /// Compare runs of unlike environments or methods all the same
    #[arg(long)]
    pub(crate) allow_unlike: bool,
    /// Only series whose name matches a glob
    #[arg(long, value_name = "GLOB")]
    pub(crate) metric: Vec<String>,
    /// Smaller changes do not count, such as 2%
    #[arg(long, value_name = "SHARE")]
    pub(crate) min_effect: Option<String>,
    /// Write it here: Markdown, or HTML where the name ends in .html
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// HTML without a script
    #[arg(long)]
    pub(crate) lite: bool,
}
