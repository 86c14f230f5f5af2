//! Keeps the kernel's timers busy: many short sleeps, each of which must not end early.
//!
//! Method: sleeps of 20 us to 1 ms, of varying length, on the monotonic clock; one that ends before its time is an error,
//! for no scheduler may do that.
//!
//! What makes it wrong: the kernel merges timers of near times (the slack, 50 us), so that fewer interrupts come than
//! sleeps are made.

use std::time::{Duration, Instant};

use engine_core::args::Args;
use engine_core::probe::ProbeInfo;

use super::{DURATION, INTENSITY, Lcg, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs: |_| Needs::default(), work };

static INFO: ProbeInfo = info(
    "stress.timers",
    "Keeps the kernel's timers busy with many short sleeps.",
    "Sleeps of 20 us to 1 ms that must not end early. Timers that the kernel merges make the number of interrupts wrong.",
    &[INTENSITY, DURATION, RAMP, THREADS, NICE],
);

fn work(_args: &Args, worker: &mut Worker) -> Result<(), String> {
    let mut random = Lcg(worker.seed);
    loop {
        let time = Duration::from_micros(20 + (random.step() >> 54));
        let began = Instant::now();
        if !worker.plants() {
            std::thread::sleep(time);
        }
        let took = began.elapsed();
        worker.checked(took >= time, || format!("timers: a sleep of {time:?} ended after {took:?}"));
        if !worker.turn(1) {
            return Ok(());
        }
    }
}
