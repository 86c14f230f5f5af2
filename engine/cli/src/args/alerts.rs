//! Arguments of `engine alerts`, `engine accuracy` and `engine simulate`.

use clap::{Args, Subcommand, ValueEnum};

use super::WhichRuns;

/// `engine alerts`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Open alerts, the newest first
    List {
        /// With those that are resolved
        #[arg(long)]
        all: bool,
        /// Only of this scenario
        #[arg(long)]
        scenario: Option<String>,
        /// Only of this branch
        #[arg(long)]
        branch: Option<String>,
        /// Only of this rule: expectation, verdict, change-point, health, failure, environment or missing-run
        #[arg(long)]
        rule: Option<String>,
    },
    /// One alert with its life so far
    Show {
        /// Its id or the beginning of it
        id: String,
    },
    /// Say that it is known
    Ack(DeedArgs),
    /// Do not tell of it for a time
    Silence {
        #[command(flatten)]
        deed: DeedArgs,
        /// For how long, such as 7d
        #[arg(long = "for", value_name = "TIME")]
        time: String,
    },
    /// Say that it is over; a change point is not raised again
    Resolve(DeedArgs),
    /// Say what it was, so that `engine accuracy` can count
    Label {
        #[command(flatten)]
        deed: DeedArgs,
        /// Whether there was something
        #[arg(long = "as", value_name = "WHAT")]
        label: LabelName,
    },
    /// Send a notice by a channel of notify.toml, to see whether it arrives: email, slack, webhook, command or desktop
    Test {
        /// The channel; it need not be enabled
        channel: String,
    },
    /// Tell people now what they have not been told, and send what waits
    Send {
        /// Also what was given up, without waiting for its time
        #[arg(long)]
        retry: bool,
    },
    /// Notices on their way, those that were sent, and those that were given up; the newest first
    Outbox {
        /// At most so many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
        /// Only of this channel
        #[arg(long)]
        channel: Option<String>,
    },
    /// Say that something got worse and nothing told of it
    Missed {
        /// The series, as `engine trend` selects it; it must mean one
        metric: String,
        /// The run with which it began
        #[arg(long, value_name = "RUN")]
        run: String,
        /// Only of this branch
        #[arg(long)]
        branch: Option<String>,
        /// Only of this machine
        #[arg(long)]
        machine: Option<String>,
        /// What it was
        #[arg(long, default_value = "")]
        why: String,
        /// Who says so [default: $USER]
        #[arg(long)]
        who: Option<String>,
    },
}

/// Which alert, by whom, and why.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeedArgs {
    /// Ids or the beginnings of them
    #[arg(required = true)]
    pub(crate) id: Vec<String>,
    /// Why
    #[arg(long, default_value = "")]
    pub(crate) why: String,
    /// Who says so [default: $USER]
    #[arg(long)]
    pub(crate) who: Option<String>,
}

/// What an alert was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabelName {
    /// There was something.
    True,
    /// There was nothing.
    False,
    /// Neither counts.
    Ignored,
}

/// `engine simulate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SimulateArgs {
    /// Stored series, as `engine trend` selects them [default: all]
    #[arg(value_name = "METRIC")]
    pub(crate) metric: Vec<String>,
    /// How much worse the injected runs are
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub(crate) inject: String,
    /// Runs within which it is to be found
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) within: u32,
    /// Histories that are drawn from each
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(5..=1000))]
    pub(crate) draws: u32,
    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) which: WhichRuns,
}

/// `engine accuracy`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AccuracyArgs {
    /// Only these rules of other tools beside ours, such as t:0.99; several with commas [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) policy: Vec<String>,
    #[command(flatten)]
    pub(crate) which: WhichRuns,
}

/// `engine patterns`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PatternsArgs {
    /// Stored series, as `engine trend` selects them [default: all]
    #[arg(value_name = "METRIC")]
    pub(crate) metric: Vec<String>,
    #[command(flatten)]
    pub(crate) which: WhichRuns,
}
