//! Bodies in chunks (RFC 9112, 7.1), taken in pieces of any size.

use super::Headers;
use super::head::{MAX_HEAD, excerpt};
use crate::error::{ErrorClass, Failure};

/// Longest line that announces a chunk, its extensions included.
const MAX_LINE: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line with the size.
    Size,
    /// In the data: so many bytes to come.
    Data(u64),
    /// Between data and the next size: `\r\n`.
    AfterData,
    /// After the last chunk.
    Trailers,
    Done,
}

/// Where a chunked body stands.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// A line that came in pieces; all trailers.
    line: Vec<u8>,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self { state: State::Size, line: Vec::new() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes from the front of `input` and hands the body's to `out`; gives how many it took. It takes all, unless
    /// the body ends before.
    pub(super) fn take(
        &mut self,
        input: &[u8],
        trailers: &mut Headers,
        out: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            let rest = &input[at..];
            match self.state {
                State::Data(left) => {
                    let now = left.min(rest.len() as u64) as usize;
                    out(&rest[..now])?;
                    at += now;
                    let left = left - now as u64;
                    self.state = if left == 0 { State::AfterData } else { State::Data(left) };
                }
                State::Size => {
                    let Some(end) = self.line_end(rest, MAX_LINE)? else { return Ok(input.len()) };
                    at += end;
                    let size = size_of_line(&self.line)?;
                    self.line.clear();
                    self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                }
                State::AfterData => {
                    // CRLF, nothing else.
                    let want = b"\r\n"[self.line.len()];
                    if rest[0] != want {
                        return Err(bad("a chunk is longer than announced", rest));
                    }
                    at += 1;
                    self.line.push(want);
                    if self.line.len() == 2 {
                        self.line.clear();
                        self.state = State::Size;
                    }
                }
                State::Trailers => {
                    let Some(end) = self.line_end(rest, MAX_HEAD)? else { return Ok(input.len()) };
                    at += end;
                    if self.line.ends_with(b"\r\n\r\n") || self.line == b"\r\n" {
                        read_trailers(&self.line, trailers)?;
                        self.state = State::Done;
                    }
                }
                State::Done => {}
            }
        }
        Ok(at)
    }

    /// Adds to the line what belongs to it; `None` if its end has not come.
    fn line_end(&mut self, rest: &[u8], most: usize) -> Result<Option<usize>, Failure> {
        let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let part = &rest[..end.unwrap_or(rest.len())];
        if self.line.len() + part.len() > most {
            let class = if most == MAX_HEAD { ErrorClass::HeadTooLarge } else { ErrorClass::BadFraming };
            return Err(Failure::new(class, "a line of a chunked body has no end"));
        }
        self.line.extend_from_slice(part);
        Ok(end)
    }
}

fn bad(what: &str, bytes: &[u8]) -> Failure {
    Failure::new(ErrorClass::BadFraming, format!("{what}: {}", excerpt(bytes)))
}

fn size_of_line(line: &[u8]) -> Result<u64, Failure> {
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| bad("a chunk size ends without CRLF", line))?;
    let (digits, extension) = match line.iter().position(|byte| !byte.is_ascii_hexdigit()) {
        Some(end) => (&line[..end], &line[end..]),
        None => (line, &b""[..]),
    };
    let after = extension.trim_ascii_start();
    if digits.is_empty() || !(after.is_empty() || after[0] == b';') || extension.contains(&b'\r') {
        return Err(bad("a chunk size is no number", line));
    }
    let text = std::str::from_utf8(digits).unwrap_or("");
    u64::from_str_radix(text, 16).map_err(|_| bad("a chunk size is too large", line))
}

/// All trailer lines with the empty one.
fn read_trailers(lines: &[u8], into: &mut Headers) -> Result<(), Failure> {
    if lines == b"\r\n" {
        return Ok(());
    }
    let mut fields = [httparse::EMPTY_HEADER; super::MAX_HEADERS];
    match httparse::parse_headers(lines, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => {
            for field in fields {
                into.push(field.name, field.value);
            }
            Ok(())
        }
        _ => Err(bad("trailers are malformed", lines)),
    }
}
