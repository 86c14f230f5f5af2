//! What a run saw over time: the machine, its loads, what happened when. As few points as a chart can show.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use engine_core::event::NoteLevel;
use engine_core::run::{RunRecord, RunState, StepRecord};
use engine_report::clean;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::answers::{Answer, POINTS};
use crate::api::{Errors, raw};
use crate::error::ApiError;
use crate::params::{Name, Params, reference};
use crate::shape::{HostPoint, Mark, Window, heat_bounds, thinned};
use crate::state::App;

/// Marks of notes that are told.
const NOTES: usize = 200;

/// How fine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    /// Most points of each series, 10 to 2000.
    #[param(minimum = 10, maximum = 2000)]
    points: Option<u32>,
}

/// A run over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// The run.
    run: String,
    /// Whether it is still going.
    running: bool,
    /// Seconds.
    duration_seconds: Option<f64>,
    /// The machine.
    host: Vec<HostPoint>,
    /// The loads.
    loads: Vec<LoadCourse>,
    /// Bounds of the buckets of the heat maps, in seconds.
    heat_bounds_seconds: Vec<f64>,
    /// What happened when.
    marks: Vec<Mark>,
}

/// The course of a load.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoadCourse {
    /// Index in the plan.
    step: usize,
    /// `name{labels}`.
    path: String,
    /// Its windows.
    windows: Vec<Window>,
}

/// What a run saw over time. Neighbours are joined until there are few enough points: sums stay sums, and percentiles are
/// those of all requests together.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}/timeline", tag = "runs",
    params(("id" = String, Path, description = "An id, the beginning of one, `@last` or `@-2`"), TimelineQuery),
    responses((status = 200, body = Timeline), Errors)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Name(id): Name,
    Params(query): Params<TimelineQuery>,
) -> Result<Response, ApiError> {
    reference(&id)?;
    let points = match query.points {
        None => POINTS,
        Some(points @ 10..=2000) => usize::try_from(points).unwrap_or(POINTS),
        Some(other) => return Err(ApiError::bad(format!("`points` must be 10 to 2000, got {other}"))),
    };
    let (_, text) = app.work(move |app| app.answer(&id, Answer::Timeline(points))).await?;
    Ok(raw(text))
}

/// The time line of a run.
pub(crate) fn of(record: &RunRecord, points: usize) -> Timeline {
    let loads = record.steps.iter().enumerate().filter(|(_, step)| !step.windows.is_empty());
    let course = |(index, step): (usize, &engine_core::run::StepRecord)| LoadCourse {
        step: index,
        path: clean::clip(&step.plan.path(), 200),
        windows: thinned(step.windows.clone(), points).iter().map(Window::of).collect(),
    };
    Timeline {
        run: record.header.id.0.clone(),
        running: record.state == RunState::Running,
        duration_seconds: crate::shape::finite(record.duration),
        host: thinned(HostPoint::all(&record.host), points),
        loads: loads.map(course).collect(),
        heat_bounds_seconds: heat_bounds(),
        marks: marks(record),
    }
}

/// A time line as it is sent: with five digits of a number that is no whole one. They tell ten thousand places along either
/// axis apart; at most 2,000 points are sent, and a chart writes four digits.
pub(crate) fn text(timeline: &Timeline) -> serde_json::Result<Vec<u8>> {
    let mut value = serde_json::to_value(timeline)?;
    shorten(&mut value);
    serde_json::to_vec(&value)
}

/// Five digits of every number that is no whole one.
fn shorten(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(shorten),
        Value::Object(all) => all.values_mut().for_each(shorten),
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|full| format!("{full:.4e}").parse().ok());
            if let Some(short) = short.and_then(serde_json::Number::from_f64) {
                *number = short;
            }
        }
        _ => {}
    }
}

/// Loads with their phases, what happened to the victims of faults, and notes. A note whose time is not known, as an older
/// version stored it, stands at the start.
fn marks(record: &RunRecord) -> Vec<Mark> {
    let mut marks = Vec::new();
    for step in record.steps.iter().filter(|step| step.plan.is_load()) {
        let path = clean::clip(&step.plan.path(), 200);
        let rounds = step.primary().into_iter().flat_map(|measurement| measurement.counted());
        marks.extend(rounds.map(|round| Mark {
            kind: "step",
            at: round.at,
            end: Some(round.at + round.seconds),
            step: Some(path.clone()),
            text: path.clone(),
            level: "info",
        }));
        marks.extend(crate::live::phases(&step.plan.work, &path));
    }
    marks.extend(record.steps.iter().enumerate().flat_map(|(index, step)| faults(record, index, step)));
    let notes = record.notes.iter().filter(|note| note.level == NoteLevel::Warning).take(NOTES);
    marks.extend(notes.map(|note| Mark {
        kind: "note",
        at: note.at.unwrap_or(0.0),
        end: None,
        step: note.step.as_deref().map(|step| clean::clip(step, 200)),
        text: clean::clip(&note.message, 300),
        level: "warning",
    }));
    marks.retain(|mark| mark.at.is_finite());
    marks
}

/// What happened to the victim of a fault, in the time of the run.
fn faults<'a>(record: &'a RunRecord, index: usize, step: &'a StepRecord) -> impl Iterator<Item = Mark> + 'a {
    let started = move |round: u32| {
        let rounds = step.measurements.iter().flat_map(|measurement| &measurement.rounds);
        rounds.filter(|one| one.number == round).map(|one| one.at).next()
    };
    record.faults_of(index).filter_map(move |fault| Some((fault, started(fault.round)?))).flat_map(
        move |(fault, start)| {
            fault.marks.iter().map(move |moment| Mark {
                kind: "fault",
                at: start + moment.at,
                end: None,
                step: Some(clean::clip(&step.plan.path(), 200)),
                text: format!("{} ({:.1} s into the load)", clean::clip(&moment.what, 200), moment.at),
                level: "info",
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_five_digits_and_whole_ones_all() {
        let mut value =
            serde_json::json!({ "a": [12_345_678, 0.123_456_789, -98_765.432_1], "b": { "c": 86_399.951 } });
        shorten(&mut value);
        assert_eq!(value.to_string(), r#"{"a":[12345678,0.12346,-98765.0],"b":{"c":86400.0}}"#);
    }
}
