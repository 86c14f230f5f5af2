//! A virtual user: what a journey sees. Everything looks blocking; whoever waits gives its thread to the others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use engine_core::stats::Stream;

use crate::clock;
use crate::coroutine;
use crate::error::{ErrorClass, Failure};
use crate::http::{Cookies, Origin};
use crate::journey::Script;
use crate::model::Think;
use crate::record::{End, Kind, Sample, Slot};
use crate::worker::net::{ConnRef, Delivery};
use crate::worker::reactor::SharedReactor;
use crate::worker::timers::Task;

mod all;
mod exchange;
mod fetch;
mod job;
mod marks;
mod open;
mod socket;
mod websocket;

pub use exchange::Prepared;
pub use fetch::Fetched;
pub use marks::Mark;
pub use socket::{Connection, Until};
pub use websocket::{WebSocket, WebSocketOptions};

/// Something under way, so that it can be counted should the load end before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) slot: Slot,
    pub(crate) intended: u64,
    pub(crate) begun: u64,
}

/// One user's data. Its thread's loop has the other handle.
#[derive(Debug)]
pub(crate) struct UserCell {
    pub(crate) reactor: SharedReactor,
    pub(crate) task: Task,
    pub(crate) journey: Cell<u16>,
    /// Number of the user, or of the arrival in an open model.
    pub(crate) number: Cell<u64>,
    /// Number of the iteration.
    pub(crate) iteration: Cell<u64>,
    pub(crate) done: Cell<u64>,
    /// When the next request is meant to start, where that follows from a schedule.
    pub(crate) intended: Cell<Option<u64>>,
    pub(crate) iteration_start: Cell<u64>,
    pub(crate) pace: Cell<Option<u64>>,
    pub(crate) quit: Cell<bool>,
    pub(crate) request: Cell<Option<Flight>>,
    /// Requests under way beside each other, by their place among them.
    pub(crate) requests: RefCell<Vec<(usize, Flight)>>,
    pub(crate) iterating: Cell<Option<Flight>>,
    pub(crate) conns: RefCell<Vec<(Rc<Origin>, ConnRef)>>,
    pub(crate) delivery: RefCell<Option<Delivery>>,
    /// Deliveries beyond that one: only of users with several requests under way.
    pub(crate) deliveries: RefCell<VecDeque<Delivery>>,
    pub(crate) timed_out: Cell<bool>,
    /// Whether it waits for its turn already; one wake-up must not count twice.
    pub(crate) queued: Cell<bool>,
    /// The arrival to serve next: its index and intended start.
    pub(crate) arrival: Cell<Option<(u64, u64)>>,
    pub(crate) cookies: RefCell<Cookies>,
    stream: RefCell<Option<Stream>>,
    pub(crate) group: RefCell<Arc<str>>,
    /// Whatever its journey keeps with it.
    pub(crate) attached: RefCell<Option<Rc<dyn std::any::Any>>>,
}

impl UserCell {
    /// Something arrived for the user.
    #[inline]
    pub(crate) fn deliver(&self, delivery: Delivery) {
        let mut first = self.delivery.borrow_mut();
        if first.is_none() && self.deliveries.borrow().is_empty() {
            *first = Some(delivery);
        } else {
            self.deliveries.borrow_mut().push_back(delivery);
        }
    }
}

/// A handle on a user; clones are the same user. Belongs to its thread and to its own coroutine: elsewhere, whatever
/// waits is refused.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) cell: Rc<UserCell>,
}

impl User {
    pub(crate) fn new(reactor: SharedReactor, task: Task, number: u64, journey: u16) -> Self {
        let cell = UserCell {
            reactor,
            task,
            journey: Cell::new(journey),
            number: Cell::new(number),
            iteration: Cell::new(0),
            done: Cell::new(0),
            intended: Cell::new(None),
            iteration_start: Cell::new(0),
            pace: Cell::new(None),
            quit: Cell::new(false),
            request: Cell::new(None),
            requests: RefCell::default(),
            iterating: Cell::new(None),
            conns: RefCell::new(Vec::new()),
            delivery: RefCell::new(None),
            deliveries: RefCell::default(),
            timed_out: Cell::new(false),
            queued: Cell::new(false),
            arrival: Cell::new(None),
            cookies: RefCell::default(),
            stream: RefCell::new(None),
            group: RefCell::new("".into()),
            attached: RefCell::new(None),
        };
        Self { cell: Rc::new(cell) }
    }

