//! From what was read to a run like any other.

use std::collections::BTreeMap;

use engine_core::code::{CodeSource, CodeUnderTest};
use engine_core::environment::Environment;
use engine_core::event::{Note, NoteLevel};
use engine_core::fact::Fact;
use engine_core::measurement::{Measurement, Round};
use engine_core::plan::{Declaration, Plan, PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, StepRecord, Timestamp};
use engine_core::series::Labels;
use engine_core::step::Outcome;

use super::{Bench, ImportedRun};

/// What the file does not say, or what the user knows better.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Name of the scenario under which the run is kept.
    pub scenario: String,
    /// Where the file was.
    pub source: String,
    /// SHA-256 of what was read, hexadecimal: the same file gives the same run.
    pub hash: String,
    /// When it was measured, where the file does not say it.
    pub started: Timestamp,
    /// Commit of the code, where the user names one.
    pub commit: Option<String>,
    /// Branch of the code, where the user names one.
    pub branch: Option<String>,
    /// `--tag K=V`.
    pub tags: BTreeMap<String, String>,
    /// Version of the engine.
    pub engine: String,
}

/// A name as a step or a metric may have it: everything else than letters, digits, `_`, `.` and `-` becomes one `.`.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            slug.push(c);
        } else if !slug.ends_with('.') && !slug.is_empty() {
            slug.push('.');
        }
    }
    let slug = slug.trim_matches('.');
    if slug.is_empty() { "unnamed".to_owned() } else { slug.to_owned() }
}

/// Makes the run. A benchmark is a step; where its name is not one that a step may have, the label `bench` keeps it.
#[must_use]
pub fn record(imported: &ImportedRun, origin: &Origin) -> RunRecord {
    let started = imported.started.map_or(origin.started, Timestamp);
    let entropy = origin.hash.get(..16).and_then(|hash| u64::from_str_radix(hash, 16).ok()).unwrap_or(0);
    let steps: Vec<StepRecord> = imported.benches.iter().filter(|bench| !bench.series.is_empty()).map(step).collect();
    let mut declarations: Vec<Declaration> = Vec::new();
    for step in &steps {
        if !declarations.iter().any(|declaration| declaration.name == step.plan.name) {
            declarations.push(Declaration {
                name: step.plan.name.clone(),
                expect: Vec::new(),
                reference: None,
                tags: Vec::new(),
                place: None,
            });
        }
    }
    let tool = match &imported.version {
        Some(version) => format!("{} {version}", imported.format),
        None => imported.format.to_string(),
    };
    let mut tags = origin.tags.clone();
    tags.entry("imported".to_owned()).or_insert_with(|| imported.format.to_string());
    let header = RunHeader {
        id: RunId::new(started, entropy),
        engine: origin.engine.clone(),
        scenario: ScenarioRef {
            name: origin.scenario.clone(),
            source: origin.source.clone(),
            hash: origin.hash.clone(),
        },
        started,
        code: code(imported, origin),
        machine: imported.host.clone().unwrap_or_else(|| "unknown".to_owned()),
        tags,
        environment: Environment::default(),
        plan: Plan {
            suite: origin.scenario.clone(),
            title: format!("Measured by {tool}"),
            declarations,
            steps: steps.iter().map(|step| step.plan.clone()).collect(),
            ..Plan::default()
        },
        machine_profile: None,
    };
    let mut record = RunRecord::new(header);
    record.steps = steps;
    record.state = RunState::Complete;
    let note = |level, message: String| Note { level, step: None, message, place: None, at: None };
    record.notes.push(note(NoteLevel::Info, format!("measured by {tool}, read from `{}`", origin.source)));
    record.notes.extend(imported.remarks.iter().map(|remark| note(NoteLevel::Warning, remark.clone())));
    record
}

fn code(imported: &ImportedRun, origin: &Origin) -> CodeUnderTest {
    const UNSAID: &str = "the file does not say it";
    let commit = origin.commit.clone().or_else(|| imported.commit.clone());
    CodeUnderTest {
        source: if commit.is_some() { CodeSource::Git } else { CodeSource::None },
        commit: Fact::or_unknown(commit, UNSAID),
        branch: Fact::or_unknown(origin.branch.clone().or_else(|| imported.branch.clone()), UNSAID),
        dirty: Fact::or_unknown(imported.dirty, UNSAID),
        ..CodeUnderTest::default()
    }
}

fn step(bench: &Bench) -> StepRecord {
    let name = slug(&bench.name);
    let labels =
        if name == bench.name { bench.labels.clone() } else { bench.labels.clone().with("bench", &bench.name) };
    let measurements: Vec<Measurement> = bench
        .series
        .iter()
        .map(|series| Measurement {
            metric: series.metric.clone(),
            labels: series.labels.clone(),
            rounds: series.rounds.iter().zip(0..).map(|(values, number)| round(number, values)).collect(),
        })
        .collect();
    let most = measurements.iter().map(|measurement| measurement.rounds.len()).max().unwrap_or(1);
    let mut metrics: Vec<String> = measurements.iter().map(|measurement| measurement.metric.id.clone()).collect();
    metrics.dedup();
    let plan = PlannedStep {
        name,
        labels: labels.0.into_iter().map(|(name, value)| (slug(&name), value)).collect::<Labels>(),
        work: Work::Custom { index: 0, metrics },
        rounds: Rounds::Exact(u32::try_from(most).unwrap_or(u32::MAX)),
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 0.0,
        budget: None,
        method: 0,
        estimate: 0.0,
    };
    StepRecord { plan, outcome: Some(Outcome::Measured), stop: None, measurements, windows: Vec::new() }
}

fn round(number: u32, values: &[f64]) -> Round {
    Round {
        number,
        attempt: 0,
        at: 0.0,
        seconds: 0.0,
        taints: Vec::new(),
        superseded: false,
        histogram: None,
        values: values.to_vec(),
    }
}
