//! Worker threads, each tied to its own CPU, that start a piece of work together and are timed one by one.
//!
//! The result of a lap is the wall time from the earliest start to the slowest end: per-worker rates added up would
//! credit time in which only some of them ran. Workers live as long as the team and own their state, so that what a
//! worker first touches stays near it. A worker that panics is reported, and nobody waits for it.
#![expect(
    unsafe_code,
    reason = "work that borrows is lent to threads that outlive the borrow, under a completion wait"
)]

use std::any::Any;
use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::clock::Moment;
use super::pin;

/// Where a worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// On this CPU only.
    Pinned(usize),
    /// Wherever the scheduler puts it, and why.
    Unpinned(String),
}

/// Why a team or a lap failed.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// A team of nobody.
    #[error("a team of 0 workers is asked for, give at least 1")]
    Empty,
    /// The system gave no thread.
    #[error("worker {worker} got no thread, ask for fewer workers or raise the limit on processes")]
    Spawn {
        /// Index of the worker.
        worker: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A worker could not make its state.
    #[error("worker {worker} could not prepare")]
    Prepare {
        /// Index of the worker.
        worker: usize,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A worker panicked, now or in an earlier lap; its state is not to be trusted any more.
    #[error("worker {worker} panicked: {message}")]
    Panicked {
        /// Index of the worker.
        worker: usize,
        /// The message of the panic.
        message: String,
    },
}

/// Start and end of one worker's part of a lap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When the worker began.
    pub start: Moment,
    /// When it was done.
    pub end: Moment,
}

impl Span {
    /// What this worker took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.end.since(self.start)
    }
}

/// One timed lap: a span for each worker, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lap {
    /// The workers' spans.
    pub workers: Vec<Span>,
}

impl Lap {
    /// From the earliest start to the slowest end.
    #[must_use]
    pub fn wall(&self) -> Duration {
        let first = self.workers.iter().map(|span| span.start).min();
        let last = self.workers.iter().map(|span| span.end).max();
        first.zip(last).map_or(Duration::ZERO, |(first, last)| last.since(first))
    }
}

/// What a worker is lent for one lap. The pointer is only followed while [`Team::time`] waits.
struct Job<S>(*const (dyn Fn(usize, &mut S) + Sync));

impl<S> Clone for Job<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Job<S> {}

// SAFETY: the closure behind the pointer is `Sync`, and `Team::time` keeps it alive until all workers are done.
unsafe impl<S> Send for Job<S> {}

struct Gate<S> {
    /// Number of the current lap; 0 before the first.
    lap: u64,
    job: Option<Job<S>>,
    running: usize,
    stop: bool,
    prepared: Vec<Option<Result<Placement, TeamError>>>,
    spans: Vec<Option<Result<Span, String>>>,
}

struct Shared<S> {
    gate: Mutex<Gate<S>>,
    opened: Condvar,
    finished: Condvar,
    /// Workers that have arrived at a start, over all laps; lap `n` starts at `n * size`.
    arrived: AtomicU64,
    size: usize,
}

impl<S> Shared<S> {
    /// No code that can panic runs under the lock, so its content is whole even when the mutex says "poisoned".
    fn lock(&self) -> MutexGuard<'_, Gate<S>> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A team of workers, each with a state of type `S` made and dropped in its own thread.
#[derive(Debug)]
pub struct Team<S: 'static> {
    shared: Arc<Shared<S>>,
    threads: Vec<JoinHandle<()>>,
    placement: Vec<Placement>,
    broken: Option<(usize, String)>,
}

