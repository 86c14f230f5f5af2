//! The queue in front of sleeping workers, as arithmetic: when each request starts and ends follows from when it came and
//! how long it takes. Nobody's late wake-up makes anybody else late. All times in nanoseconds since the start.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// First come, first served, by a fixed number of workers.
#[derive(Debug)]
pub(crate) struct Queue {
    /// When each worker is free next.
    free: BinaryHeap<Reverse<u64>>,
    /// Starts that lie ahead, in order; those who wait for them are the queue.
    ahead: VecDeque<u64>,
    /// How many may wait.
    bound: Option<u64>,
}

/// When a request is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Queue {
    pub(crate) fn new(workers: u32, bound: Option<u64>) -> Self {
        Self { free: (0..workers).map(|_| Reverse(0)).collect(), ahead: VecDeque::new(), bound }
    }

    /// Takes in a request. `start` gives the first time from another on at which work can begin, `end` when work that
    /// begins at a time is done. `None` when the queue is full. Times must not fall from call to call.
    pub(crate) fn admit(
        &mut self,
        now: u64,
        start: impl FnOnce(u64) -> u64,
        end: impl FnOnce(u64) -> u64,
    ) -> Option<Slot> {
        let waiting = self.waiting(now);
        let free = self.free.peek().map_or(0, |free| free.0);
        let start = start(now.max(free));
        if start > now {
            if self.bound.is_some_and(|bound| waiting >= bound) {
                return None;
            }
            self.ahead.push_back(start);
        }
        let end = end(start);
        self.free.pop();
        self.free.push(Reverse(end));
        Some(Slot { start, end })
    }

    /// How many wait.
    pub(crate) fn waiting(&mut self, now: u64) -> u64 {
        while self.ahead.front().is_some_and(|start| *start <= now) {
            self.ahead.pop_front();
        }
        self.ahead.len() as u64
    }

    /// How many workers are taken, by those who are served or by those who are to be.
    pub(crate) fn busy(&self, now: u64) -> u64 {
        self.free.iter().filter(|free| free.0 > now).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::load::{DemoTarget, ServiceTime};
    use engine_core::stats::Stream;

    #[test]
    fn those_who_come_while_all_are_busy_wait_in_order() {
        let mut queue = Queue::new(2, Some(1));
        let mut admit = |now, work| queue.admit(now, |t| t, |t| t + work).map(|slot| (slot.start, slot.end));
        assert_eq!(admit(0, 10), Some((0, 10)));
        assert_eq!(admit(1, 4), Some((1, 5)));
        assert_eq!(admit(2, 10), Some((5, 15)), "the second worker is free first");
        assert_eq!(admit(3, 1), None, "one waits already");
        assert_eq!(admit(6, 1), Some((10, 11)), "the waiting one has started meanwhile");
        assert_eq!((queue.waiting(9), queue.busy(9)), (1, 2));
        assert_eq!((queue.waiting(12), queue.busy(12)), (0, 1));
    }

    /// The mean response time of `n` Poisson arrivals at utilisation `rho`, over the mean service time.
    fn mean_response(workers: u32, rho: f64, n: u64) -> f64 {
        let target =
            DemoTarget { service: ServiceTime::Exponential { mean: 1.0 }, workers, seed: 7, ..DemoTarget::default() };
        let mut gaps = Stream::new(3, &[]);
        let mut queue = Queue::new(workers, None);
        let (mut now, mut sum) = (0.0, 0.0);
        for i in 0..n {
            now += gaps.exponential() / (rho * f64::from(workers));
            let at = (now * 1e6) as u64;
            let slot = queue.admit(at, |t| t, |t| t + (target.service_of(i) * 1e6) as u64).unwrap();
            sum += (slot.end - at) as f64 / 1e6;
        }
        sum / n as f64
    }

    #[test]
    fn it_is_an_m_m_c_queue() {
        // M/M/1: 1 / (1 - rho). M/M/4 at rho 0.7: Erlang's C is 0.4287, so 1 + 0.4287 / 1.2.
        for (workers, rho, want) in [(1, 0.5, 2.0), (4, 0.7, 1.3572)] {
            let mean = mean_response(workers, rho, 400_000);
            assert!((mean / want - 1.0).abs() < 0.02, "{workers} workers at {rho}: {mean}, want {want}");
        }
    }
}
