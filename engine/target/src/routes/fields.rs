//! The fields of a request's body, sent as JSON or as a form.

use std::collections::HashMap;

use axum::Form;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value};

use super::failure;

/// Bytes of a body with fields: 2 MiB.
const LARGEST: usize = 2 << 20;

/// Reads them; the error is the answer.
pub(crate) async fn fields(request: Request) -> Result<Map<String, Value>, Response> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if kind.starts_with("application/json") {
        let body = to_bytes(request.into_body(), LARGEST).await;
        let body = body.map_err(|_| failure(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"))?;
        return match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(failure(StatusCode::UNPROCESSABLE_ENTITY, "the body must be a JSON object")),
            Err(error) => Err(failure(StatusCode::BAD_REQUEST, &format!("the body is no JSON: {error}"))),
        };
    }
    match Form::<HashMap<String, String>>::from_request(request, &()).await {
        Ok(Form(fields)) => Ok(fields.into_iter().map(|(name, value)| (name, value.into())).collect()),
        Err(error) => Err(failure(error.status(), "the body must be JSON or a form")),
    }
}

/// A field as text; numbers as they are written.
pub(crate) fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        value @ Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}
