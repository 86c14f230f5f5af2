//! What a run says of each thing that may raise an alert: expectations, verdicts, change points, the machine, failures.
//!
//! A run speaks only of what it looked at. A step that was filtered out, an expectation that was not judged and a verdict
//! that is inconclusive neither raise nor resolve anything.

use engine_core::alert::{Rule, Signal, Strength};
use engine_core::change::Tier;
use engine_core::comparison::Comparison;
use engine_core::environment::Environment;
use engine_core::health::{Health, HealthVerdict};
use engine_core::history::Timeline;
use engine_core::judgement::{Judgement, Severity, Verdict};
use engine_core::metric::Goal;
use engine_core::plan::Profile;
use engine_core::run::{RunId, RunRecord, RunState, ValidityLevel};
use engine_core::step::Outcome;

use crate::news;

/// By how many runs the place of a change may move as more runs come.
const DRIFT: usize = 3;

/// Everything that a run says. `timelines` are the histories of its series up to it; those that end with another run are
/// not looked at. A run of the tiny profile says nothing.
#[must_use]
pub fn signals(
    run: &RunRecord,
    comparison: Option<&Comparison>,
    health: &Health,
    timelines: &[Timeline],
) -> Vec<Signal> {
    if run.header.plan.profile == Profile::Tiny {
        return Vec::new();
    }
    let mut all = failures(run);
    all.extend(expectations(run));
    all.extend(comparison.into_iter().flat_map(verdicts));
    all.extend(machine(health));
    let own = |timeline: &&Timeline| timeline.history.points.last().is_some_and(|point| point.run == run.header.id);
    let needed = news::needed(timelines);
    all.extend(timelines.iter().filter(own).filter_map(|timeline| history(timeline, needed)));
    all
}

/// What the environments of a run and of the one before it, `before`, say: one signal however much of it changed.
#[must_use]
pub fn environment_signal(old: &Environment, new: &Environment, before: &RunId) -> Signal {
    let subject = "environment";
    let changes = old.notable(new);
    if changes.is_empty() {
        return Signal::well(Rule::Environment, subject);
    }
    let shown: Vec<String> =
        changes.iter().take(4).map(|one| format!("`{}` was {} and is {}", one.field, one.a, one.b)).collect();
    let more = if changes.len() > 4 { format!(" and {} more", changes.len() - 4) } else { String::new() };
    let summary = format!("{}{more} (run {} before)", shown.join(", "), before.short());
    Signal::raised(Rule::Environment, subject, Strength::Strong, summary)
}

fn failures(run: &RunRecord) -> Vec<Signal> {
    let mut all = Vec::new();
    for step in &run.steps {
        let path = step.plan.path();
        match &step.outcome {
            Some(Outcome::Failed(failure)) => {
                all.push(Signal::raised(Rule::Failure, path, Strength::Strong, format!("the step failed: {failure}")));
            }
            Some(Outcome::Measured) => all.push(Signal::well(Rule::Failure, path)),
            Some(Outcome::Skipped(_)) | None => {}
        }
    }
    let reasons = run.validity.reasons.join("; ");
    match (run.state, run.validity.level) {
        (RunState::Crashed, _) => {
            all.push(Signal::raised(Rule::Failure, "run", Strength::Strong, "the run ended by an error of the engine"));
        }
        (_, ValidityLevel::Invalid) => {
            all.push(Signal::raised(Rule::Failure, "run", Strength::Strong, format!("the run is invalid: {reasons}")));
        }
        (RunState::Complete, _) => all.push(Signal::well(Rule::Failure, "run")),
        (RunState::Partial | RunState::Running, _) => {}
    }
    all
}

