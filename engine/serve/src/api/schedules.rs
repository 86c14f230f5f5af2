//! Schedules: what runs when nobody watches, what came of it, and switching one on, off, or running it now.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use engine_core::schedule::Schedule;
use engine_store::Followed;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::site::Plain;
use crate::api::{ChangeErrors, Errors, json};
use crate::backend::{Job, Refused};
use crate::error::ApiError;
use crate::params::{Json, Name, Params, after, limit, page};
use crate::shape::{OccurrenceRow, ScheduleRow};
use crate::state::App;

/// Starts that are told in advance.
const COMING: usize = 3;

/// Schedules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedules {
    /// All of them, by name.
    items: Vec<ScheduleRow>,
    /// Whether this server follows them; else something else has to.
    followed: bool,
    /// Whether one can be run now from here.
    may_run: bool,
    /// Why not.
    why_not: Option<String>,
}

/// The schedule as it is answered. What is due is asked of the program, which knows patterns and zones.
fn row(app: &App, followed: &Followed) -> Result<ScheduleRow, ApiError> {
    let Followed { schedule, mark } = followed;
    let coming = if schedule.enabled {
        app.backend.coming(schedule, *mark, COMING).map_err(|refused: Refused| refused.message)
    } else {
        Ok(Vec::new())
    };
    let last = app.database.read(|store| Ok::<_, ApiError>(store.occurrences(Some(&schedule.name), 1)?))?;
    Ok(ScheduleRow::of(schedule, coming, last.first()))
}

/// All schedules with their next starts and what came of each last.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", responses((status = 200, body = Schedules), Errors))]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let answer = app
        .work(|app| {
            let all = app.database.read(|store| Ok::<_, ApiError>(store.schedules()?))?;
            let items = all.iter().map(|one| row(app, one)).collect::<Result<_, _>>()?;
            let why_not = app.backend.why_not_run();
            Ok(Schedules { items, followed: app.backend.follows_schedules(), may_run: why_not.is_none(), why_not })
        })
        .await?;
    Ok(json(&answer))
}

/// Which times.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OccurrencesQuery {
    /// How many at once, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the answer before.
    cursor: Option<String>,
    /// Name of the schedule, also of one that was removed; all where it is not said.
    schedule: Option<String>,
}

/// What came of times, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OccurrencePage {
    /// The times.
    items: Vec<OccurrenceRow>,
    /// `cursor` of the next page; null on the last.
    next: Option<String>,
    /// How many there are in all.
    total: usize,
}

/// What came of the times of schedules, newest first.
#[utoipa::path(
    get, path = "/api/v1/occurrences", tag = "schedules", params(OccurrencesQuery),
    responses((status = 200, body = OccurrencePage), Errors)
)]
pub(crate) async fn occurrences(
    State(app): State<Arc<App>>,
    Params(query): Params<OccurrencesQuery>,
) -> Result<Response, ApiError> {
    let (limit, from) = (limit(query.limit)?, after(query.cursor.as_deref())?);
    let all = app
        .work(move |app| {
            app.database.read(|store| Ok::<_, ApiError>(store.occurrences(query.schedule.as_deref(), usize::MAX)?))
        })
        .await?;
    let (items, next, total) = page(all, from, limit);
    Ok(json(&OccurrencePage { items: items.iter().map(OccurrenceRow::of).collect(), next, total }))
}

/// Names are short words.
fn known(name: &str) -> Result<String, ApiError> {
    if Schedule::is_name(name) {
        Ok(name.to_owned())
    } else {
        Err(ApiError::unknown("unknown_schedule", format!("there is no schedule `{name}`")))
    }
}

/// On or off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// Whether it runs from now on. What it would have run while it was off is not made up for.
    enabled: bool,
}

/// Switches a schedule on or off.
#[utoipa::path(
    post, path = "/api/v1/schedules/{name}/switch", tag = "schedules", request_body = Switch,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = ScheduleRow), ChangeErrors)
)]
pub(crate) async fn switch(
    State(app): State<Arc<App>>,
    Name(name): Name,
    Json(switch): Json<Switch>,
) -> Result<Response, ApiError> {
    let name = known(&name)?;
    let answer = app
        .work(move |app| {
            let now = crate::time::now();
            app.database
                .write(|store| Ok::<_, ApiError>(store.enable_schedule(&name, switch.enabled, now).map(|_| ())?))?;
            let followed = app.database.read(|store| Ok::<_, ApiError>(store.schedule(&name)?))?;
            row(app, &followed)
        })
        .await?;
    Ok(json(&answer))
}

/// Nothing to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Runs a schedule now, whatever its pattern and its conditions say, as a process of its own.
#[utoipa::path(
    post, path = "/api/v1/schedules/{name}/runs", tag = "schedules", request_body = Nothing,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 202, description = "It is started", body = Job), ChangeErrors)
)]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Name(name): Name,
    Json(Nothing {}): Json<Nothing>,
) -> Result<Response, ApiError> {
    let name = known(&name)?;
    let job = app
        .work(move |app| {
            app.database.read(|store| Ok::<_, ApiError>(store.schedule(&name).map(|_| ())?))?;
            Ok(app.backend.run_schedule(&name)?)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, json(&job)).into_response())
}
