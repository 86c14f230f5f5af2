//! Distributions of latencies, and curves of a metric over a label: queue depth, size, threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use engine_core::measurement::{Measurement, histogram_scale};
use engine_core::quantity::Quantity;
use engine_core::run::RunRecord;
use engine_core::series::{Labels, SeriesId};
use engine_report::clean;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answers::Answer;
use crate::api::site::Plain;
use crate::api::{Errors, raw};
use crate::error::ApiError;
use crate::params::{Name, Params, reference};
use crate::shape::{finite, goal};
use crate::state::App;

/// Distributions that are told of one run.
const DISTRIBUTIONS: usize = 60;

/// The quantiles of a distribution: evenly in nines, so that a chart can show each nine as wide as the next.
const QUANTILES: [f64; 34] = [
    0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925,
    0.95, 0.96, 0.97, 0.98, 0.99, 0.9925, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 1.0,
];

/// Curves of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Curves {
    /// Latencies by quantile.
    distributions: Vec<Distribution>,
    /// Metrics over a label.
    curves: Vec<Curve>,
}

/// Latencies of one series, all rounds together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Distribution {
    /// `step.metric{labels}`.
    series: String,
    /// Base unit.
    unit: String,
    /// How many there are.
    n: u64,
    /// Of these, how many were cut off or timed out: quantiles beyond the others are bounds from below.
    censored: u64,
    /// Pairs of quantile and value.
    points: Vec<(f64, Option<f64>)>,
}

/// A metric over the values of one label.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Curve {
    /// Name of the step.
    step: String,
    /// Name of the metric.
    metric: String,
    /// Its unit.
    unit: String,
    /// Which direction is good: `lower`, `higher` or `neutral`.
    goal: &'static str,
    /// The label.
    x: String,
    /// Unit of its values; `1` where they have none.
    x_unit: String,
    /// The other labels.
    rest: BTreeMap<String, String>,
    /// The points, by rising value where the values are numbers.
    points: Vec<CurvePoint>,
}

/// One point of a curve.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CurvePoint {
    /// The label's value as a number; null where it is none.
    x: Option<f64>,
    /// As it is written.
    x_text: String,
    /// The metric.
    value: Option<f64>,
    /// Lower end of its 95 % interval.
    low: Option<f64>,
    /// Upper end.
    high: Option<f64>,
}

/// Latency distributions and curves of a run.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}/curves", tag = "runs",
    params(("id" = String, Path, description = "An id, the beginning of one, `@last` or `@-2`")),
    responses((status = 200, body = Curves), Errors)
)]
pub(crate) async fn get(State(app): State<Arc<App>>, Name(id): Name, _: Params<Plain>) -> Result<Response, ApiError> {
    reference(&id)?;
    let (_, text) = app.work(move |app| app.answer(&id, Answer::Curves)).await?;
    Ok(raw(text))
}

/// The curves of a run.
pub(crate) fn of(record: &RunRecord) -> Curves {
    Curves { distributions: distributions(record), curves: curves(record) }
}

/// Every measurement with its labels, those of the step included.
fn series(record: &RunRecord) -> impl Iterator<Item = (SeriesId, &Measurement)> {
    record.steps.iter().flat_map(|step| {
        step.measurements.iter().map(|measurement| {
            let labels = step.plan.labels.joined(&measurement.labels);
            (SeriesId { step: step.plan.name.clone(), metric: measurement.metric.id.clone(), labels }, measurement)
        })
    })
}

fn distributions(record: &RunRecord) -> Vec<Distribution> {
    let mut found = Vec::new();
    for (id, measurement) in series(record) {
        let unit = measurement.metric.unit;
        let (n, censored, points) = if let Some(histogram) = measurement.histogram() {
            let scale = histogram_scale(unit);
            let point = |q: &f64| (*q, histogram.value_at_quantile(*q).map(|value| value.floor() as f64 / scale));
            let censored = histogram.censored_buckets().map(|bucket| bucket.count).sum();
            (histogram.count(), censored, QUANTILES.iter().map(point).collect())
        } else {
            // Few samples have no distribution, and what is no latency has no interest in its tail.
            let samples = measurement.pooled();
            if samples.len() < 100 || !measurement.metric.id.contains("latency") {
                continue;
            }
            let sorted = engine_core::stats::quantile::sorted(&samples);
            let point = |q: &f64| (*q, finite(engine_core::stats::quantile::quantile(&sorted, *q)));
            (samples.len() as u64, 0, QUANTILES.iter().map(point).collect())
        };
        found.push(Distribution {
            series: clean::clip(&id.to_string(), 300),
            unit: unit.to_string(),
            n,
            censored,
            points,
        });
        if found.len() == DISTRIBUTIONS {
            break;
        }
    }
    found
}

/// One curve for each metric of a step, label with several values, and set of the other labels.
fn curves(record: &RunRecord) -> Vec<Curve> {
    let mut axes: BTreeMap<(String, String), BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (id, _) in series(record) {
        let known = axes.entry((id.step.clone(), id.metric.clone())).or_default();
        for (name, value) in &id.labels.0 {
            known.entry(name.clone()).or_default().insert(value.clone());
        }
    }
    let mut curves: BTreeMap<(String, String, String, Labels), Curve> = BTreeMap::new();
    for (id, measurement) in series(record) {
        let Some(estimate) = measurement.estimate() else { continue };
        for (axis, values) in axes.get(&(id.step.clone(), id.metric.clone())).into_iter().flatten() {
            let Some(text) = id.labels.get(axis).filter(|_| values.len() > 2 && is_axis(axis)) else { continue };
            let mut rest = id.labels.clone();
            rest.0.remove(axis);
            let (x, x_unit) = number(text);
            let curve =
                curves.entry((id.step.clone(), id.metric.clone(), axis.clone(), rest.clone())).or_insert_with(|| {
                    Curve {
                        step: clean::line(&id.step),
                        metric: clean::line(&id.metric),
                        unit: measurement.metric.unit.to_string(),
                        goal: goal(measurement.metric.goal),
                        x: clean::line(axis),
                        x_unit,
                        rest: rest.0.iter().map(|(name, value)| (clean::line(name), clean::line(value))).collect(),
                        points: Vec::new(),
                    }
                });
            curve.points.push(CurvePoint {
                x,
                x_text: clean::line(text),
                value: finite(estimate.value),
                low: estimate.interval.and_then(|interval| finite(interval.low)),
                high: estimate.interval.and_then(|interval| finite(interval.high)),
            });
        }
    }
    let mut all: Vec<Curve> = curves.into_values().filter(|curve| curve.points.len() > 2).collect();
    for curve in &mut all {
        curve.points.sort_by(|a, b| a.x.unwrap_or(0.0).total_cmp(&b.x.unwrap_or(0.0)));
    }
    all
}

/// Endpoints and phases of a load are no axis.
fn is_axis(label: &str) -> bool {
    !engine_core::load::LOAD_LABELS.contains(&label)
}

/// The value of a label as a number, with its base unit.
fn number(text: &str) -> (Option<f64>, String) {
    if let Ok(number) = text.parse::<f64>() {
        return (finite(number), "1".to_owned());
    }
    match text.parse::<Quantity>() {
        Ok(quantity) => (finite(quantity.value), quantity.dimension.to_string()),
        Err(_) => (None, "1".to_owned()),
    }
}
