//! Does twice the work take twice the time? A kernel that was folded into a formula, or whose loop was moved away, takes
//! the same small time whatever it is asked to do, and its result may still be right.
//!
//! Only the fastest of many short passes count, so that a disturbed machine does not accuse a good kernel: it would have to
//! slow every single pass of one side. The bounds are wide for the same reason; a folded kernel is far beyond them.

use std::time::Duration;

use crate::ProbeError;

/// What the ratio of the times must lie within.
const BOUNDS: (f64, f64) = (1.4, 2.8);
/// Pairs of passes after which a ratio outside is believed.
const ATTEMPTS: u32 = 400;

/// Runs `work` and twice as much in turns until the ratio of the best times is near two. `pass` does so much work and
/// returns what it took; a pass should last a fraction of a millisecond, so that some of them are not interrupted.
///
/// # Errors
/// A failed verification when the ratio stays beyond the bounds; the first error of `pass`.
pub fn check(work: u64, mut pass: impl FnMut(u64) -> Result<Duration, ProbeError>) -> Result<(), ProbeError> {
    let work = work.max(1);
    let (mut one, mut two) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ATTEMPTS {
        one = one.min(pass(work)?.as_secs_f64());
        two = two.min(pass(work.saturating_mul(2))?.as_secs_f64());
        if (BOUNDS.0..=BOUNDS.1).contains(&(two / one.max(1e-12))) {
            return Ok(());
        }
    }
    Err(ProbeError::verification(format!(
        "twice the work took {:.2} times the time, so the kernel does not do its work: its time is no measure",
        two / one.max(1e-12)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mut took: impl FnMut(u64) -> f64) -> (Result<(), ProbeError>, u32) {
        let mut passes = 0;
        let outcome = check(1_000, |work| {
            passes += 1;
            Ok(Duration::from_secs_f64(took(work)))
        });
        (outcome, passes)
    }

    #[test]
    fn work_that_takes_its_time_passes_at_once() {
        assert_eq!(run(|work| work as f64 * 1e-7), (Ok(()), 2));
        // A fifth of the time does not depend on the work.
        assert_eq!(run(|work| work as f64 * 1e-7 + 2e-5), (Ok(()), 2));
    }

    #[test]
    fn a_folded_kernel_is_flagged() {
        let (outcome, _) = run(|_| 3e-8);
        assert!(outcome.unwrap_err().to_string().contains("twice the work took 1.00 times"));
        // Nothing at all, and one that runs away.
        assert!(run(|_| 0.0).0.is_err());
        assert!(run(|work| (work * work) as f64 * 1e-9).0.is_err());
    }

    #[test]
    fn disturbances_accuse_nobody() {
        // Every pass but a few takes up to ten times its time.
        let mut random = crate::kernel::random::SplitMix::new(3);
        for _ in 0..200 {
            let (outcome, _) = run(|work| {
                let slow = if random.below(8) == 0 { 0.0 } else { random.below(1_000) as f64 / 100.0 };
                work as f64 * 1e-7 * (1.0 + slow)
            });
            assert_eq!(outcome, Ok(()));
        }
    }
}
