//! HTTP/2 (RFC 9113) on one connection: the `h2` crate has the frames, the streams and their windows; this gives it bytes,
//! and asks it again whenever something happened. It is never woken by itself, so nothing runs beside the loop.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Abandoned;
use super::conn::{Delivery, Outgoing};
use crate::clock;
use crate::error::{ErrorClass, Failure};
use crate::http::{Body, Keep, MAX_HEAD, Origin, Request, Response, Sink};
use crate::worker::timers::Task;

/// Bytes that may be on their way to us on one stream: 1 MiB, so that a window seldom holds a server up.
const STREAM_WINDOW: u32 = 1 << 20;

/// The same for the connection: 16 MiB.
const WINDOW: u32 = 16 << 20;

/// What the library reads from and writes to.
#[derive(Debug, Default)]
struct Pipe {
    incoming: VecDeque<u8>,
    out: Vec<u8>,
}

struct Ends(Rc<RefCell<Pipe>>);

impl AsyncRead for Ends {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.incoming.is_empty() {
            return Poll::Pending;
        }
        let (front, _) = pipe.incoming.as_slices();
        let count = front.len().min(into.remaining());
        into.put_slice(&front[..count]);
        pipe.incoming.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ends {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A request on its way.
struct Flow {
    ticket: u64,
    owner: Task,
    state: State,
    sent_at: u64,
    first_at: u64,
    /// Bytes of the answer: headers as they are without compression, and the body.
    received: u64,
    response: Response,
    keep: Keep,
    sink: Sink,
}

enum State {
    /// Not yet begun: the server allows no more streams.
    Waiting(Box<http::Request<()>>, Vec<Bytes>),
    Head(ResponseFuture, SendStream<Bytes>),
    Body(RecvStream, SendStream<Bytes>),
}

/// See the module.
pub(super) struct Two {
    pipe: Rc<RefCell<Pipe>>,
    connection: Connection<Ends, Bytes>,
    sender: SendRequest<Bytes>,
    flows: Vec<Flow>,
    /// Whether the other side ends the connection: no new request may go on it.
    leaving: bool,
    over: bool,
    connected_at: u64,
    /// When something last came.
    heard_at: u64,
}

/// What happened to requests: who is to be told, and what.
pub(super) type Told = Vec<(Task, Option<Delivery>)>;

impl Two {
    /// A connection that has said nothing yet.
    pub(super) fn new(connected_at: u64) -> Result<Self, Failure> {
        let pipe = Rc::new(RefCell::new(Pipe::default()));
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            // Until the server has said how many it allows: one that is refused would need another connection.
            .initial_max_send_streams(1)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(MAX_HEAD as u32);
        let mut begin = Box::pin(builder.handshake(Ends(Rc::clone(&pipe))));
        let begun = begin.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match begun {
            Poll::Ready(Ok((sender, connection))) => Ok(Self {
                pipe,
                connection,
                sender,
                flows: Vec::new(),
                leaving: false,
                over: false,
                connected_at,
                heard_at: 0,
            }),
            Poll::Ready(Err(error)) => Err(failure_of(&error, false)),
            Poll::Pending => Err(Failure::new(ErrorClass::Http2, "the connection does not begin")),
        }
    }

    pub(super) const fn is_leaving(&self) -> bool {
        self.leaving || self.over
    }

    /// Whether nothing can come of it any more.
    pub(super) fn is_over(&self) -> bool {
        self.over || (self.leaving && self.flows.is_empty())
    }

    /// Takes a request.
    pub(super) fn push(&mut self, ticket: u64, owner: Task, outgoing: &Outgoing<'_>) -> Result<(), Failure> {
        let request = outgoing.request;
        let head = Box::new(head_of(request, outgoing.origin, outgoing.path)?);
        let pieces = match &request.body {
            Body::None => Vec::new(),
            Body::Bytes(bytes) => vec![Bytes::copy_from_slice(bytes)],
            Body::Chunked(bytes, size) => bytes.chunks((*size).max(1)).map(Bytes::copy_from_slice).collect(),
        };
        self.flows.push(Flow {
            ticket,
            owner,
            state: State::Waiting(head, pieces),
            // Waiting for a stream that the server allows is its doing, not ours.
            sent_at: clock::now(),
            first_at: 0,
            received: 0,
            response: Response::default(),
            keep: request.keep,
            sink: Sink::new(request.keep, outgoing.most),
        });
        Ok(())
    }

    /// Takes bytes of the connection.
    pub(super) fn take(&mut self, stamp: u64, bytes: &[u8]) {
        self.heard_at = stamp;
        self.pipe.borrow_mut().incoming.extend(bytes);
    }

    /// Goes on as far as it can: bytes to send are added to `out`, answers to `told`.
    pub(super) fn drive(&mut self, stamp: u64, out: &mut Vec<u8>, told: &mut Told) {
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            let mut moved = false;
            let mut broken = None;
            if !self.over
                && let Poll::Ready(result) = Pin::new(&mut self.connection).poll(cx)
            {
                (self.over, moved) = (true, true);
                broken = result.err();
            }
            let mut at = 0;
            while at < self.flows.len() {
                let flow = &mut self.flows[at];
                let step = match flow.begin(&mut self.sender, cx) {
                    Some(begun) => {
                        moved |= begun.is_ok();
                        begun.err()
                    }
                    None => None,
                };
                let outcome = match step {
                    Some(failure) => Some(Err(failure)),
                    None => flow.step(stamp, cx, &mut moved),
                };
                match outcome {
                    None => at += 1,
                    Some(result) => {
                        moved = true;
                        let flow = self.flows.remove(at);
                        let leaves = |failure: &Failure| failure.class == ErrorClass::Closed;
                        self.leaving |= result.as_ref().is_err_and(leaves);
                        told.push((flow.owner, Some(flow.delivery(stamp, result, self.connected_at))));
                    }
                }
            }
            if let Some(error) = broken {
                self.fail(stamp, |flow| failure_of(&error, flow.first_at > 0), told);
            }
            if !moved {
                break;
            }
        }
        out.append(&mut self.pipe.borrow_mut().out);
    }

    /// Nothing more comes: whatever is under way fails.
    pub(super) fn end(&mut self, stamp: u64, result: Result<(), i32>, told: &mut Told) {
        self.over = true;
        let words = result.map_or_else(|errno| io::Error::from_raw_os_error(errno).to_string(), |()| "closed".into());
        let fail = |flow: &Flow| {
            let class = match (result.is_ok(), flow.first_at > 0) {
                (true, false) => ErrorClass::Closed,
                (true, true) => ErrorClass::ClosedInBody,
                (false, false) => ErrorClass::Reset,
                (false, true) => ErrorClass::ResetInBody,
            };
            Failure::new(class, format!("{words}, after {} bytes", flow.received))
        };
        self.fail(stamp, fail, told);
    }

    /// The connection broke: whatever is under way fails with it.
    pub(super) fn break_off(&mut self, stamp: u64, failure: &Failure, told: &mut Told) {
        self.fail(stamp, |_| failure.clone(), told);
    }

    fn fail(&mut self, stamp: u64, failure: impl Fn(&Flow) -> Failure, told: &mut Told) {
        self.over = true;
        for flow in std::mem::take(&mut self.flows) {
            let failure = failure(&flow);
            told.push((flow.owner, Some(flow.delivery(stamp, Err(failure), self.connected_at))));
        }
    }

    /// Gives up one request. Also says whether the connection is worth nothing more: since the request went out, nothing
    /// came on it.
    pub(super) fn give_up(&mut self, ticket: u64) -> (Abandoned, bool) {
        let Some(at) = self.flows.iter().position(|flow| flow.ticket == ticket) else {
            return (Abandoned::default(), false);
        };
        let mut flow = self.flows.remove(at);
        if let State::Head(_, send) | State::Body(_, send) = &mut flow.state {
            send.send_reset(Reason::CANCEL);
        }
        let abandoned = Abandoned {
            sent_at: flow.sent_at,
            in_handshake: false,
            in_body: matches!(flow.state, State::Body(..)),
            received: flow.received,
        };
        (abandoned, self.heard_at <= flow.sent_at)
    }
}

impl Flow {
    /// Begins the stream where it has not begun and may.
    fn begin(&mut self, sender: &mut SendRequest<Bytes>, cx: &mut Context<'_>) -> Option<Result<(), Failure>> {
        let State::Waiting(head, pieces) = &mut self.state else { return None };
        let begun = match sender.poll_ready(cx) {
            Poll::Pending => return None,
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) => {
                let head = std::mem::take(head.as_mut());
                sender.send_request(head, pieces.is_empty())
            }
        };
        let sent = begun.and_then(|(answer, mut send)| {
            let count = pieces.len();
            for (at, piece) in std::mem::take(pieces).into_iter().enumerate() {
                send.send_data(piece, at + 1 == count)?;
            }
            Ok((answer, send))
        });
        Some(match sent {
            Ok((answer, send)) => {
                self.state = State::Head(answer, send);
                Ok(())
            }
            Err(error) => Err(failure_of(&error, false)),
        })
    }

