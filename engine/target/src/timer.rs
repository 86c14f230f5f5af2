//! Waiting to the microsecond: a timer of the kernel that wakes the event loop early, by what wake-ups have been late by,
//! and polling for the rest. The event loop goes on with everything else meanwhile.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, oneshot};

use crate::lock::lock;

/// Below this the kernel's timer is not asked any more: 2 us.
const SHORT: u64 = 2_000;

/// Tells the time and wakes those who wait for one. Times are nanoseconds since it was made.
#[derive(Debug)]
pub(crate) struct Timer {
    origin: Instant,
    waiting: Mutex<Waiting>,
    /// Somebody waits for an earlier time than all before.
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    heap: BinaryHeap<Reverse<Entry>>,
    /// Counts entries, so that those of one time go in the order in which they came.
    next: u64,
}

#[derive(Debug)]
struct Entry {
    due: u64,
    number: u64,
    wake: oneshot::Sender<()>,
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), waiting: Mutex::default(), sooner: Notify::new() }
    }

    /// Nanoseconds since it was made.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits for a time. Needs [`Self::drive`] to run.
    pub(crate) async fn until(&self, due: u64) {
        if due <= self.now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        let first = {
            let mut waiting = lock(&self.waiting);
            let number = waiting.next;
            waiting.next += 1;
            let first = waiting.heap.peek().is_none_or(|first| due < first.0.due);
            waiting.heap.push(Reverse(Entry { due, number, wake }));
            first
        };
        if first {
            self.sooner.notify_one();
        }
        // The sender is dropped without a word only when the timer itself ends.
        let _ = woken.await;
    }

    /// Wakes all that are due; gives the next time that somebody waits for.
    fn fire(&self) -> Option<u64> {
        let mut waiting = lock(&self.waiting);
        let now = self.now();
        while let Some(first) = waiting.heap.peek() {
            if first.0.due > now {
                return Some(first.0.due);
            }
            if let Some(Reverse(entry)) = waiting.heap.pop() {
                // Whoever waited may have gone.
                let _ = entry.wake.send(());
            }
        }
        None
    }

    /// Runs for ever, beside everything that waits.
    ///
    /// # Errors
    /// When the kernel has no such timer to give.
    pub(crate) async fn drive(&self) -> io::Result<Infallible> {
        let alarm = Alarm::new()?;
        let mut margin = Margin::new();
        loop {
            let Some(due) = self.fire() else {
                self.sooner.notified().await;
                continue;
            };
            let (now, early) = (self.now(), due.saturating_sub(margin.nanos));
            if early <= now.saturating_add(SHORT) {
                tokio::task::yield_now().await;
                continue;
            }
            alarm.set(early - now)?;
            tokio::select! {
                rang = alarm.rang() => {
                    rang?;
                    margin.learn(self.now().saturating_sub(early));
                }
                () = self.sooner.notified() => {}
            }
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// How early to wake: about the 90th percentile of how late wake-ups are, followed step by step.
#[derive(Debug)]
struct Margin {
    nanos: u64,
}

impl Margin {
    const STEP: u64 = 500;
    /// Polling for longer than this would cost more than it gives.
    const MOST: u64 = 250_000;

    fn new() -> Self {
        Self { nanos: 80_000 }
    }

    fn learn(&mut self, late: u64) {
        // One in ten later than the margin holds it where it is.
        let next = if late > self.nanos { self.nanos + 9 * Self::STEP } else { self.nanos.saturating_sub(Self::STEP) };
        self.nanos = next.clamp(Self::STEP, Self::MOST);
    }
}

/// A timer of the kernel as a descriptor.
#[derive(Debug)]
struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    #[expect(
        deprecated,
        reason = "deprecated for descriptors that are closed or exchanged while registered, which an owned one is not; \
                  what takes its place is unsafe, which this crate forbids"
    )]
    fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { timer: AsyncFd::with_interest(timer, Interest::READABLE)? })
    }

    /// Rings once, so many nanoseconds from now.
    fn set(&self, nanos: u64) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let (seconds, rest) = (nanos / 1_000_000_000, nanos.max(1) % 1_000_000_000);
        let value = Timespec {
            tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
            tv_nsec: i32::try_from(rest).unwrap_or_default().into(),
        };
        let setting = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &setting)?;
        Ok(())
    }

    /// Waits for it to ring.
    async fn rang(&self) -> io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            let mut count = [0; 8];
            let read = ready.try_io(|timer| rustix::io::read(timer.get_ref(), &mut count).map_err(io::Error::from));
            match read {
                Ok(done) => return done.map(drop),
                // It was set anew before it was read.
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_margin_follows_the_lateness_of_wake_ups() {
        let mut margin = Margin::new();
        let mut draws = engine_core::stats::Stream::new(1, &[]);
        let mut later = 0;
        for i in 0..20_000 {
            // Uniform from 40 to 60 us: the 90th percentile is 58.
            let late = 40_000 + draws.below(20_000);
            later += u32::from(i >= 10_000 && late > margin.nanos);
            margin.learn(late);
        }
        assert!((55_000..61_000).contains(&margin.nanos), "{margin:?}");
        assert!((800..1200).contains(&later), "{later} of 10,000 were later");
    }

    #[test]
    fn those_who_wait_are_woken_in_order_and_never_early() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let timer = Arc::new(Timer::new());
            let driver = Arc::clone(&timer);
            let drive = tokio::spawn(async move { driver.drive().await });
            let woken = Arc::new(Mutex::new(vec![]));
            // So far ahead that all wait before the first is due, on a slow machine too.
            let now = timer.now() + 400_000_000;
            let tasks: Vec<_> = [(9, 0), (3, 1), (6, 2), (3, 3), (0, 4)]
                .map(|(millis, name): (u64, u32)| {
                    let (timer, woken, due) = (Arc::clone(&timer), Arc::clone(&woken), now + millis * 1_000_000);
                    tokio::spawn(async move {
                        timer.until(due).await;
                        lock(&woken).push((name, timer.now() >= due));
                    })
                })
                .into_iter()
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            drive.abort();
            let woken = lock(&woken).clone();
            assert_eq!(woken, [4, 1, 3, 2, 0].map(|name| (name, true)));
        });
    }
}
