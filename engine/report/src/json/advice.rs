//! Findings in the results file of a run, and the document of `engine advise --json`.

use engine_core::finding::{Advice, Finding, Potential};
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;

/// What the rules found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AdviceResult {
    /// What gains are measured by.
    objective: String,
    /// Findings, the most urgent first.
    findings: Vec<FindingResult>,
    /// Rules that found nothing.
    quiet: Vec<String>,
    /// Rules that could not be asked.
    not_assessed: Vec<NotAssessedResult>,
    /// For the whole run and for each load: which resource limits.
    bottlenecks: Vec<BottleneckResult>,
    /// Share of the objective's time that all findings together would save, 0..1; null where it is not known.
    potential_ratio: Option<f64>,
    /// Lower end: the largest alone.
    potential_low_ratio: Option<f64>,
    /// Upper end: the sum over resources.
    potential_high_ratio: Option<f64>,
}

/// One finding.
#[derive(Debug, Serialize, JsonSchema)]
struct FindingResult {
    /// Id of the rule.
    rule: String,
    /// One line.
    title: String,
    /// The step that it was found at.
    subject: String,
    /// `low`, `medium`, `high` or `critical`.
    priority: &'static str,
    /// How the priority was computed.
    calculation: String,
    /// Why it is so.
    cause: String,
    /// What to do.
    action: String,
    /// `minutes`, `hours` or `days`.
    effort: &'static str,
    /// The numbers that it rests on.
    evidence: Vec<String>,
    /// Name of the model; null where the gain is unknown.
    model: Option<&'static str>,
    /// How many times as fast, with its ends; null where the gain is unknown.
    speedup: Option<[f64; 3]>,
    /// Share of the objective's time that would go, with its ends; null where it is not known.
    saved_ratio: Option<[f64; 3]>,
    /// 0..1.
    confidence: f64,
    /// When it is wrong.
    wrong_when: String,
}

/// A rule that could not be asked.
#[derive(Debug, Serialize, JsonSchema)]
struct NotAssessedResult {
    /// Id of the rule.
    rule: String,
    /// What is missing.
    missing: String,
    /// How to get it.
    needs: String,
}

/// What limits.
#[derive(Debug, Serialize, JsonSchema)]
struct BottleneckResult {
    /// The load; empty for the whole run.
    step: String,
    /// The resource that limits; null where none is both busy and waited for.
    limits: Option<String>,
    /// One sentence with the evidence.
    verdict: String,
}

/// The findings for the results file.
pub(super) fn result(advice: &Advice) -> AdviceResult {
    let (value, low, high) = match &advice.potential {
        Potential::Known { value, interval, .. } => (finite(*value), finite(interval.low), finite(interval.high)),
        Potential::NotKnown { .. } => (None, None, None),
    };
    AdviceResult {
        objective: advice.objective.clone(),
        findings: advice.findings.iter().map(finding).collect(),
        quiet: advice.quiet.clone(),
        not_assessed: advice
            .not_assessed
            .iter()
            .map(|one| NotAssessedResult {
                rule: one.rule.clone(),
                missing: one.missing.clone(),
                needs: one.needs.clone(),
            })
            .collect(),
        bottlenecks: advice
            .bottlenecks
            .iter()
            .map(|view| BottleneckResult {
                step: view.step.clone(),
                limits: view.limits.clone(),
                verdict: view.verdict.clone(),
            })
            .collect(),
        potential_ratio: value,
        potential_low_ratio: low,
        potential_high_ratio: high,
    }
}

fn finding(finding: &Finding) -> FindingResult {
    let ends = |range: engine_core::finding::Range| [range.value, range.low, range.high];
    FindingResult {
        rule: finding.rule.clone(),
        title: finding.title.clone(),
        subject: finding.subject.clone(),
        priority: finding.priority.level.name(),
        calculation: finding.priority.calculation.clone(),
        cause: finding.cause.clone(),
        action: finding.action.clone(),
        effort: finding.effort.name(),
        evidence: finding.evidence.iter().map(ToString::to_string).collect(),
        model: finding.gain.modelled().map(|modelled| modelled.model.name()),
        speedup: finding.gain.modelled().map(|modelled| ends(modelled.speedup)),
        saved_ratio: finding.gain.saved().map(ends),
        confidence: finding.confidence.value,
        wrong_when: finding.wrong_when.clone(),
    }
}

/// The whole of `engine advise --json`: the findings as they are kept, with evidence, models and inputs.
#[must_use]
pub fn advice(advice: &Advice) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        schema_version: u32,
        kind: &'static str,
        #[serde(flatten)]
        advice: &'a Advice,
    }
    super::pretty(&Whole { schema_version: super::SCHEMA_VERSION, kind: "advice", advice })
}
