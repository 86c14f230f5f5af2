//! Runs: who ran what, where, on which code, and what came of it. A record is built by applying events, live and when
//! it is read back, so both are the same.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::CodeUnderTest;
use crate::environment::Environment;
use crate::event::{Envelope, Event, Note, StopReason};
use crate::expected::ChosenProfile;
use crate::fault::FaultRecord;
use crate::host_sample::HostSample;
use crate::judgement::Judged;
use crate::load::{LoadWindow, keep};
use crate::measurement::{Measurement, Round, marks};
use crate::plan::{Plan, PlannedStep};
use crate::stats::rng::Stream;
use crate::step::Outcome;

/// Microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A run's id: 26 characters that sort by time (48 bits of milliseconds, 80 random bits, Crockford's base 32).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// The id of a run that starts at `now`; `entropy` must differ between runs of the same millisecond.
    #[must_use]
    pub fn new(now: Timestamp, entropy: u64) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let millis = u128::from(u64::try_from(now.0 / 1000).unwrap_or(0)) & 0xffff_ffff_ffff;
        let mut random = Stream::new(entropy, &[0x1d, u64::from_ne_bytes(now.0.to_ne_bytes())]);
        let low = (u128::from(random.next_u64()) << 16) | u128::from(random.next_u64() & 0xffff);
        let bits = (millis << 80) | low;
        let letters =
            (0..26).rev().map(|place| char::from(ALPHABET[usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0)]));
        Self(letters.collect())
    }

    /// What reports show: the first ten characters are time, the next four make it unique in practice.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..14).unwrap_or(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether everything that was planned is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Still going.
    Running,
    /// Ended as planned.
    Complete,
    /// Ended early: interrupted, out of budget, or its process was killed. What it had is kept.
    Partial,
    /// Ended by an error of the engine itself.
    Crashed,
}

impl RunState {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Crashed => "crashed",
        }
    }
}

/// How far the numbers of a run can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidityLevel {
    /// Nothing is known against them.
    #[default]
    Valid,
    /// Disturbed: the reasons say by what.
    Degraded,
    /// Not to be used.
    Invalid,
}

/// A validity with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Validity {
    /// The level.
    pub level: ValidityLevel,
    /// Why it is not `valid`, one sentence each.
    pub reasons: Vec<String>,
}

impl Validity {
    /// Lowers the level to at least `level`, for `reason`.
    pub fn lower(&mut self, level: ValidityLevel, reason: impl Into<String>) {
        self.level = self.level.max(level);
        let reason = reason.into();
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// Which scenario was run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScenarioRef {
    /// Name of the suite.
    pub name: String,
    /// The file, or `embedded:quick`, `-e`, `-`.
    pub source: String,
    /// SHA-256 of the text, hexadecimal.
    pub hash: String,
}

/// What is known of a run before its first step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// The run.
    pub id: RunId,
    /// Version of the engine.
    pub engine: String,
    /// The scenario.
    pub scenario: ScenarioRef,
    /// When it started.
    pub started: Timestamp,
    /// The code under test.
    pub code: CodeUnderTest,
    /// Stable id of the machine.
    pub machine: String,
    /// `--tag K=V`.
    pub tags: BTreeMap<String, String>,
    /// The machine and its state at the start.
    pub environment: Environment,
    /// Everything that will be done.
    pub plan: Plan,
    /// What the machine should reach, where a profile fits it or was named. Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_profile: Option<ChosenProfile>,
}

/// One step of a run with its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// What was planned.
    pub plan: PlannedStep,
    /// How it ended; none while it has not.
    pub outcome: Option<Outcome>,
    /// Why it took no more rounds.
    pub stop: Option<StopReason>,
    /// Its metrics, in order of first record.
    pub measurements: Vec<Measurement>,
    /// The course of a load, in windows of a second or longer; empty for all other steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<LoadWindow>,
}

impl StepRecord {
    /// The metrics that are one number, not a curve: without labels beyond those that all of the step carry.
    #[must_use]
    pub fn scalars(&self) -> Vec<&Measurement> {
        let marks = marks(&self.measurements);
        self.measurements.iter().filter(|measurement| measurement.labels == marks).collect()
    }

    /// The windows of one round of a load: those of a round lie together.
    #[must_use]
    pub fn windows_of(&self, round: u32) -> &[LoadWindow] {
        let is = |window: &&LoadWindow| window.round == round;
        let before = self.windows.iter().take_while(|window| !is(window)).count();
        let count = self.windows[before..].iter().take_while(is).count();
        &self.windows[before..before + count]
    }

    /// The measurement that a bare statistic means: the first.
    #[must_use]
    pub fn primary(&self) -> Option<&Measurement> {
        self.measurements.first()
    }

    /// Rounds that count, as seen by the metric with most of them.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.measurements.iter().map(|m| m.counted().count()).max().unwrap_or(0)
    }
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What was known before the first step.
    pub header: RunHeader,
    /// Whether everything is here.
    pub state: RunState,
    /// How far it can be trusted.
    pub validity: Validity,
    /// Duration in seconds, as far as it is known.
    pub duration: f64,
    /// The steps, as planned.
    pub steps: Vec<StepRecord>,
    /// What became of the victim in each repetition of each fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultRecord>,
    /// Expectations with their judgements.
    pub judged: Vec<Judged>,
    /// What the system monitor saw.
    pub host: Vec<HostSample>,
    /// Messages of the scenario and warnings of the engine.
    pub notes: Vec<Note>,
    /// The machine at the end: load, pressure.
    pub after: Option<Environment>,
    /// Sequence number of the last event applied; events at or below it are ignored, so one can be applied twice.
    pub sequence: u64,
}

