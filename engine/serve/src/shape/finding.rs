//! Findings: what limits, what to do about it, and what that should bring.

use engine_core::finding::{Advice, Finding};
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

/// What a rule found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingRow {
    /// Id of the rule.
    pub(crate) id: String,
    /// One line.
    pub(crate) title: String,
    /// The step that it was found at.
    pub(crate) subject: String,
    /// `low`, `medium`, `high` or `critical`.
    pub(crate) severity: &'static str,
    /// Its place among the findings, from 1.
    pub(crate) priority: usize,
    /// How the priority was computed.
    pub(crate) calculation: String,
    /// Why it is so.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) steps: Vec<String>,
    /// `minutes`, `hours` or `days`.
    pub(crate) effort: &'static str,
    /// The numbers that it rests on.
    pub(crate) evidence: Vec<EvidenceRow>,
    /// What it should bring; null where that is not known.
    pub(crate) gain: Option<GainRow>,
    /// How far it can be trusted, 0 to 1.
    pub(crate) confidence: Option<f64>,
    /// When it is wrong.
    pub(crate) wrong_when: String,
}

/// One number that a finding rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceRow {
    /// In words, with value, interval and limit.
    pub(crate) text: String,
}

/// How many times as fast it should be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GainRow {
    /// The best value.
    pub(crate) value: Option<f64>,
    /// Lower end.
    pub(crate) low: Option<f64>,
    /// Upper end.
    pub(crate) high: Option<f64>,
    /// In words, with the model.
    pub(crate) text: String,
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
            findings: advice.findings.iter().enumerate().map(|(place, finding)| row(place + 1, finding)).collect(),
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

fn row(priority: usize, finding: &Finding) -> FindingRow {
    let gain = finding.gain.modelled().map(|modelled| {
        let range = modelled.speedup;
        GainRow {
            value: finite(range.value),
            low: finite(range.low),
            high: finite(range.high),
            text: format!("{:.2} to {:.2} times as fast ({})", range.low, range.high, modelled.model.name()),
        }
    });
    FindingRow {
        id: clean::line(&finding.rule),
        title: clean::line(&finding.title),
        subject: clean::line(&finding.subject),
        severity: finding.priority.level.name(),
        priority,
        calculation: clean::line(&finding.priority.calculation),
        cause: clean::line(&finding.cause),
        steps: vec![clean::line(&finding.action)],
        effort: finding.effort.name(),
        evidence: finding.evidence.iter().map(|one| EvidenceRow { text: clean::line(&one.to_string()) }).collect(),
        gain,
        confidence: finite(finding.confidence.value),
        wrong_when: clean::line(&finding.wrong_when),
    }
}