    /// Takes what came for it; gives how it ended, once it has.
    fn step(&mut self, stamp: u64, cx: &mut Context<'_>, moved: &mut bool) -> Option<Result<(), Failure>> {
        if let State::Head(answer, _) = &mut self.state {
            let answer = match Pin::new(answer).poll(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(answer)) => answer,
                Poll::Ready(Err(error)) => return Some(Err(failure_of(&error, false))),
            };
            *moved = true;
            self.first_at = stamp;
            let (head, body) = answer.into_parts();
            self.response.status = head.status.as_u16();
            for (name, value) in &head.headers {
                self.received += (name.as_str().len() + value.len()) as u64;
                if self.keep == Keep::All {
                    self.response.headers.push(name.as_str(), value.as_bytes());
                }
            }
            if let State::Head(_, send) = std::mem::replace(&mut self.state, State::Waiting(Box::default(), Vec::new()))
            {
                self.state = State::Body(body, send);
            }
        }
        let State::Body(body, _) = &mut self.state else { return None };
        loop {
            match body.poll_data(cx) {
                Poll::Pending => return None,
                Poll::Ready(Some(Ok(bytes))) => {
                    *moved = true;
                    self.received += bytes.len() as u64;
                    if let Err(failure) = self.sink.take(&bytes) {
                        return Some(Err(failure));
                    }
                    // Room for as much more.
                    let _ = body.flow_control().release_capacity(bytes.len());
                }
                Poll::Ready(Some(Err(error))) => return Some(Err(failure_of(&error, true))),
                Poll::Ready(None) => break,
            }
        }
        match body.poll_trailers(cx) {
            Poll::Pending => None,
            Poll::Ready(Err(error)) => Some(Err(failure_of(&error, true))),
            Poll::Ready(Ok(trailers)) => {
                for (name, value) in trailers.iter().flatten() {
                    self.response.trailers.push(name.as_str(), value.as_bytes());
                }
                Some(Ok(()))
            }
        }
    }

    fn delivery(mut self, at: u64, result: Result<(), Failure>, connected_at: u64) -> Delivery {
        (self.response.body, self.response.size) = (self.sink.kept, self.sink.size);
        Delivery {
            ticket: self.ticket,
            result: result.map(|()| Some(self.response)),
            sent_at: self.sent_at,
            first_at: self.first_at,
            connected_at,
            at,
            received: self.received,
        }
    }
}

