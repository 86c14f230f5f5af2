//! The server itself, the machine, advice, and the description of all this.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answers::Answer;
use crate::api::{Errors, json, raw};
use crate::backend::Machine;
use crate::error::ApiError;
use crate::params::{Params, reference};
use crate::shape::AdviceRow;
use crate::state::App;
use crate::time;

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plain {}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: else there is no answer.
    status: &'static str,
    /// Version of the engine.
    version: &'static str,
    /// Which start of the server this is.
    epoch: String,
    /// When it started, RFC 3339 in UTC.
    started: String,
    /// What is stored.
    store: StoreHealth,
    /// Who watches.
    live: LiveHealth,
    /// CPU time of the server's process so far, in seconds; null where the system does not tell.
    own_cpu_seconds: Option<f64>,
}

/// What is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoreHealth {
    /// Runs of all profiles.
    runs: u64,
    /// Bytes of the file.
    bytes: u64,
    /// Bytes of the write-ahead log beside it.
    log_bytes: u64,
}

/// Who watches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveHealth {
    /// Open WebSockets.
    sockets: usize,
    /// Runs that are under way.
    runs: usize,
}

/// How the server is.
#[utoipa::path(get, path = "/api/v1/health", tag = "site", responses((status = 200, body = Health), Errors))]
pub(crate) async fn health(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let runs = app.work(|app| app.database.read(|store| Ok::<_, ApiError>(store.count()?))).await?;
    let size = |path: std::path::PathBuf| std::fs::metadata(path).map_or(0, |about| about.len());
    let mut log = app.database.path().as_os_str().to_owned();
    log.push("-wal");
    Ok(json(&Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        epoch: app.hub.epoch().to_owned(),
        started: time::text(app.started),
        store: StoreHealth { runs, bytes: size(app.database.path().to_owned()), log_bytes: size(log.into()) },
        live: LiveHealth { sockets: app.watching(), runs: app.hub.running().len() },
        own_cpu_seconds: time::own_cpu(),
    }))
}

/// What this machine can and cannot measure.
#[utoipa::path(get, path = "/api/v1/machine", tag = "site", responses((status = 200, body = Machine), Errors))]
pub(crate) async fn machine(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let mut machine = app.work(|app| Ok(app.backend.machine()?)).await?;
    let clean = engine_report::clean::line;
    machine.environment = machine.environment.iter().map(|(path, text)| (clean(path), clean(text))).collect();
    Ok(json(&machine))
}

/// Which run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AdviceQuery {
    /// A run; the newest where none is named.
    run: Option<String>,
}

/// What would make the measured thing faster, with evidence.
#[utoipa::path(
    get, path = "/api/v1/advice", tag = "runs", params(AdviceQuery),
    responses((status = 200, body = AdviceRow), Errors)
)]
pub(crate) async fn advice(
    State(app): State<Arc<App>>,
    Params(query): Params<AdviceQuery>,
) -> Result<Response, ApiError> {
    let run = reference(query.run.as_deref().unwrap_or("@last"))?.to_owned();
    let (_, text) = app.work(move |app| app.answer(&run, Answer::Advice)).await?;
    Ok(raw(text))
}

/// This description, OpenAPI 3.1.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "site",
    responses((status = 200, description = "The description", body = Object), Errors)
)]
pub(crate) async fn description(_: Params<Plain>) -> Response {
    raw(super::document())
}
