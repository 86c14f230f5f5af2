//! One request, from its intended start to its counted end.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::job::{Attempt, Job};
use super::{Flight, User};
use crate::clock;
use crate::error::{ErrorClass, Failure};
use crate::http::{Method, Origin, Request, Response, Target, Url};
use crate::record::{End, Endpoint, Kind, Sample, Slot};

/// A request made ready once and sent often: its bytes and its row are known. Belongs to its thread.
#[derive(Debug)]
pub struct Prepared {
    pub(super) request: Request,
    pub(super) origin: Rc<Origin>,
    pub(super) path: String,
    pub(super) bytes: Rc<Vec<u8>>,
    name: Arc<str>,
    /// The row of the journey and group that it was last sent in.
    row: Cell<Option<(u16, Endpoint)>>,
    group: std::cell::RefCell<Arc<str>>,
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
        Ok(Prepared {
            request: request.clone(),
            origin: Rc::new(origin),
            path,
            bytes,
            name,
            row: Cell::new(None),
            group,
        })
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
            let response = self.send(&self.prepare_with_cookies(present)?)?;
            self.keep_cookies(&from, &response);
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

    /// As [`Self::prepare`], with the cookies that the user has now for that address.
    ///
    /// # Errors
    /// If it is impossible.
    pub fn prepare_with_cookies(&self, request: &Request) -> Result<Prepared, Failure> {
        let set = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let to = self.address(request)?;
        let cookie = self.cell.cookies.borrow().header(&to);
        match cookie.filter(|_| !set) {
            Some(cookie) => self.prepare(&request.clone().header("Cookie", cookie)),
            None => self.prepare(request),
        }
    }

    pub(super) fn keep_cookies(&self, from: &Url, response: &Response) {
        for header in response.headers.all("set-cookie") {
            self.cell.cookies.borrow_mut().set(from, &header);
        }
    }

    /// Where a request goes.
    pub(super) fn address(&self, request: &Request) -> Result<Url, Failure> {
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
        let called = clock::now();
        let flight = self.take_off(prepared, cell.intended.take().unwrap_or(called), called);
        cell.request.set(Some(flight));
        let mut job = Job::new(self, prepared, flight);
        let mut step = job.start(self);
        let attempt = loop {
            match step {
                Some(attempt) => break attempt,
                None => {
                    step = match self.wait_for(job.ticket(), job.deadline) {
                        Some(delivery) => job.delivered(self, delivery),
                        None => job.timed_out(self),
                    }
                }
            }
        };
        cell.request.set(None);
        self.count(prepared, flight, attempt)
    }

    /// Counts a request as started.
    pub(super) fn take_off(&self, prepared: &Prepared, intended: u64, begun: u64) -> Flight {
        let reactor = &self.cell.reactor;
        let slot = Slot { endpoint: self.row_of(prepared), phase: reactor.phase_of(intended) };
        let mut inner = reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.started += 1;
        row.bytes_out += prepared.bytes.len() as u64;
        Flight { slot, intended, begun }
    }

    /// Counts what came of a request.
    pub(super) fn count(&self, prepared: &Prepared, flight: Flight, attempt: Attempt) -> Result<Response, Failure> {
        let Flight { slot, intended, .. } = flight;
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
