//! Time as a dependency: what schedules, time-outs, retention and recovery ask, so that tests can simulate it.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use crate::run::Timestamp;

/// A monotonic clock, a calendar and a way to wait.
pub trait Clock: Debug + Send + Sync {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;
    /// The calendar time.
    fn wall(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// A clock that stands still until it is told to move; sleeping moves it.
#[derive(Debug)]
pub struct SimulatedClock {
    now: Mutex<Duration>,
    epoch: Timestamp,
}

impl SimulatedClock {
    /// A clock that shows zero, and `epoch` on the calendar.
    #[must_use]
    pub const fn new(epoch: Timestamp) -> Self {
        Self { now: Mutex::new(Duration::ZERO), epoch }
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = now.saturating_add(by);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Duration {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wall(&self) -> Timestamp {
        let micros = i64::try_from(self.now().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.epoch.0.saturating_add(micros))
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_moves_both_the_clock_and_the_calendar() {
        let clock = SimulatedClock::new(Timestamp(1_000_000));
        clock.sleep(Duration::from_secs(3600));
        assert_eq!(clock.now(), Duration::from_secs(3600));
        assert_eq!(clock.wall(), Timestamp(3_601_000_000));
    }
}
