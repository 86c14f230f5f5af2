//! How steps and runs end: what counts as whole, as narrow enough, as skipped.

use engine_core::event::StopReason;
use engine_core::plan::{PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::run::{RunRecord, RunState, StepRecord, Validity, ValidityLevel};
use engine_core::series::Labels;
use engine_core::step::{Outcome, Skip, SkipKind};

/// The step that holds what `finish` records.
pub(crate) fn finish_step() -> PlannedStep {
    PlannedStep {
        name: "finish".to_owned(),
        labels: Labels::new(),
        work: Work::Finish,
        rounds: Rounds::Exact(1),
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 60.0,
        budget: None,
        method: 0,
        estimate: 0.0,
    }
}

/// Whether only an interruption, or the end of its process, ended a step.
fn is_cut(step: &StepRecord) -> bool {
    let skipped = matches!(&step.outcome, Some(Outcome::Skipped(skip)) if skip.kind == SkipKind::Interrupted);
    let aborted = step.stop == Some(StopReason::Aborted);
    step.outcome.is_none() || step.stop == Some(StopReason::Interrupted) || (skipped && !aborted)
}

/// Whether a run has something left to do that an interruption kept it from.
#[must_use]
pub fn is_resumable(record: &RunRecord) -> bool {
    let ended = matches!(record.state, RunState::Partial | RunState::Crashed);
    ended && record.steps.iter().any(|step| step.plan.work != Work::Finish && is_cut(step))
}

/// Opens the steps again that only an interruption ended, and the final one, which sees the results. A load that was cut
/// off is sent anew: its round does not count.
pub(crate) fn reopen(record: &mut RunRecord) {
    for step in &mut record.steps {
        let at_once = step.plan.is_load() || matches!(step.plan.work, Work::Stress { .. });
        if step.stop == Some(StopReason::Interrupted) && at_once {
            let rounds = step.measurements.iter_mut().flat_map(|measurement| &mut measurement.rounds);
            let last = rounds.max_by_key(|round| round.number).map(|round| round.number);
            let rounds = step.measurements.iter_mut().flat_map(|measurement| &mut measurement.rounds);
            rounds.filter(|round| Some(round.number) == last).for_each(|round| round.superseded = true);
        }
        if is_cut(step) || step.plan.work == Work::Finish {
            (step.outcome, step.stop) = (None, None);
        }
    }
}

/// Whether everything planned is there, and how far it can be trusted.
pub(crate) fn verdict(record: &RunRecord, doubts: Validity, interrupted: bool) -> (RunState, Validity) {
    let mut validity = record.validity.clone();
    for reason in doubts.reasons {
        validity.lower(doubts.level, reason);
    }
    let tainted: Vec<String> = record
        .steps
        .iter()
        .filter(|step| step.measurements.iter().any(engine_core::measurement::Measurement::is_tainted))
        .map(|step| step.plan.path())
        .collect();
    if !tainted.is_empty() && record.header.plan.profile != Profile::Tiny {
        let shown = tainted.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        let more = tainted.len().saturating_sub(4);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        validity.lower(ValidityLevel::Degraded, format!("disturbed rounds count in {shown}{more}"));
    }
    // A step that its budget ended above its fewest rounds has what it was asked for.
    let cut = record.steps.iter().any(|step| match (&step.outcome, step.stop) {
        (None, _) | (_, Some(StopReason::Interrupted | StopReason::Aborted)) => true,
        (Some(Outcome::Measured), Some(StopReason::Budget)) => step.rounds() < step.plan.rounds.least() as usize,
        (Some(Outcome::Skipped(skip)), _) => matches!(skip.kind, SkipKind::Budget | SkipKind::Interrupted),
        _ => false,
    });
    (if cut || interrupted { RunState::Partial } else { RunState::Complete }, validity)
}

/// The run was interrupted before the step began.
pub(crate) fn interrupted() -> Skip {
    Skip::new(SkipKind::Interrupted, "the run was interrupted before its first round", "run it again")
}

/// An expectation ended the run before the step began.
pub(crate) fn aborted() -> Skip {
    let reason = "the run was ended by a broken `@abort` expectation before its first round";
    Skip::new(SkipKind::Interrupted, reason, "see the expectation that ended it")
}

/// The number of the next attempt at a round: one more than the last.
pub(crate) fn next_attempt(record: &RunRecord, step: usize, round: u32) -> u32 {
    let rounds = record.steps[step].measurements.iter().flat_map(|measurement| &measurement.rounds);
    rounds.filter(|taken| taken.number == round).map(|taken| taken.attempt + 1).max().unwrap_or(0)
}

/// Whether the primary metric's interval is narrower than `until`, relative to its value.
pub(crate) fn narrow(record: &RunRecord, step: usize, until: f64) -> bool {
    let estimate = record.steps[step].primary().and_then(engine_core::measurement::Measurement::estimate);
    estimate.is_some_and(|estimate| {
        estimate.interval.is_some_and(|interval| {
            let width = interval.high - interval.low;
            width == 0.0 || (estimate.value != 0.0 && width / estimate.value.abs() <= until)
        })
    })
}
