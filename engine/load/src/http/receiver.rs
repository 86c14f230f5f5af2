//! Taking in one answer, in pieces of any size.

use super::body::Sink;
use super::chunked::Chunked;
use super::head::{Framing, Head, MAX_HEAD, excerpt};
use super::{Headers, Method, Response};
use crate::error::{ErrorClass, Failure};

/// What of an answer is kept for the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// Headers and body.
    #[default]
    All,
    /// Status and sizes only.
    Nothing,
}

/// What a piece of the answer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    More,
    /// The answer is complete; so many bytes of the piece belonged to it.
    Done(usize),
}

#[derive(Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// The heads that this thread's connections saw last: answers of one server mostly repeat one of a few byte for byte, and
/// comparing is much cheaper than parsing.
#[derive(Debug, Default)]
pub struct HeadMemo {
    known: Vec<Known>,
    /// Which of them makes room next.
    oldest: usize,
}

#[derive(Debug)]
struct Known {
    bytes: Vec<u8>,
    head: Head,
    /// None where nobody wanted them yet.
    headers: Option<Headers>,
}

impl HeadMemo {
    /// Heads that are kept: one for each of the routes that a user goes through in turn.
    const MOST: usize = 4;

    /// The head that `input` begins with, if it was seen before, with its headers if they are wanted.
    fn find(&self, input: &[u8], keep: Keep) -> Option<(Head, Headers)> {
        let known = self.known.iter().find(|known| input.starts_with(&known.bytes))?;
        match keep {
            Keep::Nothing => Some((known.head, Headers::default())),
            Keep::All => Some((known.head, known.headers.clone()?)),
        }
    }

    /// Keeps a head that was parsed.
    fn learn(&mut self, bytes: &[u8], head: Head, headers: Option<Headers>) {
        if let Some(known) = self.known.iter_mut().find(|known| known.bytes == bytes) {
            known.headers = headers.or(known.headers.take());
        } else if self.known.len() < Self::MOST {
            self.known.push(Known { bytes: bytes.to_vec(), head, headers });
        } else {
            let known = &mut self.known[self.oldest];
            self.oldest = (self.oldest + 1) % Self::MOST;
            known.bytes.clear();
            known.bytes.extend_from_slice(bytes);
            (known.head, known.headers) = (head, headers);
        }
    }
}

/// One answer on its way in.
#[derive(Debug)]
pub struct Receiver {
    state: State,
    method: Method,
    keep: Keep,
    /// A head that came in pieces.
    partial: Vec<u8>,
    /// Whether a first piece was tried, so that what is not HTTP is known at once.
    tried: bool,
    sink: Sink,
    status: u16,
    reusable: bool,
    headers: Headers,
    trailers: Headers,
    received: u64,
    /// Whether the server said that it wants the body.
    wanted: bool,
}

