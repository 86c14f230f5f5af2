//! Closed models: users of this thread, each looping over its journey while it is active.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use super::Worker;
use crate::clock;
use crate::model::{Active, activity, most_users};
use crate::spec::{Load, Workload};
use crate::user::User;

/// Users that have not begun yet.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// When (nanoseconds since the load's start) and who.
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    journeys: Vec<u16>,
    /// The load's start on the clock, once it is known.
    start: u64,
}

impl Starts {
    /// The users of thread `id`: every `threads`-th.
    pub(super) fn of(load: &Load, id: u32) -> Self {
        let Workload::Users { phases, .. } = &load.workload else { return Self::default() };
        let count = most_users(phases);
        let journeys = load.shares().map(|shares| shares.of_users(count)).unwrap_or_default();
        let heap = (id as usize..count)
            .step_by(load.threads)
            .filter_map(|number| {
                let first = spans(load, number).first()?.0;
                Some(Reverse((clock::nanos(first), number as u64)))
            })
            .collect();
        Self { heap, journeys, start: 0 }
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| self.start + at)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}

/// When a user is active, its own delay within the spread included.
fn spans(load: &Load, number: usize) -> Vec<Active> {
    let Workload::Users { phases, spread, .. } = &load.workload else { return Vec::new() };
    let delay = spread * number as f64 / most_users(phases).max(1) as f64;
    activity(phases, number).into_iter().map(|(on, off)| (on + delay, off)).filter(|(on, off)| off > on).collect()
}

impl Worker {
    /// Begins the users that are due.
    pub(super) fn start_users(&mut self, now: u64) {
        if self.starts.heap.is_empty() {
            return;
        }
        self.starts.start = self.reactor.start.get();
        while let Some(Reverse((at, number))) = self.starts.heap.peek().copied() {
            let planned = self.starts.start + at;
            if planned > now {
                break;
            }
            self.starts.heap.pop();
            let journey = self.starts.journeys[number as usize];
            self.start_user(number, journey, 0, Some(planned));
        }
    }

    /// Begins a user that has made `done` iterations.
    pub(super) fn start_user(&mut self, number: u64, journey: u16, done: u64, planned: Option<u64>) {
        let spans = spans(&self.shared.load, number as usize);
        let script = Rc::clone(&self.scripts[usize::from(journey)]);
        let body = move |user: &User| {
            user.cell.done.set(done);
            live(user, script.as_ref(), &spans, planned);
        };
        if let Some(task) = self.spawn(number, journey, body) {
            self.resume(task);
        }
    }
}

/// A user's life: iterations while it is active, rest in between.
fn live(user: &User, script: &dyn crate::journey::Script, spans: &[Active], planned: Option<u64>) {
    let cell = &*user.cell;
    let reactor = &cell.reactor;
    let Workload::Users { iterations, .. } = reactor.load.workload else { return };
    let mut intended = planned;
    for (on, off) in spans {
        let (on, off) = (reactor.at(*on), reactor.at(*off));
        let now = clock::now();
        if now >= off {
            continue;
        }
        if on > now {
            if user.sleep_until(on).is_err() {
                return;
            }
            intended = Some(on);
        }
        loop {
            let now = intended.unwrap_or_else(clock::now);
            if cell.quit.get() || !reactor.accepting.get() {
                return;
            }
            if now >= off {
                break;
            }
            let Some(number) = reactor.claim(iterations, cell.done.get()) else { return };
            user.iterate(script, number, intended.take());
            let next = cell.pace.get().map(|pace| cell.iteration_start.get().saturating_add(pace));
            if let Some(next) = next.filter(|next| *next > clock::now()) {
                // A user that is dismissed while it waits is dropped here, between iterations.
                if user.sleep_until(next.min(off)).is_err() {
                    return;
                }
                intended = Some(next);
            }
        }
        intended = None;
    }
}
