//! The command line.

mod advise;
mod alerts;
mod automate;
mod baseline;
mod faults;
mod journey;
#[cfg(test)]
mod quoted;
mod schedule;
mod series;
mod serve;
mod show;
mod stored;
mod target;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use advise::AdviseArgs;
pub(crate) use alerts::{AccuracyArgs, AlertsCommand, DeedArgs, LabelName, PatternsArgs, SimulateArgs};
pub(crate) use automate::{AbArgs, CiCommand, DemoArgs, InitArgs, Kind, NewCommand, PinArgs, Provider};
pub(crate) use baseline::{AcceptArgs, BaselineCommand, CloneArgs, SetArgs};
pub(crate) use faults::FaultsCommand;
pub(crate) use journey::{HttpArgs, ImportCommand, PlanArgs};
pub(crate) use schedule::{AddArgs, InstallArgs, ScheduleCommand};
pub(crate) use series::{AnomalyArgs, DetectorName, GoalName, TrendArgs, WhichRuns};
pub(crate) use serve::ServeArgs;
pub(crate) use show::{CompareArgs, ReportArgs, TopArgs};
pub(crate) use stored::{ConfigCommand, DbCommand, ImportArgs, RunsCommand};
pub(crate) use target::TargetArgs;

const STYLES: Styles =
    Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default());

const AFTER: &str = "Exit codes: 0 pass · 1 internal error · 2 usage · 3 script or configuration invalid · 4 nothing ran · \
10 expectation failed · 11 regression · 12 inconclusive · 13 target unreachable · 14 did not recover · 20 script error · \
21 permission or limit · 30 store error · 31 partial results · 40 result invalid · 130/143 signal. \
`engine explain CODE` says more.";

/// Measures machines and the software on them, and says what changed.
#[derive(Debug, Parser)]
#[command(name = "engine", version, styles = STYLES, after_help = AFTER, disable_help_subcommand = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// File of the results [default: $ENGINE_DB, the configuration, or $XDG_DATA_HOME/engine/performance.db]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// Configuration, TOML or JSON [default: $ENGINE_CONFIG, config/engine.toml, $XDG_CONFIG_HOME/engine/engine.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write what the engine does as JSON lines
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Machine-readable output on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// More detail; twice for all
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No colour (also: NO_COLOR)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios: files, or the built-in quick, hardware, full
    Run(Box<RunArgs>),
    /// Time commands: engine time 'A' 'B'
    Time(TimeArgs),
    /// Run one probe: engine probe memory.stream kernel=triad
    Probe(ProbeArgs),
    /// Load one address: engine http URL -r 200/s -d 30s
    Http(Box<HttpArgs>),
    /// Two builds side by side, in alternation: engine ab './old' './new'
    Ab(Box<AbArgs>),
    /// Write down what scenarios are made of, so that a run under the lock refuses what has changed
    Pin(PinArgs),
    /// Files for continuous integration: engine ci init github
    #[command(subcommand)]
    Ci(CiCommand),
    /// Make a project: configuration, a folder of scenarios with an example, .gitignore, a CI file
    Init(InitArgs),
    /// A new scenario to start from: engine new scenario http shop
    #[command(subcommand)]
    New(NewCommand),
    /// Ten seconds of load against a demo target of its own, and the report: nothing to set up, no network
    Demo(DemoArgs),
    /// Write a scenario from what a browser or curl sent
    #[command(subcommand)]
    Import(ImportCommand),
    /// Find the errors of a scenario without running anything
    Check(CheckArgs),
    /// List probes, metrics, scenarios, machine profiles, steps or parameters
    List(ListArgs),
    /// Show the documentation of a probe or a script function
    Doc(DocArgs),
    /// What this machine can and cannot measure, with the fix for each row
    Doctor(DoctorArgs),
    /// Compare two runs and say which metrics changed
    Compare(CompareArgs),
    /// Find what changed in a metric over the stored runs, or in series from files: since when, by how much, which commits
    Trend(TrendArgs),
    /// What other sizes would carry, by the scaling law of a run's sweep: engine plan @last --rate 5000/s
    Plan(PlanArgs),
    /// Score each point of a series as it comes: CSV time,value,score,flag
    Anomaly(AnomalyArgs),
    /// Runs to compare with by name, and levels accepted as the new normal
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// What is wrong now: list, acknowledge, silence, resolve, label, and who is told
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Runs at times of a pattern of cron: add, list, run, install
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// How right the alerts were that somebody labelled: precision, recall and delay, by rule
    Accuracy(AccuracyArgs),
    /// What would be found in the stored histories: the smallest change, after how many runs, how many false alarms
    Simulate(SimulateArgs),
    /// Cycles of the day and week, metrics that change together, and facts of the machine that explain a metric
    Patterns(PatternsArgs),
    /// Stored runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Name what limits, what to do about it, and what that should bring: engine advise @last
    Advise(AdviseArgs),
    /// Write the report of a stored run: engine report @last -o r.md
    Report(ReportArgs),
    /// The dashboard and its REST API, on this machine: http://127.0.0.1:5000
    Serve(ServeArgs),
    /// What this machine does now, drawn in the terminal: CPUs, memory, disks, networks, pressure
    Top(TopArgs),
    /// Run the demo target alone: a small shop on 127.0.0.1 that is as slow, full or broken as it is told to be
    Target(Box<TargetArgs>),
    /// The file of the results: check it, or copy it while it is in use
    #[command(subcommand)]
    Db(DbCommand),
    /// Faults that are active on this machine, and those that were undone
    #[command(subcommand)]
    Faults(FaultsCommand),
    /// Settings and where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Explain an exit code, a word of a report, the code of a script diagnostic, or a verdict that was shown
    Explain {
        /// Such as 12, inconclusive, degraded, unknown-option, or the id of a verdict
        what: Option<String>,
        /// Everything as the page docs/troubleshooting.md
        #[arg(long, conflicts_with = "what")]
        markdown: bool,
    },
    /// Completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// The manual page, or all of them into a folder
    Man {
        /// Folder for one page per command
        #[arg(long, short, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// One isolated round: the engine's own child.
    #[command(name = "__round", hide = true)]
    Round,
    /// What breaks things, and what puts them back: the engine's own child.
    #[command(name = "__faults", hide = true)]
    FaultsChild {
        /// What it is: `janitor`, `stress` or `keep`.
        role: String,
    },
    /// The engine's own tool server, for probes to talk to.
    #[command(name = "__tool", hide = true)]
    Tool {
        /// What it speaks: `mcp` or `echo`.
        protocol: String,
    },
}

