//! The state of the shop: settings, workers, counters, orders.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use engine_core::load::DemoTarget;

use crate::catalogue::Catalogue;
use crate::counters::{Counters, Gauges};
use crate::cpu::Pool;
use crate::freeze::{Freeze, nanos};
use crate::lock::lock;
use crate::orders::Orders;
use crate::queue::{Queue, Slot};
use crate::timer::Timer;

/// Everything that requests share.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) settings: DemoTarget,
    pub(crate) timer: Timer,
    pub(crate) counters: Counters,
    pub(crate) orders: Mutex<Orders>,
    pub(crate) catalogue: Catalogue,
    /// Threads of CPU-bound service.
    pub(crate) pool: Option<Pool>,
    course: Mutex<Course>,
    /// What requests leave behind.
    leaked: Mutex<Vec<Box<[u8]>>>,
}

/// What changes with every request.
#[derive(Debug)]
struct Course {
    freeze: Freeze,
    queue: Queue,
    arrived: u64,
    /// When it began to listen: its age counts from there.
    ready: u64,
}

/// Why a request of the shop is not answered as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The queue is full.
    Full,
    /// The settings say that it fails.
    Fails,
}

impl Shop {
    /// A shop with nobody in it.
    ///
    /// # Errors
    /// When the file of the orders cannot be used.
    pub(crate) fn new(settings: DemoTarget) -> io::Result<Self> {
        let orders = match (&settings.orders, settings.store) {
            (path, Some(store)) => Orders::stored_in(path.as_deref().map(Path::new), store)?,
            (Some(path), None) => Orders::kept_in(path.as_ref())?,
            (None, None) => Orders::default(),
        };
        let course = Course {
            freeze: Freeze::new(&settings.stalls),
            queue: Queue::new(settings.workers, settings.queue),
            arrived: 0,
            ready: 0,
        };
        Ok(Self {
            timer: Timer::new(),
            counters: Counters::default(),
            orders: Mutex::new(orders),
            catalogue: Catalogue::new(&settings),
            pool: settings.cpu_bound.then(|| Pool::new(settings.workers, settings.queue)),
            course: Mutex::new(course),
            leaked: Mutex::default(),
            settings,
        })
    }

    /// It listens from now on: warm-up counts from here.
    pub(crate) fn open(&self) {
        lock(&self.course).ready = self.timer.now();
    }

    /// Holds a worker for one request of the shop, after waiting for one.
    pub(crate) async fn serve(&self) -> Result<(), Refusal> {
        let now = self.timer.now();
        let number = {
            let mut course = lock(&self.course);
            course.freeze.begin(now);
            course.arrived += 1;
            course.arrived - 1
        };
        let work = nanos(self.settings.service_of(number));
        let Some((start, end)) = self.hold(work, now).await else {
            self.counters.refused.fetch_add(1, Relaxed);
            return Err(Refusal::Full);
        };
        self.counters.served.fetch_add(1, Relaxed);
        self.counters.service.fetch_add(end.saturating_sub(start), Relaxed);
        self.counters.wait.fetch_add(start.saturating_sub(now), Relaxed);
        self.leave_behind();
        if self.settings.fails(number) {
            self.counters.errors.fetch_add(1, Relaxed);
            return Err(Refusal::Fails);
        }
        Ok(())
    }

    /// Holds a worker for so much work; gives from when to when. `None` when the queue is full.
    async fn hold(&self, work: u64, now: u64) -> Option<(u64, u64)> {
        if let Some(pool) = &self.pool {
            // A worker's thread that died says nothing more.
            let start = pool.submit(work)?.await.unwrap_or(now);
            return Some((start, self.timer.now()));
        }
        let slot = self.admit(work)?;
        self.timer.until(slot.end).await;
        Some((slot.start, slot.end))
    }

    fn admit(&self, work: u64) -> Option<Slot> {
        let course = &mut *lock(&self.course);
        let Course { freeze, queue, ready, .. } = course;
        // Taken under the lock: times must not fall.
        let now = self.timer.now();
        let slowed = |start: u64| self.slowed_since(*ready, start, work);
        queue.admit(now, |time| freeze.thawed(time), |start| freeze.after(start, slowed(start)))
    }

    /// How long work takes that begins at a time: longer while warming up.
    pub(crate) fn slowed(&self, start: u64, work: u64) -> u64 {
        let ready = lock(&self.course).ready;
        self.slowed_since(ready, start, work)
    }

    fn slowed_since(&self, ready: u64, start: u64, work: u64) -> u64 {
        let Some(warmup) = &self.settings.warmup else { return work };
        (work as f64 * warmup.factor_at(start.saturating_sub(ready) as f64 / 1e9)) as u64
    }

    /// The first time from `time` on at which it is not frozen.
    pub(crate) fn thawed(&self, time: u64) -> u64 {
        lock(&self.course).freeze.thawed(time)
    }

    /// Waits for so many nanoseconds in which it is not frozen.
    pub(crate) async fn pause(&self, time: u64) {
        let now = self.timer.now();
        let end = lock(&self.course).freeze.after(now, time);
        self.timer.until(end).await;
    }

    /// The state of the queue.
    pub(crate) fn gauges(&self) -> Gauges {
        let (waiting, busy) = match &self.pool {
            Some(pool) => pool.state(),
            None => {
                let queue = &mut lock(&self.course).queue;
                let now = self.timer.now();
                (queue.waiting(now), queue.busy(now))
            }
        };
        Gauges { waiting, busy, workers: self.settings.workers.into() }
    }

    /// Forgets orders and starts the clock of the stalls anew with the next request.
    pub(crate) fn reset(&self) -> io::Result<u64> {
        lock(&self.course).freeze.reset();
        lock(&self.orders).clear()
    }

    fn leave_behind(&self) {
        let size = usize::try_from(self.settings.leak).unwrap_or(0);
        if size > 0 {
            // Written to, so that it is resident.
            lock(&self.leaked).push(vec![1; size].into_boxed_slice());
        }
    }
}
