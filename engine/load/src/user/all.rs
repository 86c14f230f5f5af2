//! Several requests of one user at once.

use super::exchange::Prepared;
use super::job::Job;
use super::{Flight, User};
use crate::clock;
use crate::error::Failure;
use crate::http::{Response, Url};
use crate::worker::net::Spoken;

/// Whether a request that has not started may start.
#[derive(PartialEq, Eq)]
enum Turn {
    Now,
    Later,
}

impl User {
    /// Sends all requests at once and waits for all answers, which come back in the order of the requests. Each is
    /// counted in its own row. Over HTTP/1.1 a host is sent as many at a time as [`crate::spec::Limits::parallel`] says,
    /// and whoever waits for its turn is meant to start then; over HTTP/2 all go on one connection. Cookies that come
    /// with the answers are kept; redirects are not followed.
    pub fn get_all(&self, requests: Vec<Prepared>) -> Vec<Result<Response, Failure>> {
        if let Err(failure) = self.may_wait() {
            return requests.iter().map(|_| Err(failure.clone())).collect();
        }
        let cell = &*self.cell;
        let planned = cell.intended.take();
        let mut results: Vec<Option<Result<Response, Failure>>> = requests.iter().map(|_| None).collect();
        let mut waiting: Vec<usize> = (0..requests.len()).collect();
        let mut jobs: Vec<(usize, Job<'_>)> = Vec::new();
        let mut first_round = planned;
        while !(waiting.is_empty() && jobs.is_empty()) {
            let mut later = Vec::new();
            for at in std::mem::take(&mut waiting) {
                let prepared = &requests[at];
                if self.turn(prepared, &jobs) == Turn::Later {
                    later.push(at);
                    continue;
                }
                let now = clock::now();
                let flight = self.take_off(prepared, first_round.unwrap_or(now), now);
                cell.requests.borrow_mut().push((at, flight));
                let mut job = Job::new(self, prepared, flight);
                match job.start(self) {
                    Some(attempt) => results[at] = Some(self.landed(at, prepared, flight, attempt)),
                    None => jobs.push((at, job)),
                }
            }
            waiting = later;
            first_round = None;
            let Some(deadline) = jobs.iter().map(|(_, job)| job.deadline).min() else { continue };
            let mut over = Vec::new();
            match self.wait_any(deadline) {
                Some(delivery) => {
                    let ticket = delivery.ticket;
                    if let Some(place) = jobs.iter().position(|(_, job)| job.ticket() == ticket)
                        && let Some(attempt) = jobs[place].1.delivered(self, delivery)
                    {
                        over.push((place, attempt));
                    }
                }
                None => {
                    let now = clock::now();
                    for place in (0..jobs.len()).rev() {
                        if jobs[place].1.deadline <= now
                            && let Some(attempt) = jobs[place].1.timed_out(self)
                        {
                            over.push((place, attempt));
                        }
                    }
                }
            }
            for (place, attempt) in over {
                let (at, job) = jobs.remove(place);
                results[at] = Some(self.landed(at, job.prepared, job.flight, attempt));
            }
        }
        results.into_iter().flatten().collect()
    }

    /// Whether a request may start beside those under way.
    fn turn(&self, prepared: &Prepared, jobs: &[(usize, Job<'_>)]) -> Turn {
        let reactor = &self.cell.reactor;
        let same = || jobs.iter().filter(|(_, job)| job.prepared.origin == prepared.origin);
        let spoken = {
            let conns = self.cell.conns.borrow();
            let mut inner = reactor.inner.borrow_mut();
            let mut found = conns.iter().filter(|(origin, _)| *origin == prepared.origin);
            found.find_map(|(_, conn)| inner.net.spoken(*conn))
        };
        let may = match spoken {
            Some(Spoken::Two) => true,
            Some(Spoken::One) => same().count() < reactor.load.limits.parallel.max(1),
            // The first connection shows which it is.
            None if reactor.may_speak_two(&prepared.origin) => !same().any(|(_, job)| job.is_connecting()),
            None => same().count() < reactor.load.limits.parallel.max(1),
        };
        if may { Turn::Now } else { Turn::Later }
    }

    fn landed(
        &self,
        at: usize,
        prepared: &Prepared,
        flight: Flight,
        attempt: super::job::Attempt,
    ) -> Result<Response, Failure> {
        self.cell.requests.borrow_mut().retain(|(known, _)| *known != at);
        let result = self.count(prepared, flight, attempt);
        if let Ok(response) = &result {
            let from = Url { origin: (*prepared.origin).clone(), path: prepared.path.clone() };
            self.keep_cookies(&from, response);
        }
        result
    }
}