/// What scenarios may do.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Allow {
    /// Hosts that scripts may talk to
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', help_heading = "Permissions")]
    pub(crate) allow_net: Vec<String>,
    /// Programs that scripts may start
    #[arg(long, value_name = "PROGRAM", value_delimiter = ',', help_heading = "Permissions")]
    pub(crate) allow_run: Vec<String>,
    /// Folders and files that scripts may read
    #[arg(long, value_name = "DIR", value_delimiter = ',', help_heading = "Permissions")]
    pub(crate) allow_read: Vec<String>,
    /// Folders that scripts may write to
    #[arg(long, value_name = "DIR", value_delimiter = ',', help_heading = "Permissions")]
    pub(crate) allow_write: Vec<String>,
    /// Variables that scripts may read
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Permissions")]
    pub(crate) allow_env: Vec<String>,
    /// Faults that scripts may inject into what they did not start
    #[arg(long, value_name = "KIND", value_delimiter = ',', help_heading = "Permissions")]
    pub(crate) allow_fault: Vec<String>,
}

/// How a scenario is read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Reading {
    /// Set a parameter of the scenario
    #[arg(long = "param", short, value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Parameters from a TOML or JSON file
    #[arg(long = "params", value_name = "FILE")]
    pub(crate) params_file: Option<PathBuf>,
    /// tiny (for tests), short, default or long
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Seed of the order and of everything random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Only steps whose name matches a glob
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave out steps whose name matches a glob
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Spend about this time, such as 45m: more rounds where there is more
    #[arg(long, value_name = "TIME")]
    pub(crate) budget: Option<String>,
    /// Folder searched for `std/..` modules before the built-in ones
    #[arg(long, value_name = "DIR")]
    pub(crate) stdlib: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) allow: Allow,
}

/// `engine run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Files, built-in scenarios (quick, hardware, full), or `-` for standard input
    #[arg(value_name = "SCENARIO", required_unless_present_any = ["eval", "resume"])]
    pub(crate) scenarios: Vec<String>,
    /// Script text
    #[arg(short = 'e', long, value_name = "SCRIPT", conflicts_with = "scenarios")]
    pub(crate) eval: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) storing: Storing,
    /// Compare with runs: a baseline's name, auto (the newest accepted runs of this branch and machine), auto:20, auto@main,
    /// @last, an id, a file, or several with commas
    #[arg(long, value_name = "RUN")]
    pub(crate) baseline: Option<String>,
    /// Profile of what the machine should reach [default: the one that fits; see `engine list machines`]
    #[arg(long, value_name = "NAME")]
    pub(crate) machine: Option<String>,
    /// Go on with a run that was interrupted or killed: what it has is not measured again
    #[arg(long, value_name = "RUN", conflicts_with = "eval")]
    pub(crate) resume: Option<String>,
    /// Refuse scenarios that are not in the lock; without this, a lock beside a scenario that names it is obeyed
    #[arg(long)]
    pub(crate) locked: bool,
    /// The lock [default: engine.lock beside the scenario]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// What makes the run fail beside expectations
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,
    /// What an unsure expectation does: report (exit 12), pass or fail
    #[arg(long, value_name = "HOW")]
    pub(crate) unsure: Option<Unsure>,
    /// Take no new round after this time, such as 10min
    #[arg(long, value_name = "TIME")]
    pub(crate) max_time: Option<String>,
    /// One round of everything, without warm-up and judgement
    #[arg(long)]
    pub(crate) once: bool,
    /// Show every event with its values
    #[arg(long)]
    pub(crate) trace: bool,
    /// Show the run in the browser while it runs [default port: 5000, or the next free one]
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) dashboard: Option<String>,
    /// Draw the run in the terminal while it goes on: machine, steps, rate, percentiles, errors; ? shows the keys
    #[arg(long, conflicts_with = "trace")]
    pub(crate) tui: bool,
    /// Store the run when it ends and nothing before: a run that is killed is lost. For measuring what the journal costs
    #[arg(long, hide = true)]
    pub(crate) no_journal: bool,
}

