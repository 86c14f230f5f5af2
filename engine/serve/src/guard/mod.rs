//! What stands before every answer: names, origins, tokens, rates, and what browsers are told.
//!
//! A page of another site must not reach the server through the user's browser. So a request for another host name is
//! refused (DNS rebinding), a change or a WebSocket from another origin is refused, no answer allows another origin to
//! read it, and a change needs a header that forms cannot send.

mod rate;
mod secret;
mod site;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

pub(crate) use rate::Rates;
pub(crate) use secret::{Access, COOKIE, Secret, access_of, fresh};
pub(crate) use site::{Names, Origin, origin_of};

use crate::assets::POLICY;
use crate::error::ApiError;
use crate::state::App;

/// An answer that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who is at the other end; put into every request by the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The address that a request comes from.
pub(crate) fn peer_of(request: &Request) -> IpAddr {
    request.extensions().get::<Peer>().map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.0.ip())
}

/// Headers of every answer, errors too.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses what must not be answered.
pub(crate) async fn refuse(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Err(error) = admitted(&app, &request) {
        return error.into_response();
    }
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timeout().into_response(),
    }
}

fn admitted(app: &App, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    if !app.names.allows(request.uri(), headers) {
        return Err(ApiError::wrong_host());
    }
    app.rates.request(peer_of(request))?;
    let path = request.uri().path();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_data = path.starts_with("/api/") || path == "/metrics";
    let is_session = path == "/api/v1/session";
    let is_socket = headers.contains_key(header::UPGRADE);
    let origin = origin_of(headers, &app.names);
    if (is_change || is_socket) && origin == Origin::Foreign {
        return Err(ApiError::forbidden("a page of another site must not do that"));
    }
    let access = access_of(headers, &app.secret);
    if access == Access::Wrong && !is_session {
        // Guessing is slow.
        app.rates.guess(peer_of(request))?;
        return Err(ApiError::unauthorised());
    }
    if is_session || !is_data {
        return if is_change && !is_session { Err(ApiError::wrong_method()) } else { Ok(()) };
    }
    if (is_change || !app.open) && access == Access::None {
        return Err(ApiError::unauthorised());
    }
    if is_socket && origin == Origin::None && access != Access::Bearer {
        return Err(ApiError::forbidden("a WebSocket without `Origin` needs the bearer token"));
    }
    if is_change {
        if origin == Origin::None && access != Access::Bearer {
            return Err(ApiError::forbidden("a change without `Origin` needs the bearer token"));
        }
        if access == Access::Cookie && headers.get("x-engine").is_none_or(|value| value != "1") {
            return Err(ApiError::forbidden("a change needs the header `X-Engine: 1`"));
        }
    }
    Ok(())
}
