//! The passes of one round: sized to the clock, one to warm up, then those that count.

use std::time::Duration;

use super::buffer::BufferError;
use super::calibrate::{Calibration, Target, calibrate};
use super::team::{Placement, Team, TeamError};
use crate::{Context, ProbeError};
use engine_core::step::{Skip, SkipKind};

/// Passes that count in a round.
pub const COUNTED: usize = 10;

/// What the passes of a round took.
#[derive(Debug, Clone, PartialEq)]
pub struct Passes {
    /// Iterations of each pass.
    pub iterations: u64,
    /// Seconds of each pass, in order; the warm-up is not among them.
    pub seconds: Vec<f64>,
}

impl Passes {
    /// The rates of the passes, when one iteration does `work`.
    #[must_use]
    pub fn rates(&self, work: f64) -> Vec<f64> {
        self.seconds.iter().map(|seconds| work * self.iterations as f64 / seconds).collect()
    }
}

/// Finds the size of a pass (at least 20 ms, tiny 1 ms), drops one more pass as warm-up and takes [`COUNTED`] that
/// count (tiny: 3). `pass` runs the given number of iterations and returns what they took.
///
/// # Errors
/// The first error of `pass`, and the end of the round's time.
pub fn take(
    cx: &Context<'_>,
    first: u64,
    pass: impl FnMut(u64) -> Result<Duration, ProbeError>,
) -> Result<Passes, ProbeError> {
    take_of(cx, target(cx.tiny), first, pass)
}

/// As [`take`], with passes of at least `target`: for probes of many short kernels.
///
/// # Errors
/// As [`take`].
pub fn take_of(
    cx: &Context<'_>,
    target: Target,
    first: u64,
    mut pass: impl FnMut(u64) -> Result<Duration, ProbeError>,
) -> Result<Passes, ProbeError> {
    let Calibration { iterations, .. } = calibrate(target, first, |iterations| {
        cx.check()?;
        pass(iterations)
    })?;
    cx.check()?;
    pass(iterations)?;
    let count = if cx.tiny { 3 } else { COUNTED };
    let mut seconds = Vec::with_capacity(count);
    for _ in 0..count {
        cx.check()?;
        seconds.push(pass(iterations)?.as_secs_f64().max(1e-9));
    }
    Ok(Passes { iterations, seconds })
}

/// How long a pass lasts in the profile.
#[must_use]
pub fn target(tiny: bool) -> Target {
    if tiny { Target::TINY } else { Target::STANDARD }
}

/// How long a pass of a short kernel lasts, where a round has many of them.
#[must_use]
pub fn short(tiny: bool) -> Target {
    Target { duration: Duration::from_micros(if tiny { 200 } else { 2_000 }), ..Target::STANDARD }
}

/// Notes where workers did not get a CPU of their own.
pub fn note_placement<S>(cx: &mut Context<'_>, team: &Team<S>) {
    let reason = team.placement().iter().find_map(|place| match place {
        Placement::Unpinned(reason) => Some(reason),
        Placement::Pinned(_) => None,
    });
    if let Some(reason) = reason {
        cx.note(format!("threads share CPUs or move between them: {reason}"));
    }
    if team.size() > cx.cores {
        cx.note(format!("{} threads on the {} CPUs that may be used at once", team.size(), cx.cores));
    }
}

/// Memory that the system refuses is a skip; all else that stops a team is a failure.
impl From<TeamError> for ProbeError {
    fn from(error: TeamError) -> Self {
        match error {
            TeamError::Prepare { worker, source } => match source.downcast::<BufferError>() {
                Ok(refused) => (*refused).into(),
                Err(source) => Self::failed(format!("worker {worker} could not prepare: {source}")),
            },
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<BufferError> for ProbeError {
    fn from(error: BufferError) -> Self {
        Skip::new(SkipKind::Resource, error.to_string(), "choose a smaller size, or give the process more memory")
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    fn with<R>(tiny: bool, test: impl FnOnce(&Context<'_>, &AtomicBool) -> R) -> R {
        let cancel = AtomicBool::new(false);
        let deadline = Instant::now() + Duration::from_secs(600);
        test(&Context::new(Path::new("/"), &cancel, deadline, 1, 0, tiny), &cancel)
    }

    #[test]
    fn passes_are_equal_and_the_first_is_dropped() {
        let mut asked = Vec::new();
        let pass = |iterations| {
            asked.push(iterations);
            // The first pass of the final size is slow, as cold ones are.
            let cold = asked.iter().filter(|&&other| other == iterations).count() <= 2;
            Ok(Duration::from_micros(iterations * if cold { 150 } else { 100 }))
        };
        let passes = with(false, |cx, _| take(cx, 1, pass)).unwrap();
        assert_eq!(passes.seconds.len(), COUNTED);
        assert!(passes.seconds.iter().all(|seconds| (seconds - passes.iterations as f64 * 1e-4).abs() < 1e-12));
        assert!(asked.iter().rev().take(COUNTED + 2).all(|&iterations| iterations == passes.iterations));
        assert!((passes.rates(3.0)[0] - 3e4).abs() < 1e-6);
    }

    #[test]
    fn an_interruption_ends_it_between_passes() {
        let mut passes = 0;
        let outcome = with(true, |cx, cancel| {
            take(cx, 1, |_| {
                passes += 1;
                cancel.store(passes == 2, Ordering::Relaxed);
                Ok(Duration::from_secs(1))
            })
        });
        assert_eq!((outcome, passes), (Err(ProbeError::Cancelled), 2));
    }

    #[test]
    fn refused_memory_is_a_skip_and_a_panic_a_failure() {
        let refused = Team::<()>::new(1, |_| Err(BufferError::Empty.into())).unwrap_err();
        assert!(matches!(ProbeError::from(refused), ProbeError::Skip(skip) if skip.kind == SkipKind::Resource));
        let panicked = TeamError::Panicked { worker: 0, message: "x".to_owned() };
        assert!(matches!(ProbeError::from(panicked), ProbeError::Failed(_)));
    }
}
