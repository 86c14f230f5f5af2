//! Which address does what: the pages of the shop, which hold a worker, and tools, which do not.

mod fields;
mod pages;
mod tools;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

use crate::counters::InFlight;
use crate::shop::{Refusal, Shop};

/// All routes.
pub(crate) fn routes(shop: Arc<Shop>) -> Router {
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/products", get(pages::products))
        .route("/products/{id}", get(pages::product))
        .route("/search", get(pages::search))
        .route("/feed", get(pages::feed))
        .route("/login", post(pages::login))
        .route("/cart", post(pages::cart))
        .route("/orders", post(pages::place_order))
        .route("/orders/{id}", get(pages::order))
        .layer(from_fn_with_state(Arc::clone(&shop), served));
    let tools = Router::new()
        .route("/admin/reset", post(tools::reset))
        .route("/bytes/{n}", get(tools::bytes))
        .route("/echo", any(tools::echo))
        .route("/status/{code}", any(tools::status))
        .route("/delay/{ms}", any(tools::delay))
        .route("/health", get(tools::health))
        .route("/metrics", get(tools::metrics))
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "no such page") })
        .layer(from_fn_with_state(Arc::clone(&shop), thawed));
    pages.merge(tools).layer(from_fn_with_state(Arc::clone(&shop), counted)).with_state(shop)
}

/// Counts every request.
async fn counted(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    shop.counters.requests.fetch_add(1, Relaxed);
    let _in_flight = InFlight::new(&shop.counters.in_flight);
    next.run(request).await
}

/// Holds a worker first: what the pages then do is quick.
async fn served(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    match shop.serve().await {
        Ok(()) => next.run(request).await,
        Err(Refusal::Full) => failure(StatusCode::SERVICE_UNAVAILABLE, "the queue is full"),
        Err(Refusal::Fails) => failure(StatusCode::INTERNAL_SERVER_ERROR, "it fails as it was told to"),
    }
}

/// Waits while the target is frozen.
async fn thawed(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    shop.pause(0).await;
    next.run(request).await
}

/// A JSON answer.
fn answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// An answer that says what is wrong.
fn failure(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({ "error": why }))
}
