//! The REST API, version 1: everything that the pages show.

mod alerts;
mod compare;
pub(crate) mod curves;
pub(crate) mod metrics;
mod runs;
mod scenarios;
mod schedules;
mod session;
mod site;
pub(crate) mod timeline;
mod trend;

pub(crate) use trend::{TrendBaseline, TrendRemark};

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::openapi;
use crate::state::App;
use crate::{assets, finish, guard};

/// A JSON answer.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => raw(text),
        Err(error) => ApiError::internal(format!("an answer cannot be written: {error}")).into_response(),
    }
}

/// Text that is JSON already.
pub(crate) fn raw(text: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}

/// What every address may answer when it does not answer; only for the description.
pub(crate) struct Errors;

impl utoipa::IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let all = [
            ("400", "The request cannot be read, or means nothing"),
            ("401", "A token is needed, or this one is wrong"),
            ("403", "A page of another site, or not allowed by the settings"),
            ("404", "There is no such thing"),
            ("421", "The server does not answer to that name"),
            ("429", "Too many requests; `Retry-After` says when"),
            ("500", "An error of the engine"),
            ("503", "Not now: the store is locked, or this build cannot do it"),
            ("504", "The answer took too long"),
        ];
        all.into_iter().map(|(status, text)| (status.to_owned(), openapi::error(text).into())).collect()
    }
}

/// What a change may answer besides.
pub(crate) struct ChangeErrors;

impl utoipa::IntoResponses for ChangeErrors {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let all = [
            ("409", "Not in the state that it is in"),
            ("413", "The body is too long"),
            ("415", "The body must be JSON"),
        ];
        let mut all: BTreeMap<_, RefOr<_>> =
            all.into_iter().map(|(status, text)| (status.to_owned(), openapi::error(text).into())).collect();
        all.extend(Errors::responses());
        all
    }
}

/// The addresses with their description.
fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(session::get, session::open, session::close))
        .routes(routes!(site::health))
        .routes(routes!(runs::list, runs::import))
        .routes(routes!(runs::get, runs::remove))
        .routes(routes!(runs::remarks, runs::annotate))
        .routes(routes!(runs::file))
        .routes(routes!(timeline::get))
        .routes(routes!(curves::get))
        .routes(routes!(compare::get))
        .routes(routes!(trend::series))
        .routes(routes!(trend::get))
        .routes(routes!(trend::baselines))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::get))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::silence))
        .routes(routes!(alerts::resolve))
        .routes(routes!(alerts::label))
        .routes(routes!(site::advice))
        .routes(routes!(scenarios::list))
        .routes(routes!(scenarios::plan))
        .routes(routes!(scenarios::start))
        .routes(routes!(scenarios::jobs))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::occurrences))
        .routes(routes!(schedules::switch))
        .routes(routes!(schedules::start))
        .routes(routes!(site::machine))
        .routes(routes!(crate::live::socket::live))
        .routes(routes!(metrics::get))
        .routes(routes!(site::description))
}

/// The description of the API, as JSON.
pub(crate) fn document() -> String {
    openapi::text(described().into_openapi())
}

/// Everything that is answered.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (api, _) = described().split_for_parts();
    let api = api.layer(from_fn(finish::answer));
    Router::new()
        .merge(api)
        .route("/assets/{*path}", axum::routing::get(assets::file))
        .route("/favicon.ico", axum::routing::get(assets::icon))
        .route("/favicon.svg", axum::routing::get(assets::icon))
        .fallback(assets::page)
        .method_not_allowed_fallback(|| async { ApiError::wrong_method() })
        .layer(from_fn_with_state(Arc::clone(&app), guard::refuse))
        .layer(from_fn(guard::headers))
        .with_state(app)
}