    /// Number of the user; in an open model, of the arrival.
    pub fn number(&self) -> u64 {
        self.cell.number.get()
    }

    /// Number of the iteration: of this user, or over all users where iterations are shared.
    pub fn iteration(&self) -> u64 {
        self.cell.iteration.get()
    }

    /// Draws from the user's own stream of random numbers, which begins anew with each iteration: it depends on the
    /// load's seed, the user (or arrival) and the iteration, not on threads or time.
    pub fn with_random<R>(&self, draw: impl FnOnce(&mut Stream) -> R) -> R {
        let mut stream = self.cell.stream.borrow_mut();
        draw(stream.get_or_insert_with(|| {
            let key = [Stream::key_of("user"), self.number(), self.iteration()];
            Stream::new(self.cell.reactor.load.seed, &key)
        }))
    }

    /// Pauses. The next request is meant to start when the pause is over, so a late wake-up counts as lag.
    ///
    /// # Errors
    /// If the user cannot wait here.
    pub fn think(&self, think: &Think) -> Result<(), Failure> {
        let seconds = self.with_random(|stream| think.draw(stream));
        self.pause(seconds)
    }

    /// Pauses for so many seconds; otherwise as [`Self::think`].
    ///
    /// # Errors
    /// If the user cannot wait here.
    pub fn pause(&self, seconds: f64) -> Result<(), Failure> {
        let planned = clock::now().saturating_add(clock::nanos(seconds));
        self.sleep_until(planned)?;
        self.cell.intended.set(Some(planned));
        Ok(())
    }

    /// Lets this iteration and the wait after it take at least so many seconds, counted from its intended start. One
    /// that takes longer is followed at once. In an open model arrivals decide, and this has no effect.
    pub fn pace(&self, seconds: f64) {
        self.cell.pace.set(Some(clock::nanos(seconds)));
    }

    /// Makes no further iteration after this one.
    pub fn stop(&self) {
        self.cell.quit.set(true);
    }

    /// Whether the load still begins new iterations; long loops within an iteration should end when not.
    pub fn is_wanted(&self) -> bool {
        self.cell.reactor.accepting.get() && !self.cell.quit.get()
    }

    /// Runs `work` with its requests counted in a group of rows called `name`.
    pub fn group<R>(&self, name: &str, work: impl FnOnce() -> R) -> R {
        let before = std::mem::replace(&mut *self.cell.group.borrow_mut(), name.into());
        let result = work();
        *self.cell.group.borrow_mut() = before;
        result
    }

    /// Times `work` as a row of its own.
    ///
    /// # Errors
    /// Those of `work`, which count as its failures.
    pub fn timed<R>(&self, name: &str, work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
        let begun = clock::now();
        let slot = self.slot(Kind::Timer, name, begun);
        let result = work();
        let ended = clock::now();
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.started += 1;
        let end = if result.is_ok() { End::Ok } else { End::Failed };
        row.record(Sample { end, intended: begun, begun, ended });
        if let Err(failure) = &result {
            row.error(failure.class, || failure.detail.clone());
        }
        drop(inner);
        result
    }

    fn slot(&self, kind: Kind, name: &str, intended: u64) -> Slot {
        let reactor = &self.cell.reactor;
        let mut inner = reactor.inner.borrow_mut();
        let endpoint =
            inner.recorder.endpoint(kind, self.cell.journey.get(), &self.cell.group.borrow(), &Arc::from(name));
        Slot { endpoint, phase: reactor.phase_of(intended) }
    }

