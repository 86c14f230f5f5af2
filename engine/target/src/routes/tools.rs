//! Routes that hold no worker: answers of any size, status and delay, and what watches the target.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{answer, failure};
use crate::filler::Filler;
use crate::freeze::nanos;
use crate::shop::Shop;

type Shared = State<Arc<Shop>>;

/// The most that `/bytes/{n}` sends: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;
/// The longest that `/delay/{ms}` waits: an hour.
const LONGEST: f64 = 3_600_000.0;

pub(crate) async fn health() -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok" }))
}

pub(crate) async fn metrics(State(shop): Shared) -> Response {
    let text = shop.counters.text(shop.gauges());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

pub(crate) async fn bytes(Path(bytes): Path<String>) -> Response {
    match bytes.parse() {
        Ok(bytes @ 0..=MOST_BYTES) => {
            ([(header::CONTENT_TYPE, "application/octet-stream")], Body::new(Filler::new(bytes))).into_response()
        }
        _ => failure(StatusCode::BAD_REQUEST, "a number of bytes up to 1 GiB is needed"),
    }
}

/// Sends back what came.
pub(crate) async fn echo(request: Request) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    let mut response = Response::new(request.into_body());
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

pub(crate) async fn status(Path(code): Path<String>) -> Response {
    // Those below 200 announce another answer, so they cannot be one.
    match code.parse().ok().filter(|code| (200..600).contains(code)).map(StatusCode::from_u16) {
        Some(Ok(code @ (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED))) => code.into_response(),
        Some(Ok(code)) => answer(code, &json!({ "status": code.as_u16() })),
        _ => failure(StatusCode::BAD_REQUEST, "a status from 200 to 599 is needed"),
    }
}

pub(crate) async fn delay(State(shop): Shared, Path(millis): Path<String>) -> Response {
    match millis.parse::<f64>().ok().filter(|millis| (0.0..=LONGEST).contains(millis)) {
        Some(millis) => {
            shop.pause(nanos(millis / 1e3)).await;
            answer(StatusCode::OK, &json!({ "delay": millis }))
        }
        None => failure(StatusCode::BAD_REQUEST, "milliseconds up to an hour are needed"),
    }
}

/// Forgets all orders.
pub(crate) async fn reset(State(shop): Shared, headers: HeaderMap) -> Response {
    let given = headers.get("x-admin").map_or(&b""[..], |value| value.as_bytes());
    if shop.settings.admin.as_ref().is_some_and(|token| token.as_bytes() != given) {
        return failure(StatusCode::FORBIDDEN, "`X-Admin` does not hold the token");
    }
    match shop.reset() {
        Ok(next) => answer(StatusCode::CREATED, &json!({ "reset": true, "order": { "id": next } })),
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, &format!("the orders cannot be forgotten: {error}")),
    }
}
