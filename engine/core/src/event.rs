//! Events: the one closed enum that feeds every sink (store, terminal, dashboard).
//!
//! Each event carries its run, its source and a sequence number, so that applying it twice does no harm.

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::fault::FaultRecord;
use crate::host_sample::HostSample;
use crate::judgement::Judged;
use crate::load::LoadWindow;
use crate::measurement::Record;
use crate::run::{RunHeader, RunId, RunState, Validity};
use crate::step::{Outcome, Place};
use crate::taint::Taint;

/// An event with its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The run.
    pub run: RunId,
    /// Which process sent it; one for now.
    pub source: String,
    /// Counts from 1 within (run, source).
    pub sequence: u64,
    /// Seconds since the run's start, on the monotonic clock.
    pub at: f64,
    /// What happened.
    pub event: Event,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run begins; its plan is fixed.
    RunStarted(Box<RunHeader>),
    /// A step takes its first round (or warm-up).
    StepStarted {
        /// Index in the plan.
        step: usize,
    },
    /// A round begins.
    RoundStarted {
        /// Index in the plan.
        step: usize,
        /// Number of the round, from 0; none for a warm-up.
        round: Option<u32>,
    },
    /// A round gave samples.
    Sampled(Sampled),
    /// A second of a load is over.
    Window(Box<LoadWindow>),
    /// A repetition of a fault is over.
    Fault(Box<FaultRecord>),
    /// A step takes no more rounds.
    StepFinished {
        /// Index in the plan.
        step: usize,
        /// How it ended.
        outcome: Outcome,
        /// Why now, where it was measured.
        stop: Option<StopReason>,
    },
    /// The system monitor's sample.
    Host(HostSample),
    /// A message.
    Note(Note),
    /// All expectations, judged. A later one replaces the earlier.
    Judged(Vec<Judged>),
    /// The run is over.
    RunFinished {
        /// Whether everything is here.
        state: RunState,
        /// How far it can be trusted.
        validity: Validity,
        /// The machine at the end.
        after: Option<Box<Environment>>,
    },
}

/// The samples of one round of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// Index of the step in the plan.
    pub step: usize,
    /// Number of the round, from 0.
    pub round: u32,
    /// 0, or how often the round was taken again. A later attempt supersedes the earlier ones.
    pub attempt: u32,
    /// Start of the round, in seconds since the run's start.
    pub at: f64,
    /// Duration of the round, in seconds.
    pub seconds: f64,
    /// What disturbed it.
    pub taints: Vec<Taint>,
    /// What was recorded.
    pub records: Vec<Record>,
}

/// Why a step stopped taking rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All rounds were taken.
    Done,
    /// The interval is narrow enough.
    Narrow,
    /// The step's or the run's budget is used up.
    Budget,
    /// The run was interrupted.
    Interrupted,
    /// An expectation with `@abort` was broken.
    Aborted,
}

/// A message of the scenario or of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// How loud.
    pub level: NoteLevel,
    /// Path of the step that it belongs to.
    pub step: Option<String>,
    /// The text.
    pub message: String,
    /// Where in the scenario.
    pub place: Option<Place>,
    /// When it was made, in seconds since the run's start: the record takes it from the event that brought it. None in runs
    /// that an older version stored, and before the run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
}

/// How loud a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteLevel {
    /// For the curious.
    Info,
    /// Worth a look.
    Warning,
}
