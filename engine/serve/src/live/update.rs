//! What an event of a run means for who watches it. Made where the event arises, from the record that has it applied; small
//! and finished, so that nothing of the run is held while it is shown.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use engine_core::event::{Envelope, Event, NoteLevel};
use engine_core::host_sample::HostSample;
use engine_core::judgement::Judgement;
use engine_core::load::LoadWindow;
use engine_core::plan::Work;
use engine_core::progress::Progress;
use engine_core::run::{RunId, RunRecord};
use engine_report::clean;
use serde::Serialize;
use utoipa::ToSchema;

use crate::shape::{LiveStep, Mark, ValidityText};
use crate::time;

/// What is known of a run before its first step.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Head {
    /// The run.
    pub(crate) run: String,
    /// Name of the suite.
    pub(crate) scenario: String,
    /// First line of its description.
    pub(crate) title: String,
    /// Start, RFC 3339 in UTC.
    pub(crate) started: String,
    /// `tiny`, `short`, `default` or `long`.
    pub(crate) profile: &'static str,
    /// Seed of the order and of everything random, as text: it has 64 bits.
    pub(crate) seed: String,
    /// How long it takes at most, in seconds.
    pub(crate) estimate_seconds: Option<f64>,
    /// `this`: the server's own process does it; `store`: another one, followed through the store.
    pub(crate) source: &'static str,
}

/// An expectation that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveExpectation {
    /// Name of the declaration.
    pub(crate) step: String,
    /// As written.
    pub(crate) text: String,
    /// `pass`, `fail`, `unsure` or `unjudged`.
    pub(crate) judgement: &'static str,
    /// Why.
    pub(crate) reason: String,
}

/// What runs at the moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Current {
    /// Index in the plan.
    pub(crate) step: usize,
    /// `name{labels}`.
    pub(crate) path: String,
    /// Number of the round; null for a warm-up.
    pub(crate) round: Option<u32>,
    /// When it began, in seconds since the run's start.
    pub(crate) since_seconds: f64,
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    /// A run begins, with all its steps.
    Started(Box<Head>, Vec<LiveStep>),
    /// Another round.
    Current(Current),
    /// A step has another value, or has ended.
    Step(Box<LiveStep>),
    /// How far the run is: share, seconds left, seconds since its start.
    Progress(f64, Option<f64>),
    /// The machine.
    Host(Box<HostSample>),
    /// A second of a load.
    Window(String, Box<LoadWindow>),
    /// Something on the time line.
    Mark(Mark),
    /// All expectations.
    Judged(Vec<LiveExpectation>),
    /// The end.
    Finished(&'static str, ValidityText),
}

/// Updates of one run, in order, with the seconds since its start.
pub(crate) type Told = (RunId, f64, Update);

/// The updates that a run begins with, for who comes in its middle: none of them is of an event.
pub(crate) fn of_start(record: &RunRecord, source: &'static str) -> Update {
    let header = &record.header;
    let head = Head {
        run: header.id.0.clone(),
        scenario: clean::clip(&header.scenario.name, 120),
        title: clean::clip(&header.plan.title, 200),
        started: time::text(header.started),
        profile: header.plan.profile.name(),
        seed: header.plan.seed.to_string(),
        estimate_seconds: crate::shape::finite(header.plan.estimate()),
        source,
    };
    let steps = record.steps.iter().enumerate().map(|(index, step)| LiveStep::of(index, step, false));
    Update::Started(Box::new(head), steps.collect())
}

/// What plans were estimated to take, so that none is walked through again for each event.
#[derive(Debug, Default)]
pub(crate) struct Estimates(Mutex<BTreeMap<RunId, f64>>);

/// Runs whose estimate is kept.
const ESTIMATES: usize = 16;

impl Estimates {
    fn of(&self, record: &RunRecord) -> f64 {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&record.header.id) {
            return *known;
        }
        if kept.len() >= ESTIMATES {
            // Ids begin with the time: the first is the oldest.
            kept.pop_first();
        }
        let estimate = record.header.plan.estimate();
        kept.insert(record.header.id.clone(), estimate);
        estimate
    }
}

