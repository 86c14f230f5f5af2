//! Journeys in Rhai from what was recorded elsewhere: a HAR file of a browser, a command for curl. Text in, text out.

pub(crate) mod curl;
pub(crate) mod har;
mod shell;
#[cfg(test)]
mod tests;
pub(crate) mod write;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

/// A request that was recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Scheme, host and port: `https://example.com`.
    pub(crate) origin: String,
    /// Path with query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Name and password of basic authentication.
    pub(crate) login: Option<(String, String)>,
    pub(crate) body: Content,
    /// The status that it was answered with.
    pub(crate) status: Option<u16>,
    /// Redirects that are followed, where that is not the default.
    pub(crate) redirects: Option<u8>,
    /// Seconds until the answer must be there.
    pub(crate) timeout: Option<f64>,
    /// Seconds of thought before it.
    pub(crate) think: f64,
    /// Whether it was sent before the one before it was answered.
    pub(crate) beside: bool,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Content {
    #[default]
    None,
    Text(String),
    Json(Value),
    Form(Vec<(String, String)>),
    /// A file beside the scenario.
    File(String),
}

/// What was read, and what is to be told about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Recording {
    pub(crate) requests: Vec<Asked>,
    /// What was left out or changed, one sentence each.
    pub(crate) remarks: BTreeSet<String>,
    pub(crate) insecure: bool,
    /// File with the authorities that are trusted.
    pub(crate) ca: Option<String>,
}

/// Splits an address into origin and path; a scheme that is missing is `http`.
pub(crate) fn split_url(url: &str) -> Result<(String, String), String> {
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let (scheme, rest) = full.split_once("://").unwrap_or(("http", ""));
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(format!("`{url}`: only http and https are sent"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(format!("`{url}` names no host"));
    }
    // What follows `#` stays in the browser.
    let path = path.split('#').next().unwrap_or("");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((format!("{scheme}://{}", host.to_ascii_lowercase()), path))
}

/// Whether a header says something that the engine says itself, that only a browser knows, or that would make a cached
/// answer possible.
fn is_noise(name: &str, value: &str) -> bool {
    const NOISE: [&str; 27] = [
        "accept-encoding",
        "accept-language",
        "authority",
        "cache-control",
        "connection",
        "content-length",
        "dnt",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "pragma",
        "priority",
        "proxy-connection",
        "purpose",
        "referer",
        "te",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "upgrade-insecure-requests",
        "user-agent",
        "via",
        "x-client-data",
    ];
    let name = name.to_ascii_lowercase();
    name.starts_with(':')
        || name.starts_with("sec-")
        || NOISE.contains(&name.as_str())
        // What a browser accepts anywhere says nothing.
        || (name == "accept" && (value.contains("*/*")))
}

/// Takes a body by what its type says it is; the header goes where the option says the same.
fn with_body(asked: &mut Asked, text: String) {
    let kind = asked.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map(|(_, value)| value.to_ascii_lowercase()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or("").trim().to_owned();
    asked.body = match kind.as_str() {
        "application/json" => {
            serde_json::from_str(&text).ok().filter(write::is_literal).map_or(Content::None, Content::Json)
        }
        "application/x-www-form-urlencoded" => form(&text).map_or(Content::None, Content::Form),
        _ => Content::None,
    };
    if asked.body == Content::None {
        asked.body = if text.is_empty() { Content::None } else { Content::Text(text) };
    } else {
        asked.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    }
}

/// The fields of an encoded form; none where one name comes twice, or what would be encoded again is not the same.
fn form(text: &str) -> Option<Vec<(String, String)>> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (decoded(name)?, decoded(value)?);
        if fields.iter().any(|(known, _)| *known == name) {
            return None;
        }
        fields.push((name, value));
    }
    (!fields.is_empty()).then_some(fields)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Encodes a part of a query or form as RFC 3986 wants it.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
