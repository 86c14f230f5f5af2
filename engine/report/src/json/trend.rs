//! Change points for machines.

use engine_core::change::Trend;
use engine_core::comparison::ShapeChange;
use engine_core::judgement::{Change, Verdict};
use serde::Serialize;

use super::document::SCHEMA_VERSION;
use super::{finite, pretty};

/// The change points of several series as JSON.
#[must_use]
pub fn trends(trends: &[Trend]) -> String {
    let series = trends.iter().map(|trend| TrendText {
        name: &trend.name,
        n: trend.values.len(),
        change_points: trend
            .changes
            .iter()
            .map(|point| PointText {
                index: point.index,
                index_low: point.low,
                index_high: point.high,
                kind: point.kind.name(),
                tier: point.tier.name(),
                size: finite(point.size),
                size_low: finite(point.size_low),
                size_high: finite(point.size_high),
            })
            .collect(),
    });
    pretty(&TrendsText { schema_version: SCHEMA_VERSION, series: series.collect() })
}

/// The comparison of two sets of values as JSON.
#[must_use]
pub fn samples(
    verdict: Verdict,
    change: Option<&Change>,
    p: Option<f64>,
    rounds_needed: Option<u32>,
    shape: &[ShapeChange],
    reason: &str,
) -> String {
    let interval = change.and_then(|change| change.interval);
    pretty(&SamplesText {
        schema_version: SCHEMA_VERSION,
        verdict: verdict.name(),
        ratio: change.and_then(|change| finite(change.ratio)),
        low: interval.and_then(|interval| finite(interval.low)),
        high: interval.and_then(|interval| finite(interval.high)),
        p: p.and_then(finite),
        rounds_needed,
        shape: shape.iter().map(|change| change.shape.name()).collect(),
        reason,
    })
}

#[derive(Debug, Serialize)]
struct TrendsText<'a> {
    schema_version: u32,
    series: Vec<TrendText<'a>>,
}

#[derive(Debug, Serialize)]
struct TrendText<'a> {
    name: &'a str,
    n: usize,
    change_points: Vec<PointText>,
}

#[derive(Debug, Serialize)]
struct PointText {
    index: usize,
    index_low: usize,
    index_high: usize,
    kind: &'static str,
    tier: &'static str,
    size: Option<f64>,
    size_low: Option<f64>,
    size_high: Option<f64>,
}

#[derive(Debug, Serialize)]
struct SamplesText<'a> {
    schema_version: u32,
    verdict: &'static str,
    ratio: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    p: Option<f64>,
    rounds_needed: Option<u32>,
    shape: Vec<&'static str>,
    reason: &'a str,
}