impl<S> std::fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<S: 'static> Team<S> {
    /// A team of `size`, the first on the lowest CPU this process may use, and so on. Workers beyond the number of
    /// CPUs run unpinned. `prepare` makes the state of the worker with the given index, in its thread, after pinning.
    ///
    /// # Errors
    /// When `size` is 0, a thread cannot be had, or a worker cannot prepare.
    pub fn new<F>(size: usize, prepare: F) -> Result<Self, TeamError>
    where
        F: Fn(usize) -> Result<S, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    {
        let places = match pin::allowed() {
            Ok(cpus) => (0..size)
                .map(|worker| match cpus.get(worker) {
                    Some(&cpu) => Placement::Pinned(cpu),
                    None => Placement::Unpinned(format!("more workers than the {} usable CPUs", cpus.len())),
                })
                .collect(),
            Err(error) => vec![Placement::Unpinned(format!("the usable CPUs cannot be read: {error}")); size],
        };
        Self::placed(places, prepare)
    }

    /// A team with one worker on each of `cpus`, in their order; a CPU may occur twice. As [`Team::new`] otherwise.
    ///
    /// # Errors
    /// As [`Team::new`].
    pub fn on<F>(cpus: &[usize], prepare: F) -> Result<Self, TeamError>
    where
        F: Fn(usize) -> Result<S, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    {
        Self::placed(cpus.iter().map(|&cpu| Placement::Pinned(cpu)).collect(), prepare)
    }

    fn placed<F>(places: Vec<Placement>, prepare: F) -> Result<Self, TeamError>
    where
        F: Fn(usize) -> Result<S, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    {
        let size = places.len();
        if size == 0 {
            return Err(TeamError::Empty);
        }
        let gate = Gate {
            lap: 0,
            job: None,
            running: size,
            stop: false,
            prepared: (0..size).map(|_| None).collect(),
            spans: (0..size).map(|_| None).collect(),
        };
        let shared = Arc::new(Shared {
            gate: Mutex::new(gate),
            opened: Condvar::new(),
            finished: Condvar::new(),
            arrived: AtomicU64::new(0),
            size,
        });
        let prepare = Arc::new(prepare);
        let mut team = Self { shared, threads: Vec::with_capacity(size), placement: Vec::new(), broken: None };
        for (worker, place) in places.into_iter().enumerate() {
            let (shared, prepare) = (Arc::clone(&team.shared), Arc::clone(&prepare));
            let thread = std::thread::Builder::new()
                .name(format!("worker {worker}"))
                .spawn(move || work(worker, place, &shared, &*prepare))
                .map_err(|source| TeamError::Spawn { worker, source })?;
            team.threads.push(thread);
        }
        let mut gate = team.shared.lock();
        while gate.running > 0 {
            gate = team.shared.finished.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        let prepared: Result<Vec<_>, _> = gate.prepared.iter_mut().filter_map(Option::take).collect();
        drop(gate);
        team.placement = prepared?;
        Ok(team)
    }

    /// Number of workers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.shared.size
    }

    /// Where each worker runs.
    #[must_use]
    pub fn placement(&self) -> &[Placement] {
        &self.placement
    }

    /// Lets all workers do `job` at once, each with its index and its state, and times each.
    ///
    /// # Errors
    /// When a worker panics, and ever after.
    pub fn time(&mut self, job: impl Fn(usize, &mut S) + Sync) -> Result<Lap, TeamError> {
        if let Some((worker, message)) = &self.broken {
            return Err(TeamError::Panicked { worker: *worker, message: message.clone() });
        }
        let job: &(dyn Fn(usize, &mut S) + Sync) = &job;
        // SAFETY: only the lifetime is erased. The pointer is followed by workers between here and the end of the
        // wait below, which this function does not leave before every worker has said that it is done; nothing in
        // between can panic.
        let job = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize, &mut S) + Sync + '_), *const (dyn Fn(usize, &mut S) + Sync)>(
                job,
            )
        };
        let mut gate = self.shared.lock();
        gate.lap += 1;
        gate.job = Some(Job(job));
        gate.running = self.shared.size;
        self.shared.opened.notify_all();
        while gate.running > 0 {
            gate = self.shared.finished.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        gate.job = None;
        let mut spans = Vec::with_capacity(self.shared.size);
        for (worker, outcome) in gate.spans.iter_mut().enumerate() {
            match outcome.take() {
                Some(Ok(span)) => spans.push(span),
                Some(Err(message)) => self.broken = self.broken.take().or(Some((worker, message))),
                None => self.broken = self.broken.take().or(Some((worker, "it left no result".to_owned()))),
            }
        }
        drop(gate);
        match &self.broken {
            Some((worker, message)) => Err(TeamError::Panicked { worker: *worker, message: message.clone() }),
            None => Ok(Lap { workers: spans }),
        }
    }

    /// Lets all workers do `job` and returns what each returned, by index: for set-up and checks, not for timing.
    ///
    /// # Errors
    /// As [`Team::time`].
    pub fn each<R: Send>(&mut self, job: impl Fn(usize, &mut S) -> R + Sync) -> Result<Vec<R>, TeamError> {
        let results: Vec<Mutex<Option<R>>> = (0..self.size()).map(|_| Mutex::new(None)).collect();
        self.time(|worker, state| {
            let result = job(worker, state);
            *results[worker].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        })?;
        Ok(results
            .into_iter()
            .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect())
    }
}

