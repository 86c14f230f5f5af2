//! A thread that wakes a hundred times a second on the processor of a load, as fio's parent does to look at its jobs.
//!
//! On a tickless kernel it matters whether any timer of a processor is near when a request leaves it idle: with none, its
//! tick is stopped and started again around each request. In a virtual machine either is an exit to the host. Measured
//! there at depth 1, within one process that took turns: with a thread that wakes each 9 ms 8 % more requests a second,
//! for 15 % less processor time each. An application is rarely alone on its processor, and fio never is; without this
//! thread the figures would hang on who else happens to wake there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder, Thread};
use std::time::Duration;

use crate::harness::pin;

/// That of fio's parent.
const PERIOD: Duration = Duration::from_millis(10);
const UNKNOWN: usize = usize::MAX;
const OVER: usize = usize::MAX - 1;

/// The processor of a load, as its leading thread tells it.
#[derive(Debug)]
pub(super) struct Place(AtomicUsize);

impl Place {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(UNKNOWN))
    }

    /// Tells that the load runs on the processor of the calling thread.
    pub(super) fn here(&self) {
        self.0.store(pin::current().unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Runs the load with a companion; without one where the system has no thread to spare.
    pub(super) fn accompany<R>(&self, load: impl FnOnce() -> R) -> R {
        thread::scope(|scope| {
            let companion = Builder::new().name("companion".to_owned()).spawn_scoped(scope, || self.follow());
            // The scope waits for the companion, also when the load panics.
            let _end = companion.ok().map(|companion| End(self, companion.thread().clone()));
            load()
        })
    }

    fn follow(&self) {
        let mut at = UNKNOWN;
        loop {
            match self.0.load(Ordering::Relaxed) {
                OVER => return,
                UNKNOWN => {}
                // A refusal leaves it where the kernel puts it.
                place if place != at && pin::pin_current(place).is_ok() => at = place,
                _ => {}
            }
            thread::park_timeout(PERIOD);
        }
    }
}

struct End<'a>(&'a Place, Thread);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.0.store(OVER, Ordering::Relaxed);
        self.1.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_companion_follows_the_load_from_processor_to_processor() {
        let place = Place::new();
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let companion = scope.spawn(|| {
                tell.send(fs::read_link("/proc/thread-self").unwrap()).unwrap();
                place.follow();
            });
            let end = End(&place, companion.thread().clone());
            let status = std::path::Path::new("/proc").join(told.recv().unwrap()).join("status");
            for cpu in pin::allowed().unwrap() {
                thread::scope(|scope| {
                    scope.spawn(|| pin::pin_current(cpu).map(|()| place.here()).unwrap());
                });
                let wanted = format!("Cpus_allowed_list:\t{cpu}\n");
                let there = (0..2000).any(|_| {
                    thread::sleep(PERIOD);
                    fs::read_to_string(&status).unwrap().contains(&wanted)
                });
                assert!(there, "not on {cpu}: {}", fs::read_to_string(&status).unwrap());
            }
            drop(end);
        });
    }

    #[test]
    fn it_ends_with_the_load_and_with_one_that_panics() {
        let place = Place::new();
        assert_eq!(place.accompany(|| 7), 7);
        let place = Place::new();
        assert!(catch_unwind(AssertUnwindSafe(|| place.accompany(|| panic!("the load")))).is_err());
    }
}
