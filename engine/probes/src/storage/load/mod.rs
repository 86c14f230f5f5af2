//! A load on one file: which requests, how many at once, for how long, and what came of them.

mod companion;
mod pool;
mod queued;
mod recorder;
mod source;

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine_core::histogram::Histogram;

use companion::Place;
use pool::run_pool;
use queued::run_queued;
pub(crate) use recorder::Tally;

use super::queue::aio::Aio;
use super::queue::choice::Engine;
use super::queue::uring::{Uring, Wishes};
use super::queue::{Kind, Shape};
use crate::harness::{Moment, Pages};

/// Which blocks, and what is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    Read,
    Write,
    RandRead,
    RandWrite,
    /// Seven reads to three writes.
    RandRw,
    /// No file at all: what the interface costs.
    Nop,
}

impl Pattern {
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Write | Self::RandWrite | Self::RandRw)
    }

    pub(crate) fn is_sequential(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) pattern: Pattern,
    /// Bytes of each request.
    pub(crate) block: u32,
    /// Blocks of the file.
    pub(crate) blocks: u64,
    /// Most requests of one job that are under way at once.
    pub(crate) depth: u32,
    /// Most requests that are handed over together, and most ends that are taken before slots are filled again.
    pub(crate) batch: u32,
    /// Threads, each with a queue of its own.
    pub(crate) jobs: u32,
    /// In which pages the buffers lie.
    pub(crate) pages: Pages,
    /// Time before anything counts.
    pub(crate) ramp: Duration,
    /// What counts is taken in so many windows of this length.
    pub(crate) window: Duration,
    pub(crate) windows: usize,
    /// Go on until the rate is steady, for at most so many windows; the last of them count.
    pub(crate) most: usize,
    /// Requests a second over all jobs, whether those before have ended or not.
    pub(crate) rate: Option<f64>,
    pub(crate) seed: u64,
    /// Key of the file's stamps, which each read is then compared with.
    pub(crate) key: Option<u64>,
    /// Count the processor time of the whole process: threads of the kernel work for this load too.
    pub(crate) whole_process: bool,
}

impl Plan {
    /// The queue of each job. Where reads and writes are mixed each slot has a buffer for either, so that what is
    /// written is never what was read.
    pub(crate) fn shape(&self) -> Shape {
        let buffers = self.depth * if self.pattern == Pattern::RandRw { 2 } else { 1 };
        Shape { depth: self.depth, block: self.block, buffers, pages: self.pages }
    }

    /// The buffer of a request.
    #[inline]
    fn buffer(&self, slot: u32, kind: Kind) -> u32 {
        let apart = kind == Kind::Write && self.pattern == Pattern::RandRw;
        if apart { slot + self.depth } else { slot }
    }

    /// Bytes of the buffers of all jobs.
    pub(crate) fn buffer_bytes(&self) -> u64 {
        u64::from(self.jobs) * u64::from(self.shape().buffers) * u64::from(self.block)
    }

    /// Times between which requests count, in nanoseconds of the clock, when the ramp starts at `begin`; and from when
    /// on nothing is waited for: what is late has as long again, and a second.
    fn span(&self, begin: u64) -> (u64, u64, u64) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 8);
        let from = begin + nanos(self.ramp);
        let length = nanos(self.window).saturating_mul(self.windows as u64);
        (from, from + length, from + 2 * length + 1_000_000_000)
    }

    /// When the request of this number of a job is due, in an open loop.
    fn due(&self, begin: u64, rate: f64, job: u32, number: u64) -> u64 {
        let all = f64::from(job) + number as f64 * f64::from(self.jobs);
        begin + (all * 1e9 / rate) as u64
    }

    /// What a buffer's bytes are made of: names the round, the job and the slot, and is never 0.
    pub(crate) fn tag(&self, job: u32, slot: u32) -> u64 {
        (self.seed << 32) | 1 << 31 | u64::from(job & 0x7fff) << 16 | u64::from(slot & 0xffff)
    }

    /// Whether a tag is of this round.
    pub(crate) fn is_tag(&self, tag: u64) -> bool {
        tag >> 31 == (self.seed << 32 | 1 << 31) >> 31
    }
}

/// Why a load came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot set up job {job}: {source}")]
    SetUp { job: u32, source: io::Error },
    #[error("the queue failed: {0}")]
    Queue(io::Error),
    #[error("a {kind} at byte {offset} failed: {source}")]
    Request { kind: &'static str, offset: u64, source: io::Error },
    #[error("a {kind} at byte {offset} moved {got} of {wanted} bytes")]
    Short { kind: &'static str, offset: u64, got: i64, wanted: u32 },
    #[error("a read at byte {offset} brought other bytes than were written there")]
    Wrong { offset: u64 },
    #[error("a job panicked")]
    Panicked,
}

/// What the threads of a load share.
pub(crate) struct Gate<'a> {
    state: Mutex<Start>,
    opened: Condvar,
    /// Windows after which all end.
    last: AtomicUsize,
    /// Where the first thread runs.
    place: Place,
    /// Whether the run is interrupted.
    stop: &'a (dyn Fn() -> bool + Sync),
}

struct Start {
    missing: usize,
    /// When the last thread came, in nanoseconds of the clock.
    begin: u64,
}

impl<'a> Gate<'a> {
    fn new(threads: usize, plan: &Plan, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        let last = AtomicUsize::new(plan.most.max(plan.windows));
        Self {
            state: Mutex::new(Start { missing: threads, begin: 0 }),
            opened: Condvar::new(),
            last,
            place: Place::new(),
            stop,
        }
    }

    /// Waits for all threads; gives the common start, in nanoseconds of the clock.
    fn start(&self) -> u64 {
        let state = self.arrive(1);
        let open = self.opened.wait_while(state, |state| state.missing > 0);
        open.unwrap_or_else(PoisonError::into_inner).begin
    }

    /// So many threads will not come: the others end as soon as they have begun.
    fn give_up(&self, threads: usize) {
        self.last.store(0, Ordering::Release);
        drop(self.arrive(threads));
    }

    fn arrive(&self, threads: usize) -> MutexGuard<'_, Start> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.missing -= threads;
        if state.missing == 0 {
            state.begin = Moment::now().nanos();
            self.opened.notify_all();
        }
        state
    }
}

/// Runs a load on a file in the way that was chosen.
pub(crate) fn run(
    plan: &Plan,
    file: &File,
    engine: Engine,
    wishes: Wishes,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Tally, LoadError> {
    let shape = plan.shape();
    match engine {
        Engine::IoUring => run_queued(plan, &|| Uring::open(file, shape, wishes).map(|(ring, _)| ring), stop),
        Engine::Libaio => run_queued(plan, &|| Aio::open(file, shape), stop),
        Engine::Pread => run_pool(plan, file, stop),
    }
}

/// Change of the rate from the first to the last window, relative to its mean: a line through all of them, by least
/// squares. Zero for fewer than three.
pub(crate) fn drift(counts: &[u64]) -> f64 {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<u64>() as f64 / n;
    if counts.len() < 3 || mean <= 0.0 {
        return 0.0;
    }
    let middle = (n - 1.0) / 2.0;
    let (mut above, mut below) = (0.0, 0.0);
    for (at, count) in counts.iter().enumerate() {
        let x = at as f64 - middle;
        above += x * (*count as f64 - mean);
        below += x * x;
    }
    above / below * (n - 1.0) / mean
}

/// From this change on a rate does not count as steady.
pub(crate) const STEADY: f64 = 0.05;

fn empty() -> [Histogram; 2] {
    [Histogram::new(), Histogram::new()]
}

#[cfg(test)]
mod tests;
