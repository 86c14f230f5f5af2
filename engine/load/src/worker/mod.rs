//! One thread of a load: its loop.
//!
//! Each round: alarms and arrivals that are due, users that can go on, then one call to the driver that submits, waits and
//! takes in what happened. Nothing is shared with the other threads but two counters.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Barrier};

use slab::Slab;

use crate::clock;
use crate::coroutine::{Flow, Resumed};
use crate::dns::Resolver;
use crate::driver::{self, DriverKind, Wait};
use crate::error::{ErrorClass, Failure};
use crate::journey::Script;
use crate::record::{End, Interval, Recorder, Row};
use crate::spec::{Load, Workload};
use crate::stack::Stacks;
use crate::tls::{Connector, Trust};
use crate::user::User;

mod arrivals;
pub(crate) mod net;
pub(crate) mod reactor;
pub(crate) mod timers;
mod users;

use arrivals::Arriving;
use net::Net;
use reactor::{Inner, Reactor, SharedReactor};
use timers::{Alarm, Task, Timers};
use users::Starts;

/// Longest wait, so that a request to stop is seen: 50 ms.
const LONGEST_WAIT: u64 = 50_000_000;

/// Users that go on before sockets and arrivals are looked at again, in an open model.
const TURN: usize = 8;

const SECOND: u64 = 1_000_000_000;

/// Values of [`Shared::stop`].
pub(crate) const RUN: u8 = 0;
pub(crate) const END_GRACEFULLY: u8 = 1;
pub(crate) const END_NOW: u8 = 2;

/// What threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) load: Arc<Load>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) unclaimed: Arc<AtomicU64>,
    pub(crate) stop: AtomicU8,
    /// All threads are set up, or have failed to.
    pub(crate) ready: Barrier,
    pub(crate) failed: AtomicU8,
    pub(crate) start: AtomicU64,
    pub(crate) spin: bool,
}

/// What a thread tells the collector.
#[derive(Debug)]
pub(crate) enum Message {
    /// A second is over.
    Interval(Interval),
    /// The thread is.
    Ended(Report),
}

/// What a thread knows at its end.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) driver: Option<DriverKind>,
    /// Arrivals due by the schedule.
    pub(crate) scheduled: u64,
    /// Arrivals that became iterations.
    pub(crate) started: u64,
    pub(crate) dropped: u64,
    pub(crate) not_started: u64,
    pub(crate) panics: u64,
    pub(crate) cpu: u64,
    /// When this thread began no more iterations, in nanoseconds since the start.
    pub(crate) accepted_until: u64,
    pub(crate) ended_at: u64,
    pub(crate) error: Option<String>,
}

struct Entry {
    flow: Flow,
    user: User,
}

pub(crate) struct Worker {
    id: u32,
    shared: Arc<Shared>,
    reactor: SharedReactor,
    tasks: Slab<Entry>,
    stacks: Stacks,
    scripts: Vec<Rc<dyn Script>>,
    ready: VecDeque<Task>,
    starts: Starts,
    arriving: Option<Arriving>,
    panics: u64,
    /// The interval that runs.
    sequence: u64,
    interval_began: u64,
    cpu_before: u64,
    scheduled_before: u64,
}

impl Worker {
    /// Sets a thread up.
    ///
    /// # Errors
    /// If driver, stacks or scripts cannot be had.
    pub(crate) fn new(id: u32, shared: Arc<Shared>) -> Result<Self, Failure> {
        let load = Arc::clone(&shared.load);
        let share = load.most_users().div_ceil(load.threads);
        let io = |error: io::Error| Failure::new(ErrorClass::Memory, error.to_string());
        let driver = driver::open(load.driver, share).map_err(io)?;
        let stacks = Stacks::new(share, load.threads).map_err(io)?;
        let scripts = load.journeys.iter().map(|(journey, _)| journey.script()).collect::<Result<_, _>>()?;
        let names = load.journeys.iter().map(|(journey, _)| journey.name().into()).collect();
        let phases = load.phase_ends();
        let recorder =
            Recorder::new(names, phases.iter().map(|(name, _)| Arc::clone(name)).collect(), load.limits.series);
        let inner = Inner { driver, net: Net::default(), timers: Timers::default(), recorder };
        let reactor = Rc::new(Reactor {
            inner: RefCell::new(inner),
            load: Arc::clone(&load),
            resolver: Arc::clone(&shared.resolver),
            connector: Connector::new(Arc::clone(&shared.trust)),
            start: Cell::new(0),
            accepting: Cell::new(true),
            current: Cell::new(None),
            idle: RefCell::new(Vec::new()),
            active: Cell::new(0),
            phase_ends: phases.iter().map(|(_, end)| clock::nanos(*end)).collect(),
            iterations: load.journeys.iter().map(|_| Cell::new(None)).collect(),
            unclaimed: Arc::clone(&shared.unclaimed),
            shared: Arc::clone(&shared),
        });
        let arriving = Arriving::of(&load, id);
        let starts = Starts::of(&load, id);
        Ok(Self {
            id,
            shared,
            reactor,
            tasks: Slab::new(),
            stacks,
            scripts,
            ready: VecDeque::new(),
            starts,
            arriving,
            panics: 0,
            sequence: 0,
            interval_began: 0,
            cpu_before: 0,
            scheduled_before: 0,
        })
    }

