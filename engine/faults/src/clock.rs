//! The clocks of deadlines: one that no clock step moves, and the calendar for people.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since this boot, time asleep included; no step of the calendar clock moves it.
#[must_use]
pub fn since_boot() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which the call fills in.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    #[expect(clippy::cast_precision_loss, reason = "seconds since boot are far below 2^53")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9;
    seconds
}

/// Seconds of the calendar since 1970.
#[must_use]
pub fn calendar() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
