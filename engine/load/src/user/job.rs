//! One request on its way, as steps between which its user may wait for others too. A step gives how the request went,
//! or nothing while something must still arrive.

use super::exchange::Prepared;
use super::open::{Opening, Purpose};
use super::{Flight, User};
use crate::clock;
use crate::error::{ErrorClass, Failure};
use crate::http::{Response, Timings};
use crate::worker::net::{ConnRef, Delivery, Fitness, Outgoing};

/// How one request went.
pub(super) struct Attempt {
    pub(super) result: Result<Response, Failure>,
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) timings: Timings,
    pub(super) received: u64,
    pub(super) connected: bool,
    pub(super) repeated: bool,
}

enum State {
    Connecting(Opening),
    Exchanging { conn: ConnRef, ticket: u64, reused: bool },
    Over,
}

/// See the module. Sends once more on a new connection where a kept one was gone before a byte of an answer.
pub(super) struct Job<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) flight: Flight,
    pub(super) deadline: u64,
    purpose: Purpose,
    state: State,
    timings: Timings,
    /// When the first byte went out, be it of the connection or of the request.
    first_sent: Option<u64>,
    connected: bool,
    repeated: bool,
}

impl<'a> Job<'a> {
    pub(super) fn new(user: &User, prepared: &'a Prepared, flight: Flight) -> Self {
        Self {
            prepared,
            flight,
            deadline: flight.begun.saturating_add(prepared.request().timeout),
            purpose: Purpose::Http(user.cell.reactor.alpn()),
            state: State::Over,
            timings: Timings::default(),
            first_sent: None,
            connected: false,
            repeated: false,
        }
    }

    /// What it waits for.
    pub(super) const fn ticket(&self) -> u64 {
        match &self.state {
            State::Connecting(opening) => opening.ticket(),
            State::Exchanging { ticket, .. } => *ticket,
            State::Over => 0,
        }
    }

    /// Whether its connection is still being made.
    pub(super) const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// Sends, on a connection that the user has kept or on a new one.
    #[inline]
    pub(super) fn start(&mut self, user: &User) -> Option<Attempt> {
        let kept = if self.repeated { None } else { user.kept(&self.prepared.origin) };
        if let Some(conn) = kept {
            return self.exchange(user, conn, true);
        }
        match Opening::begin(user, &self.prepared.origin, self.purpose, self.deadline, &mut self.timings) {
            Ok(opening) => {
                self.state = State::Connecting(opening);
                None
            }
            Err(failure) => self.failed(failure, clock::now(), 0),
        }
    }

    fn exchange(&mut self, user: &User, conn: ConnRef, reused: bool) -> Option<Attempt> {
        let cell = &*user.cell;
        let mut inner = cell.reactor.inner.borrow_mut();
        let inner = &mut *inner;
        let outgoing = Outgoing {
            request: &self.prepared.request,
            origin: &self.prepared.origin,
            path: &self.prepared.path,
            bytes: &self.prepared.bytes,
            most: cell.reactor.load.limits.body,
            upgrade: None,
        };
        match inner.net.begin_exchange(inner.driver.as_mut(), conn, cell.task, outgoing) {
            Ok(ticket) => {
                self.state = State::Exchanging { conn, ticket, reused };
                None
            }
            Err(failure) => {
                inner.net.abandon(conn, true);
                self.failed(failure, clock::now(), 0)
            }
        }
    }

    /// What it waited for has come.
    #[inline]
    pub(super) fn delivered(&mut self, user: &User, delivery: Delivery) -> Option<Attempt> {
        let (reused, opening) = match &mut self.state {
            State::Exchanging { reused, .. } => (*reused, None),
            State::Connecting(opening) => (false, Some(opening)),
            State::Over => return None,
        };
        if let Some(opening) = opening {
            let (at, failed) = (delivery.at, delivery.result.is_err());
            return match opening.delivered(user, delivery, &mut self.timings) {
                Ok(None) => None,
                Ok(Some(conn)) => {
                    user.cell.conns.borrow_mut().push((self.prepared.origin.clone(), conn));
                    self.connected = true;
                    self.first_sent.get_or_insert(self.flight.begun);
                    self.exchange(user, conn, false)
                }
                Err(failure) => self.failed(failure, if failed { at } else { clock::now() }, 0),
            };
        }
        let Delivery { result, sent_at, first_at, at, received, .. } = delivery;
        let begun = *self.first_sent.get_or_insert(sent_at);
        match result {
            Ok(response) => {
                self.timings.first_byte = first_at.saturating_sub(sent_at);
                self.timings.total = at.saturating_sub(begun);
                self.over(Ok(response.unwrap_or_default()), begun, at, received)
            }
            Err(failure) => {
                let gone = matches!(failure.class, ErrorClass::Closed | ErrorClass::Reset);
                let again = gone && reused && !self.repeated && self.prepared.request.method.is_idempotent();
                if again && clock::now() < self.deadline {
                    self.repeated = true;
                    return self.start(user);
                }
                self.over(Err(failure), begun, at, received)
            }
        }
    }

    /// Time is out.
    pub(super) fn timed_out(&mut self, user: &User) -> Option<Attempt> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Connecting(opening) => {
                let failure = opening.give_up(user);
                self.failed(failure, clock::now(), 0)
            }
            State::Exchanging { conn, ticket, .. } => {
                let state = user.cell.reactor.inner.borrow_mut().net.give_up(conn, ticket);
                let (class, what) = if state.in_body {
                    (ErrorClass::TimeoutInBody, "within the body")
                } else if state.received > 0 {
                    (ErrorClass::TimeoutInHead, "within the head")
                } else {
                    (ErrorClass::Timeout, "before a byte of the answer")
                };
                let seconds = self.prepared.request.timeout as f64 / 1e9;
                let detail = format!("no end after {seconds} s, {what}, {} bytes so far", state.received);
                if state.sent_at > 0 {
                    self.first_sent.get_or_insert(state.sent_at);
                }
                self.failed(Failure::new(class, detail), clock::now(), state.received)
            }
            State::Over => None,
        }
    }

    fn failed(&mut self, failure: Failure, ended: u64, received: u64) -> Option<Attempt> {
        self.timings = Timings::default();
        self.over(Err(failure), self.first_sent.unwrap_or(self.flight.begun), ended, received)
    }

    fn over(&mut self, result: Result<Response, Failure>, begun: u64, ended: u64, received: u64) -> Option<Attempt> {
        self.state = State::Over;
        let Self { timings, connected, repeated, .. } = *self;
        Some(Attempt { result, begun, ended, timings, received, connected, repeated })
    }
}

impl User {
    /// A connection to `origin` that the user has kept and that can carry a request now.
    #[inline]
    fn kept(&self, origin: &std::rc::Rc<crate::http::Origin>) -> Option<ConnRef> {
        let mut conns = self.cell.conns.borrow_mut();
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let mut at = 0;
        while let Some((known, conn)) = conns.get(at) {
            if std::rc::Rc::ptr_eq(known, origin) || known == origin {
                match inner.net.fitness(*conn) {
                    Fitness::Free => return Some(*conn),
                    Fitness::Gone => {
                        conns.swap_remove(at);
                        continue;
                    }
                    Fitness::Busy => {}
                }
            }
            at += 1;
        }
        None
    }
}