/// What an event means.
pub(crate) fn of_event(
    envelope: &Envelope,
    record: &RunRecord,
    estimates: &Estimates,
    source: &'static str,
    tell: &mut impl FnMut(Update),
) {
    let step_of = |index: usize, running| record.steps.get(index).map(|step| LiveStep::of(index, step, running));
    let path_of = |index: usize| record.steps.get(index).map(|step| clean::clip(&step.plan.path(), 200));
    match &envelope.event {
        Event::RunStarted(_) => tell(of_start(record, source)),
        Event::RoundStarted { step, round } => {
            let Some(path) = path_of(*step) else { return };
            load_begins(*step, envelope.at, record, tell);
            // Until its first round has ended nothing else says that it is under way.
            if record.steps.get(*step).is_some_and(|step| step.measurements.is_empty())
                && let Some(step) = step_of(*step, true)
            {
                tell(Update::Step(Box::new(step)));
            }
            tell(Update::Current(Current { step: *step, path, round: *round, since_seconds: envelope.at }));
        }
        Event::StepStarted { step } => {
            if let Some(step) = step_of(*step, true) {
                tell(Update::Step(Box::new(step)));
            }
        }
        Event::Sampled(sampled) => {
            if let Some(step) = step_of(sampled.step, true) {
                tell(Update::Step(Box::new(step)));
            }
            if let (Some(step), Some(path)) = (record.steps.get(sampled.step), path_of(sampled.step))
                && step.plan.is_load()
            {
                let end = Some(sampled.at + sampled.seconds);
                tell(Update::Mark(mark("step", sampled.at, end, Some(path.clone()), path)));
            }
            if source != "this"
                && let Some(path) = path_of(sampled.step)
            {
                let (step, round) = (sampled.step, Some(sampled.round));
                tell(Update::Current(Current { step, path, round, since_seconds: sampled.at }));
            }
            progress(record, estimates, envelope.at, None, tell);
        }
        Event::StepFinished { step, .. } => {
            if let Some(step) = step_of(*step, false) {
                tell(Update::Step(Box::new(step)));
            }
            progress(record, estimates, envelope.at, None, tell);
        }
        Event::Window(window) => {
            if let Some(path) = path_of(window.step) {
                if source != "this" {
                    // The store does not tell when a round begins.
                    let since_seconds = (envelope.at - window.end()).max(0.0);
                    let (step, round) = (window.step, Some(window.round));
                    tell(Update::Current(Current { step, path: path.clone(), round, since_seconds }));
                    phases(&record.steps[step].plan.work, &path).into_iter().for_each(|mark| tell(Update::Mark(mark)));
                }
                tell(Update::Window(path, window.clone()));
            }
            progress(record, estimates, envelope.at, Some(window), tell);
        }
        Event::Fault(fault) => {
            let Some(step) = record.steps.get(fault.step) else { return };
            // The marks count from the load's start, and the load has just ended.
            let windows = step.windows.iter().filter(|window| window.round == fault.round);
            let started = envelope.at - windows.map(engine_core::load::LoadWindow::end).fold(0.0, f64::max);
            for moment in &fault.marks {
                let text = format!("{} ({:.1} s into the load)", clean::clip(&moment.what, 200), moment.at);
                tell(Update::Mark(mark("fault", started + moment.at, None, Some(step.plan.path()), text)));
            }
        }
        Event::Host(sample) => tell(Update::Host(Box::new(sample.clone()))),
        Event::Note(note) => {
            let mut mark =
                mark("note", note.at.unwrap_or(envelope.at), None, note.step.clone(), clean::clip(&note.message, 300));
            mark.level = if note.level == NoteLevel::Warning { "warning" } else { "info" };
            tell(Update::Mark(mark));
        }
        Event::Judged(judged) => {
            let all = judged.iter().map(|one| LiveExpectation {
                step: clean::clip(&one.step, 200),
                text: clean::clip(&one.text, 300),
                judgement: judgement(one.judgement),
                reason: clean::clip(&one.reason, 300),
            });
            tell(Update::Judged(all.collect()));
        }
        Event::RunFinished { state, validity, .. } => {
            tell(Update::Finished(state.name(), ValidityText::of(validity)));
        }
    }
}

fn mark(kind: &'static str, at: f64, end: Option<f64>, step: Option<String>, text: String) -> Mark {
    Mark { kind, at, end, step: step.map(|step| clean::clip(&step, 200)), text, level: "info" }
}

/// A load begins: it and its phases stand on the time line.
fn load_begins(index: usize, at: f64, record: &RunRecord, tell: &mut impl FnMut(Update)) {
    let Some(step) = record.steps.get(index).filter(|step| step.plan.is_load()) else { return };
    let path = clean::clip(&step.plan.path(), 200);
    tell(Update::Mark(mark("step", at, None, Some(path.clone()), path.clone())));
    phases(&step.plan.work, &path).into_iter().for_each(|mark| tell(Update::Mark(mark)));
}

/// The phases of a load.
pub(crate) fn phases(work: &Work, path: &str) -> Vec<Mark> {
    let Work::Load { shape, .. } = work else { return Vec::new() };
    if shape.phases.len() < 2 {
        return Vec::new();
    }
    let phase = |phase: &engine_core::load::PhaseShape| {
        mark("phase", phase.start, Some(phase.end), Some(path.to_owned()), clean::clip(&phase.name, 80))
    };
    shape.phases.iter().map(phase).collect()
}

fn judgement(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Pass => "pass",
        Judgement::Fail => "fail",
        Judgement::Unsure => "unsure",
        Judgement::Unjudged => "unjudged",
    }
}

/// Progress in rounds, weighted by what a round of a step is expected to take; of a load under way, by its windows.
fn progress(
    record: &RunRecord,
    estimates: &Estimates,
    at: f64,
    window: Option<&LoadWindow>,
    tell: &mut impl FnMut(Update),
) {
    let load = window.map(|window| (window.step, window.end()));
    let Progress { share, left } = Progress::of(record, || estimates.of(record), load, at);
    tell(Update::Progress(share, left.is_finite().then_some(left)));
}