fn expectations(run: &RunRecord) -> Vec<Signal> {
    let signal = |judged: &engine_core::judgement::Judged| {
        let subject = format!("{}: {}", judged.step, judged.text);
        let told = |strength| {
            let mark = if judged.severity == Severity::Warn { "a warning only: " } else { "" };
            Signal::raised(
                Rule::Expectation,
                subject.clone(),
                strength,
                format!("{mark}{}: {}", judged.series, judged.reason),
            )
        };
        match judged.judgement {
            Judgement::Fail => Some(told(Strength::Strong)),
            Judgement::Unsure => Some(told(Strength::Weak)),
            Judgement::Pass => Some(Signal::well(Rule::Expectation, subject)),
            Judgement::Unjudged => None,
        }
    };
    run.judged.iter().filter_map(signal).collect()
}

fn verdicts(comparison: &Comparison) -> Vec<Signal> {
    if comparison.is_refused() {
        return Vec::new();
    }
    let signal = |one: &engine_core::comparison::SeriesVerdict| match one.verdict {
        Verdict::Worse => {
            let raised = Signal::raised(Rule::Verdict, one.id.to_string(), Strength::Strong, one.reason.clone());
            Some(Signal { verdict: one.explained_by.clone(), ..raised })
        }
        Verdict::Better | Verdict::Equivalent => Some(Signal::well(Rule::Verdict, one.id.to_string())),
        Verdict::Inconclusive => None,
    };
    comparison.series.iter().filter_map(signal).collect()
}

fn machine(health: &Health) -> Vec<Signal> {
    let signal = |row: &engine_core::health::HealthRow| match row.verdict {
        HealthVerdict::Warning => {
            let observed = row.observed.map_or_else(|| "n/a".to_owned(), |observed| row.unit.format(observed));
            let summary = format!("{observed}, the limit is {}: {}", row.unit.format(row.limit), row.reason);
            Some(Signal::raised(Rule::Health, row.name.clone(), Strength::Strong, summary))
        }
        HealthVerdict::Healthy => Some(Signal::well(Rule::Health, row.name.clone())),
        HealthVerdict::Unknown => None,
    };
    health.rows.iter().filter_map(signal).collect()
}

fn history(timeline: &Timeline, needed: f64) -> Option<Signal> {
    let history = &timeline.history;
    if history.metric.goal == Goal::Neutral {
        return None;
    }
    let subject = history.key.series.to_string();
    let points = &history.points;
    let run = |at: usize| points.get(at).map(|point| point.run.clone());
    let Some((found, strength)) = news::worse(timeline, needed) else {
        // What was accepted as the new normal is well from there on, and so is what is said to have begun beside it.
        let accepted = timeline.accepted.last().copied();
        let beside = accepted.into_iter().flat_map(|at| at.saturating_sub(DRIFT)..=at + DRIFT);
        let better = news::better(timeline, needed).map(|found| found.first_new);
        return Some(Signal {
            began: better.max(accepted).and_then(run),
            perhaps: beside.filter_map(run).collect(),
            ..Signal::well(Rule::ChangePoint, subject)
        });
    };
    let code =
        |at: usize| points.get(at).and_then(engine_core::history::Point::code).unwrap_or_else(|| "unknown".to_owned());
    let size = found.change.size;
    let size = if size.is_finite() { format!("{:+.1} %", size * 100.0) } else { "from zero".to_owned() };
    let stands_out = news::stands_out(&found.change, points.len());
    let unsure = if found.change.tier == Tier::Confirmed && strength == Strength::Weak {
        format!("; it stands out by {stands_out:.1} standard errors, and is told from {needed:.1}")
    } else {
        String::new()
    };
    let summary = format!(
        "{size} since run {} ({}..{}){unsure}",
        run(found.first_new).map_or_else(String::new, |run| run.short().to_owned()),
        found.last_old.map_or_else(String::new, code),
        code(found.first_new)
    );
    let from = found.change.low.min(found.first_new.saturating_sub(DRIFT));
    let to = found.change.high.max(found.first_new + DRIFT).min(points.len().saturating_sub(1));
    Some(Signal {
        verdict: found.id.clone(),
        began: run(found.first_new),
        perhaps: (from..=to).filter_map(run).collect(),
        ..Signal::raised(Rule::ChangePoint, subject, strength, summary)
    })
}

#[cfg(test)]
mod tests;
