//! What one thread of a load saw, window by window.

use std::sync::atomic::Ordering;

use engine_core::histogram::Histogram;

use super::{Gate, Plan, STEADY, drift, empty};
use crate::harness::Moment;
use crate::storage::queue::Kind;
use crate::storage::used;

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Latencies of the reads (and of requests that do nothing) that count, in nanoseconds.
    pub(crate) reads: Histogram,
    /// Latencies of the writes that count.
    pub(crate) writes: Histogram,
    /// Requests that ended in each window that counts.
    pub(crate) counts: Vec<u64>,
    /// Length of a window in seconds.
    pub(crate) window: f64,
    /// Processor seconds during these windows.
    pub(crate) cpu: f64,
    /// Requests that were due and never begun.
    pub(crate) missed: u64,
    /// Whether the run was interrupted.
    pub(crate) stopped: bool,
    /// Blocks that were written, some of them.
    pub(crate) written: Vec<u64>,
}

impl Tally {
    /// Requests that ended in the windows that count.
    pub(crate) fn ended(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Seconds of the windows that count.
    pub(crate) fn seconds(&self) -> f64 {
        self.window * self.counts.len() as f64
    }

    /// Adds what another thread saw in the same windows.
    pub(super) fn add(&mut self, other: &Self) {
        self.reads.merge(&other.reads);
        self.writes.merge(&other.writes);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.cpu += other.cpu;
        self.missed += other.missed;
        self.stopped |= other.stopped;
        self.written.extend_from_slice(&other.written);
    }
}

/// Blocks that one thread remembers to have written, the latest.
const REMEMBERED: usize = 64;

/// Records what one thread sees. Allocates nothing once it is made.
pub(super) struct Recorder<'a> {
    gate: &'a Gate<'a>,
    plan: &'a Plan,
    leads: bool,
    /// End of the current window, in nanoseconds of the clock.
    edge: u64,
    window: u64,
    /// Windows that were begun; 0 during the ramp.
    begun: usize,
    /// Histograms of the latest windows, or one of all.
    histograms: Vec<[Histogram; 2]>,
    counts: Vec<u64>,
    /// Processor seconds at each edge.
    cpu: Vec<f64>,
    written: Vec<u64>,
    writes: usize,
    missed: u64,
    stopped: bool,
}

impl<'a> Recorder<'a> {
    /// A recorder that starts with all others at `gate`; gives it with the start of the ramp.
    pub(super) fn start(gate: &'a Gate<'a>, plan: &'a Plan, leads: bool) -> (Self, u64) {
        let most = plan.most.max(plan.windows);
        let rings = if most > plan.windows { plan.windows } else { 1 };
        let mut recorder = Self {
            gate,
            plan,
            leads,
            edge: 0,
            window: u64::try_from(plan.window.as_nanos()).unwrap_or(u64::MAX).max(1),
            begun: 0,
            histograms: (0..rings).map(|_| empty()).collect(),
            counts: Vec::with_capacity(most + 1),
            cpu: Vec::with_capacity(most + 2),
            written: Vec::with_capacity(REMEMBERED),
            writes: 0,
            missed: 0,
            stopped: false,
        };
        let begin = gate.start();
        recorder.tell_place();
        recorder.edge = begin + u64::try_from(plan.ramp.as_nanos()).unwrap_or(0);
        (recorder, begin)
    }

    fn tell_place(&self) {
        if self.leads {
            self.gate.place.here();
        }
    }

    /// Notes that it is `now`; false when all windows are over. To be asked once for all that ends together.
    #[inline]
    pub(super) fn go_on(&mut self, now: Moment) -> bool {
        now.nanos() < self.edge || self.pass(now.nanos())
    }

    #[cold]
    fn pass(&mut self, now: u64) -> bool {
        if (self.gate.stop)() {
            self.stopped = true;
            return false;
        }
        self.tell_place();
        while now >= self.edge {
            self.cpu.push(if self.plan.whole_process { used::by_process() } else { used::by_thread() });
            self.decide();
            if self.begun >= self.gate.last.load(Ordering::Acquire) {
                return false;
            }
            let slot = self.begun % self.histograms.len();
            if self.histograms.len() > 1 {
                self.histograms[slot].iter_mut().for_each(Histogram::clear);
            }
            self.counts.push(0);
            self.begun += 1;
            self.edge += self.window;
        }
        true
    }

    /// The first thread ends the load when its own rate has become steady; all go on for one more window, so that it
    /// is the same for all.
    fn decide(&self) {
        let windows = self.plan.windows;
        if self.leads && self.plan.most > windows && self.begun >= windows {
            let latest = &self.counts[self.counts.len() - windows..];
            if drift(latest).abs() < STEADY {
                self.gate.last.fetch_min(self.begun + 1, Ordering::AcqRel);
            }
        }
    }

    /// Records the end of a request, which took so many nanoseconds.
    #[inline]
    pub(super) fn add(&mut self, kind: Kind, nanos: u64) {
        if self.begun == 0 {
            return;
        }
        self.counts[self.begun - 1] += 1;
        self.time(kind, nanos);
    }

    /// Records a latency only.
    #[inline]
    pub(super) fn time(&mut self, kind: Kind, nanos: u64) {
        let slot = self.begun.saturating_sub(1) % self.histograms.len();
        self.histograms[slot][usize::from(kind == Kind::Write)].record(nanos);
    }

    /// Records that the end of a request was not seen; it took longer than this.
    pub(super) fn unfinished(&mut self, kind: Kind, nanos: u64, begun: bool) {
        self.histograms[0][usize::from(kind == Kind::Write)].record_censored(nanos);
        self.missed += u64::from(!begun);
    }

    /// Whether the run is interrupted.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Remembers a block that was written.
    #[inline]
    pub(super) fn wrote(&mut self, block: u64) {
        if self.written.len() < REMEMBERED {
            self.written.push(block);
        } else {
            self.written[self.writes % REMEMBERED] = block;
        }
        self.writes += 1;
    }

    /// What of it counts: the last windows.
    pub(super) fn finish(self) -> Tally {
        let last = self.gate.last.load(Ordering::Acquire).min(self.counts.len());
        let first = last.saturating_sub(self.plan.windows);
        let mut tally = Tally {
            reads: Histogram::new(),
            writes: Histogram::new(),
            counts: self.counts[first..last].to_vec(),
            window: self.window as f64 * 1e-9,
            cpu: match (self.cpu.get(first), self.cpu.get(last)) {
                // Of the whole process, one thread tells.
                (Some(from), Some(to)) if self.leads || !self.plan.whole_process => to - from,
                _ => 0.0,
            },
            missed: self.missed,
            stopped: self.stopped,
            written: self.written,
        };
        for [reads, writes] in &self.histograms {
            tally.reads.merge(reads);
            tally.writes.merge(writes);
        }
        tally
    }
}
