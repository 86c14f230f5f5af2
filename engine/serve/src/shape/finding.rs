//! Findings: what limits, what to do about it, and what that should bring.

use engine_core::finding::{Advice, Finding, Range};
use engine_report::clean;
use serde::Serialize;
use utoipa::ToSchema;

use super::finite;

/// What the rules say about a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdviceRow {
    /// The run.
    pub(crate) run: String,
    /// What gains are measured by.
    pub(crate) objective: String,
    /// Findings, the most urgent first.
    pub(crate) findings: Vec<FindingRow>,
    /// Rules that found nothing.
    pub(crate) quiet: Vec<String>,
    /// Rules that could not be asked.
    pub(crate) not_assessed: Vec<NotAssessedRow>,
}

/// What a rule found; the same members as in the results file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingRow {
    /// Id of the rule.
    pub(crate) rule: String,
    /// One line.
    pub(crate) title: String,
    /// The step that it was found at.
    pub(crate) subject: String,
    /// `low`, `medium`, `high` or `critical`.
    pub(crate) priority: &'static str,
    /// How the priority was computed.
    pub(crate) calculation: String,
    /// Why it is so.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) action: String,
    /// `minutes`, `hours` or `days`.
    pub(crate) effort: &'static str,
    /// The numbers that it rests on, with value, interval and limit.
    pub(crate) evidence: Vec<String>,
    /// Name of the model; null where the gain is unknown.
    pub(crate) model: Option<&'static str>,
    /// How many times as fast: value, lower and upper end; null where that is unknown.
    pub(crate) speedup: Option<Vec<f64>>,
    /// Share of the objective's time that would go: value, lower and upper end; null where that is unknown.
    pub(crate) saved_ratio: Option<Vec<f64>>,
    /// How far it can be trusted, 0 to 1.
    pub(crate) confidence: Option<f64>,
    /// When it is wrong.
    pub(crate) wrong_when: String,
}

/// A rule that could not be asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotAssessedRow {
    /// Id of the rule.
    pub(crate) rule: String,
    /// What is missing.
    pub(crate) missing: String,
    /// How to get it.
    pub(crate) needs: String,
}

impl AdviceRow {
    pub(crate) fn of(run: &str, advice: &Advice) -> Self {
        Self {
            run: run.to_owned(),
            objective: clean::line(&advice.objective),
            findings: advice.findings.iter().map(row).collect(),
            quiet: advice.quiet.clone(),
            not_assessed: advice
                .not_assessed
                .iter()
                .map(|one| NotAssessedRow {
                    rule: clean::line(&one.rule),
                    missing: clean::line(&one.missing),
                    needs: clean::line(&one.needs),
                })
                .collect(),
        }
    }
}

fn row(finding: &Finding) -> FindingRow {
    let ends =
        |range: Range| [range.value, range.low, range.high].into_iter().map(finite).collect::<Option<Vec<f64>>>();
    let modelled = finding.gain.modelled();
    FindingRow {
        rule: clean::line(&finding.rule),
        title: clean::line(&finding.title),
        subject: clean::line(&finding.subject),
        priority: finding.priority.level.name(),
        calculation: clean::line(&finding.priority.calculation),
        cause: clean::line(&finding.cause),
        action: clean::line(&finding.action),
        effort: finding.effort.name(),
        evidence: finding.evidence.iter().map(|one| clean::line(&one.to_string())).collect(),
        model: modelled.map(|modelled| modelled.model.name()),
        speedup: modelled.and_then(|modelled| ends(modelled.speedup)),
        saved_ratio: finding.gain.saved().and_then(ends),
        confidence: finite(finding.confidence.value),
        wrong_when: clean::line(&finding.wrong_when),
    }
}
