//! Works for a chosen share of the time, and feeds back what it really got.
//!
//! The method: time is cut into periods of about 25 ms of varying length, so that they keep no step with the kernel's own
//! ticks, by which some kernels account CPU time. In each period the thread works until its own CPU clock has reached what
//! the share asks for since the start, then sleeps to the period's end. So what one period missed the next makes up; but
//! a debt of more than a quarter of a second is forgiven, or a thread that was held up would then work without pause.
//!
//! The share is the thread's own, or that of the whole processor: then what others had of it, as the kernel counts it, is
//! taken off what the thread works, so that the processor comes to the share and not the share on top of the others.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::room::{processor_busy, thread_time};

/// Length of a period: between these, in seconds.
const PERIOD: std::ops::Range<f64> = 0.018..0.032;

/// Debt that is made up for, in seconds of CPU time.
const DEBT: f64 = 0.25;

/// So often is looked what others had of the processor, in seconds: its counters step by a hundredth.
const LOOK: f64 = 0.25;

/// A processor whose whole share is governed.
#[derive(Debug)]
struct Processor {
    number: usize,
    busy_at_start: f64,
    looked: f64,
    /// What others had of it so far.
    others: f64,
}

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
    processor: Option<Processor>,
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
            processor: None,
        }
    }

    /// Governs the share of a whole processor instead of the thread's own, where the system tells how busy it is.
    pub(super) fn of_processor(mut self, number: usize) -> Self {
        self.processor =
            processor_busy(number).map(|busy| Processor { number, busy_at_start: busy, looked: 0.0, others: 0.0 });
        self
    }

    /// What others had of the processor since the last look.
    fn others(&mut self, now: f64, done: f64) -> f64 {
        let Some(processor) = self.processor.as_mut().filter(|processor| now - processor.looked >= LOOK) else {
            return 0.0;
        };
        processor.looked = now;
        let Some(busy) = processor_busy(processor.number) else { return 0.0 };
        let others = busy - processor.busy_at_start - done;
        let since = others - processor.others;
        processor.others = others;
        since
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
            let others = self.others(now, done);
            self.goal = next(self.goal, self.due(end) - self.due(self.period_end), others, done);
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

/// The next goal: what is due, less what others had; neither debt nor credit goes beyond its bound.
fn next(goal: f64, due: f64, others: f64, done: f64) -> f64 {
    (goal + due - others).clamp(done - DEBT, done + DEBT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_is_taken_off() {
        // Half of a processor, in periods of 25 ms; others have 3 ms of each, seen late and in steps.
        let (mut goal, mut done) = (0.0_f64, 0.0_f64);
        for period in 0..4000 {
            let others = if period % 10 == 9 { 0.03 } else { 0.0 };
            goal = next(goal, 0.5 * 0.025, others, done);
            done = done.max(goal.min(done + 0.022));
        }
        let share = (done + 4000.0 * 0.003) / 100.0;
        assert!((share - 0.5).abs() < 0.005, "{share}");
        assert!((next(5.0, 0.0125, 3.0, 5.0) - (5.0 - DEBT)).abs() < 1e-12, "credit is bounded");
        assert!((next(9.0, 0.0125, 0.0, 5.0) - (5.0 + DEBT)).abs() < 1e-12, "debt is bounded");
    }

    #[test]
    fn the_share_goes_up_in_a_straight_line() {
        let governor = Governor::new(0.8, 10.0, true, 1);
        assert!((governor.due(5.0) - 1.0).abs() < 1e-12, "a triangle of 5 s and 0.4");
        assert!((governor.due(20.0) - (4.0 + 8.0)).abs() < 1e-12);
        assert!((Governor::new(2.0, 0.0, true, 1).due(3.0) - 3.0).abs() < 1e-12);
    }
}
