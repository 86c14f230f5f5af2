//! Stored series with their runs and changes for machines: what `trend --file` gives, and which runs and commits it is.

use engine_core::forecast::Foretold;
use engine_core::history::{DatedChange, LeftOut, Point, Timeline};
use schemars::JsonSchema;
use serde::Serialize;

use super::document::SCHEMA_VERSION;
use super::steps::GoalText;
use super::{finite, pretty};
use crate::moment;

/// Stored series as JSON.
#[must_use]
pub fn timelines(timelines: &[Timeline]) -> String {
    pretty(&TimelinesText { schema_version: SCHEMA_VERSION, series: timelines.iter().map(timeline).collect() })
}

fn timeline(timeline: &Timeline) -> TimelineText<'_> {
    let history = &timeline.history;
    let runs = history.points.iter().zip(history.values()).map(|(point, value)| RunText {
        run: &point.run.0,
        started: moment::rfc3339(point.started),
        commit: point.commit.as_deref(),
        dirty: point.dirty,
        environment_class: &point.class,
        rounds: point.values.len(),
        value: finite(value),
    });
    TimelineText {
        name: history.key.selector(),
        n: history.points.len(),
        scenario: &history.key.suite,
        step: &history.key.series.step,
        metric: &history.key.series.metric,
        labels: &history.key.series.labels.0,
        branch: history.key.branch.as_deref(),
        machine: &history.key.machine,
        unit: history.metric.unit.to_string(),
        goal: super::fill::goal(history.metric.goal),
        method: history.method,
        apart: &timeline.apart,
        left_out: history.left_out,
        accepted: &timeline.accepted,
        regressed: timeline.is_regressed(engine_core::change::Tier::Confirmed),
        forecast: timeline.forecast.as_ref().and_then(forecast),
        no_forecast: timeline.forecast.as_ref().and_then(|found| match found {
            Foretold::Silent(reason) => Some(reason.as_str()),
            Foretold::Told(_) => None,
        }),
        change_points: timeline.changes.iter().map(|found| change(timeline, found)).collect(),
        runs: runs.collect(),
    }
}

fn change<'a>(timeline: &'a Timeline, found: &'a DatedChange) -> ChangeText<'a> {
    let point = |at: usize| timeline.history.points.get(at);
    let side = |point: &'a Point| SideText { run: &point.run.0, commit: point.commit.as_deref() };
    let change = &found.change;
    ChangeText {
        index: change.index,
        index_low: change.low,
        index_high: change.high,
        kind: change.kind.name(),
        tier: change.tier.name(),
        size: finite(change.size),
        size_low: finite(change.size_low),
        size_high: finite(change.size_high),
        direction: found.direction.name(),
        last_old: found.last_old.and_then(point).map(side),
        first_new: point(found.first_new).map(side),
        earliest_old: point(found.widest.0).map(side),
        latest_new: point(found.widest.1).map(side),
        remarks: &found.remarks,
        id: found.id.as_deref(),
    }
}

fn forecast(found: &Foretold) -> Option<ForecastText> {
    let Foretold::Told(found) = found else { return None };
    let moment = |moment: Option<engine_core::run::Timestamp>| moment.map(moment::rfc3339);
    Some(ForecastText {
        at: moment::rfc3339(found.at),
        value: finite(found.value),
        low: finite(found.interval.low),
        high: finite(found.interval.high),
        slope_per_day: finite(found.slope),
        backtest_origins: found.backtest.origins,
        backtest_error: finite(found.backtest.line),
        no_change_error: finite(found.backtest.no_change),
        backtest_p: finite(found.backtest.p),
        threshold: found.threshold.as_ref().map(|reached| ThresholdText {
            value: finite(reached.value),
            passed: reached.passed,
            at: moment(reached.at),
            earliest: moment(reached.earliest),
            latest: moment(reached.latest),
        }),
    })
}

/// As the core writes it.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only for the schema")]
struct LeftOutText {
    tiny: usize,
    unfinished: usize,
    invalid: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ForecastText {
    at: String,
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    slope_per_day: Option<f64>,
    backtest_origins: usize,
    backtest_error: Option<f64>,
    no_change_error: Option<f64>,
    backtest_p: Option<f64>,
    threshold: Option<ThresholdText>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ThresholdText {
    value: Option<f64>,
    passed: bool,
    at: Option<String>,
    earliest: Option<String>,
    latest: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TimelinesText<'a> {
    schema_version: u32,
    series: Vec<TimelineText<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TimelineText<'a> {
    name: String,
    n: usize,
    scenario: &'a str,
    step: &'a str,
    metric: &'a str,
    labels: &'a std::collections::BTreeMap<String, String>,
    branch: Option<&'a str>,
    machine: &'a str,
    unit: String,
    /// Which direction is good.
    goal: GoalText,
    method: u32,
    apart: &'a [String],
    /// Runs that recorded it and do not count, by reason.
    #[schemars(with = "LeftOutText")]
    left_out: LeftOut,
    accepted: &'a [usize],
    regressed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<ForecastText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_forecast: Option<&'a str>,
    change_points: Vec<ChangeText<'a>>,
    runs: Vec<RunText<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ChangeText<'a> {
    index: usize,
    index_low: usize,
    index_high: usize,
    kind: &'static str,
    tier: &'static str,
    size: Option<f64>,
    size_low: Option<f64>,
    size_high: Option<f64>,
    direction: &'static str,
    last_old: Option<SideText<'a>>,
    first_new: Option<SideText<'a>>,
    earliest_old: Option<SideText<'a>>,
    latest_new: Option<SideText<'a>>,
    remarks: &'a [String],
    id: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SideText<'a> {
    run: &'a str,
    commit: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RunText<'a> {
    run: &'a str,
    started: String,
    commit: Option<&'a str>,
    dirty: Option<bool>,
    environment_class: &'a str,
    rounds: usize,
    value: Option<f64>,
}
