//! WebSockets as a user sees them: blocking calls. Pings of the server are answered also while the user does other things.

use std::rc::Rc;

use super::socket::Streaming;
use super::{Flight, User};
use crate::clock;
use crate::error::{ErrorClass, Failure};
use crate::http::{Method, Origin, Request, TIMEOUT, Timings, Url};
use crate::record::{End, Kind, Sample};
use crate::tls::Alpn;
use crate::user::open::Purpose;
use crate::websocket::{self, Client, Message};
use crate::worker::net::{Delivery, Inbox, Outgoing, Stream};

/// How long the other side may take to return a farewell, in nanoseconds: 5 s.
const FAREWELL: u64 = 5_000_000_000;

/// How a WebSocket is opened.
#[derive(Debug, Clone)]
pub struct WebSocketOptions {
    /// Headers beyond those of the handshake.
    pub headers: Vec<(String, String)>,
    /// Protocols that are offered, the best first.
    pub protocols: Vec<String>,
    /// Time until the conversation stands, in nanoseconds, connecting included.
    pub timeout: u64,
    /// Bytes of a message, at most, and of messages that wait to be received.
    pub most: u64,
    /// What the rows are called; else `WS ` and the path.
    pub name: String,
}

impl Default for WebSocketOptions {
    fn default() -> Self {
        Self { headers: Vec::new(), protocols: Vec::new(), timeout: TIMEOUT, most: 16 << 20, name: String::new() }
    }
}

/// A conversation. Dropping it ends it without waiting for the other side's farewell.
#[derive(Debug)]
pub struct WebSocket {
    stream: Streaming,
    protocol: Option<String>,
}

impl User {
    /// Opens a WebSocket at `ws://..`, `wss://..` or a path of the load's target, on a connection of its own. The
    /// handshake is counted in the row `WS /path`; each message that answers one of ours in `WS /path message`.
    ///
    /// # Errors
    /// If there is no connection, or the server does not agree.
    pub fn websocket(&self, url: &str, options: &WebSocketOptions) -> Result<WebSocket, Failure> {
        self.may_wait()?;
        let url = self.websocket_address(url)?;
        let name = if options.name.is_empty() {
            let path = Request::get(url.path.clone()).endpoint();
            path.replacen("GET", "WS", 1)
        } else {
            options.name.clone()
        };
        let key = websocket::key(self.with_thread_random());
        let mut request = Request::new(Method::Get, url.path.clone());
        request.headers = websocket::headers(&key, &options.protocols);
        request.headers.extend(options.headers.iter().cloned());
        if let Some(cookie) = self.cell.cookies.borrow().header(&url) {
            request.headers.push(("Cookie".into(), cookie));
        }
        let bytes = Rc::new(request.encode(&url.origin, &url.path)?);

        let cell = &*self.cell;
        let called = clock::now();
        let intended = cell.intended.take().unwrap_or(called);
        let slot = self.slot(Kind::Request, &name, intended);
        {
            let mut inner = cell.reactor.inner.borrow_mut();
            let row = inner.recorder.row(slot);
            row.started += 1;
            row.bytes_out += bytes.len() as u64;
        }
        cell.request.set(Some(Flight { slot, intended, begun: called }));
        let mut timings = Timings::default();
        let shaken = self.shake_hands(&url, &request, &bytes, &key, options, &mut timings);
        cell.request.set(None);
        let (result, ended, received) = shaken;
        timings.total = ended.saturating_sub(called);
        let mut inner = cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.bytes_in += received;
        row.connections += u64::from(timings.connect > 0);
        let end = match &result {
            Ok(_) => End::Ok,
            Err(failure) if failure.class.is_timeout() => End::TimedOut,
            Err(_) => End::Failed,
        };
        row.record(Sample { end, intended, begun: called, ended });
        match result {
            Ok((stream, protocol)) => {
                row.record_timings(&timings);
                *stream.name.borrow_mut() = format!("{name} message");
                Ok(WebSocket { stream, protocol })
            }
            Err(failure) => {
                row.error(failure.class, || format!("{name}: {}", failure.detail));
                Err(failure)
            }
        }
    }

    fn websocket_address(&self, url: &str) -> Result<Url, Failure> {
        let invalid = |what: String| Failure::new(ErrorClass::Invalid, what);
        if url.starts_with('/') {
            return self.address(&Request::get(url));
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(invalid(format!("`{url}` is neither `ws://..` nor `wss://..`"))),
        };
        Url::parse(&format!("{}://{rest}", if secure { "https" } else { "http" }))
            .map_err(|error| invalid(error.to_string()))
    }