/// The head of a request as HTTP/2 has it (RFC 9113, 8.2 and 8.3).
fn head_of(request: &Request, origin: &Origin, path: &str) -> Result<http::Request<()>, Failure> {
    let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let authority = host.map_or_else(|| origin.authority(), |(_, value)| value.clone());
    let scheme = if origin.secure { "https" } else { "http" };
    let mut head = http::Request::builder()
        .method(request.method.as_str())
        .uri(format!("{scheme}://{authority}{path}"))
        .version(http::Version::HTTP_2);
    for (name, value) in &request.headers {
        // These are of one connection, which HTTP/2 has other means for.
        let own = ["host", "connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding", "expect"];
        if !own.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            head = head.header(name.as_str(), value.as_str());
        }
    }
    if let Body::Bytes(bytes) = &request.body {
        head = head.header("content-length", bytes.len());
    }
    head.body(()).map_err(|error| Failure::new(ErrorClass::Invalid, error.to_string()))
}

/// What went wrong, in the classes that are counted.
fn failure_of(error: &h2::Error, begun: bool) -> Failure {
    let class = if error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR) {
        // An orderly farewell: what it does not answer it has not looked at.
        if begun { ErrorClass::ClosedInBody } else { ErrorClass::Closed }
    } else if error.is_reset() && error.is_remote() {
        if begun { ErrorClass::ResetInBody } else { ErrorClass::Reset }
    } else {
        ErrorClass::Http2
    };
    Failure::new(class, error.to_string())
}
