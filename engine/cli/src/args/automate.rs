//! The commands for continuous integration and for the first minute.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{FailOn, Reading, Storing};

/// `engine ab`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AbArgs {
    /// The command of the first build: what the second is held against
    pub(crate) a: String,
    /// The command of the second build
    pub(crate) b: String,
    /// A scenario that takes the command as a parameter; without one the commands themselves are timed
    pub(crate) scenario: Option<String>,
    /// Name of that parameter
    #[arg(long, value_name = "NAME", default_value = "command")]
    pub(crate) into: String,
    /// Exactly so many rounds of the commands [default: 10 to 50, until the interval is narrower than 1 %]
    #[arg(long, short, value_name = "N", conflicts_with = "scenario")]
    pub(crate) rounds: Option<u32>,
    /// What makes the command fail: the first metric of each step decides
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    /// Write the scenario that this is, and run nothing
    #[arg(long)]
    pub(crate) print_scenario: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) storing: Storing,
}

/// `engine pin`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PinArgs {
    /// Scenarios to pin beside those in the lock [default: those in the lock]
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// The lock [default: engine.lock beside the first scenario]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Write nothing; fail with what has changed
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// `engine ci`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CiCommand {
    /// Write the files that run the quick suite for every change; an existing file is never overwritten
    Init {
        /// Where it runs
        provider: Provider,
        /// Only show the files
        #[arg(long)]
        dry_run: bool,
        /// Scenarios to run [default: quick]
        #[arg(long, value_name = "SCENARIO", value_delimiter = ',', default_value = "quick")]
        scenario: Vec<String>,
        /// The longest that the hook may take
        #[arg(long, value_name = "TIME", default_value = "30 s")]
        budget: String,
        /// How a CI job gets the engine: a shell command
        #[arg(long, value_name = "COMMAND")]
        install: Option<String>,
    },
    /// What a comment at a pull request says of a run: the verdict table and the top three findings, as Markdown
    Comment {
        /// The run
        #[arg(default_value = "@last")]
        run: String,
        /// What it is held against, as for `engine run --baseline`
        #[arg(long, value_name = "RUN")]
        baseline: Option<String>,
        /// Write it here [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Where continuous integration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// A hook of git, by the pre-commit framework or alone.
    PreCommit,
}

/// `engine init`.
#[derive(Debug, Clone, Args)]
pub(crate) struct InitArgs {
    /// The folder [default: this one]
    pub(crate) folder: Option<PathBuf>,
    /// The CI file to write with it
    #[arg(long, value_name = "NAME", default_value = "github")]
    pub(crate) ci: Provider,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `engine new`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NewCommand {
    /// A scenario: engine new scenario http shop
    Scenario {
        /// What it does
        kind: Kind,
        /// Its name: the file becomes scenarios/NAME.rhai, or NAME.rhai where there is no such folder
        name: String,
        /// Only show it
        #[arg(long)]
        dry_run: bool,
    },
}

/// Kinds of scenarios to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Probes of the machine.
    Probe,
    /// Commands, one against another.
    Command,
    /// A service under load.
    Http,
    /// The highest rate at which a service meets its service level.
    Capacity,
    /// Something beside a busy neighbour.
    Stress,
    /// Code in the scenario itself.
    Custom,
    /// A few fast checks for every change.
    Ci,
}

/// `engine demo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// How long the load lasts
    #[arg(long, short, value_name = "TIME", default_value = "10 s")]
    pub(crate) duration: String,
    /// Do not open the report
    #[arg(long)]
    pub(crate) no_open: bool,
    /// tiny (for tests), short, default or long
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) storing: Storing,
}
