//! The results file: stress.

use engine_core::measurement::Estimate;
use engine_core::run::{RunRecord, StepRecord};
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::interference::{self, Own, Row, Says};

/// What only stress has: how much slower the measured thing is beside each background.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct InterferenceText {
    /// What was measured, in words.
    pub(super) measured: String,
    /// The figure that was compared, such as `latency` or `response.p95`; null where only the stressors were looked at.
    pub(super) figure: Option<String>,
    /// Its base unit.
    pub(super) unit: Option<String>,
    /// What was measured in the quiet, one for each of its series.
    pub(super) quiet: Vec<QuietText>,
    /// One quiet measurement against the one before: what is noise.
    pub(super) control: Vec<QuietText>,
    /// A row for each background, intensity and series.
    pub(super) rows: Vec<InterferenceRow>,
}

/// A quiet measurement, or the control.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct QuietText {
    /// Labels of its series; mostly empty.
    pub(super) series: String,
    /// The value: in base units, or a ratio.
    pub(super) value: Option<f64>,
    /// Ends of its 95 % interval; null below five rounds.
    pub(super) low: Option<f64>,
    /// See `low`.
    pub(super) high: Option<f64>,
}

/// One background at one intensity.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct InterferenceRow {
    /// Its name.
    pub(super) background: String,
    /// Its intensity in percent.
    pub(super) intensity: String,
    /// Labels of the series; mostly empty.
    pub(super) series: String,
    /// How many times slower, 1 for no difference; null where it was not measured.
    pub(super) slowdown: Option<f64>,
    /// Ends of its 95 % interval over rounds; null below five rounds.
    pub(super) low: Option<f64>,
    /// See `low`.
    pub(super) high: Option<f64>,
    /// `slower`, `faster`, `no difference shown` or `too few rounds to tell`; null where it was not measured.
    pub(super) verdict: Option<&'static str>,
    /// What was measured beside it, in base units.
    pub(super) measured: Option<f64>,
    /// Why it was not measured, at all or in some rounds.
    pub(super) missing: Option<String>,
    /// What its stressors did.
    pub(super) stressors: Vec<StressorText>,
}

/// What a stressor did.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StressorText {
    /// Its name, such as `cpu`.
    pub(super) name: String,
    /// Its own pieces of work a second.
    pub(super) rate_per_second: Option<f64>,
    /// Share of a processor that each of its threads had.
    pub(super) cpu_ratio: Option<f64>,
    /// Results that it verified.
    pub(super) checked: Option<f64>,
}

/// Stress; none for other steps.
pub(super) fn interference(record: &RunRecord, step: &StepRecord) -> Option<InterferenceText> {
    let view = interference::view(record, step)?;
    let of = view.shape.measured.of();
    Some(InterferenceText {
        measured: view.shape.measured.describe(),
        figure: of.map(engine_core::stress::Of::describe),
        unit: view.unit.map(|unit| unit.to_string()),
        quiet: view.quiet.iter().map(|(series, estimate)| quiet(series, estimate)).collect(),
        control: view.control.iter().map(|(series, estimate)| quiet(series, estimate)).collect(),
        rows: view.rows.iter().map(row).collect(),
    })
}

fn quiet(series: &str, estimate: &Estimate) -> QuietText {
    let (low, high) = ends(estimate);
    QuietText { series: series.to_owned(), value: finite(estimate.value), low, high }
}

fn ends(estimate: &Estimate) -> (Option<f64>, Option<f64>) {
    let interval = estimate.interval;
    (interval.and_then(|i| finite(i.low)), interval.and_then(|i| finite(i.high)))
}

fn row(row: &Row) -> InterferenceRow {
    let (low, high) = row.slowdown.as_ref().map_or((None, None), ends);
    InterferenceRow {
        background: row.background.clone(),
        intensity: row.intensity.clone(),
        series: row.series.clone(),
        slowdown: row.slowdown.and_then(|found| finite(found.value)),
        low,
        high,
        verdict: row.says().map(Says::name),
        measured: row.measured.and_then(|found| finite(found.value)),
        missing: row.missing.clone(),
        stressors: row.stressors.iter().map(stressor).collect(),
    }
}

fn stressor(own: &Own) -> StressorText {
    StressorText {
        name: own.name.clone(),
        rate_per_second: own.rate.and_then(|rate| finite(rate.value)),
        cpu_ratio: own.cpu.and_then(|cpu| finite(cpu.value)),
        checked: finite(own.checked),
    }
}
