//! What wakes users by time: sleeps, which fire exactly once, and time-outs, of which nearly none fire.
//!
//! A time-out is set for every request and almost always superseded by the next. So only one entry a user is kept in the
//! heap: when it comes up and the user's time-out has meanwhile moved, it is put back for the new time. Memory does not
//! grow with the rate.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Number of a user's place in its thread.
pub(crate) type Task = u32;

/// What came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A sleep is over.
    Awake(Task),
    /// Time is out.
    TimedOut(Task),
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// Tells the present user of the place from earlier ones.
    generation: u32,
    /// When time is out; 0 when nothing is waited for.
    timeout: u64,
    /// When the entry in the heap comes up; 0 without one.
    armed: u64,
}

/// See the module. Times are nanoseconds of the clock.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    places: Vec<Place>,
}

const SLEEP: u64 = 0;
const TIMEOUT: u64 = 1;

impl Timers {
    /// A new user takes the place: what an earlier one waited for is void.
    pub(crate) fn begin(&mut self, task: Task) {
        let at = task as usize;
        if at >= self.places.len() {
            self.places.resize(at + 1, Place::default());
        }
        let generation = self.places[at].generation.wrapping_add(1) & 0x7fff_ffff;
        self.places[at] = Place { generation, timeout: 0, armed: 0 };
    }

    fn push(&mut self, at: u64, task: Task, kind: u64) {
        let generation = u64::from(self.places[task as usize].generation);
        self.heap.push(Reverse((at, u64::from(task) << 32 | generation << 1 | kind)));
    }

    /// Wakes the user at `at`.
    pub(crate) fn sleep(&mut self, task: Task, at: u64) {
        self.push(at, task, SLEEP);
    }

    /// Time is out at `at`, unless set anew or taken back.
    #[inline]
    pub(crate) fn set_timeout(&mut self, task: Task, at: u64) {
        let place = &mut self.places[task as usize];
        place.timeout = at;
        if place.armed == 0 || at < place.armed {
            place.armed = at;
            self.push(at, task, TIMEOUT);
        }
    }

    /// Nothing is waited for.
    #[inline]
    pub(crate) fn clear_timeout(&mut self, task: Task) {
        self.places[task as usize].timeout = 0;
    }

    /// When to look next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next thing due by `now`.
    pub(crate) fn due(&mut self, now: u64) -> Option<Alarm> {
        while let Some(Reverse((at, what))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            let (task, generation, kind) = ((what >> 32) as Task, (what >> 1) as u32 & 0x7fff_ffff, what & 1);
            let place = &mut self.places[task as usize];
            if place.generation != generation {
                continue;
            }
            if kind == SLEEP {
                return Some(Alarm::Awake(task));
            }
            if place.armed != at {
                continue; // An earlier entry took its part.
            }
            place.armed = 0;
            match place.timeout {
                0 => {}
                timeout if timeout <= now => {
                    place.timeout = 0;
                    return Some(Alarm::TimedOut(task));
                }
                later => {
                    place.armed = later;
                    self.push(later, task, TIMEOUT);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_that_move_on_leave_one_entry() {
        let mut timers = Timers::default();
        timers.begin(0);
        for now in 0..100_000 {
            timers.set_timeout(0, now + 1000);
            assert_eq!(timers.due(now), None);
            assert!(timers.heap.len() <= 1);
        }
        assert_eq!(timers.due(100_998), None);
        assert_eq!(timers.due(100_999), Some(Alarm::TimedOut(0)));
        assert_eq!(timers.due(u64::MAX), None);
    }

    #[test]
    fn earlier_timeouts_fire_in_time_and_only_once() {
        let mut timers = Timers::default();
        timers.begin(3);
        timers.set_timeout(3, 1000);
        timers.set_timeout(3, 10);
        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.due(10), Some(Alarm::TimedOut(3)));
        timers.set_timeout(3, 2000);
        assert_eq!(timers.due(1999), None);
        assert_eq!(timers.due(2000), Some(Alarm::TimedOut(3)));
        timers.set_timeout(3, 3000);
        timers.clear_timeout(3);
        assert_eq!(timers.due(9000), None);
    }

    #[test]
    fn sleeps_come_in_order_and_not_for_the_next_user() {
        let mut timers = Timers::default();
        timers.begin(0);
        timers.begin(1);
        timers.sleep(0, 20);
        timers.sleep(1, 10);
        assert_eq!(timers.due(15), Some(Alarm::Awake(1)));
        timers.begin(0);
        assert_eq!(timers.due(30), None);
    }
}
