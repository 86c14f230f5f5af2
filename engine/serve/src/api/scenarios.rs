//! Scenarios: which there are, what they would do, and running one where that is allowed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::runs::one_of;
use crate::api::site::Plain;
use crate::api::{ChangeErrors, Errors, json};
use crate::backend::{Job, PlanPreview, RunRequest, ScenarioRow};
use crate::error::ApiError;
use crate::params::{Json, Name, Params};
use crate::state::App;

const PROFILES: [&str; 4] = ["default", "tiny", "short", "long"];

/// Scenarios.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scenarios {
    /// Built-in ones, then files.
    items: Vec<ScenarioRow>,
    /// Whether they can be run from here.
    may_run: bool,
    /// Why not.
    why_not: Option<String>,
}

/// The scenarios that can be named.
#[utoipa::path(get, path = "/api/v1/scenarios", tag = "scenarios", responses((status = 200, body = Scenarios), Errors))]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let (items, why_not) = app.work(|app| Ok((app.backend.scenarios(), app.backend.why_not_run()))).await?;
    Ok(json(&Scenarios { items, may_run: why_not.is_none(), why_not }))
}

/// How much of everything.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlanQuery {
    /// `default`, `tiny`, `short` or `long`.
    profile: Option<String>,
}

/// What a scenario would do, without doing it.
#[utoipa::path(
    get, path = "/api/v1/scenarios/{name}/plan", tag = "scenarios",
    params(("name" = String, Path, description = "As listed; a `/` in it is written `%2F`"), PlanQuery),
    responses((status = 200, body = PlanPreview), Errors)
)]
pub(crate) async fn plan(
    State(app): State<Arc<App>>,
    Name(name): Name,
    Params(query): Params<PlanQuery>,
) -> Result<Response, ApiError> {
    let profile = query.profile.as_deref().map(|text| one_of("profile", text, &PROFILES)).transpose()?;
    let plan = app.work(move |app| Ok(app.backend.plan(&name, profile)?)).await?;
    Ok(json(&plan))
}

/// Runs a scenario, as a process of its own.
#[utoipa::path(
    post, path = "/api/v1/scenarios/{name}/runs", tag = "scenarios", request_body = RunRequest,
    params(("name" = String, Path, description = "As listed; a `/` in it is written `%2F`")),
    responses((status = 202, description = "It is started", body = Job), ChangeErrors)
)]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Name(name): Name,
    Json(request): Json<RunRequest>,
) -> Result<Response, ApiError> {
    if let Some(profile) = &request.profile {
        one_of("profile", profile, &PROFILES)?;
    }
    let plain = |text: &String| text.len() <= 1000 && !text.chars().any(char::is_control);
    let is_name =
        |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if request.params.len() > 100 || !request.params.iter().all(|(name, value)| is_name(name) && plain(value)) {
        return Err(ApiError::bad("`params` must be names of letters, digits and `_`, with plain texts"));
    }
    let job = app.work(move |app| Ok(app.backend.start(&name, &request)?)).await?;
    Ok((StatusCode::ACCEPTED, json(&job)).into_response())
}

/// What was started from here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// Newest first.
    items: Vec<Job>,
}

/// What was started from here, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "scenarios", responses((status = 200, body = Jobs), Errors))]
pub(crate) async fn jobs(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let items = app.work(|app| Ok(app.backend.jobs())).await?;
    Ok(json(&Jobs { items }))
}
