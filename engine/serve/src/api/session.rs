//! Who may change things, and how a browser comes to be one of them.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{ChangeErrors, Errors, json};
use crate::error::ApiError;
use crate::guard::{Access, COOKIE, access_of, peer_of};
use crate::params::Json;
use crate::state::App;

/// What this client may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Whether the token was shown.
    authenticated: bool,
    /// Whether reading needs it.
    token_required_for_reading: bool,
    /// Whether changes are allowed.
    may_change: bool,
    /// Whether scenarios can be run.
    may_run: bool,
    /// Why not.
    why_not_run: Option<String>,
    /// Version of the engine.
    version: &'static str,
    /// Which start of the server this is.
    epoch: String,
}

/// The token, as it was printed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// The token.
    #[schema(max_length = 256)]
    token: String,
}

fn session(app: &App, access: Access) -> Session {
    let authenticated = matches!(access, Access::Cookie | Access::Bearer);
    let why_not_run = app.backend.why_not_run();
    Session {
        authenticated,
        token_required_for_reading: !app.open,
        may_change: authenticated,
        may_run: authenticated && why_not_run.is_none(),
        why_not_run: why_not_run.or_else(|| (!authenticated).then(|| "the token is needed".to_owned())),
        version: env!("CARGO_PKG_VERSION"),
        epoch: app.hub.epoch().to_owned(),
    }
}

/// What this client may do.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Session), Errors))]
pub(crate) async fn get(State(app): State<Arc<App>>, request: Request) -> Response {
    json(&session(&app, access_of(request.headers(), &app.secret)))
}

/// Shows the token and gets a cookie for it.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = Token,
    responses((status = 200, description = "The cookie is set", body = Session), ChangeErrors)
)]
pub(crate) async fn open(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let peer = peer_of(&request);
    let Json(Token { token }) = Json::from_request(request, &()).await?;
    if !app.secret.is_token(token.trim()) {
        app.rates.guess(peer)?;
        return Err(ApiError::unauthorised());
    }
    let mut response = json(&session(&app, Access::Cookie));
    if let Ok(cookie) = HeaderValue::from_str(&app.secret.cookie()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Forgets the cookie.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "The cookie is gone"), Errors)
)]
pub(crate) async fn close() -> Response {
    let gone = format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response()
}
