//! Two sides against each other.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{Errors, raw};
use crate::backend::Sides;
use crate::error::ApiError;
use crate::openapi::ComparisonDocument;
use crate::params::{Params, reference};
use crate::state::App;

/// Runs of one side.
const RUNS: usize = 50;

/// Which sides, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareQuery {
    /// The older side: runs with commas between them, the name of a baseline, or `auto`.
    old: String,
    /// The newer side: runs with commas between them.
    new: String,
    /// Smaller changes do not count: a share, such as 0.01.
    #[param(minimum = 0.0, maximum = 10.0)]
    min_effect: Option<f64>,
    /// Whether unlike environments are compared all the same.
    allow_unlike: Option<bool>,
}

/// Compares two sides: a verdict with interval for each series, and what differs in the environments.
#[utoipa::path(
    get, path = "/api/v1/compare", tag = "histories", params(CompareQuery),
    responses((status = 200, body = ComparisonDocument), Errors)
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Params(query): Params<CompareQuery>,
) -> Result<Response, ApiError> {
    for side in [&query.old, &query.new] {
        let parts: Vec<&str> = side.split(',').map(str::trim).collect();
        if parts.len() > RUNS {
            return Err(ApiError::bad(format!("a side may have {RUNS} runs at most")));
        }
        parts.into_iter().try_for_each(|part| reference(part).map(|_| ()))?;
    }
    if query.min_effect.is_some_and(|share| !(0.0..=10.0).contains(&share)) {
        return Err(ApiError::bad("`min_effect` must be a share such as 0.01, 10 at most"));
    }
    let sides = Sides {
        old: query.old,
        new: query.new,
        min_effect: query.min_effect,
        allow_unlike: query.allow_unlike.unwrap_or(false),
    };
    let text = app.work(move |app| Ok(engine_report::json::comparison(&app.backend.compare(&sides)?))).await?;
    Ok(raw(text))
}
