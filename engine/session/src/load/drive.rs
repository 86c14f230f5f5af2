//! The load on a thread of its own, so that a run can be interrupted and a load that hangs costs a step and not the run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use engine_core::load::LoadWindow;
use engine_core::measurement::Record;
use engine_core::step::{Failure, FailureKind};
use engine_load::{Outcome, Runner, Stopper};

use super::collector::{Collector, Due};

/// How long those under way may take to end after an interruption, at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a load that was told to end at once may take to do so.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// How often interruption and time are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What comes from the load's thread.
enum News {
    /// A window is complete; with the sums so far, where somebody asked for them.
    Window(Box<LoadWindow>, Option<Vec<Record>>),
    Ended(Box<Result<(Outcome, Due, u64), Failure>>),
}

/// A load that runs.
#[derive(Debug)]
pub(crate) struct Drive {
    news: Receiver<News>,
    stopper: Stopper,
    deadline: Instant,
    grace: Duration,
}

/// How a load ended.
#[derive(Debug)]
pub(crate) struct Driven {
    /// What it gave, with what was due within the warm-up.
    pub(crate) outcome: Outcome,
    pub(crate) before: Due,
    /// Most iterations in a row that ended in an error of the journey's own code.
    pub(crate) script_row: u64,
    /// Whether its time was over.
    pub(crate) late: bool,
    /// Whether the run was interrupted.
    pub(crate) interrupted: bool,
    /// The expectation that ended it.
    pub(crate) aborted: Option<String>,
}

impl Drive {
    /// Starts the load. `sums` makes records of what was counted so far.
    pub(crate) fn start(
        runner: Runner,
        mut collector: Collector,
        mut sums: impl FnMut(&Collector, f64) -> Option<Vec<Record>> + Send + 'static,
        timeout: Duration,
        grace: Duration,
    ) -> Result<Self, Failure> {
        let (send, news) = channel();
        let stopper = runner.stopper();
        let work = move || {
            let run = || {
                let outcome = runner.run(&mut |interval| {
                    for window in collector.take(interval) {
                        let sums = sums(&collector, window.end());
                        let _ = send.send(News::Window(Box::new(window), sums));
                    }
                });
                for window in collector.rest() {
                    let _ = send.send(News::Window(Box::new(window), None));
                }
                outcome
                    .map(|outcome| (outcome, collector.before, collector.script_row()))
                    .map_err(|error| Failure::new(FailureKind::Probe, error.to_string()))
            };
            let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
                let message = format!("the load panicked: {}", crate::round::panic_text(panic.as_ref()));
                Err(Failure::new(FailureKind::Panic, message))
            });
            // Nobody listens any more only when the load was given up.
            let _ = send.send(News::Ended(Box::new(ended)));
        };
        std::thread::Builder::new().name("load".to_owned()).spawn(work).map_err(|error| {
            Failure::new(FailureKind::Probe, format!("cannot start a thread for the load: {error}"))
        })?;
        Ok(Self { news, stopper, deadline: Instant::now() + timeout, grace })
    }

    /// Waits for its end. `window` sees each window and says whether the load is to end at once, and why; `interrupted` is
    /// asked again and again.
    pub(crate) fn finish(
        self,
        window: &mut dyn FnMut(LoadWindow, Option<Vec<Record>>) -> Option<String>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Driven, Failure> {
        let (mut was_interrupted, mut late, mut aborted) = (None, None, None);
        loop {
            match self.news.recv_timeout(LOOK) {
                Ok(News::Window(found, sums)) => {
                    let reason = window(*found, sums);
                    if aborted.is_none() && reason.is_some() {
                        aborted = reason;
                        self.stopper.end_now();
                    }
                }
                Ok(News::Ended(ended)) => {
                    let (outcome, before, script_row) = (*ended)?;
                    let (late, interrupted) = (late.is_some(), was_interrupted.is_some());
                    return Ok(Driven { outcome, before, script_row, late, interrupted, aborted });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new(FailureKind::Panic, "the load's thread died without a result"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if was_interrupted.is_none() && interrupted() {
                was_interrupted = Some(now);
                self.stopper.end();
            }
            if was_interrupted.is_some_and(|since| now.duration_since(since) > PATIENCE.min(self.grace)) {
                self.stopper.end_now();
            }
            if late.is_none() && now >= self.deadline {
                late = Some(now);
                self.stopper.end_now();
            }
            if late.is_some_and(|since| now.duration_since(since) > LAST_PATIENCE) {
                let message = "the load did not end in its time, nor when told to; its threads are left behind";
                return Err(Failure::new(FailureKind::Timeout, message));
            }
        }
    }
}
