//! Arguments of `engine baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `engine baseline`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Name a run, or a window of runs, to compare with
    Set(SetArgs),
    /// Accept the level from a run on as the new normal: nothing before it is held against what follows
    Accept(AcceptArgs),
    /// Take over a baseline of another branch
    Clone(CloneArgs),
    /// All baselines
    List,
    /// What is old, over, or of another machine than what is measured now; and which alerts wait for a word
    Review {
        /// Tell people by the channels of notify.toml, when there is something to do
        #[arg(long)]
        notify: bool,
    },
    /// One baseline, with its runs and what was accepted
    Show {
        /// Its name
        name: String,
    },
    /// Write the newest run of a baseline to a file that every command accepts
    Export {
        /// Its name
        name: String,
        /// The file
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
    /// Forget a name; its runs stay
    Remove {
        /// Its name
        name: String,
        /// Only of this branch
        #[arg(long)]
        branch: Option<String>,
    },
}

/// `engine baseline set`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SetArgs {
    /// The name; `@NAME` then stands for its runs
    pub(crate) name: String,
    /// The run [default: @last]
    #[arg(conflicts_with = "last")]
    pub(crate) run: Option<String>,
    /// The newest N accepted runs of one scenario, branch and machine instead: each run counts as one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) last: Option<u32>,
    /// With --last, of this scenario [default: that of the last run]
    #[arg(long, requires = "last")]
    pub(crate) scenario: Option<String>,
    /// With --last, of this branch [default: that of the last run]
    #[arg(long, requires = "last")]
    pub(crate) branch: Option<String>,
    /// Not used any more after this time, such as 90d
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// Pruning may take its runs
    #[arg(long)]
    pub(crate) unprotected: bool,
    /// Why this is the level to compare with
    #[arg(long, default_value = "")]
    pub(crate) why: String,
    /// Who says so [default: $USER]
    #[arg(long)]
    pub(crate) who: Option<String>,
}

/// `engine baseline accept`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AcceptArgs {
    /// The first run of the new level
    #[arg(default_value = "@last")]
    pub(crate) run: String,
    /// Only of these series, as `engine trend` selects them [default: all of the scenario]
    #[arg(long, value_name = "METRIC")]
    pub(crate) series: Option<String>,
    /// Set this baseline to the run as well
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: Option<String>,
    /// Why the new level is fine
    #[arg(long)]
    pub(crate) why: String,
    /// Who says so [default: $USER]
    #[arg(long)]
    pub(crate) who: Option<String>,
}

/// `engine baseline clone`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CloneArgs {
    /// The baseline
    pub(crate) name: String,
    /// The branch that has it
    #[arg(long, value_name = "BRANCH")]
    pub(crate) from: String,
    /// The branch that gets it
    #[arg(long, value_name = "BRANCH")]
    pub(crate) to: String,
    /// Only of this scenario
    #[arg(long)]
    pub(crate) scenario: Option<String>,
    /// Why
    #[arg(long, default_value = "")]
    pub(crate) why: String,
    /// Who says so [default: $USER]
    #[arg(long)]
    pub(crate) who: Option<String>,
}
