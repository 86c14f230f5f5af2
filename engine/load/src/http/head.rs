//! The head of an answer: status line, headers, and what they say about the body.

use std::mem::MaybeUninit;

use super::{Headers, Method};
use crate::error::{ErrorClass, Failure};

/// Largest head in bytes.
pub const MAX_HEAD: usize = 64 * 1024;

/// Most headers in a head.
pub const MAX_HEADERS: usize = 128;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection ends.
    Close,
    /// The connection is no longer HTTP (101, or `CONNECT`).
    Upgrade,
}

/// What the head says that matters to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Its size in bytes with the empty line.
    pub size: usize,
    /// Length of the body, if announced.
    length: Option<u64>,
    chunked: bool,
    /// A coding that is no chunking stands last: the body ends with the connection.
    coded: bool,
    /// Whether the connection may be used again.
    pub reusable: bool,
    /// What contradicts itself about the body; matters only where there is one.
    flaw: Option<&'static str>,
}

impl Head {
    /// Reads a head at the start of `bytes`; `None` if it is not complete.
    ///
    /// # Errors
    /// [`ErrorClass::Malformed`] if it is not HTTP, [`ErrorClass::HeadTooLarge`] if it has too many headers.
    pub fn parse(bytes: &[u8], keep: Option<&mut Headers>) -> Result<Option<Self>, Failure> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let status = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, bytes, &mut fields)
            .map_err(|error| match error {
                httparse::Error::TooManyHeaders => {
                    Failure::new(ErrorClass::HeadTooLarge, format!("more than {MAX_HEADERS} headers"))
                }
                error => Failure::new(ErrorClass::Malformed, format!("{error}: {}", excerpt(bytes))),
            })?;
        let httparse::Status::Complete(size) = status else { return Ok(None) };
        let http_11 = response.version == Some(1);
        // Three digits are what the library asks for; below 100 they are no status (RFC 9110, 15), and would pass for a success.
        if response.code.is_none_or(|code| code < 100) {
            return Err(Failure::new(ErrorClass::Malformed, format!("no status: {}", excerpt(bytes))));
        }
        let mut head = Self {
            status: response.code.unwrap_or(0),
            size,
            length: None,
            chunked: false,
            coded: false,
            reusable: http_11,
            flaw: None,
        };
        for field in response.headers.iter() {
            head.note(field.name, field.value, http_11);
        }
        if let Some(headers) = keep {
            for field in response.headers.iter() {
                headers.push(field.name, field.value);
            }
        }
        if head.chunked || head.coded {
            // RFC 9112, 6.1: a length beside a coding is ignored, and the connection not trusted further.
            head.reusable &= head.length.take().is_none();
        }
        Ok(Some(head))
    }

    fn note(&mut self, name: &str, value: &[u8], http_11: bool) {
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => {
                for part in value.split(|byte| *byte == b',') {
                    let part = part.trim_ascii();
                    let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
                    let number: Option<u64> = std::str::from_utf8(part).ok().and_then(|text| text.parse().ok());
                    match number.filter(|_| digits) {
                        None => self.flaw = Some("Content-Length is no number of bytes"),
                        Some(number) if self.length.is_some_and(|known| known != number) => {
                            self.flaw = Some("two lengths that differ");
                        }
                        number => self.length = number,
                    }
                }
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if !http_11 {
                    self.flaw = Some("Transfer-Encoding in HTTP/1.0");
                }
                let last = value.split(|byte| *byte == b',').next_back().unwrap_or(value).trim_ascii();
                self.chunked = last.eq_ignore_ascii_case(b"chunked");
                self.coded = !self.chunked;
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for part in value.split(|byte| *byte == b',') {
                    let part = part.trim_ascii();
                    if part.eq_ignore_ascii_case(b"close") {
                        self.reusable = false;
                    } else if part.eq_ignore_ascii_case(b"keep-alive") && !http_11 {
                        self.reusable = true;
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether more heads follow before the real one.
    pub const fn is_interim(&self) -> bool {
        self.status >= 100 && self.status < 200 && self.status != 101
    }

    /// How the body ends, for an answer to `method` (RFC 9112, 6.3).
    ///
    /// # Errors
    /// [`ErrorClass::BadFraming`] if the head contradicts itself about it.
    pub fn framing(&self, method: &Method) -> Result<Framing, Failure> {
        let connect = matches!(method, Method::Other(word) if word == "CONNECT");
        let framing = if self.status == 101 || (connect && (200..300).contains(&self.status)) {
            Framing::Upgrade
        } else if *method == Method::Head || matches!(self.status, 100..200 | 204 | 304) {
            Framing::None
        } else if let Some(flaw) = self.flaw {
            return Err(Failure::new(ErrorClass::BadFraming, flaw));
        } else if self.chunked {
            Framing::Chunked
        } else if let (false, Some(length)) = (self.coded, self.length) {
            Framing::Length(length)
        } else {
            Framing::Close
        };
        Ok(framing)
    }
}

/// The start of some bytes, fit for a message.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(40)];
    let dots = if bytes.len() > start.len() { ".." } else { "" };
    format!("`{}{dots}`", start.escape_ascii())
}
