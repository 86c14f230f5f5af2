//! Answers, as a user sees them.

use std::borrow::Cow;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::ErrorClass;

/// Where the time of one request went, in nanoseconds. Zero where nothing had to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Finding the address.
    pub dns: u64,
    /// Until the connection stood.
    pub connect: u64,
    /// Agreeing on encryption.
    pub tls: u64,
    /// From sending to the first byte of the answer.
    pub first_byte: u64,
    /// From starting (connecting included) to the last byte of the answer.
    pub total: u64,
}

/// The headers of an answer. Clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    table: Option<Rc<Table>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Table {
    text: Vec<u8>,
    /// Name and value, as places in `text`.
    places: Vec<[u32; 4]>,
}

impl Table {
    /// Names and values in order.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|&[a, b, c, d]| (&self.text[a as usize..b as usize], &self.text[c as usize..d as usize]))
    }
}

impl Headers {
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        let table = Rc::make_mut(self.table.get_or_insert_default());
        let mut place = |bytes: &[u8]| {
            let start = table.text.len() as u32;
            table.text.extend_from_slice(bytes);
            [start, table.text.len() as u32]
        };
        let ([a, b], [c, d]) = (place(name.as_bytes()), place(value));
        table.places.push([a, b, c, d]);
    }

    /// Values of the headers of this name, as they came.
    fn named<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let all = self.table.iter().flat_map(|table| table.iter());
        all.filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// All of them as they came, in order. Bytes that are no UTF-8 are replaced.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let all = self.table.iter().flat_map(|table| table.iter());
        all.map(|(name, value)| (std::str::from_utf8(name).unwrap_or(""), String::from_utf8_lossy(value)))
    }

    /// The first header of this name, in any case of letters.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.named(name).next().map(String::from_utf8_lossy)
    }

    /// Whether there is a header of this name.
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// All headers of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        self.named(name).map(String::from_utf8_lossy)
    }
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers; empty where they were not wanted.
    pub headers: Headers,
    /// Headers that came after a chunked body.
    pub trailers: Headers,
    /// The body; empty where it was not wanted.
    pub body: Vec<u8>,
    /// Size of the body in bytes, wanted or not.
    pub size: u64,
    /// Where the time went.
    pub timings: Timings,
    /// Why it counts as an error, if it does.
    pub error: Option<ErrorClass>,
}

impl Response {
    /// Whether it counts as a success.
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// Whether it says to look elsewhere, and where.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.headers.has("location")
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}
