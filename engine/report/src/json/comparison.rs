//! A comparison for machines.

use engine_core::comparison::{Comparison, Side};
use engine_core::environment::Class;
use schemars::JsonSchema;
use serde::Serialize;

use super::document::SCHEMA_VERSION;
use super::results::{ChangeText, VerdictText};
use super::steps::{EstimateText, GoalText};
use super::{fill, finite, pretty};
use crate::moment;
use crate::verdict;

/// The comparison of two runs as JSON, with the same `schema_version` as the results file.
#[must_use]
pub fn comparison(comparison: &Comparison) -> String {
    let series = comparison.series.iter().map(|one| SeriesText {
        series: one.id.to_string(),
        unit: one.metric.unit.to_string(),
        goal: fill::goal(one.metric.goal),
        old: fill::estimate(&one.old),
        new: fill::estimate(&one.new),
        change: one.change.as_ref().map(fill::change),
        verdict: fill::verdict(one.verdict),
        reason: &one.reason,
        rounds_needed: one.rounds_needed,
        p: one.p.and_then(finite),
        adjusted_p: one.adjusted_p.and_then(finite),
        shape: one
            .shape
            .iter()
            .map(|change| ShapeText { shape: change.shape.name(), ratio: finite(change.ratio), p: finite(change.p) })
            .collect(),
        id: one.explained_by.as_deref(),
    });
    let refusals = comparison.refusals.iter().map(|refusal| RefusalText {
        subject: refusal.subject.as_deref(),
        reason: &refusal.reason,
        remedy: &refusal.remedy,
    });
    let differences = comparison.differences.iter().map(|difference| DifferenceText {
        field: &difference.field,
        old: &difference.a,
        new: &difference.b,
        unlike: difference.severity == Class::Unlike,
    });
    pretty(&ComparisonText {
        schema_version: SCHEMA_VERSION,
        kind: "comparison",
        refused: comparison.is_refused(),
        verdict: verdict::worst(comparison).map(fill::verdict),
        threshold_ratio: finite(comparison.threshold),
        old: side(&comparison.old),
        new: side(&comparison.new),
        refusals: refusals.collect(),
        series: series.collect(),
        only_old: comparison.only_old.iter().map(ToString::to_string).collect(),
        only_new: comparison.only_new.iter().map(ToString::to_string).collect(),
        differences: differences.collect(),
    })
}

fn side(side: &Side) -> SideText<'_> {
    SideText {
        run: &side.run.0,
        scenario: &side.scenario,
        started: moment::rfc3339(side.started),
        code: side.code.as_deref(),
        machine: &side.machine,
        others: side.others.iter().map(|run| run.0.as_str()).collect(),
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ComparisonText<'a> {
    schema_version: u32,
    kind: &'static str,
    refused: bool,
    /// The worst verdict; null when refused or when nothing was compared.
    verdict: Option<VerdictText>,
    threshold_ratio: Option<f64>,
    old: SideText<'a>,
    new: SideText<'a>,
    refusals: Vec<RefusalText<'a>>,
    series: Vec<SeriesText<'a>>,
    only_old: Vec<String>,
    only_new: Vec<String>,
    differences: Vec<DifferenceText<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SideText<'a> {
    run: &'a str,
    scenario: &'a str,
    started: String,
    code: Option<&'a str>,
    machine: &'a str,
    /// Where the side is a set of runs, the others, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RefusalText<'a> {
    subject: Option<&'a str>,
    reason: &'a str,
    remedy: &'a str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SeriesText<'a> {
    series: String,
    unit: String,
    /// Which direction is good.
    goal: GoalText,
    old: EstimateText,
    new: EstimateText,
    change: Option<ChangeText>,
    verdict: VerdictText,
    reason: &'a str,
    rounds_needed: Option<u32>,
    p: Option<f64>,
    adjusted_p: Option<f64>,
    shape: Vec<ShapeText>,
    /// What `engine explain` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShapeText {
    shape: &'static str,
    ratio: Option<f64>,
    p: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DifferenceText<'a> {
    field: &'a str,
    old: &'a str,
    new: &'a str,
    unlike: bool,
}
