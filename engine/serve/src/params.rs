//! What a request says: its query, the names in its path, its body. What cannot be read is an error that says why.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The largest body, in bytes, of all requests but those that bring results.
pub(crate) const BODY: usize = 1 << 20;

/// The longest list that is answered at once.
pub(crate) const MOST: u32 = 500;

/// The query. A parameter that is not known is an error: it would otherwise look like an empty answer.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(ApiError::bad(error.body_text())),
        }
    }
}

/// The one name in the path.
pub(crate) struct Name(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) if name.len() > 512 => Err(ApiError::bad("the name is longer than 512 bytes")),
            Ok(Path(name)) => Ok(Self(name)),
            Err(error) => Err(ApiError::bad(error.body_text())),
        }
    }
}

/// A reference to a stored run. What names a file is refused: a reader of the page must not make the server open files.
pub(crate) fn reference(text: &str) -> Result<&str, ApiError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@-_.:".contains(&byte));
    if text.is_empty()
        || text.len() > 64
        || !plain
        || text.starts_with("file:")
        || text.starts_with('.')
        || has_suffix(text)
    {
        return Err(ApiError::unknown("unknown_run", format!("no run `{text}`")).hint("an id, `@last` or `@-2`"));
    }
    Ok(text)
}

/// What the store would take for the name of a file.
fn has_suffix(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, suffix)| matches!(suffix, "json" | "gz" | "db" | "zst"))
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
            return Err(ApiError::wrong_type("the body must be `application/json`"));
        }
        let bytes = body(request, BODY).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| ApiError::bad(format!("the body: {error}")))
    }
}

/// The body, `most` bytes at most.
pub(crate) async fn body(request: Request, most: usize) -> Result<bytes::Bytes, ApiError> {
    let said =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|said| said > most) {
        return Err(ApiError::too_large(most));
    }
    let limited = http_body_util::Limited::new(request.into_body(), most);
    match http_body_util::BodyExt::collect(limited).await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(ApiError::too_large(most)),
        Err(error) => Err(ApiError::bad(format!("the body was not read: {error}"))),
    }
}

/// How many are answered at once.
pub(crate) fn limit(asked: Option<u32>) -> Result<usize, ApiError> {
    match asked.unwrap_or(50) {
        limit @ 1..=MOST => Ok(usize::try_from(limit).unwrap_or(50)),
        other => Err(ApiError::bad(format!("`limit` must be 1 to {MOST}, got {other}"))),
    }
}

/// Where a list goes on: a place in it, as text that says nothing. Places are stable as long as nothing new comes.
pub(crate) fn after(cursor: Option<&str>) -> Result<usize, ApiError> {
    let Some(cursor) = cursor else { return Ok(0) };
    cursor
        .strip_prefix('c')
        .filter(|digits| digits.len() <= 9 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| ApiError::bad("`cursor` must be the `next` of an earlier answer"))
}

/// The part of a list that is answered, and where it goes on.
pub(crate) fn page<T>(all: Vec<T>, from: usize, limit: usize) -> (Vec<T>, Option<String>, usize) {
    let total = all.len();
    let next = (from + limit < total).then(|| format!("c{}", from + limit));
    (all.into_iter().skip(from).take(limit).collect(), next, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_no_runs() {
        for bad in ["file:/etc/passwd", "../x", "a/b", "/etc/passwd", "run.json", "", "a b", "x.json.gz", "é", "a\0b"]
        {
            assert!(reference(bad).is_err(), "{bad}");
        }
        for good in ["@last", "@-2", "01j9abc", "@main", "auto:20"] {
            assert!(reference(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_list_is_walked_to_its_end() {
        let all: Vec<u32> = (0..7).collect();
        let (mut from, mut seen) = (0, Vec::new());
        loop {
            let (items, next, total) = page(all.clone(), from, 3);
            assert_eq!(total, 7);
            seen.extend(items);
            match next {
                Some(cursor) => from = after(Some(&cursor)).unwrap(),
                None => break,
            }
        }
        assert_eq!(seen, all);
        for bad in ["", "c", "x1", "c-1", "c99999999999", "cé"] {
            assert!(after(Some(bad)).is_err(), "{bad}");
        }
    }
}