    /// Refuses whatever waits where it cannot.
    pub(crate) fn may_wait(&self) -> Result<(), Failure> {
        if coroutine::on_coroutine() && self.cell.reactor.current.get() == Some(self.cell.task) {
            Ok(())
        } else {
            Err(Failure::new(ErrorClass::Invalid, "a user can wait only within its own journey"))
        }
    }

    pub(crate) fn sleep_until(&self, at: u64) -> Result<(), Failure> {
        self.may_wait()?;
        self.cell.reactor.inner.borrow_mut().timers.sleep(self.cell.task, at);
        coroutine::suspend();
        // What else arrives for the user must not end its sleep.
        while clock::now() < at {
            coroutine::suspend();
        }
        Ok(())
    }

    /// Waits until `found` finds what it looks for, or time is out at `deadline`; it looks whenever something happened.
    pub(crate) fn wait_until<R>(&self, deadline: u64, mut found: impl FnMut() -> Option<R>) -> Option<R> {
        let cell = &*self.cell;
        cell.timed_out.set(false);
        cell.reactor.inner.borrow_mut().timers.set_timeout(cell.task, deadline);
        loop {
            coroutine::suspend();
            let what = found();
            if what.is_some() {
                cell.reactor.inner.borrow_mut().timers.clear_timeout(cell.task);
                return what;
            }
            if cell.timed_out.get() {
                return None;
            }
        }
    }

    /// The next thing that a connection delivered.
    pub(crate) fn next_delivery(&self) -> Option<Delivery> {
        let first = self.cell.delivery.borrow_mut().take();
        if first.is_some() {
            return first;
        }
        self.cell.deliveries.borrow_mut().pop_front()
    }

    /// Waits for the delivery called `ticket`, until `deadline`; `None` when time is out. Others are of what was given up.
    #[inline]
    pub(crate) fn wait_for(&self, ticket: u64, deadline: u64) -> Option<Delivery> {
        self.wait_until(deadline, || {
            while let Some(delivery) = self.next_delivery() {
                if delivery.ticket == ticket {
                    return Some(delivery);
                }
            }
            None
        })
    }

    /// Waits for anything that a connection delivers, until `deadline`.
    pub(crate) fn wait_any(&self, deadline: u64) -> Option<Delivery> {
        self.next_delivery().or_else(|| self.wait_until(deadline, || self.next_delivery()))
    }

    /// One iteration, meant to start at `intended` (now where nothing says so). Counts it, however it ends.
    pub(crate) fn iterate(&self, script: &dyn Script, number: u64, intended: Option<u64>) {
        let cell = &*self.cell;
        let reactor = &cell.reactor;
        let begun = clock::now();
        let meant = intended.unwrap_or(begun);
        cell.iteration.set(number);
        cell.intended.set(intended);
        cell.iteration_start.set(meant);
        cell.pace.set(None);
        *cell.stream.borrow_mut() = None;
        let slot = Slot { endpoint: reactor.iterations_of(cell.journey.get()), phase: reactor.phase_of(meant) };
        reactor.inner.borrow_mut().recorder.row(slot).started += 1;
        cell.iterating.set(Some(Flight { slot, intended: meant, begun }));
        reactor.active.set(reactor.active.get() + 1);
        let result = script.run(self);
        let failed = result.err();
        self.end_iteration(if failed.is_some() { End::Failed } else { End::Ok }, failed.as_ref());
        cell.done.set(cell.done.get() + 1);
    }

    /// Counts the end of what is under way.
    pub(crate) fn end_iteration(&self, end: End, failure: Option<&Failure>) {
        let cell = &*self.cell;
        let ended = clock::now();
        let mut inner = cell.reactor.inner.borrow_mut();
        let requests = cell.requests.take().into_iter().map(|(_, flight)| flight);
        for flight in requests.chain([cell.request.take(), cell.iterating.take()].into_iter().flatten()) {
            let row = inner.recorder.row(flight.slot);
            row.record(Sample { end, intended: flight.intended, begun: flight.begun, ended });
            if let Some(failure) = failure {
                row.error(failure.class, || failure.detail.clone());
            }
        }
        cell.reactor.active.set(cell.reactor.active.get().saturating_sub(1));
    }
}
