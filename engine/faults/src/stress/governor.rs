//! Works for a chosen share of the time, and feeds back what it really got.
//!
//! The method: time is cut into periods of about 25 ms of varying length, so that they keep no step with the kernel's own
//! ticks, by which some kernels account CPU time. In each period the thread works until its own CPU clock has reached what
//! the share asks for since the start, then sleeps to the period's end. So what one period missed the next makes up; but
//! a debt of more than a quarter of a second is forgiven, or a thread that was held up would then work without pause.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::room::thread_time;

/// Length of a period: between these, in seconds.
const PERIOD: std::ops::Range<f64> = 0.018..0.032;

/// Debt that is made up for, in seconds of CPU time.
const DEBT: f64 = 0.25;

/// Paces one thread.
#[derive(Debug)]
pub(super) struct Governor {
    share: f64,
    ramp: f64,
    /// Whether CPU time is what counts; else the time that work took, waiting included.
    by_cpu: bool,
    started: Instant,
    cpu_at_start: f64,
    /// Time worked, waiting included.
    worked: f64,
    turn_began: f64,
    /// What shall have been worked by the end of this period.
    goal: f64,
    period_end: f64,
    random: ChaCha8Rng,
}

impl Governor {
    pub(super) fn new(share: f64, ramp: f64, by_cpu: bool, seed: u64) -> Self {
        Self {
            share: share.clamp(0.0, 1.0),
            ramp: ramp.max(0.0),
            by_cpu,
            started: Instant::now(),
            cpu_at_start: thread_time(),
            worked: 0.0,
            turn_began: 0.0,
            goal: 0.0,
            period_end: 0.0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// What shall have been worked by a time: the area under the share, which goes up in a straight line and then stays.
    fn due(&self, seconds: f64) -> f64 {
        if self.ramp <= 0.0 {
            return self.share * seconds;
        }
        let rising = seconds.min(self.ramp);
        self.share * (rising * rising / (2.0 * self.ramp) + (seconds - rising))
    }

    /// To be called between two pieces of work: sleeps when there was enough of it.
    pub(super) fn turn(&mut self, stop: &dyn Fn() -> bool) {
        let now = self.started.elapsed().as_secs_f64();
        self.worked += now - self.turn_began;
        self.turn_began = now;
        let done = if self.by_cpu { thread_time() - self.cpu_at_start } else { self.worked };
        if now >= self.period_end {
            let end = now + self.random.random_range(PERIOD);
            self.goal += self.due(end) - self.due(self.period_end);
            self.goal = self.goal.min(done + DEBT);
            self.period_end = end;
        }
        if done < self.goal {
            return;
        }
        loop {
            let left = self.period_end - self.started.elapsed().as_secs_f64();
            if left <= 0.0 || stop() {
                break;
            }
            std::thread::sleep(Duration::from_secs_f64(left.min(0.1)));
        }
        self.turn_began = self.started.elapsed().as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_goes_up_in_a_straight_line() {
        let governor = Governor::new(0.8, 10.0, true, 1);
        assert!((governor.due(5.0) - 1.0).abs() < 1e-12, "a triangle of 5 s and 0.4");
        assert!((governor.due(20.0) - (4.0 + 8.0)).abs() < 1e-12);
        assert!((Governor::new(2.0, 0.0, true, 1).due(3.0) - 3.0).abs() < 1e-12);
    }
}
