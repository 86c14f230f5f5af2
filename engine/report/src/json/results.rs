//! The results file: expectations, cases, health, notes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::steps::{EstimateText, IntervalText, PlaceText};

/// An expectation with its judgement.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ExpectationResult {
    /// Name of the declaration.
    pub(super) step: String,
    /// As written.
    pub(super) text: String,
    /// How much it matters.
    pub(super) severity: Severity,
    /// What came of it.
    pub(super) judgement: JudgementText,
    /// The series that decided: the worst of those selected.
    pub(super) series: String,
    /// What was observed there.
    pub(super) observed: Option<EstimateText>,
    /// What it was held against.
    pub(super) limit: Option<f64>,
    /// Unit of both.
    pub(super) unit: String,
    /// Why.
    pub(super) reason: String,
    /// Where it is written.
    pub(super) place: Option<PlaceText>,
}

/// How much a broken expectation matters.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// It fails the run.
    Fail,
    /// It is shown and does not fail the run.
    Warn,
    /// It ends the run at once.
    Abort,
}

/// What came of an expectation.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum JudgementText {
    /// The whole interval is inside.
    Pass,
    /// The whole interval is outside, or there was nothing to judge.
    Fail,
    /// The interval lies on both sides, or there are too few rounds.
    Unsure,
    /// Evaluated and not judged.
    Unjudged,
}

/// A ratio with its interval.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChangeText {
    /// New over old, or case over reference.
    pub(super) ratio: Option<f64>,
    /// 95 % interval of the ratio; null with too few rounds.
    pub(super) interval: Option<IntervalText>,
}

/// The verdict on a change.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerdictText {
    /// Better by more than the smallest effect that counts.
    Better,
    /// Worse by more than that.
    Worse,
    /// No effect that counts.
    Equivalent,
    /// The data do not decide.
    Inconclusive,
}

/// A case against its reference.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CaseResult {
    /// Name of the declaration.
    pub(super) step: String,
    /// Name of the metric.
    pub(super) metric: String,
    /// Name of the case.
    pub(super) case: String,
    /// Name of the reference case.
    pub(super) reference: String,
    /// Labels that both have in common.
    pub(super) labels: BTreeMap<String, String>,
    /// Case over reference.
    pub(super) change: Option<ChangeText>,
    /// The verdict on the case.
    pub(super) verdict: VerdictText,
    /// Why.
    pub(super) reason: String,
}

/// The machine against the user's limits.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HealthResult {
    /// `healthy`, `unknown` or `warning`: the worst of the rows.
    pub(super) verdict: &'static str,
    /// One row a limit.
    pub(super) rows: Vec<HealthRowText>,
}

/// One limit.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HealthRowText {
    /// What is limited.
    pub(super) name: String,
    /// What was observed.
    pub(super) observed: Option<f64>,
    /// The limit.
    pub(super) limit: Option<f64>,
    /// Unit of both.
    pub(super) unit: String,
    /// `healthy`, `unknown` or `warning`.
    pub(super) verdict: &'static str,
    /// Why.
    pub(super) reason: String,
}

/// A message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NoteText {
    /// `info` or `warning`.
    pub(super) level: &'static str,
    /// Path of the step that it belongs to.
    pub(super) step: Option<String>,
    /// When it was made, in seconds since the run's start; null where that is not known.
    pub(super) at_seconds: Option<f64>,
    /// The text.
    pub(super) message: String,
    /// Where in the scenario.
    pub(super) place: Option<PlaceText>,
}
