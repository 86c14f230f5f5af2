//! Short passes, for probes that record many rows in a round: 4 ms each instead of 20.

use std::time::Duration;

use super::calibrate::{Target, calibrate};
use super::passes::Passes;
use crate::{Context, ProbeError};

/// Passes that count.
const COUNTED: usize = 9;
/// Length of a pass.
const TARGET: Target = Target { duration: Duration::from_millis(4), max_iterations: u64::MAX };
/// Length of a pass under the tiny profile.
const TINY: Target = Target { duration: Duration::from_micros(200), max_iterations: u64::MAX };

/// Finds the size of a pass (at least 4 ms, tiny 0.2 ms), drops one more pass as warm-up and takes 9 that count (tiny:
/// 2). `pass` runs the given number of iterations and returns what they took.
///
/// # Errors
/// The first error of `pass`, and the end of the round's time.
pub fn take(
    cx: &Context<'_>,
    first: u64,
    mut pass: impl FnMut(u64) -> Result<Duration, ProbeError>,
) -> Result<Passes, ProbeError> {
    let (target, count) = if cx.tiny { (TINY, 2) } else { (TARGET, COUNTED) };
    let found = calibrate(target, first, |iterations| {
        cx.check()?;
        pass(iterations)
    })?;
    pass(found.iterations)?;
    let mut seconds = Vec::with_capacity(count);
    for _ in 0..count {
        cx.check()?;
        seconds.push(pass(found.iterations)?.as_secs_f64().max(1e-9));
    }
    Ok(Passes { iterations: found.iterations, seconds })
}

impl Passes {
    /// Seconds of one iteration, by pass.
    #[must_use]
    pub fn each(&self) -> Vec<f64> {
        self.seconds.iter().map(|seconds| seconds / self.iterations as f64).collect()
    }
}
