//! Raw TCP and UDP: a user sends, and receives until something is there. Each such exchange is counted in a row.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::open::Purpose;
use super::{Flight, User};
use crate::clock;
use crate::error::{ErrorClass, Failure};
use crate::http::{Origin, TIMEOUT, Timings, Url};
use crate::record::{End, Kind, Sample};
use crate::worker::net::{ConnRef, Inbox, Stream};

/// How much is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// Whatever comes next: all bytes that are there, or one datagram.
    Some,
    /// So many bytes.
    Bytes(usize),
    /// Up to and with these bytes.
    Delimiter(Vec<u8>),
    /// Everything until the other side ends the connection.
    End,
}

/// A connection, or a socket for datagrams to one address. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    stream: Streaming,
    udp: bool,
}

impl User {
    /// Connects to `host:port`, or with encryption to `tls://host:port`. A failure is counted in the row `TCP host:port`.
    ///
    /// # Errors
    /// If there is no connection within 30 s.
    pub fn tcp(&self, address: &str) -> Result<Connection, Failure> {
        self.socket(address, false, TIMEOUT)
    }

    /// As [`Self::tcp`], within so many nanoseconds.
    ///
    /// # Errors
    /// As [`Self::tcp`].
    pub fn tcp_within(&self, address: &str, timeout: u64) -> Result<Connection, Failure> {
        self.socket(address, false, timeout)
    }

    /// A socket for datagrams to and from `host:port`. Datagrams of 8 KiB or more are not received.
    ///
    /// # Errors
    /// If the address cannot be found or is not permitted.
    pub fn udp(&self, address: &str) -> Result<Connection, Failure> {
        self.socket(address, true, TIMEOUT)
    }

    fn socket(&self, address: &str, udp: bool, timeout: u64) -> Result<Connection, Failure> {
        self.may_wait()?;
        let (scheme, rest) = address.split_once("://").unwrap_or(("tcp", address));
        let secure = scheme == "tls" && !udp;
        let url = Url::parse(&format!("http://{rest}"))
            .ok()
            .filter(|url| url.path == "/" && !rest.contains('/') && (matches!(scheme, "tcp" | "udp") || secure));
        let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let Some(url) = url.filter(|_| has_port) else {
            return Err(Failure::new(ErrorClass::Invalid, format!("`{address}` is no `host:port`")));
        };
        let origin = Rc::new(Origin { secure, ..url.origin });
        let name = format!("{} {rest}", if udp { "UDP" } else { "TCP" });
        let purpose = if udp { Purpose::Udp } else { Purpose::Tcp };
        let called = clock::now();
        let mut timings = Timings::default();
        let stream = match self.open(&origin, purpose, called.saturating_add(timeout), &mut timings) {
            Ok(conn) => Streaming::new(self, conn, name),
            Err(failure) => {
                self.note_failure(&name, called, &failure);
                return Err(failure);
            }
        };
        stream.note_connected(&timings);
        Ok(Connection { stream, udp })
    }

    /// Counts something that failed before it was an exchange.
    pub(super) fn note_failure(&self, name: &str, begun: u64, failure: &Failure) {
        let intended = self.cell.intended.take().unwrap_or(begun);
        let slot = self.slot(Kind::Request, name, intended);
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.started += 1;
        let end = if failure.class.is_timeout() { End::TimedOut } else { End::Failed };
        row.record(Sample { end, intended, begun, ended: clock::now() });
        row.error(failure.class, || format!("{name}: {}", failure.detail));
    }
}

impl Connection {
    /// Counts exchanges in a row of this name; else it is `TCP host:port` or `UDP host:port`.
    pub fn name(&self, name: &str) {
        *self.stream.name.borrow_mut() = name.to_owned();
    }

    /// Sends all of `bytes`: of a connection as part of its stream, else as one datagram. Does not wait for them to
    /// arrive; the exchange begins here and ends with what is received next.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() && !self.udp {
            return Ok(());
        }
        self.stream.send(|_, out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Waits until so much has come, at most `timeout` nanoseconds, and takes it. Ends the exchange that the first
    /// [`Self::send`] before it began; without one the exchange begins here. What came too early stays for the next.
    ///
    /// # Errors
    /// If time is out ([`ErrorClass::Timeout`], or [`ErrorClass::TimeoutInBody`] where something came), if the other side
    /// ended or reset the connection, or sends more than the load's limit for bodies.
    pub fn receive(&self, until: &Until, timeout: u64) -> Result<Vec<u8>, Failure> {
        let mut searched = 0;
        self.stream.exchange(timeout, |stream| {
            let ended = matches!(stream.ended, Some(Ok(())));
            match &mut stream.inbox {
                Inbox::Bytes(held) => take(held, until, &mut searched, ended).map(Ok),
                Inbox::Datagrams(held) => held.pop_front().map(Ok),
                Inbox::WebSocket(_) => None,
            }
        })
    }

    /// Ends the connection.
    pub fn close(self) {
        drop(self);
    }
}

/// Takes from what came as much as was asked for, if it is there.
fn take(held: &mut Vec<u8>, until: &Until, searched: &mut usize, ended: bool) -> Option<Vec<u8>> {
    let end = match until {
        Until::Some => (!held.is_empty()).then_some(held.len()),
        Until::Bytes(count) => (held.len() >= *count).then_some(*count),
        Until::Delimiter(mark) if mark.is_empty() => Some(0),
        Until::Delimiter(mark) => {
            let from = *searched;
            *searched = (held.len() + 1).saturating_sub(mark.len());
            held[from..].windows(mark.len()).position(|part| part == mark).map(|at| from + at + mark.len())
        }
        Until::End => ended.then_some(held.len()),
    }?;
    let rest = held.split_off(end);
    Some(std::mem::replace(held, rest))
}

