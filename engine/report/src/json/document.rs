//! The results file: what surrounds the steps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::results::{CaseResult, ExpectationResult, HealthResult, NoteText};
use super::steps::{PlaceText, StepResult};

/// Version of the shape. It rises when a reader of the version before could misread the file.
pub const SCHEMA_VERSION: u32 = 1;

/// Results of one run.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Document {
    /// Version of this shape.
    pub(super) schema_version: u32,
    /// Always `report`.
    pub(super) kind: &'static str,
    /// The run.
    pub(super) run: RunText,
    /// The program that measured.
    pub(super) engine: EngineText,
    /// How the command ended; null while it has not.
    pub(super) exit: Option<ExitText>,
    /// What each part came to, and what needs attention; null for a run without parts.
    pub(super) summary: Option<SummaryText>,
    /// What was to be done.
    pub(super) plan: PlanText,
    /// The steps in order of declaration, each point of a sweep and each case on its own.
    pub(super) steps: Vec<StepResult>,
    /// Cases against their references.
    pub(super) cases: Vec<CaseResult>,
    /// Expectations with their judgements.
    pub(super) expectations: Vec<ExpectationResult>,
    /// The machine against the user's limits; null where they were not checked.
    pub(super) health: Option<HealthResult>,
    /// What the rules found; null where they were not asked.
    pub(super) advice: Option<super::advice::AdviceResult>,
    /// What the machine should reach; null where no profile fits it and none was named.
    pub(super) machine_profile: Option<ProfileText>,
    /// Messages of the scenario and warnings of the engine.
    pub(super) notes: Vec<NoteText>,
    /// What the system monitor saw; null where it did not run.
    pub(super) monitor: Option<MonitorText>,
    /// Id of the class of environments that can be compared with this one.
    pub(super) environment_class: String,
    /// The machine and its software at the start, as path and text (`cpu.model`); what could not be read says so.
    pub(super) environment: BTreeMap<String, String>,
    /// The fields that were different at the end; null when the end was not recorded.
    pub(super) environment_changes: Option<BTreeMap<String, String>>,
}

/// The executive summary.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SummaryText {
    /// The parts in the order in which they ran.
    pub(super) parts: Vec<PartText>,
    /// What needs attention, the most pressing first.
    pub(super) findings: Vec<FindingText>,
}

/// What a part came to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PartText {
    /// Name of the part.
    pub(super) name: String,
    /// `ok`, `failed`, `not met`, `unsure`, `partial` or `skipped`.
    pub(super) result: &'static str,
    /// Steps that were measured.
    pub(super) measured: usize,
    /// Steps that failed.
    pub(super) failed: usize,
    /// Steps that were skipped.
    pub(super) skipped: usize,
    /// Steps that did not come to an end.
    pub(super) open: usize,
    /// Expectations that held.
    pub(super) held: usize,
    /// Expectations that did not.
    pub(super) not_met: usize,
    /// Expectations that are unsure.
    pub(super) unsure: usize,
    /// Seconds in its rounds.
    pub(super) seconds: Option<f64>,
    /// Its first figures, as text.
    pub(super) figures: Vec<String>,
}

/// Something that needs attention.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FindingText {
    /// `failure`, `validity`, `expectation`, `unsure` or `warning`.
    pub(super) kind: &'static str,
    /// What it is about: a step, or empty for the run.
    pub(super) subject: String,
    /// One sentence.
    pub(super) text: String,
}

/// The run.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RunText {
    /// 26 characters that sort by time.
    pub(super) id: String,
    /// Whether everything that was planned is here.
    pub(super) state: State,
    /// How far the numbers can be trusted.
    pub(super) validity: ValidityText,
    /// Start, RFC 3339 in UTC.
    pub(super) started: String,
    /// Duration in seconds.
    pub(super) duration_seconds: Option<f64>,
    /// The scenario.
    pub(super) scenario: ScenarioText,
    /// The code under test.
    pub(super) code: CodeText,
    /// Stable id of the machine.
    pub(super) machine: String,
    /// Tags given on the command line.
    pub(super) tags: BTreeMap<String, String>,
}