impl<S: 'static> Drop for Team<S> {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.opened.notify_all();
        for thread in self.threads.drain(..) {
            // A state whose drop panics ends its thread; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// The life of one worker.
fn work<S, F>(worker: usize, place: Placement, shared: &Shared<S>, prepare: &F)
where
    F: Fn(usize) -> Result<S, Box<dyn Error + Send + Sync>>,
{
    let place = match place {
        Placement::Pinned(cpu) => match pin::pin_current(cpu) {
            Ok(()) => Placement::Pinned(cpu),
            Err(error) => Placement::Unpinned(format!("pinning to CPU {cpu} is refused: {error}")),
        },
        unpinned @ Placement::Unpinned(_) => unpinned,
    };
    let (mut state, prepared) = match catch_unwind(AssertUnwindSafe(|| prepare(worker))) {
        Ok(Ok(state)) => (Some(state), Ok(place)),
        Ok(Err(source)) => (None, Err(TeamError::Prepare { worker, source })),
        Err(panic) => (None, Err(TeamError::Panicked { worker, message: message_of(panic) })),
    };
    let mut gate = shared.lock();
    gate.prepared[worker] = Some(prepared);
    finish(gate, shared);
    let Some(state) = &mut state else { return };
    let mut lap = 0;
    loop {
        let mut gate = shared.lock();
        while gate.lap == lap && !gate.stop {
            gate = shared.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(job) = gate.job.filter(|_| !gate.stop) else { return };
        lap = gate.lap;
        drop(gate);
        meet(shared, lap);
        let start = Moment::now();
        // SAFETY: `Team::time` keeps the closure alive until this worker has reported below.
        let result = catch_unwind(AssertUnwindSafe(|| unsafe { (*job.0)(worker, state) }));
        let end = Moment::now();
        let outcome = result.map(|()| Span { start, end }).map_err(message_of);
        let mut gate = shared.lock();
        gate.spans[worker] = Some(outcome);
        finish(gate, shared);
    }
}

fn finish<S>(mut gate: MutexGuard<'_, Gate<S>>, shared: &Shared<S>) {
    gate.running -= 1;
    if gate.running == 0 {
        shared.finished.notify_all();
    }
}

/// Waits until all workers are here. Spinning starts them within a fraction of a microsecond of each other; yielding
/// after a while lets a team larger than the machine get on.
fn meet<S>(shared: &Shared<S>, lap: u64) {
    let all = lap * shared.size as u64;
    shared.arrived.fetch_add(1, Ordering::AcqRel);
    let mut turns = 0u32;
    while shared.arrived.load(Ordering::Acquire) < all {
        turns += 1;
        if turns < 10_000 { std::hint::spin_loop() } else { std::thread::yield_now() }
    }
}

fn message_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().map_or("no message", |message| message).to_owned(),
    }
}

#[cfg(test)]
#[path = "team/tests.rs"]
mod tests;
