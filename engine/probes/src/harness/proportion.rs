//! Does twice the work take twice the time? A kernel that was folded into a formula, or whose loop was moved away, takes
//! the same small time whatever it is asked to do, and its result may still be right.
//!
//! Of many short passes the fastest count, so that a disturbed machine does not accuse a good kernel: it would have to slow
//! every single pass of one side. Where the machine was faster for a moment that only one side met, the ratios within pairs
//! decide, since a pair has the same moment. The bounds are wide for the same reason; a folded kernel is far beyond them.

use std::time::Duration;

use engine_core::stats::quantile::median_mut;

use crate::ProbeError;

/// What the ratio of the times must lie within.
const BOUNDS: (f64, f64) = (1.4, 2.8);
/// Time that twice the work takes at least, in seconds. Where it takes less, the work was folded away: what is left are ticks
/// of the clock, whose ratio is now and then two.
const MEASURABLE: f64 = 2e-7;
/// Pairs of passes after which a ratio outside is believed.
const ATTEMPTS: usize = 400;
/// Pairs between two looks at the ratios within them.
const LOOK: usize = 25;

/// Runs `work` and twice as much in turns until the ratio of the best times is near two. `pass` does so much work and
/// returns what it took; a pass should last a fraction of a millisecond, so that some of them are not interrupted.
///
/// # Errors
/// A failed verification when the ratio stays beyond the bounds; the first error of `pass`.
pub fn check(work: u64, mut pass: impl FnMut(u64) -> Result<Duration, ProbeError>) -> Result<(), ProbeError> {
    let work = work.max(1);
    let (mut one, mut two) = (f64::INFINITY, f64::INFINITY);
    let mut ratios = Vec::with_capacity(ATTEMPTS);
    for attempt in 1..=ATTEMPTS {
        let once = pass(work)?.as_secs_f64();
        let twice = pass(work.saturating_mul(2))?.as_secs_f64();
        (one, two) = (one.min(once), two.min(twice));
        ratios.push(twice / once.max(1e-12));
        let settled = attempt % LOOK == 0 && is_double(median_mut(&mut ratios));
        if two >= MEASURABLE && (is_double(two / one.max(1e-12)) || settled) {
            return Ok(());
        }
    }
    Err(ProbeError::verification(format!(
        "twice the work took {:.2} times the time, so the kernel does not do its work: its time is no measure",
        two / one.max(1e-12)
    )))
}

fn is_double(ratio: f64) -> bool {
    (BOUNDS.0..=BOUNDS.1).contains(&ratio)
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
    fn ticks_of_the_clock_are_no_work() {
        // Twice the ticks for twice the work, by chance or not.
        let (outcome, _) = run(|work| if work > 1_000 { 4e-8 } else { 2e-8 });
        assert!(outcome.unwrap_err().to_string().contains("2.00 times the time"));
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
    fn a_fast_moment_that_only_one_side_met_accuses_nobody() {
        let mut passes = 0;
        let (outcome, _) = run(|work| {
            passes += 1;
            // The second pass is the only one on a machine that is not slowed down.
            work as f64 * 1e-7 * if passes == 2 { 1.0 } else { 1.6 }
        });
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn a_folded_kernel_is_flagged_on_a_disturbed_machine_too() {
        let mut random = crate::kernel::random::SplitMix::new(4);
        for _ in 0..50 {
            let (outcome, _) = run(|_| 1e-6 * (1.0 + random.below(300) as f64 / 1_000.0));
            assert!(outcome.is_err());
        }
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
