//! Why a run ends with its exit code.

use engine_core::comparison::Comparison;
use engine_core::fault::{FaultRecord, FaultVerdict, Recovery};
use engine_core::judgement::{Judgement, Severity, Verdict};
use engine_core::plan::Work;
use engine_core::run::{RunRecord, RunState, ValidityLevel};
use engine_core::step::{FailureKind, Outcome};

use crate::args::{FailOn, Unsure};
use crate::exit::Exit;
use crate::signals;

/// Every cause for an exit code that the record itself gives.
pub(crate) fn of(record: &RunRecord, unsure: Unsure) -> Vec<(Exit, String)> {
    let mut causes = Vec::new();
    if let Some(exit) = signals::received() {
        causes.push((exit, "interrupted by a signal".to_owned()));
    }
    for step in &record.steps {
        if let Some(Outcome::Failed(failure)) = &step.outcome {
            let exit = match failure.kind {
                FailureKind::Script => Exit::Script,
                FailureKind::Unreachable => Exit::Unreachable,
                FailureKind::Permission | FailureKind::Limit => Exit::Denied,
                FailureKind::Probe
                | FailureKind::Verification
                | FailureKind::Panic
                | FailureKind::Timeout
                | FailureKind::Crash => Exit::Internal,
            };
            causes.push((exit, format!("{} failed: {}", step.plan.path(), failure.message)));
        }
    }
    causes.extend(faults(record));
    for judged in &record.judged {
        let text = format!("{}: {}: {}", judged.step, judged.text, judged.reason);
        match (judged.judgement, judged.severity, unsure) {
            (_, Severity::Warn, _) => {}
            (Judgement::Fail, ..) | (Judgement::Unsure, _, Unsure::Fail) => causes.push((Exit::Expectation, text)),
            (Judgement::Unsure, _, Unsure::Report) => causes.push((Exit::Inconclusive, text)),
            _ => {}
        }
    }
    if record.validity.level == ValidityLevel::Invalid {
        causes.push((Exit::Overloaded, record.validity.reasons.join("; ")));
    }
    if !record.steps.iter().any(|step| matches!(step.outcome, Some(Outcome::Measured | Outcome::Failed(_)))) {
        causes.push((Exit::NothingRan, "no step was measured".to_owned()));
    } else if record.state == RunState::Partial {
        causes.push((Exit::Partial, "the run ended early".to_owned()));
    }
    causes.sort_by_key(|(exit, _)| *exit);
    causes
}

/// What became of victims: one that is not well again, or was not steady before, decides how the run ends.
fn faults(record: &RunRecord) -> Vec<(Exit, String)> {
    let cause = |fault: &FaultRecord| {
        let step = record.steps.get(fault.step)?;
        let Work::Fault { fault: shape, .. } = &step.plan.work else { return None };
        let (path, round) = (step.plan.path(), fault.round + 1);
        let cause = match &fault.recovery {
            Recovery::Inconclusive { reason } => {
                (Exit::Inconclusive, format!("{path}, repetition {round}: inconclusive: {reason}"))
            }
            Recovery::Seen(_) if fault.verdict() == FaultVerdict::NotRecovered => {
                let within = shape.within;
                (Exit::NotRecovered, format!("{path}, repetition {round}: not well again within {within} s"))
            }
            Recovery::Seen(_) => return None,
        };
        shape.judged.then_some(cause)
    };
    record.faults.iter().filter_map(cause).collect()
}

/// What `--fail-on` makes of a comparison.
pub(crate) fn regressions(comparison: &Comparison, fail_on: &[FailOn]) -> Vec<(Exit, String)> {
    let mut causes = Vec::new();
    let named = |verdict: Verdict| -> String {
        let series = comparison.series.iter().filter(|series| series.verdict == verdict);
        series.take(3).map(|series| series.id.to_string()).collect::<Vec<_>>().join(", ")
    };
    let worse = comparison.count(Verdict::Worse);
    if worse > 0 && fail_on.contains(&FailOn::Regression) {
        causes.push((Exit::Regression, format!("{worse} series are worse: {}", named(Verdict::Worse))));
    }
    let open = comparison.count(Verdict::Inconclusive);
    let wanted = fail_on.contains(&FailOn::Inconclusive);
    if wanted && (open > 0 || comparison.is_refused()) {
        let what = if comparison.is_refused() {
            "the runs are not comparable".to_owned()
        } else {
            named(Verdict::Inconclusive)
        };
        causes.push((Exit::Inconclusive, format!("the comparison is inconclusive: {what}")));
    } else if let Some(refusal) = comparison.refusals.first().filter(|_| fail_on.contains(&FailOn::Regression)) {
        // A gate that leaves something out must not pass.
        causes.push((Exit::Inconclusive, format!("not everything was checked for a regression: {}", refusal.reason)));
    }
    causes
}