    /// Runs from `start` (on the clock) to the end.
    pub(crate) fn run(mut self, start: u64, out: &Sender<Message>, back: &Receiver<Vec<Row>>) -> Report {
        self.reactor.start.set(start);
        self.interval_began = start;
        self.cpu_before = clock::thread_cpu();
        let cpu_first = self.cpu_before;
        let end = self.reactor.at(self.shared.load.duration());
        let mut stopped_at = None;
        let mut error = None;
        loop {
            let now = clock::now();
            if now >= self.interval_began + SECOND {
                self.emit(self.interval_began + SECOND, out);
                while let Ok(rows) = back.try_recv() {
                    self.reactor.inner.borrow_mut().recorder.give_back(rows);
                }
            }
            let stop = self.shared.stop.load(Ordering::Relaxed);
            if stopped_at.is_none() && (now >= end || stop != RUN) {
                stopped_at = Some(now.min(end));
                // What was due before the end and only waits for us is not given up.
                self.start_arrivals(now.min(end));
                self.stop_accepting(now.min(end));
            }
            let grace_over =
                stopped_at.is_some_and(|at| now >= at.saturating_add(clock::nanos(self.shared.load.grace)));
            if stop == END_NOW || grace_over || self.is_done(stopped_at.is_some()) {
                stopped_at.get_or_insert(now.min(end));
                break;
            }
            if let Err(found) = self.round(now) {
                error = Some(found.to_string());
                stopped_at.get_or_insert(now.min(end));
                break;
            }
        }
        self.cut_off();
        let ended = clock::now();
        self.emit(ended, out);
        let accepted_until = stopped_at.unwrap_or(ended);
        let arriving = self.arriving.as_ref();
        let until = accepted_until.saturating_sub(start) as f64 / 1e9;
        Report {
            driver: Some(self.reactor.inner.borrow().driver.kind()),
            scheduled: arriving.map_or(0, |arriving| arriving.scheduled(until, self.id)),
            started: arriving.map_or(0, |arriving| arriving.started),
            dropped: arriving.map_or(0, |arriving| arriving.dropped),
            not_started: arriving.map_or(0, |arriving| arriving.not_started),
            panics: self.panics,
            cpu: clock::thread_cpu() - cpu_first,
            accepted_until: accepted_until.saturating_sub(start),
            ended_at: ended.saturating_sub(start),
            error,
        }
    }

    /// One round of the loop.
    fn round(&mut self, now: u64) -> io::Result<()> {
        self.alarms(now);
        self.start_users(now);
        self.start_arrivals(now);
        let turn = if self.arriving.is_some() { TURN } else { usize::MAX };
        for _ in 0..turn {
            let Some(task) = self.ready.pop_front() else { break };
            self.resume(task);
        }
        let wait = self.next_wait(now);
        let mut inner = self.reactor.inner.borrow_mut();
        let Inner { driver, net, .. } = &mut *inner;
        net.flush(driver.as_mut());
        net.stamp_sent(clock::now);
        driver.poll(wait, &mut |stamp, key, event| net.handle(stamp, key, event))?;
        net.flush(driver.as_mut());
        for (task, delivery) in net.woken.drain(..) {
            let Some(entry) = self.tasks.get(task as usize) else { continue };
            if let Some(delivery) = delivery {
                entry.user.cell.deliver(delivery);
            }
            if !entry.user.cell.queued.replace(true) {
                self.ready.push_back(task);
            }
        }
        Ok(())
    }

    /// How long the driver may wait; `now` is as of the round's beginning, which spares a reading of the clock
    /// where nothing is due soon.
    fn next_wait(&self, now: u64) -> Wait {
        if !self.ready.is_empty() || self.shared.spin {
            return Wait::No;
        }
        let timer = self.reactor.inner.borrow().timers.next();
        let arrival = self.arriving.as_ref().and_then(Arriving::next_look);
        let next = [timer, arrival, self.starts.next(), Some(self.interval_began + SECOND)].into_iter().flatten().min();
        let left = next.map_or(LONGEST_WAIT, |at| at.saturating_sub(now));
        let soon = left < LONGEST_WAIT / 10;
        match if soon { next.map_or(0, |at| at.saturating_sub(clock::now())) } else { left } {
            0 => Wait::No,
            nanos => Wait::Nanos(nanos.min(LONGEST_WAIT)),
        }
    }

    fn alarms(&mut self, now: u64) {
        let mut inner = self.reactor.inner.borrow_mut();
        while let Some(alarm) = inner.timers.due(now) {
            let (Alarm::Awake(task) | Alarm::TimedOut(task)) = alarm;
            let Some(entry) = self.tasks.get(task as usize) else { continue };
            if matches!(alarm, Alarm::TimedOut(_)) {
                entry.user.cell.timed_out.set(true);
            }
            if !entry.user.cell.queued.replace(true) {
                self.ready.push_back(task);
            }
        }
    }

