//! Requests, as a user describes them and as they are sent.

use std::fmt;

use super::{Origin, Target, UrlError, form};
use crate::error::{ErrorClass, Failure};

/// The method of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`: the answer has no body.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// Any other, as it is sent.
    Other(String),
}

impl Method {
    /// The word in the request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Other(word) => word,
        }
    }

    /// Reads a method; letters are taken as capitals.
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            other => Self::Other(other.into()),
        }
    }

    /// Whether sending it twice does no more than sending it once (RFC 9110, 9.2.2), so that it may be repeated when a
    /// kept connection turns out to be gone.
    pub fn is_idempotent(&self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Put | Self::Delete => true,
            Self::Post => false,
            Self::Other(word) => matches!(word.as_str(), "OPTIONS" | "TRACE"),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// Bytes, with their length announced.
    Bytes(Vec<u8>),
    /// Bytes in chunks of this size, the length not announced.
    Chunked(Vec<u8>, usize),
}

impl Body {
    /// What a file holds, read now.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] if it cannot be read.
    pub fn file(path: &std::path::Path) -> Result<Self, Failure> {
        let read = std::fs::read(path).map(Self::Bytes);
        read.map_err(|error| Failure::new(ErrorClass::Invalid, format!("`{}`: {error}", path.display())))
    }
}

/// A request. What is not set is as usual: 30 s of time, any status below 400, the body read and dropped.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to: a path on the load's target, or an address.
    pub target: String,
    /// Headers beyond `Host`, `Content-Length` and `Transfer-Encoding`. Setting `Host` replaces ours.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Body,
    /// The row that it is counted in; method and path without query where empty. Give one to paths that hold numbers.
    pub name: String,
    /// Statuses that are no error; where empty all below 400.
    pub expect: Vec<u16>,
    /// Time until the whole answer must be there, in nanoseconds, connecting included.
    pub timeout: u64,
    /// Whether the answer's headers and body are wanted, or only counted.
    pub keep: super::Keep,
    /// Redirects that are followed at most; needs the answer's headers. Each is a request of its own.
    pub redirects: u8,
}

/// Time for a request where none is given: 30 s, in nanoseconds.
pub const TIMEOUT: u64 = 30_000_000_000;

/// Redirects that are followed where nothing else is said.
const REDIRECTS: u8 = 10;