/// Whether everything that was planned is here.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Still going.
    Running,
    /// Ended as planned.
    Complete,
    /// Ended early; what it had is here.
    Partial,
    /// Ended by an error of the engine itself; what it had is here.
    Crashed,
}

/// How far the numbers can be trusted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ValidityText {
    /// The level.
    pub(super) level: Level,
    /// Why it is not `valid`.
    pub(super) reasons: Vec<String>,
}

/// A level of trust.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// Nothing is known against them.
    Valid,
    /// Disturbed.
    Degraded,
    /// Not to be used.
    Invalid,
}

/// The scenario.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ScenarioText {
    /// Name of the suite.
    pub(super) name: String,
    /// First line of its description.
    pub(super) title: String,
    /// The file, or `embedded:NAME`, `-e`, `-`.
    pub(super) source: String,
    /// SHA-256 of its text.
    pub(super) sha256: String,
}

/// The code under test. What is unknown is null.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CodeText {
    /// Full commit id.
    pub(super) commit: Option<String>,
    /// Branch.
    pub(super) branch: Option<String>,
    /// Whether tracked files differed from the commit.
    pub(super) dirty: Option<bool>,
    /// Commit time in seconds since 1970.
    pub(super) committed_at: Option<i64>,
    /// `git`, `ci-variables` or `none`.
    pub(super) source: &'static str,
}

/// The program that measured.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EngineText {
    /// Its version.
    pub(super) version: String,
}

/// How the command ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ExitText {
    /// The exit code.
    pub(super) code: u8,
    /// Every cause that applied, the one that decided first.
    pub(super) causes: Vec<CauseText>,
}

/// One cause of an exit code.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CauseText {
    /// The code that it asks for.
    pub(super) code: u8,
    /// Why.
    pub(super) reason: String,
}

/// What was to be done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PlanText {
    /// `tiny`, `short`, `default` or `long`.
    pub(super) profile: &'static str,
    /// Whether the profile judges: a tiny run is not judged and kept out of history.
    pub(super) judged: bool,
    /// Seed of the order of rounds and of everything random.
    pub(super) seed: u64,
    /// No round was begun after this many seconds; null is no limit.
    pub(super) budget_seconds: Option<f64>,
    /// Estimated duration before the start, in seconds.
    pub(super) estimate_seconds: Option<f64>,
    /// Tags of the suite.
    pub(super) tags: Vec<String>,
    /// Values of the scenario's parameters.
    pub(super) params: BTreeMap<String, String>,
    /// Permissions that it used beyond the default, as flags.
    pub(super) permissions: Vec<String>,
    /// The declarations.
    pub(super) declarations: Vec<DeclarationText>,
}

/// One declaration.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeclarationText {
    /// The name that its steps share.
    pub(super) name: String,
    /// The case that the others are compared with.
    pub(super) reference: Option<String>,
    /// Its tags.
    pub(super) tags: Vec<String>,
    /// What is expected, as written.
    pub(super) expect: Vec<String>,
    /// Where it stands.
    pub(super) place: Option<PlaceText>,
}

/// The profile of the machine.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProfileText {
    /// Its name.
    pub(super) name: String,
    /// Whether it was named; else the machine was recognised.
    pub(super) named: bool,
    /// What is unlike the profile or could not be read.
    pub(super) remarks: Vec<String>,
}

/// What the system monitor saw. Shares are 0..1; null where the system does not tell.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MonitorText {
    /// Number of samples.
    pub(super) samples: usize,
    /// CPU time that the monitor itself took, in seconds.
    pub(super) cost_seconds: Option<f64>,
    /// Busy share of all CPUs, median.
    pub(super) cpu_median_ratio: Option<f64>,
    /// Busy share of all CPUs, most.
    pub(super) cpu_max_ratio: Option<f64>,
    /// Share of memory in use, most.
    pub(super) memory_max_ratio: Option<f64>,
    /// Hottest sensor in degrees Celsius.
    pub(super) hottest_celsius: Option<f64>,
    /// Mean clock of the CPUs in hertz, median over the samples.
    pub(super) clock_median_hertz: Option<f64>,
    /// Power of the processors in watts, median over the samples.
    pub(super) power_median_watts: Option<f64>,
    /// The same, most.
    pub(super) power_max_watts: Option<f64>,
}
