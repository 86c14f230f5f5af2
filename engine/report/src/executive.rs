//! The executive summary of a run in parts: what each part came to, its first figures, and what needs attention.

use engine_core::judgement::{Judgement, Severity};
use engine_core::run::{RunRecord, StepRecord, ValidityLevel};
use engine_core::step::Outcome;

use crate::clean::clip;
use crate::expectation::explanation;
use crate::input::{Report, Unsure};
use crate::number;
use crate::view;

/// Most figures of a part.
const FIGURES: usize = 3;

/// Most characters of a finding.
const LONGEST: usize = 240;

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct PartSummary {
    /// Name of the part.
    pub name: String,
    /// One word: `ok`, `failed`, `not met`, `unsure`, `partial` or `skipped`.
    pub result: &'static str,
    /// Steps that were measured, failed, were skipped, and did not come to an end.
    pub steps: [usize; 4],
    /// Expectations that passed, failed, and were unsure; warnings do not count.
    pub expectations: [usize; 3],
    /// Seconds in its rounds.
    pub seconds: f64,
    /// Its first figures, as text.
    pub figures: Vec<String>,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `failure`, `validity`, `expectation`, `unsure` or `warning`: the most pressing first.
    pub kind: &'static str,
    /// What it is about: a step, or empty for the run.
    pub subject: String,
    /// One sentence.
    pub text: String,
}

/// The parts of a run, in their order; empty where its scenario has none.
#[must_use]
pub fn parts(report: &Report<'_>) -> Vec<PartSummary> {
    let record = report.record;
    record.header.plan.parts.iter().map(|part| summary(record, &part.name)).collect()
}

/// What needs attention, the most pressing first.
#[must_use]
pub fn findings(report: &Report<'_>) -> Vec<Finding> {
    let record = report.record;
    let finding = |kind, subject: &str, text: &str| Finding {
        kind,
        subject: clip(subject, 100),
        text: clip(&crate::clean::line(text), LONGEST),
    };
    let mut found = Vec::new();
    for step in &record.steps {
        if let Some(Outcome::Failed(failure)) = &step.outcome {
            found.push(finding("failure", &step.plan.path(), &failure.message));
        }
    }
    if record.validity.level == ValidityLevel::Invalid {
        found.push(finding("validity", "", &record.validity.reasons.join("; ")));
    }
    let mut later = Vec::new();
    for one in &record.judged {
        let seen = one.observed.as_ref().map(|observed| format!("{}; ", number::with_interval(one.unit, observed)));
        let text = format!("{}: {}{}", one.text, seen.unwrap_or_default(), explanation(one));
        match (one.judgement, one.severity, report.unsure) {
            (Judgement::Pass | Judgement::Unjudged, ..) | (Judgement::Unsure, _, Unsure::Pass) => {}
            (Judgement::Fail | Judgement::Unsure, Severity::Warn, _) => {
                later.push((1, finding("warning", &one.step, &text)));
            }
            (Judgement::Unsure, _, Unsure::Unsure) => later.push((0, finding("unsure", &one.step, &text))),
            (Judgement::Fail, ..) | (Judgement::Unsure, ..) => found.push(finding("expectation", &one.step, &text)),
        }
    }
    later.sort_by_key(|(rank, _)| *rank);
    found.extend(later.into_iter().map(|(_, finding)| finding));
    found
}

fn summary(record: &RunRecord, part: &str) -> PartSummary {
    let inside = |name: &str| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('/'));
    let steps: Vec<&StepRecord> = record.steps.iter().filter(|step| inside(&step.plan.name)).collect();
    let count = |of: fn(&Option<Outcome>) -> bool| steps.iter().filter(|step| of(&step.outcome)).count();
    let tally = [
        count(|outcome| matches!(outcome, Some(Outcome::Measured))),
        count(|outcome| matches!(outcome, Some(Outcome::Failed(_)))),
        count(|outcome| matches!(outcome, Some(Outcome::Skipped(_)))),
        count(Option::is_none),
    ];
    let judged = |judgement| {
        let counts = record.judged.iter().filter(|one| one.severity != Severity::Warn && inside(&one.step));
        counts.filter(|one| one.judgement == judgement).count()
    };
    let expectations = [judged(Judgement::Pass), judged(Judgement::Fail), judged(Judgement::Unsure)];
    let [measured, failed, skipped, open] = tally;
    let result = match () {
        () if failed > 0 => "failed",
        () if expectations[1] > 0 => "not met",
        () if open > 0 => "partial",
        () if measured == 0 && skipped > 0 => "skipped",
        () if expectations[2] > 0 => "unsure",
        () => "ok",
    };
    let figures = steps.iter().filter_map(|step| figure(step, part)).take(FIGURES).collect();
    PartSummary {
        name: part.to_owned(),
        result,
        steps: tally,
        expectations,
        seconds: steps.iter().map(|step| seconds(step)).sum(),
        figures,
    }
}

/// The first metric of a step, in words.
fn figure(step: &StepRecord, part: &str) -> Option<String> {
    let path = step.plan.path();
    let path = path.strip_prefix(part).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&path);
    // The first metric of stress is its control: how much the quiet measurements differ among themselves.
    if let Some(stress) = crate::interference::short(step) {
        return Some(format!("{} {stress}", clip(path, 60)));
    }
    let first = step.scalars().into_iter().next()?;
    let figures = view::figures(first)?;
    let value = number::value(first.metric.unit, figures.estimate.value);
    Some(format!("{} {} {value}", clip(path, 60), clip(&first.metric.id, 40)))
}

/// Seconds in the rounds of a step.
fn seconds(step: &StepRecord) -> f64 {
    let rounds = step.measurements.iter().max_by_key(|measurement| measurement.rounds.len());
    rounds.map_or(0.0, |measurement| measurement.rounds.iter().map(|round| round.seconds).sum())
}

/// `12 measured, 1 skipped`.
pub(crate) fn steps_in_words(part: &PartSummary) -> String {
    let words = ["measured", "failed", "skipped", "not ended"];
    let said = part.steps.iter().zip(words).filter(|(count, _)| **count > 0);
    said.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// `3 held, 1 did not`.
pub(crate) fn expectations_in_words(part: &PartSummary) -> String {
    let words = ["held", "not met", "unsure"];
    let said = part.expectations.iter().zip(words).filter(|(count, _)| **count > 0);
    said.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
