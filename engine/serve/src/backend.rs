//! What the server cannot do by itself: everything that needs the settings, the probes or the script language. The program
//! implements it; tests give a small one of their own.

use std::collections::BTreeMap;

use engine_core::comparison::Comparison;
use engine_core::finding::Advice;
use engine_core::run::{RunRecord, Timestamp};
use engine_core::schedule::{Mark, Schedule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The class.
    pub kind: Refusal,
    /// One sentence.
    pub message: String,
    /// What would help.
    pub hint: Option<String>,
}

/// Classes of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// What was asked makes no sense.
    Invalid,
    /// There is no such thing.
    Unknown,
    /// The settings do not allow it.
    Forbidden,
    /// Not now: something else stands in the way.
    Conflict,
    /// Not in this build, or not at the moment.
    Unavailable,
    /// It should have worked.
    Internal,
}

impl Refused {
    /// A refusal without a hint.
    pub fn new(kind: Refusal, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }
}

/// What this machine can and cannot measure.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Machine {
    /// One row a part.
    pub rows: Vec<MachineRow>,
    /// Stable id of the machine.
    pub machine: String,
    /// The machine and its software, as path and text (`cpu.model`).
    pub environment: BTreeMap<String, String>,
    /// Name of the profile that fits; null where none does.
    pub profile: Option<String>,
}

/// One part of the machine.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MachineRow {
    /// The part.
    pub name: String,
    /// How it is.
    pub status: MachineStatus,
    /// What was found.
    pub found: String,
    /// What would help.
    pub fix: Option<String>,
}

/// How a part of the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineStatus {
    /// It can be measured.
    Ok,
    /// It can, with doubts.
    Warning,
    /// It cannot.
    Missing,
}

/// A scenario that can be named.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScenarioRow {
    /// The name: of a built-in one, or the path of a file under the folder of scenarios.
    pub name: String,
    /// First line of its description.
    pub title: String,
    /// `embedded` or `file`.
    pub source: &'static str,
}

/// What a scenario would do.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct PlanPreview {
    /// The name that was asked for.
    pub scenario: String,
    /// First line of its description.
    pub title: String,
    /// The file, or `embedded:NAME`.
    pub source: String,
    /// Its steps; none where it has errors.
    pub steps: Vec<PlanStep>,
    /// How long it takes at most, in seconds.
    pub estimate_seconds: Option<f64>,
    /// Its parameters.
    pub params: Vec<PlanParam>,
    /// Permissions beyond the default, as flags.
    pub permissions: Vec<String>,
    /// Errors and warnings.
    pub diagnostics: Vec<PlanDiagnostic>,
    /// Phases of its loads.
    pub phases: Vec<PlanPhase>,
}

/// A step of a plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanStep {
    /// `name{labels}`.
    pub path: String,
    /// The probe, or what it does in words.
    pub what: String,
    /// Most rounds.
    pub rounds: u32,
    /// A typical round, in seconds.
    pub estimate_seconds: f64,
}

/// A parameter of a scenario.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanParam {
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// What it is.
    pub help: String,
}

/// An error or a warning about a scenario.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanDiagnostic {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// One sentence.
    pub message: String,
    /// The file.
    pub file: String,
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1; 0 when unknown.
    pub column: usize,
    /// What would help.
    pub help: Option<String>,
}

/// A phase of a load. Times are in seconds since the load's start.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanPhase {
    /// Path of the step.
    pub step: String,
    /// Name of the phase.
    pub name: String,
    /// When it begins.
    pub start: f64,
    /// When it ends.
    pub end: f64,
    /// In words.
    pub text: String,
}

/// A scenario to be run.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// `tiny`, `short`, `default` or `long`; the settings' profile where it is not said.
    #[serde(default)]
    pub profile: Option<String>,
    /// Values of parameters, as text.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

