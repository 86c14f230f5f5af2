//! The child's side: threads that work, and a first thread that reports and watches the parent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::governor::Governor;
use super::{Needs, Progress, Request, Stressor, find, limits};
use crate::journal::{readable, take};
use crate::room;

/// So often it reports; at first more often, so that whoever waits for its first result need not wait long.
const REPORT: Duration = Duration::from_millis(100);
const FIRST: Duration = Duration::from_millis(5);

/// How long threads may take to end what they are at.
const GRACE: Duration = Duration::from_secs(3);

/// Share of time, in percent, in which nothing could go on for want of memory: beyond, the stressor gives up.
const STALLED: f64 = 20.0;

/// What the threads share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    operations: AtomicU64,
    cpu_nanos: AtomicU64,
    checked: AtomicU64,
    errors: AtomicU64,
    first_error: Mutex<Option<String>>,
    failure: Mutex<Option<String>>,
    running: AtomicU64,
}

/// One working thread, as the stressor sees it.
#[derive(Debug)]
pub struct Worker {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub threads: usize,
    /// A seed of its own.
    pub seed: u64,
    needs: Needs,
    scratch: Option<PathBuf>,
    shared: Arc<Shared>,
    governor: Governor,
    cpu_seen: f64,
    turns: u64,
    plant: Option<u64>,
}

impl Worker {
    /// Ends a piece of work of so many operations: counts it, and sleeps when the intensity asks for it. False when the
    /// stressor has to stop.
    pub fn turn(&mut self, operations: u64) -> bool {
        self.turns += 1;
        self.shared.operations.fetch_add(operations, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        self.governor.turn(&|| shared.stop.load(Ordering::Relaxed));
        self.account();
        self.goes_on()
    }

    /// Whether to go on; for long pieces of work.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        !self.shared.stop.load(Ordering::Relaxed)
    }

    /// Reports one checked result; `error` says what is wrong with it.
    pub fn checked(&self, right: bool, error: impl FnOnce() -> String) {
        self.shared.checked.fetch_add(1, Ordering::Relaxed);
        if !right {
            self.shared.errors.fetch_add(1, Ordering::Relaxed);
            let mut first = self.shared.first_error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(error);
        }
    }

    /// Whether an error is to be planted now: at most once. To be asked before a result is checked.
    pub const fn plants(&mut self) -> bool {
        match self.plant {
            Some(after) if self.turns >= after => {
                self.plant = None;
                true
            }
            _ => false,
        }
    }

    /// What all threads together may take.
    #[must_use]
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// A file name of this thread in the stressor's folder.
    ///
    /// # Errors
    /// When the stressor was started without a folder.
    pub fn file(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.scratch.as_deref().ok_or("no folder for files was given")?;
        Ok(folder.join(format!("{name}-{}", self.index)))
    }

    fn account(&mut self) {
        let now = room::thread_time();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "CPU time never goes back")]
        let nanos = ((now - self.cpu_seen) * 1e9) as u64;
        self.shared.cpu_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.cpu_seen = now;
    }
}

/// The life of the child: limits first, then work, then the last report.
pub(crate) fn main(request: &Request) -> Result<(), String> {
    let stressor = find(&request.stressor).ok_or_else(|| format!("there is no stressor `{}`", request.stressor))?;
    limits::apply(request);
    let shared = Arc::new(Shared::default());
    let began = Instant::now();
    let duration = Duration::from_secs_f64(request.duration.clamp(0.0, 86_400.0));
    for index in 0..request.threads {
        start(stressor, request, &shared, index).map_err(|error| format!("cannot start a thread: {error}"))?;
    }
    let mut report = FIRST;
    let ended = loop {
        let left = duration.saturating_sub(began.elapsed());
        let wait = report.min(left);
        report = REPORT.min(report * 2);
        if readable(0, wait) && take(0) {
            break "asked to stop";
        }
        if !say(&progress(&shared, began, None)) {
            break "nobody listens";
        }
        if began.elapsed() >= duration {
            break "its time was over";
        }
        if shared.running.load(Ordering::Acquire) == 0 {
            break "it could not go on";
        }
        if room::memory_stalled() > STALLED {
            break "the machine waited for memory";
        }
    };
    shared.stop.store(true, Ordering::Relaxed);
    let deadline = Instant::now() + GRACE;
    while shared.running.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = say(&progress(&shared, began, Some(ended)));
    Ok(())
}

fn start(stressor: &'static Stressor, request: &Request, shared: &Arc<Shared>, index: usize) -> std::io::Result<()> {
    let (request, shared) = (request.clone(), Arc::clone(shared));
    shared.running.fetch_add(1, Ordering::AcqRel);
    let work = move || {
        if let Some(cpu) = request.processors.get(index % request.processors.len().max(1)) {
            let _ = room::pin(*cpu);
        }
        let seed = request.seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let by_cpu = stressor.info.id == "stress.cpu";
        let mut worker = Worker {
            index,
            threads: request.threads,
            seed,
            needs: request.needs,
            scratch: request.scratch.as_deref().map(Path::to_owned),
            governor: Governor::new(request.intensity, request.ramp, by_cpu, seed),
            shared: Arc::clone(&shared),
            cpu_seen: room::thread_time(),
            turns: 0,
            plant: request.plant.filter(|_| index == 0),
        };
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (stressor.work)(&request.args, &mut worker)));
        worker.account();
        let failure = match result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some("its thread panicked".to_owned()),
        };
        if let Some(failure) = failure {
            shared.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        }
        shared.running.fetch_sub(1, Ordering::AcqRel);
    };
    std::thread::Builder::new().name("stress".to_owned()).stack_size(256 << 10).spawn(work).map(drop)
}

fn progress(shared: &Shared, began: Instant, ended: Option<&str>) -> Progress {
    let text = |slot: &Mutex<Option<String>>| slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of CPU time for display")]
    let cpu = shared.cpu_nanos.load(Ordering::Relaxed) as f64 * 1e-9;
    Progress {
        seconds: began.elapsed().as_secs_f64(),
        operations: shared.operations.load(Ordering::Relaxed),
        cpu,
        checked: shared.checked.load(Ordering::Relaxed),
        errors: shared.errors.load(Ordering::Relaxed),
        first_error: text(&shared.first_error),
        ended: ended.map(str::to_owned),
        failure: text(&shared.failure),
    }
}

/// One line; false when nobody listens any more.
fn say(progress: &Progress) -> bool {
    let Ok(line) = serde_json::to_string(progress) else { return false };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}
