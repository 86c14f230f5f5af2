//! The last touch to an answer: a tag by its bytes, nothing sent that the client has, compressed where that pays.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use crate::assets::{accepts_gzip, matches};
use crate::error::ApiError;

/// Shorter answers are sent as they are.
const WORTH: usize = 1024;

/// Tags, compares and compresses the answers to reading requests.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    // The answer to HEAD has lost its body already, and a tag by no bytes would be a wrong one.
    let reads = *request.method() == Method::GET;
    let asked = request.headers().clone();
    let response = next.run(request).await;
    if !reads || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => return ApiError::internal(format!("an answer broke off: {error}")).into_response(),
    };
    let gzip = accepts_gzip(&asked) && bytes.len() >= WORTH;
    let work = move || {
        let digest: String = Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("\"{digest}{}\"", if gzip { "-gz" } else { "" });
        if matches(&asked, &tag) {
            return (tag, None);
        }
        let packed = gzip.then(|| packed(&bytes)).flatten();
        (tag, Some((packed.is_some(), packed.unwrap_or(bytes))))
    };
    let Ok((tag, body)) = tokio::task::spawn_blocking(work).await else {
        return ApiError::internal("an answer was not finished").into_response();
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, cookie, authorization"));
    parts.headers.remove(header::CONTENT_LENGTH);
    match body {
        None => {
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            Response::from_parts(parts, Body::empty())
        }
        Some((compressed, bytes)) => {
            if compressed {
                parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            Response::from_parts(parts, Body::from(bytes))
        }
    }
}

fn packed(bytes: &[u8]) -> Option<bytes::Bytes> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 4), flate2::Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(bytes::Bytes::from)
}
