//! The commands about what is stored: runs, the file itself, the settings.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `engine runs`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RunsCommand {
    /// Stored runs, newest first
    List {
        /// Only of this scenario
        #[arg(long)]
        scenario: Option<String>,
        /// Only with this tag
        #[arg(long, value_name = "K=V")]
        tag: Option<String>,
        /// Only of this branch
        #[arg(long)]
        branch: Option<String>,
        /// Only younger than this, such as 7d
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// At most so many
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
        /// With the runs of the tiny profile
        #[arg(long)]
        all: bool,
    },
    /// One run on the terminal
    Show {
        /// @last, @-2, @NAME, an id or its prefix, an exported file
        #[arg(default_value = "@last")]
        run: String,
    },
    /// Add a remark to a run
    Annotate {
        /// The run
        run: String,
        /// The remark
        text: String,
    },
    /// Write a run to a file of its own, or the whole history as JSON lines
    Export {
        /// The run
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        run: Option<String>,
        /// Every run, baseline and accepted level, a line each
        #[arg(long)]
        all: bool,
        /// The file
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
    /// Read exported runs, a whole history, the file of another machine, or the results of another tool into the store
    Import(ImportArgs),
    /// Remove old runs; baselines and annotated runs stay
    Prune {
        /// Keep at least so many of the newest
        #[arg(long)]
        keep: Option<u32>,
        /// Remove only what is older, such as 90d
        #[arg(long, value_name = "TIME")]
        older_than: Option<String>,
        /// Remove the oldest until what is left fits, such as 1GB, however young they are
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
}

/// `engine runs import`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ImportArgs {
    /// The files; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// auto, or the tool: criterion libtest hyperfine go jmh google pytest k6 fio bmf
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) format: String,
    /// Name of the scenario under which results of another tool are kept [default: the tool]
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// Each file is of another process that measured the same: all are rounds of one run
    #[arg(long)]
    pub(crate) together: bool,
    /// Commit of the code, where the file does not say it
    #[arg(long, value_name = "ID")]
    pub(crate) commit: Option<String>,
    /// Branch of the code, where the file does not say it
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Label the runs
    #[arg(long = "tag", value_name = "K=V")]
    pub(crate) tags: Vec<String>,
}

/// `engine config`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigCommand {
    /// All settings
    Show {
        /// Say where each comes from
        #[arg(long)]
        origin: bool,
    },
    /// Convert a JSON configuration to TOML
    Import {
        /// The JSON file
        file: PathBuf,
        /// Where to write it [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// The documented defaults, ready to be edited
    Default,
}

/// `engine db`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DbCommand {
    /// Whether the file is whole
    Check,
    /// A consistent copy
    Backup {
        /// Where to
        file: PathBuf,
    },
}
