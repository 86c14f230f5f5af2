//! CPU-bound service: a thread for each worker, which takes its service time from a processor. Where processors are
//! scarce, service takes longer, as it does in a real service.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;

use crate::lock::lock;
use crate::shop::Shop;

/// Threads and the requests that wait for them.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: Mutex<Jobs>,
    more: Condvar,
    workers: u64,
    bound: Option<u64>,
}

#[derive(Debug, Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    busy: u64,
}

#[derive(Debug)]
struct Job {
    /// CPU time when warm, in nanoseconds.
    work: u64,
    /// Told when work began.
    done: oneshot::Sender<u64>,
}

impl Pool {
    pub(crate) fn new(workers: u32, bound: Option<u64>) -> Self {
        Self { jobs: Mutex::default(), more: Condvar::new(), workers: workers.into(), bound }
    }

    /// Starts the threads. They end with the process.
    ///
    /// # Errors
    /// When the system refuses one.
    pub(crate) fn start(shop: &Arc<Shop>) -> io::Result<()> {
        for number in 0..shop.settings.workers {
            let shop = Arc::clone(shop);
            std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                if let Some(pool) = &shop.pool {
                    pool.work(&shop);
                }
            })?;
        }
        Ok(())
    }

    /// Puts a request in the queue; gives what tells when its work began, once it is done. `None` when the queue is full.
    pub(crate) fn submit(&self, work: u64) -> Option<oneshot::Receiver<u64>> {
        let mut jobs = lock(&self.jobs);
        let waiting = jobs.waiting.len() as u64;
        let (done, receiver) = oneshot::channel();
        // Those whom a free thread is about to take do not wait.
        if self.bound.is_some_and(|bound| jobs.busy + waiting >= self.workers + bound) {
            return None;
        }
        jobs.waiting.push_back(Job { work, done });
        drop(jobs);
        self.more.notify_one();
        Some(receiver)
    }

    fn work(&self, shop: &Shop) {
        loop {
            let job = {
                let mut jobs = lock(&self.jobs);
                loop {
                    if let Some(job) = jobs.waiting.pop_front() {
                        jobs.busy += 1;
                        break job;
                    }
                    jobs = self.more.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                }
            };
            let began = thaw(shop);
            burn(shop, shop.slowed(began, job.work));
            lock(&self.jobs).busy -= 1;
            // Whoever asked may have gone; the work is done all the same, as in most services.
            let _ = job.done.send(began);
        }
    }

    /// How many wait, and how many are served.
    pub(crate) fn state(&self) -> (u64, u64) {
        let jobs = lock(&self.jobs);
        (jobs.waiting.len() as u64, jobs.busy)
    }
}

/// Sleeps while the target is frozen; gives the time.
fn thaw(shop: &Shop) -> u64 {
    loop {
        let now = shop.timer.now();
        let until = shop.thawed(now);
        if until <= now {
            return now;
        }
        std::thread::sleep(Duration::from_nanos(until - now));
    }
}

/// Runs for so much CPU time of this thread, in nanoseconds, but not while the target is frozen.
fn burn(shop: &Shop, work: u64) {
    let end = thread_time().saturating_add(work);
    let mut value = work | 1;
    while thread_time() < end {
        // Some microseconds of arithmetic, which the compiler cannot leave out.
        for _ in 0..2000 {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        thaw(shop);
    }
    black_box(value);
}

/// CPU time of this thread, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}
