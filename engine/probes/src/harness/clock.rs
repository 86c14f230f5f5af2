//! The clock of all probes: `CLOCK_MONOTONIC_RAW`, in nanoseconds.
//!
//! It never steps and is not slewed by NTP, so a rate is not off by the few hundred ppm of a running adjustment. On
//! x86 and aarch64 Linux it is read in user space (vDSO) from the cycle counter when that is invariant; the kernel
//! has then calibrated the counter better than a short loop of ours could. Where the kernel distrusts the counter,
//! a read costs a system call: [`ClockFacts::cost_ns`] shows it.
#![expect(unsafe_code, reason = "reading the raw monotonic clock is a call into libc")]

use std::sync::OnceLock;
use std::time::Duration;

/// A point in time, in nanoseconds since an arbitrary origin. Comparable within one boot of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The clock's origin, before every reading.
    pub const ORIGIN: Self = Self(0);

    /// Reads the clock.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid, writable timespec. The call can only fail for an unknown clock, and this one
        // exists on every Linux since 2.6.28; the zero that would then be read makes a time of zero, not a wild one.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &raw mut time) };
        Self((time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is the later one.
    #[inline]
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time so much later.
    #[inline]
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Nanoseconds since the clock's origin.
    #[inline]
    #[must_use]
    pub fn nanos(self) -> u64 {
        self.0
    }

    /// A moment at so many nanoseconds, for tests of what is made of moments.
    #[cfg(test)]
    pub(crate) const fn at(nanos: u64) -> Self {
        Self(nanos)
    }
}

/// A started clock. Between [`Stopwatch::start`] and [`Stopwatch::stop`] it does nothing at all.
#[derive(Debug)]
pub struct Stopwatch(Moment);

impl Stopwatch {
    /// Starts now.
    #[inline]
    #[must_use]
    pub fn start() -> Self {
        Self(Moment::now())
    }

    /// Time since the start. The cost of one clock read is in it.
    #[inline]
    #[must_use]
    pub fn stop(self) -> Duration {
        Moment::now().since(self.0)
    }
}

/// What the clock can resolve and what reading it costs, on this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockFacts {
    /// Name of the clock.
    pub source: &'static str,
    /// Smallest difference seen between two successive, unequal reads, in nanoseconds.
    pub resolution_ns: f64,
    /// Cost of one read, in nanoseconds: the best of several loops.
    pub cost_ns: f64,
}

/// The facts of [`Moment`]'s clock, measured at the first call (below a millisecond) and kept.
pub fn facts() -> &'static ClockFacts {
    static FACTS: OnceLock<ClockFacts> = OnceLock::new();
    FACTS.get_or_init(measure)
}

fn measure() -> ClockFacts {
    const LOOPS: u32 = 8;
    const READS: u32 = 1_000;
    let mut step = u64::MAX;
    let mut cost = f64::INFINITY;
    for _ in 0..LOOPS {
        let first = Moment::now();
        let mut last = first;
        for _ in 0..READS {
            let next = Moment::now();
            if next > last {
                step = step.min(next.0 - last.0);
            }
            last = next;
        }
        cost = cost.min((last.0 - first.0) as f64 / f64::from(READS));
    }
    // A clock that did not move at all in thousands of reads is coarser than all of them together.
    let resolution_ns = if step == u64::MAX { 1e7 } else { step as f64 };
    ClockFacts { source: "CLOCK_MONOTONIC_RAW", resolution_ns, cost_ns: cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards_and_moves() {
        let first = Moment::now();
        let mut last = first;
        for _ in 0..100_000 {
            let next = Moment::now();
            assert!(next >= last);
            last = next;
        }
        assert!(last > first);
        assert_eq!(first.since(last), Duration::ZERO);
    }

    #[test]
    fn it_agrees_with_the_standard_clock() {
        let outer = std::time::Instant::now();
        let raw = Stopwatch::start();
        let inner = std::time::Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        let std_before = inner.elapsed();
        let raw = raw.stop();
        let std_after = outer.elapsed();
        // Nested reads bound each other whatever the load; one part in a hundred covers the adjustment by NTP.
        assert!(raw.as_secs_f64() >= std_before.as_secs_f64() * 0.99);
        assert!(raw.as_secs_f64() <= std_after.as_secs_f64() * 1.01 + 1e-3);
    }

    #[test]
    fn facts_are_measured_once() {
        let facts = facts();
        assert!(facts.resolution_ns >= 1.0 && facts.cost_ns > 0.0);
        assert!(std::ptr::eq(facts, super::facts()));
    }
}
