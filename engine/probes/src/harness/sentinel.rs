//! A witness for the clock frequency: a loop of dependent additions, one cycle each on every core we know.
//!
//! Taken before and after a sample it shows turbo ramps, throttling and time stolen by a hypervisor that does not
//! report it. The additions are of two registers: recent cores execute chains of *immediate* additions at renaming,
//! several in a cycle.
#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(unsafe_code, reason = "only assembly keeps a chain of additions from being folded")
)]

use std::time::Duration;

use super::clock::Moment;

/// What the witness saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// Additions per second of the fastest slice, in hertz: the core's clock.
    pub best_hz: f64,
    /// Additions per second of the whole loop, in hertz; below `best_hz` when something interrupted it.
    pub mean_hz: f64,
}

impl Beat {
    /// Relative change of the clock from `self` to `later`: -0.1 means a tenth slower.
    #[must_use]
    pub fn drift(&self, later: &Self) -> f64 {
        later.best_hz / self.best_hz - 1.0
    }

    /// Share of the loop lost to interruptions, from 0 to 1.
    #[must_use]
    pub fn lost(&self) -> f64 {
        (1.0 - self.mean_hz / self.best_hz).max(0.0)
    }
}

/// Additions of one turn of the loop.
const UNROLL: u64 = 100;
/// Turns of one slice: about 0.1 ms at 3 GHz.
const TURNS: u64 = 3_000;
/// Slices of a beat: about 1 ms.
const SLICES: u32 = 10;

/// Runs the witness for about a millisecond on the calling thread.
#[must_use]
pub fn beat() -> Beat {
    beat_of(chain)
}

fn beat_of(chain: impl Fn(u64, u64) -> u64) -> Beat {
    let adds = (TURNS * UNROLL) as f64;
    let first = Moment::now();
    let mut last = first;
    let mut best = f64::INFINITY;
    for _ in 0..SLICES {
        std::hint::black_box(chain(TURNS, std::hint::black_box(1)));
        let now = Moment::now();
        best = best.min(now.since(last).as_secs_f64());
        last = now;
    }
    let mean = last.since(first).as_secs_f64() / f64::from(SLICES);
    Beat { best_hz: adds / best.max(1e-9), mean_hz: adds / mean.max(1e-9) }
}

/// One slice of a longer look at the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slice {
    /// When it was over.
    pub end: Moment,
    /// Additions per second, in hertz.
    pub hertz: f64,
}

impl Default for Slice {
    /// To be written over.
    fn default() -> Self {
        Self { end: Moment::ORIGIN, hertz: 0.0 }
    }
}

/// Runs the chain slice by slice for about `span` or until `into` is full, and returns how many slices it took. A slice
/// lasts about a tenth of a millisecond.
#[must_use]
pub fn slices(into: &mut [Slice], span: Duration) -> usize {
    let adds = (TURNS * UNROLL) as f64;
    let first = Moment::now();
    let mut last = first;
    let mut taken = 0;
    for slice in into {
        std::hint::black_box(chain(TURNS, std::hint::black_box(1)));
        let end = Moment::now();
        *slice = Slice { end, hertz: adds / end.since(last).as_secs_f64().max(1e-9) };
        taken += 1;
        last = end;
        if end.since(first) >= span {
            break;
        }
    }
    taken
}

/// `turns * UNROLL * step`, by that many dependent additions. `turns` is at least 1.
#[cfg(target_arch = "x86_64")]
fn chain(turns: u64, step: u64) -> u64 {
    let mut sum = 0u64;
    // SAFETY: registers only; all that is written is declared.
    unsafe {
        std::arch::asm!(
            ".p2align 5",
            "2:",
            ".rept 100",
            "add {sum}, {step}",
            ".endr",
            "dec {turns}",
            "jnz 2b",
            sum = inout(reg) sum,
            step = in(reg) step,
            turns = inout(reg) turns => _,
            options(nomem, nostack),
        );
    }
    sum
}

/// `turns * UNROLL * step`, by that many dependent additions. `turns` is at least 1.
#[cfg(target_arch = "aarch64")]
fn chain(turns: u64, step: u64) -> u64 {
    let mut sum = 0u64;
    // SAFETY: registers only; all that is written is declared.
    unsafe {
        std::arch::asm!(
            "2:",
            ".rept 100",
            "add {sum}, {sum}, {step}",
            ".endr",
            "subs {turns}, {turns}, #1",
            "b.ne 2b",
            sum = inout(reg) sum,
            step = in(reg) step,
            turns = inout(reg) turns => _,
            options(nomem, nostack),
        );
    }
    sum
}

/// `turns * UNROLL * step`; where there is no assembly for the target, one opaque addition at a time.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn chain(turns: u64, step: u64) -> u64 {
    let mut sum = 0u64;
    for _ in 0..turns * UNROLL {
        sum = std::hint::black_box(sum).wrapping_add(step);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addition_is_executed() {
        for (turns, step) in [(1, 1), (7, 3), (TURNS, 5)] {
            assert_eq!(chain(turns, step), turns * UNROLL * step);
        }
    }

    #[test]
    fn a_beat_is_a_possible_clock() {
        // One in which the machine did something else all the time is taken again.
        let beat = (0..50).map(|_| beat()).find(|beat| beat.best_hz > 1e8).unwrap();
        assert!(beat.best_hz < 1e10, "{beat:?}");
        assert!(beat.mean_hz <= beat.best_hz * 1.000_001);
    }

    #[test]
    fn a_throttled_clock_is_seen() {
        // A core at half its clock takes twice as long for the same additions: so does one that does twice as many.
        let throttled = |turns: u64, step: u64| {
            std::hint::black_box(chain(turns, step));
            chain(turns, step)
        };
        // Whatever disturbs single beats, the best of some differ by the planted factor of two.
        let best = |beats: [Beat; 5]| beats.into_iter().max_by(|a, b| a.best_hz.total_cmp(&b.best_hz)).unwrap();
        let mut drifts = Vec::new();
        let seen = (0..50).any(|_| {
            let (fast, slow) = (best([(); 5].map(|()| beat())), best([(); 5].map(|()| beat_of(throttled))));
            drifts.push(fast.drift(&slow));
            drifts.last().is_some_and(|drift| (-0.7..-0.2).contains(drift))
        });
        assert!(seen, "{drifts:?}");
    }

    #[test]
    fn slices_follow_each_other_and_end() {
        let mut into = [Slice::default(); 20];
        assert_eq!(slices(&mut into, Duration::from_secs(60)), 20);
        assert!(into.windows(2).all(|pair| pair[1].end >= pair[0].end) && into.iter().all(|slice| slice.hertz > 0.0));
        assert_eq!(slices(&mut into, Duration::ZERO), 1);
    }

    #[test]
    fn drift_and_loss_have_known_values() {
        let (fast, slow) = (Beat { best_hz: 4e9, mean_hz: 4e9 }, Beat { best_hz: 3e9, mean_hz: 1.5e9 });
        assert!((fast.drift(&slow) + 0.25).abs() < 1e-12);
        assert!((slow.lost() - 0.5).abs() < 1e-12);
    }
}