/// A run that was started from here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its number.
    pub job: u64,
    /// The scenario.
    pub scenario: String,
    /// The profile that was asked for.
    pub profile: Option<String>,
    /// When it was started, RFC 3339 in UTC.
    pub started: String,
    /// `running` or `ended`.
    pub state: &'static str,
    /// How its process ended; null while it runs.
    pub exit_code: Option<i32>,
    /// The end of what it wrote for people.
    pub output: String,
}

/// A start that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// When.
    pub at: Timestamp,
    /// The same as people of the schedule's time zone write it.
    pub local: String,
}

/// Two sides to compare.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    /// The older side: runs, or the name of a baseline.
    pub old: String,
    /// The newer side: runs.
    pub new: String,
    /// Smaller changes do not count; a share.
    pub min_effect: Option<f64>,
    /// Whether unlike environments are compared all the same.
    pub allow_unlike: bool,
}

/// What is said of results that come from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct ImportAs {
    /// Format; `auto` finds it out.
    pub format: String,
    /// What the results are called.
    pub name: String,
    /// Name of the scenario; that of the tool where it is not said.
    pub scenario: Option<String>,
    /// Commit of the code under test.
    pub commit: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A run that was taken in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportedRun {
    /// Its id.
    pub run: String,
    /// The format of the results.
    pub format: String,
    /// Whether it is new; else the same results were there already.
    pub new: bool,
}

/// See the module. All of it may take a while and is called where that is allowed.
pub trait Backend: Send + Sync + 'static {
    /// What this machine can measure.
    ///
    /// # Errors
    /// When the machine cannot be looked at.
    fn machine(&self) -> Result<Machine, Refused>;

    /// Compares two sides.
    ///
    /// # Errors
    /// When a side names nothing.
    fn compare(&self, sides: &Sides) -> Result<Comparison, Refused>;

    /// The scenarios that can be named.
    fn scenarios(&self) -> Vec<ScenarioRow>;

    /// Why no scenario can be run from here; none when that is allowed.
    fn why_not_run(&self) -> Option<String>;

    /// What a scenario would do.
    ///
    /// # Errors
    /// When there is no such scenario.
    fn plan(&self, name: &str, profile: Option<&str>) -> Result<PlanPreview, Refused>;

    /// Starts a scenario as a process of its own.
    ///
    /// # Errors
    /// When that is not allowed, or there is no such scenario, or one is running.
    fn start(&self, name: &str, request: &RunRequest) -> Result<Job, Refused>;

    /// What was started from here, newest first.
    fn jobs(&self) -> Vec<Job>;

    /// The next starts of a schedule that has been followed so far.
    ///
    /// # Errors
    /// When its pattern or its zone cannot be read: why it cannot be followed.
    fn coming(&self, schedule: &Schedule, mark: Mark, most: usize) -> Result<Vec<Coming>, Refused>;

    /// Whether this process starts what is due.
    fn follows_schedules(&self) -> bool;

    /// Runs a stored schedule now, as a process of its own.
    ///
    /// # Errors
    /// When that is not allowed, or one is running.
    fn run_schedule(&self, name: &str) -> Result<Job, Refused>;

    /// Takes results in.
    ///
    /// # Errors
    /// When they cannot be read.
    fn import(&self, text: &str, import: &ImportAs) -> Result<Vec<ImportedRun>, Refused>;

    /// What limits the measured thing, and what to do about it.
    ///
    /// # Errors
    /// When this build gives no advice.
    fn advice(&self, record: &RunRecord) -> Result<Advice, Refused>;

    /// What advice depends on beside the run, as bytes that are other ones where advice may be: rules, their limits, what came
    /// of earlier predictions. Advice about a run that has ended is kept as long as this stays.
    fn advice_basis(&self) -> Vec<u8>;

    /// The report of a run as a file: its media type and its text.
    ///
    /// # Errors
    /// When there is no such format.
    fn report(&self, record: &RunRecord, format: &str) -> Result<(&'static str, String), Refused>;
}
