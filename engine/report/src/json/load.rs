//! The results file: loads.

use engine_core::load::{LoadWindow, WindowRow};
use engine_core::measurement::Estimate;
use engine_core::run::{RunRecord, StepRecord};
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::load::{self, Line, PERCENTILES};

/// A load: what was asked for, what came, its course, and what follows.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LoadText {
    /// Where requests went.
    pub(super) target: String,
    /// The workload model in words.
    pub(super) model: String,
    /// Names of the journeys.
    pub(super) journeys: Vec<String>,
    /// Everything together; null where nothing was measured.
    pub(super) total: Option<LineText>,
    /// The phases, where there are several.
    pub(super) phases: Vec<LineText>,
    /// The endpoints, the most frequent first.
    pub(super) endpoints: Vec<LineText>,
    /// Errors by class, the most frequent first, without the warm-up.
    pub(super) errors: Vec<ErrorText>,
    /// How the load was made, how the generator was, and where every arrival and request has gone.
    pub(super) generator: Vec<String>,
    /// What limited, what broke first, what to do next.
    pub(super) analysis: Vec<String>,
    /// The course, in windows of a second or, of a very long load, longer.
    pub(super) windows: Vec<WindowText>,
}

/// Requests of one endpoint or phase, or of all.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LineText {
    /// The endpoint or phase; empty for all.
    pub(super) name: String,
    /// Requests that ended.
    pub(super) requests: usize,
    /// Those that ended well, a second.
    pub(super) rate_per_second: Option<f64>,
    /// Iterations that the schedule asked for, a second; null in a closed model and for endpoints.
    pub(super) intended_per_second: Option<f64>,
    /// Iterations that ended by themselves, a second.
    pub(super) iterations_per_second: Option<f64>,
    /// Share of requests that did not end well.
    pub(super) errors_ratio: Option<f64>,
    /// Response times from the intended start.
    pub(super) response: Vec<QuantileText>,
}

/// One statistic of the response time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct QuantileText {
    /// `p50`, `p90`, `p95`, `p99`, `p99.9` or `max`.
    pub(super) statistic: &'static str,
    /// In seconds.
    pub(super) seconds: Option<f64>,
    /// Whether it is only a bound from below: requests were cut off or timed out.
    pub(super) above: bool,
}

/// Errors of one class.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ErrorText {
    /// The class.
    pub(super) class: String,
    /// How often.
    pub(super) count: u64,
    /// One of them, in words.
    pub(super) example: Option<String>,
}

/// What ended in one window.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WindowText {
    /// Number of the round.
    pub(super) round: u32,
    /// Start, in seconds since the load's start.
    pub(super) at_seconds: Option<f64>,
    /// Length in seconds.
    pub(super) seconds: Option<f64>,
    /// The phase of its middle; `(warm-up)` before anything counts.
    pub(super) phase: String,
    /// Users within an iteration at its end.
    pub(super) users: u64,
    /// Requests started.
    pub(super) started: u64,
    /// Ended well.
    pub(super) ok: u64,
    /// Ended with an error.
    pub(super) failed: u64,
    /// Ran out of time.
    pub(super) timed_out: u64,
    /// Cut off by the load's end.
    pub(super) cut_off: u64,
    /// Median of the response time in seconds; null where nothing ended.
    pub(super) p50_seconds: Option<f64>,
    /// Its 99th percentile.
    pub(super) p99_seconds: Option<f64>,
    /// 99th percentile of the generator's lag in seconds.
    pub(super) lag_p99_seconds: Option<f64>,
}

/// A load; none for other steps.
pub(super) fn load(record: &RunRecord, step: &StepRecord) -> Option<LoadText> {
    let view = load::view(record, step)?;
    Some(LoadText {
        target: view.shape.target.clone(),
        model: view.shape.model.clone(),
        journeys: view.shape.journeys.clone(),
        total: view.total.as_ref().map(line),
        phases: view.phases.iter().map(line).collect(),
        endpoints: view.endpoints.iter().map(line).collect(),
        errors: view
            .errors
            .iter()
            .map(|errors| ErrorText {
                class: errors.class.clone(),
                count: errors.count,
                example: errors.example.clone(),
            })
            .collect(),
        generator: view.generator.iter().map(|text| (*text).to_owned()).collect(),
        analysis: load::advice(record, &view),
        windows: step.windows.iter().map(window).collect(),
    })
}

fn line(line: &Line) -> LineText {
    let names = PERCENTILES.iter().map(|(name, _)| *name).chain(["max"]);
    let quantile = |(statistic, estimate): (&'static str, &Estimate)| QuantileText {
        statistic,
        seconds: finite(estimate.value),
        above: estimate.above,
    };
    LineText {
        name: line.name.clone(),
        requests: line.requests,
        rate_per_second: line.rate.and_then(finite),
        intended_per_second: line.arrivals.and_then(|(intended, _)| finite(intended)),
        iterations_per_second: line.arrivals.and_then(|(_, came)| finite(came)),
        errors_ratio: line.errors.and_then(finite),
        response: names.zip(&line.response).map(quantile).collect(),
    }
}

fn window(window: &LoadWindow) -> WindowText {
    let empty = WindowRow::default();
    let row = window.total().unwrap_or(&empty);
    let quantile = |histogram: &Option<engine_core::histogram::Packed>, q: f64| {
        histogram.as_ref()?.value_at_quantile(q).map(|found| found.floor() as f64 / 1e9)
    };
    WindowText {
        round: window.round,
        at_seconds: finite(window.at),
        seconds: finite(window.seconds),
        phase: window.phase.clone(),
        users: window.users,
        started: row.started,
        ok: row.ok,
        failed: row.failed,
        timed_out: row.timed_out,
        cut_off: row.cut_off,
        p50_seconds: quantile(&row.response, 0.5),
        p99_seconds: quantile(&row.response, 0.99),
        lag_p99_seconds: quantile(&row.lag, 0.99),
    }
}
