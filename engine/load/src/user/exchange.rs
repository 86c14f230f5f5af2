//! One request, from its intended start to its counted end.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Flight, User};
use crate::clock;
use crate::driver::tcp_socket;
use crate::error::{ErrorClass, Failure};
use crate::http::{Method, Origin, Receiver, Request, Response, Target, Timings, Url};
use crate::record::{End, Endpoint, Kind, Sample, Slot};
use crate::worker::net::{ConnRef, Delivery};

/// A request made ready once and sent often: its bytes and its row are known. Belongs to its thread.
#[derive(Debug)]
pub struct Prepared {
    request: Request,
    origin: Rc<Origin>,
    bytes: Rc<Vec<u8>>,
    name: Arc<str>,
    /// The row of the journey and group that it was last sent in.
    row: Cell<Option<(u16, Endpoint)>>,
    group: std::cell::RefCell<Arc<str>>,
}

/// How one attempt went.
struct Attempt {
    result: Result<Response, Failure>,
    begun: u64,
    ended: u64,
    timings: Timings,
    received: u64,
    connected: bool,
    repeated: bool,
}

impl User {
    /// Makes a request ready to be sent many times.
    ///
    /// # Errors
    /// If it is impossible.
    pub fn prepare(&self, request: &Request) -> Result<Prepared, Failure> {
        let Url { origin, path } = self.address(request)?;
        let bytes = Rc::new(request.encode(&origin, &path)?);
        let name = request.endpoint().into();
        let group = std::cell::RefCell::new(Arc::clone(&self.cell.group.borrow()));
        Ok(Prepared { request: request.clone(), origin: Rc::new(origin), bytes, name, row: Cell::new(None), group })
    }

    /// Sends a request with the user's cookies, follows redirects, and waits for the answer.
    ///
    /// # Errors
    /// If there is no answer. A status that was not expected is an answer, with [`Response::error`] set.
    pub fn request(&self, request: &Request) -> Result<Response, Failure> {
        let mut redirected: Option<Request> = None;
        loop {
            let present = redirected.as_ref().unwrap_or(request);
            let from = self.address(present)?;
            let cookie = self.cell.cookies.borrow().header(&from);
            let set = present.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"));
            let response = match cookie.filter(|_| !set) {
                Some(cookie) => self.send(&self.prepare(&present.clone().header("Cookie", cookie))?)?,
                None => self.send(&self.prepare(present)?)?,
            };
            for header in response.headers.all("set-cookie") {
                self.cell.cookies.borrow_mut().set(&from, &header);
            }
            if !response.is_redirect() || request.redirects == 0 {
                return Ok(response);
            }
            let Some(location) = response.headers.get("location") else { return Ok(response) };
            if present.redirects == 0 {
                let detail = format!("more than {} redirects, the last to `{location}`", request.redirects);
                return Err(Failure::new(ErrorClass::Redirect, detail));
            }
            let next = present.redirected(&from, response.status, &location)?;
            redirected = Some(next);
        }
    }

    /// Where a request goes.
    fn address(&self, request: &Request) -> Result<Url, Failure> {
        let invalid = |what: String| Failure::new(ErrorClass::Invalid, what);
        match request.place().map_err(|error| invalid(error.to_string()))? {
            Target::Full(url) => Ok(url),
            Target::Path(path) => {
                let target = self.cell.reactor.load.target.clone();
                let origin =
                    target.ok_or_else(|| invalid(format!("`{path}` is a path, and the load has no target")))?;
                Ok(Url { origin, path })
            }
        }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn get(&self, target: &str) -> Result<Response, Failure> {
        self.request(&Request::get(target))
    }

    /// `POST path` with a body.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Result<Response, Failure> {
        self.request(&Request::post(target, body))
    }

    /// `PUT path` with a body.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn put(&self, target: &str, body: impl Into<Vec<u8>>) -> Result<Response, Failure> {
        self.request(&Request { method: Method::Put, ..Request::post(target, body) })
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn delete(&self, target: &str) -> Result<Response, Failure> {
        self.request(&Request::new(Method::Delete, target))
    }

