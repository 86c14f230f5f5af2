//! One round of a probe, in a thread of its own: watched for disturbances, for panics and for its time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::measurement::Record;
use engine_core::probe::OwnNoise;
use engine_core::step::{Failure, FailureKind};
use engine_core::taint::{Limits, Taint};
use engine_probes::harness::sentinel;
use engine_probes::host::witness::Witness;
use engine_probes::{Context, Probe, ProbeError};

/// What a round needs to know.
#[derive(Debug, Clone)]
pub struct RoundRequest {
    /// The probe's options.
    pub args: Args,
    /// Seed of this round.
    pub seed: u64,
    /// Whether the tiny profile runs.
    pub tiny: bool,
    /// Threads that may be used at once.
    pub cores: usize,
    /// Folder for test files.
    pub scratch: PathBuf,
    /// The longest it may take.
    pub timeout: Duration,
}

/// What came of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundResult {
    /// What was recorded.
    pub records: Vec<Record>,
    /// The probe's remarks.
    pub notes: Vec<String>,
    /// What disturbed it.
    pub taints: Vec<Taint>,
    /// How long it took.
    pub took: Duration,
}

/// How long a probe that was asked to stop may take to do so before its thread is given up.
const GRACE: Duration = Duration::from_millis(500);

/// Takes one round in a fresh thread.
///
/// # Errors
/// The probe's skip or failure; [`FailureKind::Panic`] when it panicked; [`FailureKind::Timeout`] when it did not end
/// in time. A thread that does not even end when asked is left behind, which the failure says.
pub fn take(
    probe: &'static Probe,
    request: &RoundRequest,
    limits: &Limits,
    interrupt: &AtomicBool,
) -> Result<RoundResult, ProbeError> {
    let limits = limits_for(limits, probe.info.noise);
    let cancel = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = mpsc::sync_channel(1);
    let job = { (request.clone(), Arc::clone(&cancel)) };
    let worker = thread::Builder::new()
        .name(probe.info.id.to_owned())
        .spawn(move || {
            let (request, cancel) = job;
            // The receiver is gone only when the round was given up.
            let _ = sender.send(watched(probe, &request, &limits, &cancel));
        })
        .map_err(|error| ProbeError::failed(format!("cannot start a thread for the round: {error}")))?;

    let deadline = Instant::now() + request.timeout;
    let result = loop {
        match receiver.recv_timeout(Duration::from_millis(50).min(deadline.saturating_duration_since(Instant::now()))) {
            Ok(result) => break Some(result),
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {
                let late = Instant::now() >= deadline;
                if late || interrupt.load(Ordering::Relaxed) {
                    cancel.store(true, Ordering::Relaxed);
                    let ended = receiver.recv_timeout(GRACE).ok();
                    if !late {
                        return Err(ProbeError::Cancelled);
                    }
                    let seconds = request.timeout.as_secs_f64();
                    let left =
                        if ended.is_some() { "" } else { "; it did not stop when asked, its thread is left behind" };
                    return Err(Failure::new(
                        FailureKind::Timeout,
                        format!("no result within the time-out of {seconds:.1} s{left}: raise `timeout` or make the step smaller"),
                    )
                    .into());
                }
            }
        }
    };
    match result {
        Some(result) => {
            // The thread has sent its last word; joining only waits for its end.
            let _ = worker.join();
            result
        }
        None => Err(Failure::new(FailureKind::Panic, "the probe's thread died without a result").into()),
    }
}

fn limits_for(limits: &Limits, noise: OwnNoise) -> Limits {
    match noise {
        OwnNoise::Quiet => *limits,
        OwnNoise::Io => limits.for_own_io(),
        OwnNoise::Crowd => limits.for_own_io().for_own_crowd(),
    }
}

fn watched(
    probe: &'static Probe,
    request: &RoundRequest,
    limits: &Limits,
    cancel: &AtomicBool,
) -> Result<RoundResult, ProbeError> {
    let deadline = Instant::now() + request.timeout;
    let mut context = Context::new(&request.scratch, cancel, deadline, request.cores, request.seed, request.tiny);
    let before = sentinel::beat();
    let mut witness = Witness::open();
    witness.start();
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (probe.run)(&request.args, &mut context)));
    let took = started.elapsed();
    let observed = witness.finish();
    let after = sentinel::beat();
    match outcome {
        Ok(outcome) => outcome?,
        Err(panic) => {
            let message = format!("the probe panicked: {}", panic_text(panic.as_ref()));
            return Err(Failure::new(FailureKind::Panic, message).into());
        }
    }
    let mut taints = observed.taints(limits);
    taints.extend(drift(limits, &before, &after));
    let (records, notes) = context.finish();
    match records.iter().flat_map(|record| &record.values).find(|value| !value.is_finite()) {
        Some(value) => Err(ProbeError::verification(format!("the probe recorded `{value}`, which is not a number"))),
        None => Ok(RoundResult { records, notes, taints, took }),
    }
}

/// The taint of two readings of the sentinel.
pub(crate) fn drift(limits: &Limits, before: &sentinel::Beat, after: &sentinel::Beat) -> Option<Taint> {
    let cycles = |beat: &sentinel::Beat| Duration::from_secs_f64(1e6 / beat.best_hz.max(1.0));
    limits.clock_drift(cycles(before), cycles(after))
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_throttled_during_the_round_taints_it() {
        let beat = |hertz: f64| sentinel::Beat { best_hz: hertz, mean_hz: hertz };
        let limits = Limits::default();
        match drift(&limits, &beat(4e9), &beat(3.2e9)) {
            Some(Taint::ClockDrift { ratio }) => assert!((ratio - 1.25).abs() < 1e-3, "{ratio}"),
            other => panic!("a fifth of the clock is gone, and nobody says so: {other:?}"),
        }
        assert!(drift(&limits, &beat(3.2e9), &beat(4e9)).is_some(), "a clock that rose is another clock too");
        assert_eq!(drift(&limits, &beat(4e9), &beat(3.95e9)), None);
    }
}