impl RunRecord {
    /// The record of a run that has just started.
    #[must_use]
    pub fn new(header: RunHeader) -> Self {
        let steps = header
            .plan
            .steps
            .iter()
            .map(|plan| StepRecord {
                plan: plan.clone(),
                outcome: None,
                stop: None,
                measurements: Vec::new(),
                windows: Vec::new(),
            })
            .collect();
        Self {
            header,
            state: RunState::Running,
            validity: Validity::default(),
            duration: 0.0,
            steps,
            faults: Vec::new(),
            judged: Vec::new(),
            host: Vec::new(),
            notes: Vec::new(),
            after: None,
            sequence: 0,
        }
    }

    /// Applies one event. Events of other runs and those already applied change nothing.
    pub fn apply(&mut self, envelope: &Envelope) {
        if envelope.run != self.header.id || envelope.sequence <= self.sequence {
            return;
        }
        self.sequence = envelope.sequence;
        self.duration = self.duration.max(envelope.at);
        match &envelope.event {
            Event::RunStarted(_) | Event::StepStarted { .. } | Event::RoundStarted { round: None, .. } => {}
            Event::RoundStarted { step, round: Some(round) } => {
                // A load that begins anew, in a run that was resumed, begins without a course.
                self.faults.retain(|fault| (fault.step, fault.round) != (*step, *round));
                if let Some(step) = self.steps.get_mut(*step) {
                    step.windows.retain(|window| window.round != *round);
                }
            }
            Event::Sampled(sampled) => {
                let Some(step) = self.steps.get_mut(sampled.step) else { return };
                if sampled.attempt > 0 {
                    supersede(step, sampled.round);
                }
                for record in &sampled.records {
                    let round = Round {
                        number: sampled.round,
                        attempt: sampled.attempt,
                        at: sampled.at,
                        seconds: sampled.seconds,
                        taints: sampled.taints.clone(),
                        superseded: false,
                        values: record.values.clone(),
                        histogram: record.histogram.clone(),
                    };
                    let found =
                        step.measurements.iter_mut().find(|m| m.metric == record.metric && m.labels == record.labels);
                    match found {
                        Some(measurement) => measurement.rounds.push(round),
                        None => step.measurements.push(Measurement {
                            metric: record.metric.clone(),
                            labels: record.labels.clone(),
                            rounds: vec![round],
                        }),
                    }
                }
            }
            Event::Window(window) => {
                if let Some(step) = self.steps.get_mut(window.step) {
                    keep(&mut step.windows, (**window).clone());
                }
            }
            Event::Fault(fault) if fault.step < self.steps.len() => {
                self.faults.retain(|known| (known.step, known.round) != (fault.step, fault.round));
                self.faults.push((**fault).clone());
                self.faults.sort_by_key(|fault| (fault.round, fault.step));
            }
            Event::Fault(_) => {}
            Event::StepFinished { step, outcome, stop } => {
                if let Some(step) = self.steps.get_mut(*step) {
                    step.outcome = Some(outcome.clone());
                    step.stop.clone_from(stop);
                }
            }
            Event::Host(sample) => self.host.push(sample.clone()),
            Event::Note(note) => self.notes.push(Note { at: note.at.or(Some(envelope.at)), ..note.clone() }),
            Event::Judged(judged) => self.judged.clone_from(judged),
            Event::RunFinished { state, validity, after } => {
                self.state = *state;
                self.validity = validity.clone();
                self.after = after.as_deref().cloned();
            }
        }
    }

    /// The repetitions of a step's fault, by its index in the plan.
    pub fn faults_of(&self, step: usize) -> impl Iterator<Item = &FaultRecord> {
        self.faults.iter().filter(move |fault| fault.step == step)
    }

    /// A step by its path, `name` or `name{labels}`.
    #[must_use]
    pub fn step(&self, path: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.plan.path() == path || step.plan.name == path)
    }
}

/// Marks the earlier attempts at a round: a later one counts instead.
fn supersede(step: &mut StepRecord, round: u32) {
    for measurement in &mut step.measurements {
        for earlier in measurement.rounds.iter_mut().filter(|earlier| earlier.number == round) {
            earlier.superseded = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let early = RunId::new(Timestamp(1_700_000_000_000_000), 1);
        let late = RunId::new(Timestamp(1_700_000_000_001_000), 1);
        assert!(early < late);
        assert_eq!(early.0.len(), 26);
        assert_ne!(early, RunId::new(Timestamp(1_700_000_000_000_000), 2));
        assert!(early.0.starts_with(&late.short()[..8]), "the front is the time");
    }

    #[test]
    fn validity_only_falls() {
        let mut validity = Validity::default();
        validity.lower(ValidityLevel::Invalid, "clock went back");
        validity.lower(ValidityLevel::Degraded, "steal");
        assert_eq!((validity.level, validity.reasons.len()), (ValidityLevel::Invalid, 2));
    }
}