    /// Lets a user go on.
    fn resume(&mut self, task: Task) {
        let Some(entry) = self.tasks.get_mut(task as usize) else { return };
        entry.user.cell.queued.set(false);
        self.reactor.current.set(Some(task));
        let resumed = entry.flow.resume();
        self.reactor.current.set(None);
        match resumed {
            Resumed::Suspended => {}
            Resumed::Done => {
                let entry = self.tasks.remove(task as usize);
                self.release(&entry.user);
            }
            Resumed::Panicked(message) => {
                self.panics += 1;
                let Entry { flow, user } = self.tasks.remove(task as usize);
                // Its stack is free for the user that takes its place.
                drop(flow);
                if user.cell.iterating.get().is_some() {
                    user.end_iteration(End::Failed, Some(&Failure::new(ErrorClass::Panic, message)));
                }
                self.release(&user);
                self.after_panic(&user);
            }
        }
    }

    /// Gives back a user's connections.
    fn release(&self, user: &User) {
        let mut inner = self.reactor.inner.borrow_mut();
        for (_, conn) in user.cell.conns.borrow_mut().drain(..) {
            inner.net.abandon(conn, false);
        }
    }

    /// A new user; `None` when no stack is left.
    fn spawn(&mut self, number: u64, journey: u16, body: impl FnOnce(&User) + 'static) -> Option<Task> {
        let stack = self.stacks.take().ok().flatten()?;
        let task = self.tasks.vacant_key() as Task;
        self.reactor.inner.borrow_mut().timers.begin(task);
        let user = User::new(Rc::clone(&self.reactor), task, number, journey);
        let inside = user.clone();
        let flow = Flow::new(stack, move || body(&inside));
        self.tasks.insert(Entry { flow, user });
        Some(task)
    }

    /// No iteration begins from now on. Users that are between iterations are dismissed.
    fn stop_accepting(&mut self, at: u64) {
        self.reactor.accepting.set(false);
        if let Some(arriving) = &mut self.arriving {
            let since = at.saturating_sub(self.reactor.start.get());
            arriving.give_up(since, &self.reactor);
        }
        self.starts.clear();
        self.reactor.idle.borrow_mut().clear();
        let idle: Vec<usize> = self
            .tasks
            .iter()
            .filter(|(_, entry)| entry.user.cell.iterating.get().is_none())
            .map(|(task, _)| task)
            .collect();
        for task in idle {
            let entry = self.tasks.remove(task);
            self.release(&entry.user);
            drop(entry.flow);
        }
    }

    /// Whether nothing more can happen.
    fn is_done(&mut self, stopped: bool) -> bool {
        if self.tasks.is_empty() && !self.starts.is_empty() && self.reactor.is_used_up() {
            self.starts.clear();
        }
        self.tasks.is_empty() && (stopped || (self.starts.is_empty() && self.arriving.is_none()))
    }

    /// Counts and ends whatever is still under way.
    fn cut_off(&mut self) {
        let now = clock::now();
        if self.reactor.accepting.get() {
            self.stop_accepting(now);
        }
        for entry in self.tasks.drain() {
            if entry.user.cell.iterating.get().is_some() {
                let failure = Failure::new(ErrorClass::CutOff, "the load ended before");
                entry.user.end_iteration(End::CutOff, Some(&failure));
            }
            // Unwinds its stack: what the journey holds is dropped.
            drop(entry.flow);
        }
    }

    /// Hands over the interval that ends at `until`.
    fn emit(&mut self, until: u64, out: &Sender<Message>) {
        let start = self.reactor.start.get();
        let mut inner = self.reactor.inner.borrow_mut();
        let cpu = clock::thread_cpu();
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        let scheduled = self
            .arriving
            .as_ref()
            .map_or(0, |arriving| arriving.scheduled(seconds(until.saturating_sub(start)), self.id));
        let interval = Interval {
            source: self.id,
            sequence: self.sequence,
            at: seconds(self.interval_began - start),
            seconds: seconds(until.saturating_sub(self.interval_began)),
            active: self.reactor.active.get(),
            connections: inner.net.open,
            cpu: seconds(cpu - self.cpu_before),
            scheduled: scheduled.saturating_sub(self.scheduled_before),
            dropped: self.arriving.as_ref().map_or(0, |arriving| arriving.dropped),
            rows: inner.recorder.take(),
        };
        self.scheduled_before = scheduled;
        self.cpu_before = cpu;
        self.sequence += 1;
        self.interval_began = until;
        // Nobody listens any more only when the load itself is given up.
        let _ = out.send(Message::Interval(interval));
    }

    /// What the model does with a user whose code panicked.
    fn after_panic(&mut self, user: &User) {
        if !self.reactor.accepting.get() {
            return;
        }
        if let Some(arriving) = &mut self.arriving {
            arriving.users -= 1;
        }
        if let Workload::Users { .. } = self.shared.load.workload {
            let (number, journey, done) = (user.number(), user.cell.journey.get(), user.cell.done.get() + 1);
            self.start_user(number, journey, done, None);
        }
    }
}
