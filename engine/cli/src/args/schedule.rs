//! Arguments of `engine schedule`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `engine schedule`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Run a scenario at times of a pattern of cron: engine schedule add nightly '0 2 * * *' full
    Add(Box<AddArgs>),
    /// All schedules, with when each starts next and what came of it last
    List,
    /// Forget a schedule; its runs stay
    Remove {
        /// Its name
        name: String,
    },
    /// Follow a schedule again, from now on
    Enable {
        /// Its name
        name: String,
    },
    /// Follow a schedule no more
    Disable {
        /// Its name
        name: String,
    },
    /// Run a schedule now, whatever its pattern says
    RunNow {
        /// Its name
        name: String,
        /// As a timer or cron does: under the conditions of the schedule, and after another run has ended
        #[arg(long)]
        scheduled: bool,
    },
    /// What came of the times of a schedule, or of all; the newest first
    History {
        /// Its name
        name: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// Follow the schedules until Ctrl-C, and tell people of alerts
    Run {
        /// Look once, and run what is due
        #[arg(long)]
        once: bool,
    },
    /// Look for runs that did not come, and tell people: what a timer does beside the runs
    Watch,
    /// Add quick every six hours, full every night, and a weekly look at the baselines
    Defaults {
        /// Time zone of the patterns [default: that of this machine]
        #[arg(long, value_name = "NAME")]
        zone: Option<String>,
    },
    /// Let systemd or cron start the runs: shows what is written, then writes it
    Install(InstallArgs),
    /// Remove exactly what `install` wrote
    Uninstall,
}

/// `engine schedule add`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AddArgs {
    /// Its name
    pub(crate) name: String,
    /// minute hour day-of-month month day-of-week, in quotes; or @daily
    pub(crate) cron: String,
    /// A file, a built-in scenario, or baseline-review
    pub(crate) scenario: String,
    /// Time zone of the pattern, such as Europe/Berlin [default: that of this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) zone: Option<String>,
    /// Put each start off by a random time up to this
    #[arg(long, value_name = "TIME", default_value = "0 s")]
    pub(crate) jitter: String,
    /// Do not make up for times that were missed
    #[arg(long)]
    pub(crate) no_catch_up: bool,
    /// End a run that takes longer
    #[arg(long, value_name = "TIME", default_value = "4 h")]
    pub(crate) limit: String,
    /// Skip when other work uses more of the processors than this, such as '30 %'
    #[arg(long, value_name = "SHARE")]
    pub(crate) skip_busy: Option<String>,
    /// Skip on battery
    #[arg(long)]
    pub(crate) skip_on_battery: bool,
    /// Raise an alert when a run has not come so long after its time
    #[arg(long, value_name = "TIME", default_value = "1 h")]
    pub(crate) missing_after: String,
    /// Repeat a run that raises an alert, and tell people when the second says the same
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Working folder [default: this one]
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Further arguments of `engine run`, after `--`
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) run: Vec<String>,
}

/// `engine schedule install`.
#[derive(Debug, Clone, Args)]
pub(crate) struct InstallArgs {
    /// Units of systemd: a timer for each schedule
    #[arg(long, required_unless_present = "cron", conflicts_with = "cron")]
    pub(crate) systemd: bool,
    /// Lines of cron
    #[arg(long)]
    pub(crate) cron: bool,
    /// For this user, not for the whole machine
    #[arg(long)]
    pub(crate) user: bool,
    /// One long-running service that follows the schedules: benchmarking-automation.service
    #[arg(long, requires = "systemd")]
    pub(crate) service: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write the files into this folder, and enable nothing: for images and packages
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}
