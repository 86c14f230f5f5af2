//! Passes of several rungs of a ladder, in turns, so that what drifts hits all alike; and what they share: the worker
//! that is tied to a CPU, and the floor of the clock that is taken off.
#![expect(unsafe_code, reason = "an empty assembly block hides values from the optimiser")]

use std::time::Duration;

use crate::harness::calibrate::{Target, calibrate};
pub(crate) use crate::harness::opaque::keep;
use crate::harness::passes::Passes;
use crate::harness::{Moment, Team, clock, passes, proportion};
use crate::{Context, ProbeError};

/// Passes that count.
const COUNTED: usize = 9;
/// Length of a pass: short, since a ladder has many.
const TARGET: Target = Target { duration: Duration::from_millis(3), max_iterations: u64::MAX };
const TINY: Target = Target { duration: Duration::from_micros(100), max_iterations: u64::MAX };
/// Calls with which calibration begins, and calls of which twice as many must take twice the time.
const FIRST: u64 = 64;
/// Time of a pass of the check for folded loops.
const CHECKED: Target = Target { duration: Duration::from_micros(40), max_iterations: 1 << 22 };

/// One rung: a loop of calls with the state `S`, and the result that so many calls must have.
pub(crate) struct Rung<S> {
    name: String,
    calls: Loop<S>,
    expected: Expected<S>,
}

type Loop<S> = Box<dyn Fn(&mut S, u64) -> u64 + Sync>;
type Expected<S> = Box<dyn Fn(&S, u64) -> u64 + Sync>;

impl<S> Rung<S> {
    /// `calls` makes the given number of calls and returns what they add up to; `expected` finds that in another way.
    /// Errors call the rung by its name.
    pub(crate) fn new(
        name: impl Into<String>,
        calls: impl Fn(&mut S, u64) -> u64 + Sync + 'static,
        expected: impl Fn(&S, u64) -> u64 + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), calls: Box::new(calls), expected: Box::new(expected) }
    }
}

/// What the rungs took, in their order.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Seconds of a call, by pass.
    pub(crate) each: Vec<Vec<f64>>,
    /// Calls of each rung that counted and had the right result.
    pub(crate) calls: Vec<u64>,
    /// Seconds of a reading of the clock, which were taken off every pass.
    pub(crate) floor: f64,
}

impl Turns {
    /// Calls of all rungs.
    pub(crate) fn total(&self) -> f64 {
        self.calls.iter().sum::<u64>() as f64
    }
}

/// Takes passes of all rungs in turns, in a thread of its own that is tied to a CPU. Each rung's result is checked
/// after each pass, and once whether twice the calls take twice the time.
///
/// # Errors
/// A failed verification when a result is wrong or a loop was folded; the end of the round's time; no thread.
pub(crate) fn take<S: Send + 'static>(
    cx: &mut Context<'_>,
    rungs: &[Rung<S>],
    prepare: impl Fn() -> S + Send + Sync + 'static,
) -> Result<Turns, ProbeError> {
    let mut team = Team::new(1, move |_| Ok(prepare()))?;
    passes::note_placement(cx, &team);
    let floor = clock::facts().cost_ns * 1e-9;
    let mut pass = |rung: &Rung<S>, count: u64| {
        let results = team.each(|_, state| {
            let start = Moment::now();
            let found = (rung.calls)(state, count);
            let took = Moment::now().since(start);
            (took, found, (rung.expected)(state, count))
        })?;
        let (took, found, expected) = results[0];
        if found == expected {
            return Ok(took);
        }
        Err(ProbeError::verification(format!("{count} calls of `{}` gave {found} instead of {expected}", rung.name)))
    };

    let (target, counted) = if cx.tiny { (TINY, 2) } else { (TARGET, COUNTED) };
    let mut sizes = Vec::with_capacity(rungs.len());
    for rung in rungs {
        let small = calibrate(CHECKED, FIRST, |count| pass(rung, count))?.iterations;
        proportion::check(small, |count| {
            cx.check()?;
            pass(rung, count)
        })?;
        let found = calibrate(target, small, |count| {
            cx.check()?;
            pass(rung, count)
        })?;
        sizes.push(found.iterations);
    }
    let mut taken: Vec<Passes> =
        sizes.iter().map(|&iterations| Passes { iterations, seconds: Vec::with_capacity(counted) }).collect();
    // The first turn warms up.
    for turn in 0..=counted {
        for (rung, to) in rungs.iter().zip(&mut taken) {
            cx.check()?;
            let took = pass(rung, to.iterations)?;
            if turn > 0 {
                to.seconds.push((took.as_secs_f64() - floor).max(1e-9));
            }
        }
    }
    let calls: Vec<u64> = taken.iter().map(|passes| passes.iterations * passes.seconds.len() as u64).collect();
    if calls.iter().sum::<u64>() == 0 {
        return Err(ProbeError::verification("no call was made: nothing was measured"));
    }
    Ok(Turns { each: taken.iter().map(Passes::each).collect(), calls, floor })
}

/// Makes the optimiser believe that the value was read and written where it lies. Emits no instruction.
#[inline(always)]
pub(crate) fn keep_at<T: ?Sized>(value: &mut T) {
    // SAFETY: the block is empty; it is said to use the memory behind the pointer, which is borrowed for that.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) std::ptr::from_mut(value).cast::<u8>(), options(nostack, preserves_flags))
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    fn with<R>(test: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let cancel = AtomicBool::new(false);
        test(&mut Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 1, 0, true))
    }

    fn adding(_: &mut (), count: u64) -> u64 {
        (0..count).fold(0, |sum, at| keep((sum + at) as i64) as u64)
    }

    /// What `adding` gives, also for as many calls as a loop that is folded away makes in the time of one.
    fn closed(count: u64) -> u64 {
        (u128::from(count) * u128::from(count - 1) / 2) as u64
    }

    fn sum(_: &(), count: u64) -> u64 {
        closed(count)
    }

    #[test]
    fn rungs_take_turns_and_count_their_calls() {
        let rungs = [Rung::new("one", adding, sum), Rung::new("two", adding, sum)];
        // A machine that does something else may take far longer over a pass, but not each time.
        let take = || with(|cx| super::take(cx, &rungs, || ())).unwrap();
        let possible = |turns: &Turns| turns.each.iter().flatten().all(|seconds| (1e-12..1e-4).contains(seconds));
        let turns = (0..100).map(|_| take()).find(possible).unwrap_or_else(take);
        assert_eq!(turns.each.len(), 2);
        assert!(turns.each.iter().flatten().all(|seconds| (1e-12..1e-4).contains(seconds)), "{turns:?}");
        assert!(turns.calls.iter().all(|calls| *calls >= 2 * FIRST) && turns.floor > 0.0, "{turns:?}");
    }

    #[test]
    fn a_wrong_result_and_a_folded_loop_are_failures() {
        let wrong = Rung::new("wrong", |state, count| adding(state, count) + 1, sum);
        let error = with(|cx| take(cx, &[wrong], || ())).unwrap_err().to_string();
        assert!(error.contains("`wrong` gave"), "{error}");
        let folded = |_: &mut (), count: u64| keep(closed(count) as i64) as u64;
        let error = with(|cx| take(cx, &[Rung::new("folded", folded, sum)], || ()));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("twice the work"), "{error}");
    }

    #[test]
    fn nothing_to_call_is_no_measurement() {
        let error = with(|cx| take::<()>(cx, &[], || ())).unwrap_err().to_string();
        assert!(error.contains("no call was made"), "{error}");
    }
}