/// Where results and reports go.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Storing {
    /// Folder of the report files
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write a report here as well; the suffix says which: json md csv xml txt html
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Vec<PathBuf>,
    /// Report files to write into the folder: json, md, csv, junit, txt, html [default: the configuration's]
    #[arg(long, value_name = "FORMAT", value_delimiter = ',')]
    pub(crate) format: Vec<String>,
    /// Label the run
    #[arg(long = "tag", value_name = "K=V")]
    pub(crate) tags: Vec<String>,
    /// Repository of the code under test [default: the one in which the scenario stands]
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Send results while they come: ndjson=FILE, prometheus=URL or otlp=URL
    #[arg(long, value_name = "KIND=WHERE")]
    pub(crate) stream: Vec<String>,
}

/// What every command takes that is a scenario in one line.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneLine {
    /// Write the scenario that this is, and run nothing
    #[arg(long)]
    pub(crate) print_scenario: bool,
    #[command(flatten)]
    pub(crate) storing: Storing,
    /// tiny (for tests), short, default or long
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
}

/// What makes a run fail beside expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// A metric is worse than the baseline (exit 11).
    Regression,
    /// A comparison is inconclusive (exit 12).
    Inconclusive,
}

/// What an unsure expectation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unsure {
    /// Exit 12.
    Report,
    /// Counts as passed.
    Pass,
    /// Counts as failed.
    Fail,
}

/// `engine time`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeArgs {
    /// Commands, each one argument; split as a shell would, run without one
    #[arg(required = true, value_name = "COMMAND")]
    pub(crate) commands: Vec<String>,
    /// Exactly so many rounds [default: 10 to 50, until the interval is narrower than 1 %]
    #[arg(long, short, value_name = "N")]
    pub(crate) rounds: Option<u32>,
    /// Rounds that are dropped first
    #[arg(long, short, value_name = "N", default_value_t = 1)]
    pub(crate) warmup: u32,
    /// Keep going when a command fails
    #[arg(long, short)]
    pub(crate) ignore_failure: bool,
    /// Sweep a parameter: {NAME} in the commands, such as -L threads 1,2,4
    #[arg(long = "list", short = 'L', num_args = 2, value_names = ["NAME", "VALUES"])]
    pub(crate) list: Vec<String>,
    #[command(flatten)]
    pub(crate) one: OneLine,
}

/// `engine probe`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProbeArgs {
    /// Such as memory.stream
    pub(crate) id: String,
    /// Options, such as kernel=triad size=1GiB
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) options: Vec<String>,
    /// Exactly so many rounds
    #[arg(long, short, value_name = "N")]
    pub(crate) rounds: Option<u32>,
    /// Profile of what the machine should reach [default: the one that fits]
    #[arg(long, value_name = "NAME")]
    pub(crate) machine: Option<String>,
    #[command(flatten)]
    pub(crate) one: OneLine,
}

/// `engine check`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    /// Files or built-in scenarios
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Check again whenever the file changes
    #[arg(long)]
    pub(crate) watch: bool,
}

/// `engine list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// What to list
    pub(crate) what: ListWhat,
    /// The scenario, for steps and params; the profile whose figures are wanted, for machines
    pub(crate) scenario: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListWhat {
    /// All probes with a line each.
    Probes,
    /// All metrics of all probes.
    Metrics,
    /// The built-in scenarios.
    Scenarios,
    /// Machine profiles, or the figures of one.
    Machines,
    /// The steps of a scenario.
    Steps,
    /// The parameters of a scenario.
    Params,
}

/// `engine doc`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DocArgs {
    /// A probe, a script function, or a scenario file; nothing for an overview
    pub(crate) name: Option<String>,
    /// The whole script API as Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Write definition files for language servers into a folder
    #[arg(long, value_name = "DIR")]
    pub(crate) definitions: Option<PathBuf>,
}

/// `engine doctor`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    /// Warnings count as errors
    #[arg(long)]
    pub(crate) strict: bool,
}