    /// Connects and asks. Gives also when it was over, and the bytes of the answer.
    fn shake_hands(
        &self,
        url: &Url,
        request: &Request,
        bytes: &Rc<Vec<u8>>,
        key: &str,
        options: &WebSocketOptions,
        timings: &mut Timings,
    ) -> (Result<(Streaming, Option<String>), Failure>, u64, u64) {
        let deadline = clock::now().saturating_add(options.timeout);
        let origin: Rc<Origin> = Rc::new(url.origin.clone());
        let conn = match self.open(&origin, Purpose::Http(Alpn::One), deadline, timings) {
            Ok(conn) => conn,
            Err(failure) => return (Err(failure), clock::now(), 0),
        };
        // Closes the connection, should anything go wrong from here on.
        let stream = Streaming::new(self, conn, String::new());
        let seed = u64::from_le_bytes(self.with_thread_random()[..8].try_into().unwrap_or_default());
        let began = {
            let mut inner = self.cell.reactor.inner.borrow_mut();
            let inner = &mut *inner;
            let outgoing = Outgoing {
                request,
                origin: &url.origin,
                path: &url.path,
                bytes,
                most: self.cell.reactor.load.limits.body,
                upgrade: Some(Box::new(Client::new(options.most, seed))),
            };
            inner.net.begin_exchange(inner.driver.as_mut(), conn, self.cell.task, outgoing)
        };
        let ticket = match began {
            Ok(ticket) => ticket,
            Err(failure) => return (Err(failure), clock::now(), 0),
        };
        let Some(Delivery { result, sent_at, first_at, at, received, .. }) = self.wait_for(ticket, deadline) else {
            let what = format!("no answer to the handshake after {} s", options.timeout as f64 / 1e9);
            return (Err(Failure::new(ErrorClass::Timeout, what)), clock::now(), 0);
        };
        timings.first_byte = first_at.saturating_sub(sent_at);
        let checked = result.map(Option::unwrap_or_default).and_then(|response| {
            self.keep_cookies(url, &response);
            websocket::check(&response, key, &options.protocols)
        });
        (checked.map(|protocol| (stream, protocol)), at, received)
    }

    /// Random bytes that no seed decides and no journey sees: they must only differ.
    fn with_thread_random(&self) -> [u8; 16] {
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let mut bytes = [0; 16];
        for half in bytes.chunks_mut(8) {
            half.copy_from_slice(&inner.net.any_number().to_le_bytes());
        }
        bytes
    }
}

impl WebSocket {
    /// The protocol that the server chose among those offered.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a text. The exchange begins here and ends with the message that is received next.
    ///
    /// # Errors
    /// If the conversation is over.
    pub fn send_text(&self, text: &str) -> Result<(), Failure> {
        self.send(true, text.as_bytes())
    }

    /// Sends bytes; otherwise as [`Self::send_text`].
    ///
    /// # Errors
    /// If the conversation is over.
    pub fn send_binary(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.send(false, bytes)
    }

    fn send(&self, text: bool, payload: &[u8]) -> Result<(), Failure> {
        self.stream.send(|inbox, out| match inbox {
            Inbox::WebSocket(client) => client.send(text, payload, out),
            _ => Ok(()),
        })
    }

    /// The next message, waited for at most `timeout` nanoseconds. Where we sent something since the last one it is
    /// counted as the answer to that. Where we did not, it came on its own: it is no request's answer, and only a
    /// connection that fails is counted.
    ///
    /// # Errors
    /// If time is out, if the connection fails, or if the server breaks the protocol. After [`Message::Close`] there is
    /// nothing more: [`ErrorClass::Closed`].
    pub fn receive(&self, timeout: u64) -> Result<Message, Failure> {
        let next = |stream: &mut Stream| {
            let Inbox::WebSocket(client) = &mut stream.inbox else { return None };
            let (at, message) = client.next()?;
            stream.at = at;
            Some(Ok(message))
        };
        if self.stream.has_begun() {
            return self.stream.exchange(timeout, next);
        }
        self.stream.user.may_wait()?;
        let began = clock::now();
        let (result, _) = self.stream.watch(timeout, next);
        if let Err(failure) = result.as_ref().map(drop)
            && !failure.class.is_timeout()
            && failure.class != ErrorClass::Closed
        {
            self.stream.user.note_failure(&self.stream.name.borrow(), began, failure);
        }
        result
    }

    /// Sends a ping and waits for its pong, at most `timeout` nanoseconds. Messages that come meanwhile stay.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn ping(&self, timeout: u64) -> Result<(), Failure> {
        let payload = clock::now().to_le_bytes();
        self.stream.send(|inbox, out| match inbox {
            Inbox::WebSocket(client) => client.ping(&payload, out),
            _ => Ok(()),
        })?;
        self.stream.exchange(timeout, |stream| {
            let Inbox::WebSocket(client) = &mut stream.inbox else { return None };
            stream.at = client.pong(&payload)?;
            Some(Ok(()))
        })
    }

    /// Says farewell with a code (1000 is the usual one) and a reason of at most 123 bytes, and waits up to 5 s for the
    /// other side's. Messages that still come are dropped.
    ///
    /// # Errors
    /// If it does not come, or the connection fails.
    pub fn close(self, code: u16, reason: &str) -> Result<(), Failure> {
        self.stream.user.may_wait()?;
        let said = self.stream.send_unless_over(code, reason);
        if said.is_err() {
            return Ok(()); // It was over already.
        }
        let (result, _) = self.stream.watch(FAREWELL, |stream| match &mut stream.inbox {
            Inbox::WebSocket(client) => {
                while client.next().is_some() {}
                client.is_over().then_some(Ok(()))
            }
            _ => None,
        });
        result
    }
}

impl Streaming {
    /// Says a WebSocket's farewell.
    fn send_unless_over(&self, code: u16, reason: &str) -> Result<(), Failure> {
        let mut inner = self.user.cell.reactor.inner.borrow_mut();
        inner.net.send_stream(self.conn, |stream, out| {
            if let Inbox::WebSocket(client) = &mut stream.inbox {
                client.close(code, reason, out);
            }
            Ok(())
        })
    }
}
