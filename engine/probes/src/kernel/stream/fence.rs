//! A trial that shows whether streaming stores are done when a kernel says that it is.
//!
//! Non-temporal stores wait in buffers of their own and may become visible to others later than ordinary stores that
//! were issued after them; only a fence makes a kernel wait for them. Without it the last lines of a pass are written
//! when the clock has stopped, and another thread that is told of the end can read what was there before. That is what
//! the trial looks for: one thread copies a few lines and then, by an ordinary store, says so; the other reads the copy
//! at once. With the fence it can never find an old value, by the rules of the architecture; without it, it does within
//! some thousand tries on two CPUs. On one CPU it would prove nothing, and is not made.
#![expect(unsafe_code, reason = "kernels take pointers, and two threads look at one array")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{GRAIN, Kernel, Passes, SCALAR};
use crate::harness::buffer::{Buffer, BufferError, Pages};
use crate::harness::clock::Moment;
use crate::harness::pin;

/// Elements that a try copies.
const ELEMENTS: usize = GRAIN;

/// What a reader found that was told of the end of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Tries.
    pub tries: u64,
    /// Tries in which the reader found an old value.
    pub stale: u64,
}

/// A number on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// Tries the copy of `passes` so often, at most until an old value is found or `most` has passed; nothing where there
/// are no two CPUs to do so.
///
/// # Errors
/// When the little memory it needs is refused.
pub fn trial(passes: &Passes, tries: u64, most: Duration) -> Result<Option<Seen>, BufferError> {
    let cpus = pin::allowed().unwrap_or_default();
    let (Some(&first), Some(&second)) = (cpus.first(), cpus.get(1)) else { return Ok(None) };
    let mut from = Buffer::map(ELEMENTS * size_of::<u64>(), Pages::System, u64::MAX)?;
    let mut to = Buffer::map(ELEMENTS * size_of::<u64>(), Pages::System, u64::MAX)?;
    to.touch();
    // SAFETY: `to` holds that many aligned words and outlives both threads; one reads this view of it, while a kernel in
    // assembly writes it in the other, which atomics allow.
    let copy: &[AtomicU64] = unsafe { std::slice::from_raw_parts(to.as_mut_ptr().cast(), ELEMENTS) };
    let pass = passes.passes[Kernel::Copy as usize];
    let (told, answer) = (Line::default(), Line::default());
    Ok(std::thread::scope(|scope| {
        // One thread each, so that the caller's CPUs stay as they are.
        let reader = scope.spawn(|| {
            let pinned = pin::pin_current(second).is_ok();
            if pinned {
                reads(copy, &told, &answer);
            }
            answer.0.store(END, Ordering::Release);
            pinned
        });
        let writer = scope.spawn(|| {
            let pinned = pin::pin_current(first).is_ok();
            let seen = pinned.then(|| {
                writes(tries, most, &told, &answer, |turn| {
                    from.slice_mut::<u64>(0, ELEMENTS).fill(turn);
                    let (from, to) = (from.as_ptr().cast(), copy.as_ptr().cast::<f64>().cast_mut());
                    // SAFETY: both arrays hold `ELEMENTS` elements, a multiple of the grain, each at the start of a
                    // page, and they do not overlap; `Passes` only exists for what the machine has.
                    unsafe { pass(to, from, from, ELEMENTS, SCALAR) };
                })
            });
            told.0.store(END, Ordering::Release);
            seen
        });
        let seen = writer.join().ok().flatten();
        seen.filter(|_| reader.join().is_ok_and(|pinned| pinned))
    }))
}

/// Copies turn by turn, and says so after each.
fn writes(tries: u64, most: Duration, told: &Line, answer: &Line, mut copy: impl FnMut(u64)) -> Seen {
    let start = Moment::now();
    let mut seen = Seen { tries: 0, stale: 0 };
    while seen.tries < tries && seen.stale == 0 && Moment::now().since(start) < most {
        let turn = seen.tries + 1;
        copy(turn);
        // An ordinary store on x86: no instruction but the kernel's own fence orders what the kernel wrote.
        told.0.store(turn, Ordering::Release);
        let found = wait_for(|| answer.0.load(Ordering::Acquire), |answer| answer >> 1 == turn || answer == END);
        if found == END {
            break;
        }
        seen = Seen { tries: turn, stale: seen.stale + (found & 1) };
    }
    seen
}

/// Reads the copy whenever one is said to be there, the last lines first, since they are written last; answers with
/// twice the turn, and one more for an old value.
fn reads(copy: &[AtomicU64], told: &Line, answer: &Line) {
    let mut turn = 0;
    loop {
        turn = wait_for(|| told.0.load(Ordering::Acquire), |told| told > turn);
        if turn == END {
            return;
        }
        let stale = copy.iter().rev().step_by(8).any(|word| word.load(Ordering::Relaxed) != turn);
        answer.0.store(turn << 1 | u64::from(stale), Ordering::Release);
    }
}

/// The turn after the last.
const END: u64 = u64::MAX;

/// Waits for a number, leaving the CPU to others after a while.
fn wait_for(read: impl Fn() -> u64, wanted: impl Fn(u64) -> bool) -> u64 {
    let mut turns = 0u32;
    loop {
        let number = read();
        if wanted(number) {
            return number;
        }
        turns += 1;
        if turns < 10_000 { std::hint::spin_loop() } else { std::thread::yield_now() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Store, available, best};
    use super::*;

    const LONG: Duration = Duration::from_secs(300);

    #[test]
    fn no_kernel_with_a_fence_is_seen_too_early() {
        for isa in available(Store::NonTemporal) {
            // Fewer tries where both CPUs are seldom free at once.
            let most = Duration::from_secs(20);
            let Some(seen) = trial(&Passes::new(isa, Store::NonTemporal).unwrap(), 2_000, most).unwrap() else {
                return;
            };
            assert!(seen.tries > 0 && seen.stale == 0, "{isa}: {seen:?}");
        }
    }

    #[test]
    fn a_missing_fence_is_found() {
        let open = Passes::without_fence(best()).unwrap();
        let Some(seen) = trial(&open, 10_000_000, LONG).unwrap() else { return };
        assert_eq!(seen.stale, 1, "{seen:?}");
        // All that it writes arrives in the end: no check of the arrays would find it.
        let mut arrays = super::super::Arrays::new(1_024, Pages::System, u64::MAX).unwrap();
        arrays.pass(&open, Kernel::Copy);
        arrays.verify().unwrap();
    }
}
