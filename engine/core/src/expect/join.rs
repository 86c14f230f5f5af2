//! Which series on the right side goes with a series on the left side.

use std::borrow::Cow;

use super::claim::{Claim, Selector, Value};
use super::judge::{Baseline, Context};
use super::select::{Missing, Selection, Series, select};
use crate::judgement::Judgement;
use crate::run::StepRecord;

/// The series that a value on the right side means for one series of the left side.
pub(super) fn resolve<'a>(
    value: &Value,
    claim: &Claim,
    left: &Series<'_>,
    steps: &[&'a StepRecord],
    context: &Context<'a>,
) -> Selection<'a> {
    let missing = |judgement, reason: String| Selection {
        series: Vec::new(),
        missing: vec![Missing { series: left.id.to_string(), judgement, reason }],
    };
    match value {
        Value::Selector(selector) => {
            // Joined over the labels that neither side names, as far as the other series has them.
            let mut selection = select(selector, steps, context.host);
            let named = |name: &str| selector.labels.get(name).or_else(|| claim.left.labels.get(name)).is_some();
            selection.series.retain(|right| {
                left.id
                    .labels
                    .0
                    .iter()
                    .all(|(name, value)| named(name) || right.id.labels.get(name).is_none_or(|other| other == value))
            });
            if selection.series.is_empty() && selection.missing.is_empty() {
                return missing(Judgement::Fail, format!("no series of it goes with `{}`", left.id));
            }
            if !selection.series.is_empty() {
                selection.missing.clear();
            }
            selection
        }
        Value::Reference => {
            let Some(case) = &context.declaration.reference else {
                return missing(Judgement::Fail, "the declaration names no reference case".to_owned());
            };
            let labels = left.id.labels.clone().with("case", case);
            let selector = Selector { metric: Some(left.measurement.metric.id.clone()), labels, ..Selector::default() };
            let mut selection = select(&selector, steps, context.host);
            // Exactly these labels: a series with more is another point of a curve.
            selection.series.retain(|right| right.id.labels == selector.labels);
            if selection.series.is_empty() && selection.missing.is_empty() {
                return missing(Judgement::Fail, format!("the case `{case}` has no `{}`", left.id.metric));
            }
            selection
        }
        Value::Baseline => match context.baseline {
            None => missing(
                Judgement::Unjudged,
                "there is no baseline to compare with; name one with `--baseline`".to_owned(),
            ),
            Some(Baseline { refusal: Some(refusal), .. }) => missing(Judgement::Unsure, refusal.clone()),
            Some(baseline) => match baseline.series.get(&left.id) {
                None => {
                    let reason = "the baseline has no such series, or its step did something else; set a newer one";
                    missing(Judgement::Unsure, reason.to_owned())
                }
                Some(measurement) => {
                    let series = Series { id: left.id.clone(), measurement: Cow::Borrowed(*measurement), load: None };
                    Selection { series: vec![series], missing: Vec::new() }
                }
            },
        },
        Value::Amount(_) | Value::Target | Value::Expected => missing(Judgement::Unsure, "it has no series".to_owned()),
    }
}
