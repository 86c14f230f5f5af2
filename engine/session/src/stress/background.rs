//! The stressors of one background: started together, waited for, ended together.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_core::quantity::Quantity;
use engine_core::step::{Failure, FailureKind, SkipKind};
use engine_core::stress::Background;
use engine_faults::stress::{Progress, Start, Stress, StressError, find};
use engine_probes::ProbeError;

use super::Ground;

/// How long stressors may take to verify a first piece of work, beyond their ramps: filling memory takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often is looked.
const LOOK: Duration = Duration::from_millis(2);

/// Why a background has no figures in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was refused, or the machine lacks something: that is not its fault.
    Refused(SkipKind, String),
    /// It ran, and did not last.
    Ended(String),
}

impl Lost {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Refused(_, reason) | Self::Ended(reason) => reason,
        }
    }
}

/// What one stressor did.
pub(super) struct Did {
    pub(super) id: String,
    pub(super) threads: usize,
    pub(super) progress: Progress,
}

/// Running stressors.
pub(super) struct Running {
    all: Vec<(String, Stress)>,
    /// When what they do began to count, and what they had done until then.
    since: Vec<Progress>,
}

impl Running {
    /// Starts all of them and waits until each is at work.
    pub(super) fn start(
        ground: &Ground,
        background: &Background,
        seconds: f64,
        seed: u64,
        scratch: &Path,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Result<Self, Lost>, ProbeError> {
        let journal = ground.journal()?;
        let mut all = Vec::new();
        for (number, wanted) in background.stressors.iter().enumerate() {
            let stressor = find(&wanted.id)
                .ok_or_else(|| ProbeError::failed(format!("no stressor `{}` in this version", wanted.id)))?;
            let mut given: BTreeMap<String, ArgValue> = wanted.args.0.clone();
            // It runs as long as the measurement takes, whatever it says; the caps still hold.
            let longest = seconds.min(ground.caps.longest);
            given.insert("duration".to_owned(), ArgValue::Number(Quantity::seconds(longest)));
            let seed = seed.wrapping_add(number as u64);
            let start = Start { seed, plant: ground.plant, scratch: Some(scratch) };
            match Stress::start(&journal, &ground.caps, stressor, &given, false, &start) {
                Ok(stress) => all.push((wanted.id.clone(), stress)),
                // Those that were started end with `all`.
                Err(StressError::Refused { reason, .. }) => {
                    return Ok(Err(Lost::Refused(SkipKind::Resource, format!("refused: {reason}"))));
                }
                Err(StressError::Args(error)) => return Err(ProbeError::failed(error.to_string())),
                Err(StressError::Journal(error)) => {
                    return Ok(Err(Lost::Refused(SkipKind::Permission, error.to_string())));
                }
                Err(error @ StressError::Child { .. }) => return Ok(Err(Lost::Ended(error.to_string()))),
            }
        }
        let mut running = Self { all, since: Vec::new() };
        let deadline = Instant::now() + Duration::from_secs_f64(background.ramp()) + PATIENCE;
        let ramp = background.ramp();
        while !running.all.iter().all(|(_, stress)| ready(&stress.progress(), ramp)) {
            if interrupted() {
                return Err(ProbeError::Cancelled);
            }
            if running.all.iter().any(|(_, stress)| over(&stress.progress())) {
                return Ok(Err(running.lost()));
            }
            if Instant::now() >= deadline {
                let seconds = PATIENCE.as_secs();
                return Ok(Err(Lost::Ended(format!("it had no verified result within {seconds} s"))));
            }
            std::thread::sleep(LOOK);
        }
        running.since = running.all.iter().map(|(_, stress)| stress.progress()).collect();
        Ok(Ok(running))
    }

    /// Ends them: what each did since it was at work. A wrong result is an error of the whole step.
    pub(super) fn stop(self) -> Result<Result<Vec<Did>, Lost>, ProbeError> {
        let (mut did, mut lost) = (Vec::new(), None);
        for ((id, stress), since) in self.all.into_iter().zip(self.since) {
            // Ended by itself: then it was not there to the end of the measurement.
            let early = stress.progress().ended;
            let threads = stress.request().threads;
            match stress.stop() {
                Ok(progress) => {
                    wrong(&id, &progress)?;
                    if let Some(why) = early {
                        lost.get_or_insert(Lost::Ended(format!("{id} ended before the measurement did: {why}")));
                    }
                    did.push(Did { id, threads, progress: between(&since, &progress) });
                }
                Err(error) => {
                    lost.get_or_insert(Lost::Ended(error.to_string()));
                }
            }
        }
        Ok(lost.map_or(Ok(did), Err))
    }

    /// Why they do not work.
    fn lost(self) -> Lost {
        let mut reason = "a stressor ended at once".to_owned();
        for (id, stress) in self.all {
            match stress.stop() {
                Ok(progress) => {
                    if let Some(why) = progress.ended.filter(|why| why != "asked to stop") {
                        reason = format!("{id} ended before it was at work: {why}");
                    }
                }
                Err(error) => reason = error.to_string(),
            }
        }
        Lost::Ended(reason)
    }
}

fn ready(progress: &Progress, ramp: f64) -> bool {
    // A wrong result is told when it is stopped.
    (progress.checked > 0 || progress.errors > 0) && progress.seconds >= ramp && !over(progress)
}

fn over(progress: &Progress) -> bool {
    progress.ended.is_some() || progress.failure.is_some()
}

/// The failure of a stressor whose own work came out wrong.
fn wrong(id: &str, progress: &Progress) -> Result<(), ProbeError> {
    if progress.errors == 0 {
        return Ok(());
    }
    let first = progress.first_error.as_deref().unwrap_or("not told");
    let message = format!(
        "{id} found {} of its {} verified results wrong, first {first}: this machine does not compute reliably under stress",
        progress.errors, progress.checked
    );
    Err(Failure::new(FailureKind::Verification, message).into())
}

/// What was done between two reports.
fn between(since: &Progress, last: &Progress) -> Progress {
    Progress {
        seconds: last.seconds - since.seconds,
        operations: last.operations.saturating_sub(since.operations),
        cpu: last.cpu - since.cpu,
        checked: last.checked,
        ..last.clone()
    }
}