impl Request {
    /// A request for `target`.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Body::None,
            name: String::new(),
            expect: Vec::new(),
            timeout: TIMEOUT,
            keep: super::Keep::All,
            redirects: REDIRECTS,
        }
    }

    /// `GET target`.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::Get, target)
    }

    /// `POST target` with a body.
    pub fn post(target: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Bytes(body.into()), ..Self::new(Method::Post, target) }
    }

    /// `POST target` with the fields of a form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        target: impl Into<String>,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self::post(target, form::encode(fields)).header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// `POST target` with a form that may hold files.
    pub fn multipart(target: impl Into<String>, parts: &[form::Part]) -> Self {
        let (kind, body) = form::multipart(parts);
        Self::post(target, body).header("Content-Type", kind)
    }

    /// Whether the body is held back until the server says that it wants it (`Expect: 100-continue`; RFC 9110, 10.1.1).
    pub fn waits_for_continue(&self) -> bool {
        self.body != Body::None
            && self.headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("expect") && value.trim().eq_ignore_ascii_case("100-continue")
            })
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Names the row that it is counted in.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Says which statuses are no error.
    #[must_use]
    pub fn expecting(mut self, statuses: impl Into<Vec<u16>>) -> Self {
        self.expect = statuses.into();
        self
    }

    /// Limits the time, in nanoseconds.
    #[must_use]
    pub fn within(mut self, nanos: u64) -> Self {
        self.timeout = nanos;
        self
    }

    /// Drops the answer's headers and body, which is cheaper.
    #[must_use]
    pub fn discarding(mut self) -> Self {
        self.keep = super::Keep::Nothing;
        self
    }

    /// The row that it is counted in: its name, or method and path without query, with `:id` for segments that are
    /// numbers, UUIDs or long hexadecimal words, so that each product does not get a row of its own.
    pub fn endpoint(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let path = self.target.split(['?', '#']).next().unwrap_or("/");
        let (origin, path) = match path.find("://").and_then(|at| path[at + 3..].find('/').map(|slash| at + 3 + slash))
        {
            Some(slash) => path.split_at(slash),
            None => ("", path),
        };
        let segments: Vec<&str> = path.split('/').map(|segment| if is_id(segment) { ":id" } else { segment }).collect();
        format!("{} {origin}{}", self.method, segments.join("/"))
    }

    /// The request that a redirect with `status` to `location` asks for, seen from `from` (RFC 9110, 15.4).
    ///
    /// # Errors
    /// [`ErrorClass::Redirect`] if it leads nowhere.
    pub fn redirected(&self, from: &super::Url, status: u16, location: &str) -> Result<Self, Failure> {
        let to = from.join(location).map_err(|error| Failure::new(ErrorClass::Redirect, error.to_string()))?;
        let mut next = self.clone();
        next.redirects -= 1;
        if status == 303 || (matches!(status, 301 | 302) && self.method == Method::Post) {
            if next.method != Method::Head {
                next.method = Method::Get;
            }
            next.body = Body::None;
            next.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
        }
        if to.origin != from.origin {
            // Meant for the host that they were given to.
            let own = ["authorization", "cookie", "host"];
            next.headers.retain(|(name, _)| !own.contains(&name.to_ascii_lowercase().as_str()));
        }
        next.target = to.to_string();
        Ok(next)
    }

    /// Where it goes.
    ///
    /// # Errors
    /// If the target is neither path nor address.
    pub fn place(&self) -> Result<Target, UrlError> {
        Target::parse(&self.target)
    }

    /// The bytes to send to `origin` for `path`.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] if method or headers would break the message apart.
    pub fn encode(&self, origin: &Origin, path: &str) -> Result<Vec<u8>, Failure> {
        let invalid = |what: String| Failure::new(ErrorClass::Invalid, what);
        let method = self.method.as_str();
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err(invalid(format!("`{method}` is no method")));
        }
        let body_len = match &self.body {
            Body::None => 0,
            Body::Bytes(bytes) | Body::Chunked(bytes, _) => bytes.len(),
        };
        let mut out = Vec::with_capacity(128 + path.len() + body_len);
        for part in [method, " ", path, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        let has = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !has("host") {
            line(&mut out, "Host", &origin.authority());
        }
        for (name, value) in &self.headers {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(invalid(format!("`{name}` is no name of a header")));
            }
            if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(invalid(format!("the value of header `{name}` holds a line break")));
            }
            if ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return Err(invalid(format!("header `{name}` follows from the body and cannot be set")));
            }
            line(&mut out, name, value);
        }
        match &self.body {
            Body::None => {
                // Servers wait for a length where the method usually carries something.
                if matches!(self.method, Method::Post | Method::Put) || method == "PATCH" {
                    line(&mut out, "Content-Length", "0");
                }
                out.extend_from_slice(b"\r\n");
            }
            Body::Bytes(bytes) => {
                line(&mut out, "Content-Length", &bytes.len().to_string());
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(bytes);
            }
            Body::Chunked(bytes, size) => {
                line(&mut out, "Transfer-Encoding", "chunked");
                out.extend_from_slice(b"\r\n");
                for chunk in bytes.chunks((*size).max(1)) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
        Ok(out)
    }
}

/// Whether a segment of a path names one thing of many.
fn is_id(segment: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    (!segment.is_empty() && digits == segment.len()) || (segment.len() >= 16 && digits > 0 && segment.bytes().all(hex))
}

fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Characters of a token (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
