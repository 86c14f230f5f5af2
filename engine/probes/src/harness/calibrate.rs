//! Grows the work of a pass until it lasts long enough for the clock.
//!
//! A pass must last the target, a thousand times the clock's resolution and a hundred times its cost, whichever is
//! most. The estimate from one pass is taken with a margin and capped, since a first pass also pays for cold caches. A pass
//! that was interrupted seems long enough and is not: one that takes far longer than the one before foretells is tried again.

use std::time::Duration;

use super::clock::{self, ClockFacts};

/// How long a pass must last, and how much work it may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Least duration of a pass.
    pub duration: Duration,
    /// Upper bound of the iterations of a pass.
    pub max_iterations: u64,
}

impl Target {
    /// 20 ms: the interruptions of an ordinary scheduler average out.
    pub const STANDARD: Self = Self { duration: Duration::from_millis(20), max_iterations: u64::MAX };
    /// 1 ms, for the tiny profile: results are not meant to be judged.
    pub const TINY: Self = Self { duration: Duration::from_millis(1), max_iterations: u64::MAX };

    /// Least duration when the clock is taken into account.
    #[must_use]
    pub fn with_clock(self, facts: &ClockFacts) -> Duration {
        self.duration.max(Duration::from_nanos((1_000.0 * facts.resolution_ns).max(100.0 * facts.cost_ns) as u64))
    }
}

/// The found size of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calibration {
    /// Iterations of a pass.
    pub iterations: u64,
    /// What the last pass, with so many iterations, took.
    pub took: Duration,
    /// False when a bound ended the search before the target was reached.
    pub reached: bool,
}

/// Finds how many iterations make a pass of at least `target`, from `first` (at least 1) upwards. `pass` runs the
/// given number of iterations and returns what they took.
///
/// # Errors
/// The first error of `pass`.
pub fn calibrate<E>(
    target: Target,
    first: u64,
    pass: impl FnMut(u64) -> Result<Duration, E>,
) -> Result<Calibration, E> {
    grow(target.with_clock(clock::facts()), target.max_iterations, first, pass)
}

/// A pass that takes so many times what the one before foretells met something else, and is tried again.
const SUSPECT: f64 = 3.0;

fn grow<E>(
    goal: Duration,
    max_iterations: u64,
    first: u64,
    mut pass: impl FnMut(u64) -> Result<Duration, E>,
) -> Result<Calibration, E> {
    // Each trial at least doubles, so 64 of them pass any number that fits.
    const TRIALS: u32 = 64;
    let mut iterations = first.clamp(1, max_iterations.max(1));
    let mut trials = 0;
    // Nothing foretells the first pass, so it is always tried again where it seems to be long enough.
    let mut foretold = 0.0;
    loop {
        let mut took = pass(iterations)?;
        trials += 1;
        if took >= goal && took.as_secs_f64() > SUSPECT * foretold {
            took = took.min(pass(iterations)?);
        }
        let reached = took >= goal;
        if reached || iterations >= max_iterations || trials >= TRIALS {
            return Ok(Calibration { iterations, took, reached });
        }
        let factor =
            if took.is_zero() { 10.0 } else { (goal.as_secs_f64() / took.as_secs_f64() * 1.1).clamp(2.0, 10.0) };
        // The product of a `u64` and at most ten: `as` saturates, and never falls below the doubled value.
        let next = ((iterations as f64 * factor) as u64).max(iterations.saturating_mul(2)).min(max_iterations);
        foretold = took.as_secs_f64() * (next as f64 / iterations as f64);
        iterations = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ok(nanos: u64) -> Result<Duration, ()> {
        Ok(Duration::from_nanos(nanos))
    }

    proptest! {
        #[test]
        fn reaches_the_goal_without_overshooting_wildly(per_iteration in 1u64..5_000_000, first in 1u64..100) {
            let goal = Duration::from_millis(20);
            let found = grow(goal, u64::MAX, first, |n| ok(n * per_iteration)).unwrap();
            prop_assert!(found.reached && found.took >= goal);
            let least = goal.as_nanos() as u64 / per_iteration;
            prop_assert!(found.iterations <= first.max(least * 10 + 2));
        }
    }

    #[test]
    fn an_interrupted_pass_does_not_end_the_search() {
        for interrupted in 1..6 {
            let mut passes = 0;
            let found = grow(Duration::from_millis(1), u64::MAX, 100, |n| {
                passes += 1;
                ok(n * 10 + if passes == interrupted { 30_000_000 } else { 0 })
            });
            let found = found.unwrap();
            assert!(found.reached && found.iterations >= 100_000, "{interrupted}: {found:?}");
            assert!(found.iterations <= 1_000_002, "{interrupted}: {found:?}");
        }
    }

    #[test]
    fn a_pass_that_is_foretold_is_made_once() {
        let mut asked = Vec::new();
        let found = grow(Duration::from_millis(1), u64::MAX, 100, |n| {
            asked.push(n);
            ok(n * 10)
        });
        assert!(found.unwrap().reached && asked.is_sorted_by(|one, next| one < next), "{asked:?}");
    }

    #[test]
    fn a_bound_ends_the_search() {
        let found = grow(Duration::from_secs(1), 1_000, 1, ok).unwrap();
        assert_eq!((found.iterations, found.reached), (1_000, false));
    }

    #[test]
    fn a_pass_that_takes_no_time_still_ends() {
        let mut passes = 0;
        let found = grow(Duration::from_secs(1), u64::MAX, 1, |_| {
            passes += 1;
            ok(0)
        });
        assert!(!found.unwrap().reached && passes <= 64);
    }

    #[test]
    fn the_clock_can_raise_the_goal() {
        let coarse = ClockFacts { source: "test", resolution_ns: 1e6, cost_ns: 1e3 };
        assert_eq!(Target::TINY.with_clock(&coarse), Duration::from_secs(1));
    }

    #[test]
    fn an_error_of_the_pass_comes_out() {
        assert_eq!(grow(Duration::from_secs(1), 9, 1, |_| Err("broken")), Err("broken"));
    }
}