/// What TCP, UDP and WebSockets share: a stream, and the exchange that is under way on it.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) user: User,
    pub(super) conn: ConnRef,
    pub(super) name: RefCell<String>,
    /// When the exchange was meant to begin, and began.
    begun: Cell<Option<(u64, u64)>>,
    sent: Cell<u64>,
}

impl Streaming {
    pub(super) fn new(user: &User, conn: ConnRef, name: String) -> Self {
        let name = RefCell::new(name);
        Self { user: user.clone(), conn, name, begun: Cell::new(None), sent: Cell::new(0) }
    }

    fn note_connected(&self, timings: &Timings) {
        let slot = self.user.slot(Kind::Request, &self.name.borrow(), clock::now());
        let mut inner = self.user.cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.connections += 1;
        row.record_timings(timings);
    }

    /// Whether something was sent since something was last received.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.get().is_some()
    }

    /// Begins an exchange, unless one is under way.
    fn begin(&self) -> (u64, u64) {
        self.begun.get().unwrap_or_else(|| {
            let now = clock::now();
            let begun = (self.user.cell.intended.take().unwrap_or(now), now);
            self.begun.set(Some(begun));
            begun
        })
    }

    /// Sends what `write` adds to the vector that it is given.
    pub(super) fn send(
        &self,
        write: impl FnOnce(&mut Inbox, &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.user.may_wait()?;
        self.begin();
        let mut inner = self.user.cell.reactor.inner.borrow_mut();
        inner.net.send_stream(self.conn, |stream, out| {
            if let Some(Err(failure)) = &stream.ended {
                return Err(failure.clone());
            }
            write(&mut stream.inbox, out)?;
            self.sent.set(self.sent.get() + out.len() as u64);
            Ok(())
        })
    }

    /// Waits until `found` takes what it looks for, and counts the exchange.
    pub(super) fn exchange<R>(
        &self,
        timeout: u64,
        found: impl FnMut(&mut Stream) -> Option<Result<R, Failure>>,
    ) -> Result<R, Failure> {
        self.user.may_wait()?;
        let (intended, begun) = self.begin();
        self.begun.set(None);
        let cell = &*self.user.cell;
        let slot = self.user.slot(Kind::Request, &self.name.borrow(), intended);
        {
            let mut inner = cell.reactor.inner.borrow_mut();
            let row = inner.recorder.row(slot);
            row.started += 1;
            row.bytes_out += self.sent.take();
        }
        cell.request.set(Some(Flight { slot, intended, begun }));
        let (result, at) = self.watch(timeout, found);
        cell.request.set(None);
        let mut inner = cell.reactor.inner.borrow_mut();
        let received = inner.net.stream(self.conn).map_or(0, |stream| stream.take_received());
        let row = inner.recorder.row(slot);
        row.bytes_in += received;
        let end = match &result {
            Ok(_) => End::Ok,
            Err(failure) if failure.class.is_timeout() => End::TimedOut,
            Err(_) => End::Failed,
        };
        // What was there before it was asked for took no time.
        row.record(Sample { end, intended, begun, ended: at.max(begun) });
        if let Err(failure) = &result {
            row.error(failure.class, || format!("{}: {}", self.name.borrow(), failure.detail));
        }
        result
    }

    /// Waits as [`Self::exchange`] does, and counts nothing. Also gives when it came.
    pub(super) fn watch<R>(
        &self,
        timeout: u64,
        mut found: impl FnMut(&mut Stream) -> Option<Result<R, Failure>>,
    ) -> (Result<R, Failure>, u64) {
        let cell = &*self.user.cell;
        let deadline = clock::now().saturating_add(timeout);
        let mut look = || {
            let mut inner = cell.reactor.inner.borrow_mut();
            let Some(stream) = inner.net.stream(self.conn) else {
                return Some((Err(Failure::new(ErrorClass::Closed, "the connection is gone")), clock::now()));
            };
            if let Some(result) = found(stream) {
                return Some((result, stream.at));
            }
            let within = stream.is_within();
            match &stream.ended {
                None => {
                    stream.waiting = true;
                    None
                }
                Some(Ok(())) if within => {
                    let what = "closed before all of it had come";
                    Some((Err(Failure::new(ErrorClass::ClosedInBody, what)), stream.at))
                }
                Some(Ok(())) => Some((Err(Failure::new(ErrorClass::Closed, "the other side closed")), stream.at)),
                Some(Err(failure)) => {
                    let mut failure = failure.clone();
                    if within && failure.class == ErrorClass::Reset {
                        failure.class = ErrorClass::ResetInBody;
                    }
                    if matches!(stream.inbox, Inbox::Datagrams(_)) {
                        // It was one datagram's; others may fare better.
                        stream.ended = None;
                    }
                    Some((Err(failure), stream.at))
                }
            }
        };
        if let Some(result) = look() {
            return result;
        }
        if let Some(result) = self.user.wait_until(deadline, &mut look) {
            return result;
        }
        let mut inner = cell.reactor.inner.borrow_mut();
        let within = inner.net.stream(self.conn).is_some_and(|stream| {
            stream.waiting = false;
            stream.is_within()
        });
        let class = if within { ErrorClass::TimeoutInBody } else { ErrorClass::Timeout };
        (Err(Failure::new(class, format!("not there after {} s", timeout as f64 / 1e9))), clock::now())
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        // Not while the loop itself holds it, which then ends with all its connections.
        if let Ok(mut inner) = self.user.cell.reactor.inner.try_borrow_mut() {
            inner.net.abandon(self.conn, false);
        }
    }
}
