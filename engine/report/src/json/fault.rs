//! The results file: faults.

use engine_core::fault::{FaultRecord, Recovery};
use engine_core::run::RunRecord;
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::fault;

/// A fault: what was done, and what became of the victim in each repetition.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FaultText {
    /// Id of the fault.
    pub(super) fault: String,
    /// The victim in words.
    pub(super) victim: String,
    /// When it is injected, in seconds since the load's start.
    pub(super) after_seconds: Option<f64>,
    /// How long it stays; 0 for one that is over when it has happened.
    pub(super) lasts_seconds: Option<f64>,
    /// By when after its removal the service must be well again.
    pub(super) within_seconds: Option<f64>,
    /// Length of a window.
    pub(super) window_seconds: Option<f64>,
    /// What the figures mean.
    pub(super) definition: String,
    /// The repetitions.
    pub(super) repetitions: Vec<RepetitionText>,
}

/// One repetition. Times in seconds since the load's start where nothing else is said.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RepetitionText {
    /// Its number, from 1.
    pub(super) number: u32,
    /// `recovered`, `not recovered` or `inconclusive`.
    pub(super) verdict: &'static str,
    /// Why it is inconclusive.
    pub(super) reason: Option<String>,
    /// By which mechanism.
    pub(super) mechanism: String,
    /// What was passed over, and why.
    pub(super) passed_over: Vec<String>,
    /// 95th percentile of the response time before.
    pub(super) baseline_p95_seconds: Option<f64>,
    /// Good answers a second before.
    pub(super) baseline_rate_per_second: Option<f64>,
    /// Share of failures before.
    pub(super) baseline_errors_ratio: Option<f64>,
    /// From the fault to the first window that is not well; null when it did not show.
    pub(super) detect_seconds: Option<f64>,
    /// From the removal to the first of the windows that are well; null when that did not come.
    pub(super) recover_seconds: Option<f64>,
    /// Highest 95th percentile of a window from the fault on.
    pub(super) worst_p95_seconds: Option<f64>,
    /// Lowest rate of good answers in a window from the fault on.
    pub(super) worst_rate_per_second: Option<f64>,
    /// Requests that failed from the fault on.
    pub(super) failures: Option<u64>,
    /// Good answers that did not come.
    pub(super) area: Option<f64>,
    /// What was acknowledged; null where nothing is checked.
    pub(super) acknowledged: Option<u64>,
    /// What of it was gone.
    pub(super) lost: Option<u64>,
    /// What happened when, for bands and lines on a chart.
    pub(super) marks: Vec<MarkText>,
}

/// A moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MarkText {
    /// When.
    pub(super) at_seconds: Option<f64>,
    /// What.
    pub(super) what: String,
}

/// A fault; none for other steps.
pub(super) fn fault(record: &RunRecord, number: usize) -> Option<FaultText> {
    let view = fault::view(record, number)?;
    Some(FaultText {
        fault: view.shape.inject.id.clone(),
        victim: view.shape.victim.describe(),
        after_seconds: finite(view.shape.after),
        lasts_seconds: finite(view.shape.lasts),
        within_seconds: finite(view.shape.within),
        window_seconds: finite(view.shape.window),
        definition: view.definition(),
        repetitions: view.repetitions.iter().map(|fault| repetition(fault)).collect(),
    })
}

fn repetition(fault: &FaultRecord) -> RepetitionText {
    let (reason, seen) = match &fault.recovery {
        Recovery::Inconclusive { reason } => (Some(reason.clone()), None),
        Recovery::Seen(seen) => (None, Some(seen)),
    };
    RepetitionText {
        number: fault.round + 1,
        verdict: fault.verdict().name(),
        reason,
        mechanism: fault.mechanism.clone(),
        passed_over: fault.passed_over.clone(),
        baseline_p95_seconds: seen.and_then(|seen| finite(seen.baseline.p95)),
        baseline_rate_per_second: seen.and_then(|seen| finite(seen.baseline.rate)),
        baseline_errors_ratio: seen.and_then(|seen| finite(seen.baseline.errors)),
        detect_seconds: seen.and_then(|seen| seen.detect).and_then(finite),
        recover_seconds: seen.and_then(|seen| seen.recover).and_then(finite),
        worst_p95_seconds: seen.and_then(|seen| finite(seen.worst_p95)),
        worst_rate_per_second: seen.and_then(|seen| finite(seen.worst_rate)),
        failures: seen.map(|seen| seen.failed),
        area: seen.and_then(|seen| finite(seen.lost)),
        acknowledged: fault.data.as_ref().map(|data| data.acknowledged),
        lost: fault.data.as_ref().map(|data| data.lost),
        marks: fault
            .marks
            .iter()
            .map(|mark| MarkText { at_seconds: finite(mark.at), what: mark.what.clone() })
            .collect(),
    }
}
