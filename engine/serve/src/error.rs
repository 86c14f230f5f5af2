//! Errors as answers: a status, a word for programs, a sentence for people.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::backend::{Refusal, Refused};

/// What every answer that is no success holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    pub(crate) error: ErrorText,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorText {
    /// The status of the answer.
    pub(crate) status: u16,
    /// A word for programs, such as `unknown_run`.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
    /// What would help.
    pub(crate) hint: Option<String>,
}

/// An error that becomes an answer.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    pub(crate) message: String,
    hint: Option<String>,
    /// Seconds after which a new try makes sense.
    retry: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        // A message may quote what was sent.
        let message = engine_report::clean::clip(&message.into(), 600);
        Self { status, code, message, hint: None, retry: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn unknown(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", "this needs the token that `engine serve` printed")
            .hint("send `Authorization: Bearer TOKEN`, or open the printed address in the browser")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this address does not take that method")
    }

    pub(crate) fn too_large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the body may have {most} bytes at most"))
    }

    pub(crate) fn wrong_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type", message)
    }

    pub(crate) fn wrong_host() -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "this server does not answer to that name")
            .hint("use the printed address, or allow the name with `--allow-host`")
    }

    pub(crate) fn too_many(seconds: u32) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "too many requests");
        error.retry = Some(seconds);
        error
    }

    pub(crate) fn timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the answer took too long")
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        error.retry = Some(5);
        error
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        let message = message.into();
        tracing::error!(%message, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorText { status: self.status.as_u16(), code: self.code, message: self.message, hint: self.hint },
        };
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], text).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(retry) = self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<engine_store::Error> for ApiError {
    fn from(error: engine_store::Error) -> Self {
        use engine_store::Error as Store;
        // The file's place is nothing that a reader of the page needs; the log has it.
        match &error {
            Store::UnknownRun { typed, .. } => Self::unknown("unknown_run", format!("no run `{typed}`")),
            Store::Ambiguous { typed, candidates, .. } => {
                Self::bad(format!("`{typed}` could be {}", candidates.join(", ")))
            }
            Store::UnknownBaseline { name, .. } => Self::unknown("unknown_baseline", format!("no baseline `{name}`")),
            Store::UnknownAlert { id, .. } => Self::unknown("unknown_alert", format!("no alert `{id}`")),
            Store::BadSchedule { reason } => Self::unknown("unknown_schedule", reason.clone()),
            Store::BadAlert { .. } | Store::BadBaseline { .. } => Self::conflict(error.to_string()),
            Store::Import { reason, .. } => Self::bad(reason.clone()),
            Store::Locked { .. } => Self::unavailable("the store is locked by another process"),
            Store::Full { .. } => Self::unavailable("no space is left for the store"),
            Store::ReadOnly { .. } => Self::unavailable("the store cannot be written"),
            Store::Missing { .. } => Self::unavailable("nothing is stored yet: run a scenario"),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let mut error = match refused.kind {
            Refusal::Invalid => Self::bad(refused.message),
            Refusal::Unknown => Self::not_found(refused.message),
            Refusal::Forbidden => Self::forbidden(refused.message),
            Refusal::Conflict => Self::conflict(refused.message),
            Refusal::Unavailable => Self::unavailable(refused.message),
            Refusal::Internal => Self::internal(refused.message),
        };
        error.hint = refused.hint;
        error
    }
}