impl Receiver {
    /// For the answer to a request with `method`, of at most `most_body` bytes of body.
    pub fn new(method: Method, keep: Keep, most_body: u64) -> Self {
        Self {
            state: State::Head,
            method,
            keep,
            partial: Vec::new(),
            tried: false,
            sink: Sink::new(keep, most_body),
            status: 0,
            reusable: false,
            headers: Headers::default(),
            trailers: Headers::default(),
            received: 0,
            wanted: false,
        }
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// If the answer is not HTTP, contradicts itself, or is larger than allowed.
    pub fn take(&mut self, piece: &[u8], memo: &mut HeadMemo) -> Result<Progress, Failure> {
        self.received += piece.len() as u64;
        let mut at = 0;
        while matches!(self.state, State::Head) {
            if at == piece.len() {
                return Ok(Progress::More);
            }
            match self.take_head(&piece[at..], memo)? {
                Some(used) => at += used,
                None => return Ok(Progress::More),
            }
        }
        let rest = &piece[at..];
        let sink = &mut self.sink;
        match &mut self.state {
            State::Length(left) => {
                let now = (*left).min(rest.len() as u64) as usize;
                sink.take(&rest[..now])?;
                *left -= now as u64;
                at += now;
                if *left == 0 {
                    self.state = State::Done;
                }
            }
            State::Chunked(chunked) => {
                at += chunked.take(rest, &mut self.trailers, &mut |bytes| sink.take(bytes))?;
                if chunked.is_done() {
                    self.state = State::Done;
                }
            }
            State::UntilClose => {
                sink.take(rest)?;
                at = piece.len();
            }
            State::Head | State::Done => {}
        }
        Ok(if matches!(self.state, State::Done) { Progress::Done(at) } else { Progress::More })
    }

    /// Takes a head, or a part of one; gives how many bytes of `input` belonged to it once it is complete.
    fn take_head(&mut self, input: &[u8], memo: &mut HeadMemo) -> Result<Option<usize>, Failure> {
        if self.partial.is_empty() {
            if let Some((head, headers)) = memo.find(input, self.keep) {
                self.headers = headers;
                return self.begin_body(head).map(|()| Some(head.size));
            }
            if let Some(head) = self.parse(input)? {
                if head.size > MAX_HEAD {
                    return Err(too_large());
                }
                memo.learn(&input[..head.size], head, (self.keep == Keep::All).then(|| self.headers.clone()));
                return self.begin_body(head).map(|()| Some(head.size));
            }
            self.tried = true;
        }
        // It comes in pieces: parsed again only when its end has come, so that a drip of single bytes costs little.
        let before = self.partial.len();
        let search = before.saturating_sub(3);
        self.partial.extend_from_slice(&input[..input.len().min(MAX_HEAD + 4 - before.min(MAX_HEAD + 4))]);
        let ended = self.partial[search..].windows(2).any(|two| two == b"\n\n")
            || self.partial[search..].windows(3).any(|three| three == b"\n\r\n");
        if !ended {
            return if self.partial.len() > MAX_HEAD { Err(too_large()) } else { Ok(None) };
        }
        let partial = std::mem::take(&mut self.partial);
        match self.parse(&partial)? {
            Some(head) => {
                // Bytes beyond the head are still in `input`.
                self.begin_body(head)?;
                Ok(Some(head.size - before))
            }
            None if partial.len() > MAX_HEAD => Err(too_large()),
            None => {
                // Empty lines before the status line.
                self.partial = partial;
                Ok(None)
            }
        }
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<Option<Head>, Failure> {
        self.headers = Headers::default();
        Head::parse(bytes, (self.keep == Keep::All).then_some(&mut self.headers))
    }

    fn begin_body(&mut self, head: Head) -> Result<(), Failure> {
        if head.is_interim() {
            self.wanted |= head.status == 100;
            self.headers = Headers::default();
            return Ok(());
        }
        self.status = head.status;
        self.reusable = head.reusable;
        self.state = match head.framing(&self.method)? {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) if length > self.sink.most => {
                return Err(Failure::new(ErrorClass::BodyTooLarge, format!("{length} bytes announced")));
            }
            Framing::Length(length) => {
                if self.sink.keep {
                    // Not more than a piece ahead: the announced length is the other side's word.
                    self.sink.kept.reserve(length.min(64 * 1024) as usize);
                }
                State::Length(length)
            }
            Framing::Chunked => State::Chunked(Chunked::new()),
            Framing::Close => {
                self.reusable = false;
                State::UntilClose
            }
            Framing::Upgrade => {
                self.reusable = false;
                State::Done
            }
        };
        Ok(())
    }

    /// The connection ended.
    ///
    /// # Errors
    /// If the answer was not complete.
    pub fn end(&mut self) -> Result<(), Failure> {
        if matches!(self.state, State::Head) {
            // A head in pieces is parsed only once it is complete: what was wrong with it is said now.
            let partial = std::mem::take(&mut self.partial);
            self.parse(&partial)?;
            self.partial = partial;
        }
        let (class, what) = match &self.state {
            State::Done => return Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                return Ok(());
            }
            State::Head if self.received == 0 => (ErrorClass::Closed, "before a byte of the answer".to_owned()),
            State::Head => (ErrorClass::ClosedInHead, format!("after {}", excerpt(&self.partial))),
            State::Length(left) => (ErrorClass::ClosedInBody, format!("{left} bytes before the announced end")),
            State::Chunked(_) => {
                (ErrorClass::ClosedInBody, format!("before the last chunk, after {} bytes", self.sink.size))
            }
        };
        Err(Failure::new(class, what))
    }

    /// Whether the server agreed to speak something else from here on.
    pub const fn is_upgraded(&self) -> bool {
        self.status == 101
    }

    /// Whether a byte of the answer has come.
    pub const fn has_begun(&self) -> bool {
        self.received > 0
    }

    /// Whether the server said that it wants the body (`100 Continue`).
    pub const fn is_body_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether the head is complete.
    pub const fn in_body(&self) -> bool {
        !matches!(self.state, State::Head)
    }

    /// Whether the body ends with the connection.
    pub const fn is_until_end(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Bytes that came so far.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Whether the connection can carry another request.
    pub const fn reusable(&self) -> bool {
        self.reusable
    }

    /// The answer; complete once [`Self::take`] or [`Self::end`] said so.
    pub fn into_response(self) -> Response {
        Response {
            status: self.status,
            headers: self.headers,
            trailers: self.trailers,
            body: self.sink.kept,
            size: self.sink.size,
            ..Response::default()
        }
    }
}

fn too_large() -> Failure {
    Failure::new(ErrorClass::HeadTooLarge, format!("more than {MAX_HEAD} bytes"))
}