    /// Sends a prepared request and waits for the answer. Its bytes are as they are: no cookies, no redirects.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn send(&self, prepared: &Prepared) -> Result<Response, Failure> {
        self.may_wait()?;
        let cell = &*self.cell;
        let reactor = &cell.reactor;
        let called = clock::now();
        let intended = cell.intended.take().unwrap_or(called);
        let slot = Slot { endpoint: self.row_of(prepared), phase: reactor.phase_of(intended) };
        {
            let mut inner = reactor.inner.borrow_mut();
            let row = inner.recorder.row(slot);
            row.started += 1;
            row.bytes_out += prepared.bytes.len() as u64;
        }
        cell.request.set(Some(Flight { slot, intended, begun: called }));
        let attempt = self.attempt(prepared, called);
        cell.request.set(None);
        self.count(prepared, slot, intended, attempt)
    }

    /// Counts what came of a request.
    fn count(&self, prepared: &Prepared, slot: Slot, intended: u64, attempt: Attempt) -> Result<Response, Failure> {
        let Attempt { result, begun, ended, timings, received, connected, repeated } = attempt;
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.bytes_in += received;
        row.connections += u64::from(connected);
        row.repeated += u64::from(repeated);
        match result {
            Ok(mut response) => {
                let expect = &prepared.request.expect;
                let status = response.status;
                let followed = prepared.request.redirects > 0 && response.is_redirect();
                let good = followed || if expect.is_empty() { status < 400 } else { expect.contains(&status) };
                let end = if good { End::Ok } else { End::Failed };
                row.record(Sample { end, intended, begun, ended });
                row.record_timings(&timings);
                if !good {
                    response.error = Some(ErrorClass::Status(status));
                    row.error(ErrorClass::Status(status), || prepared.describe());
                }
                response.timings = timings;
                Ok(response)
            }
            Err(failure) => {
                let end = if failure.class.is_timeout() { End::TimedOut } else { End::Failed };
                row.record(Sample { end, intended, begun, ended });
                row.error(failure.class, || format!("{}: {}", prepared.describe(), failure.detail));
                Err(failure)
            }
        }
    }

    /// The number of the request's row.
    fn row_of(&self, prepared: &Prepared) -> Endpoint {
        let cell = &*self.cell;
        let journey = cell.journey.get();
        let group = cell.group.borrow();
        if let Some((known, endpoint)) = prepared.row.get()
            && known == journey
            && *prepared.group.borrow() == *group
        {
            return endpoint;
        }
        let mut inner = cell.reactor.inner.borrow_mut();
        let endpoint = inner.recorder.endpoint(Kind::Request, journey, &group, &prepared.name);
        prepared.row.set(Some((journey, endpoint)));
        *prepared.group.borrow_mut() = Arc::clone(&group);
        endpoint
    }

    /// Sends, and once more on a new connection where a kept one was gone before a byte of an answer.
    fn attempt(&self, prepared: &Prepared, called: u64) -> Attempt {
        let cell = &*self.cell;
        let deadline = called.saturating_add(prepared.request.timeout);
        let mut timings = Timings::default();
        let (mut first_sent, mut connected, mut repeated) = (None, false, false);
        let failed = |failure, begun, connected, repeated, received| Attempt {
            result: Err(failure),
            begun,
            ended: clock::now(),
            timings: Timings::default(),
            received,
            connected,
            repeated,
        };
        loop {
            let kept = self.kept(&prepared.origin).filter(|_| !repeated);
            let reused = kept.is_some();
            let conn = match kept {
                Some(conn) => conn,
                None => match self.connect(&prepared.origin, deadline, &mut timings) {
                    Ok(conn) => {
                        connected = true;
                        first_sent.get_or_insert(called);
                        conn
                    }
                    Err(failure) => return failed(failure, first_sent.unwrap_or(called), connected, repeated, 0),
                },
            };
            let receiver =
                Receiver::new(prepared.request.method.clone(), prepared.request.keep, cell.reactor.load.limits.body);
            {
                let mut inner = cell.reactor.inner.borrow_mut();
                let inner = &mut *inner;
                let began = inner.net.begin_exchange(inner.driver.as_mut(), conn, cell.task, receiver, &prepared.bytes);
                if let Err(failure) = began {
                    inner.net.abandon(conn, true);
                    return failed(failure, first_sent.unwrap_or(called), connected, repeated, 0);
                }
            }
            let Some(delivery) = self.wait(deadline) else {
                let state = cell.reactor.inner.borrow_mut().net.abandon(conn, true);
                let (class, what) = if state.in_body {
                    (ErrorClass::TimeoutInBody, "within the body")
                } else if state.received > 0 {
                    (ErrorClass::TimeoutInHead, "within the head")
                } else {
                    (ErrorClass::Timeout, "before a byte of the answer")
                };
                let seconds = prepared.request.timeout as f64 / 1e9;
                let detail = format!("no end after {seconds} s, {what}, {} bytes so far", state.received);
                let begun = first_sent.unwrap_or(if state.sent_at == 0 { called } else { state.sent_at });
                return failed(Failure::new(class, detail), begun, connected, repeated, state.received);
            };
            let Delivery { result, sent_at, first_at, at, received, .. } = delivery;
            let begun = *first_sent.get_or_insert(sent_at);
            match result {
                Ok(response) => {
                    timings.first_byte = first_at.saturating_sub(sent_at);
                    timings.total = at.saturating_sub(begun);
                    let result = Ok(response.unwrap_or_default());
                    return Attempt { result, begun, ended: at, timings, received, connected, repeated };
                }
                Err(failure) => {
                    let gone = matches!(failure.class, ErrorClass::Closed | ErrorClass::Reset);
                    if gone && reused && prepared.request.method.is_idempotent() && clock::now() < deadline {
                        repeated = true;
                        continue;
                    }
                    return Attempt { result: Err(failure), begun, ended: at, timings, received, connected, repeated };
                }
            }
        }
    }

    /// A connection that the user has kept.
    fn kept(&self, origin: &Rc<Origin>) -> Option<ConnRef> {
        let mut conns = self.cell.conns.borrow_mut();
        let at = conns.iter().position(|(known, _)| Rc::ptr_eq(known, origin) || known == origin)?;
        let conn = conns[at].1;
        if self.cell.reactor.inner.borrow_mut().net.is_idle(conn) {
            return Some(conn);
        }
        conns.swap_remove(at);
        None
    }

    /// A new connection.
    fn connect(&self, origin: &Rc<Origin>, deadline: u64, timings: &mut Timings) -> Result<ConnRef, Failure> {
        let cell = &*self.cell;
        if !cell.reactor.load.permit.allows(origin) {
            return Err(Failure::new(
                ErrorClass::Denied,
                format!("{} is not among the permitted hosts", origin.authority()),
            ));
        }
        let started = clock::now();
        let addresses = self.resolve(origin, deadline)?;
        let resolved = clock::now();
        // An address is no look-up, whatever the clock says.
        if origin.host.parse::<std::net::IpAddr>().is_err() {
            timings.dns = resolved - started;
        }
        let mut last = None;
        for address in addresses {
            let socket = tcp_socket(&address, false).map_err(|error| {
                let errno = error.raw_os_error().unwrap_or(libc::ENOBUFS);
                Failure::new(ErrorClass::of_socket(errno), error.to_string())
            })?;
            let layer = cell.reactor.layer(origin)?;
            let conn = {
                let mut inner = cell.reactor.inner.borrow_mut();
                let inner = &mut *inner;
                let key = inner.driver.adopt(socket);
                inner.driver.connect(key, address);
                inner.net.begin_connect(key, cell.task, layer)
            };
            match self.wait(deadline) {
                None => {
                    cell.reactor.inner.borrow_mut().net.abandon(conn, true);
                    return Err(Failure::new(ErrorClass::ConnectTimeout, format!("{address} did not answer in time")));
                }
                Some(Delivery { result: Ok(_), connected_at, at, .. }) => {
                    timings.connect = connected_at.saturating_sub(resolved);
                    timings.tls = at.saturating_sub(connected_at);
                    cell.conns.borrow_mut().push((Rc::clone(origin), conn));
                    return Ok(conn);
                }
                Some(Delivery { result: Err(failure), .. }) => {
                    last = Some(Failure { detail: format!("{address}: {}", failure.detail), ..failure });
                }
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(ErrorClass::Dns, format!("`{}` has no address", origin.host))))
    }

    /// The addresses of a host. A name is looked up on a thread of its own, while this user sleeps and looks again.
    fn resolve(&self, origin: &Origin, deadline: u64) -> Result<Vec<std::net::SocketAddr>, Failure> {
        let answer = self.cell.reactor.resolver.ask(&origin.host, origin.port);
        let mut nap = 20_000;
        loop {
            if let Some(found) = answer.get() {
                return found
                    .clone()
                    .map_err(|error| Failure::new(ErrorClass::Dns, format!("`{}`: {error}", origin.host)));
            }
            let now = clock::now();
            if now >= deadline {
                return Err(Failure::new(ErrorClass::Dns, format!("`{}`: no answer in time", origin.host)));
            }
            self.sleep_until(now + nap)?;
            nap = (nap * 2).min(1_000_000);
        }
    }
}

impl Prepared {
    fn describe(&self) -> String {
        format!("{} {}{}", self.request.method, self.origin, self.request.target)
    }

    /// The request that it was made from.
    pub fn request(&self) -> &Request {
        &self.request
    }
}
