//! Open models: arrivals of this thread, each starting an iteration when it is due, whether or not the target keeps up.

use std::iter::Peekable;
use std::rc::Rc;

use super::Worker;
use super::reactor::Reactor;
use crate::clock;
use crate::coroutine;
use crate::journey::Script;
use crate::model::{ArrivalPlan, Due, Shares};
use crate::spec::{CatchUp, Load, Workload};
use crate::user::User;

/// How this thread goes through the schedule.
#[derive(Debug)]
pub(super) struct Arriving {
    plan: ArrivalPlan,
    due: Peekable<Due>,
    shares: Shares,
    seed: u64,
    threads: u64,
    catch_up: CatchUp,
    /// Users of this thread, at most.
    most: usize,
    /// Users of this thread that exist.
    pub(super) users: usize,
    pub(super) started: u64,
    pub(super) dropped: u64,
    pub(super) not_started: u64,
    /// When the last one was to start by the catch-up policy, in nanoseconds since the load's start; while arrivals wait
    /// for users, the present.
    last: u64,
    /// Arrivals wait for users.
    blocked: bool,
    /// When to look again, on the clock.
    look_at: u64,
}

impl Arriving {
    pub(super) fn of(load: &Load, id: u32) -> Option<Self> {
        let Workload::Arrivals { plan, max_users, catch_up } = &load.workload else { return None };
        let threads = load.threads as u64;
        // The first threads take the remainder; each has at least one user.
        let most = (max_users / load.threads + usize::from((id as usize) < max_users % load.threads)).max(1);
        Some(Self {
            due: plan.due(u64::from(id), threads).peekable(),
            plan: plan.clone(),
            shares: load.shares()?,
            seed: load.seed,
            threads,
            catch_up: *catch_up,
            most,
            users: 0,
            started: 0,
            dropped: 0,
            not_started: 0,
            last: 0,
            blocked: false,
            look_at: 0,
        })
    }

    /// Arrivals of this thread that the schedule has before `until`, in seconds: counted by the schedule, not by us.
    pub(super) fn scheduled(&self, until: f64, id: u32) -> u64 {
        self.plan.count_of(until, u64::from(id), self.threads)
    }

    /// When the next arrival may start, in nanoseconds since the load's start: when it is due, or behind a backlog at so
    /// many times the rate meant. From when the last was to start and not from when it did, or our own lateness would
    /// slow the catching up.
    fn allowed(&self, time: f64, at: u64) -> u64 {
        let CatchUp::Limited(factor) = self.catch_up else { return at };
        let gap = self.threads as f64 / self.plan.rate_at(time).max(1e-9);
        at.max(self.last.saturating_add(clock::nanos(gap / factor)))
    }

    /// When to look for arrivals again, on the clock; `None` while they wait for users or there are no more.
    pub(super) fn next_look(&self) -> Option<u64> {
        if self.blocked {
            return None;
        }
        Some(self.look_at)
    }

    /// The load ends at `since`: what was due and not started has waited in vain.
    pub(super) fn give_up(&mut self, since: u64, reactor: &Reactor) {
        let start = reactor.start.get();
        while let Some((index, time)) = self.due.peek().copied() {
            let at = clock::nanos(time);
            if at >= since {
                break;
            }
            self.due.next();
            self.not_started += 1;
            let journey = self.shares.of_arrival(self.seed, index);
            let phase = reactor.phase_of(start + at);
            reactor.inner.borrow_mut().recorder.not_started(journey, phase, start + at, start + since);
        }
    }
}

impl Worker {
    /// Starts the arrivals that are due and find a user.
    pub(super) fn start_arrivals(&mut self, now: u64) {
        if self.arriving.is_none() || !self.reactor.accepting.get() {
            return;
        }
        let start = self.reactor.start.get();
        let since = now.saturating_sub(start);
        loop {
            let Some(arriving) = &mut self.arriving else { return };
            let Some((index, time)) = arriving.due.peek().copied() else {
                arriving.look_at = u64::MAX;
                return;
            };
            let at = clock::nanos(time);
            arriving.look_at = start.saturating_add(at);
            if at > since {
                arriving.blocked = false;
                return;
            }
            let allowed = arriving.allowed(time, at);
            if allowed > since {
                arriving.look_at = start.saturating_add(allowed);
                arriving.blocked = false;
                return;
            }
            let idle = self.reactor.idle.borrow_mut().pop();
            let arriving = self.arriving.as_mut().expect("it was there above");
            if idle.is_none() && arriving.users >= arriving.most {
                if arriving.catch_up == CatchUp::Skip {
                    arriving.due.next();
                    arriving.dropped += 1;
                    continue;
                }
                arriving.blocked = true;
                arriving.last = since;
                return;
            }
            arriving.blocked = false;
            arriving.due.next();
            arriving.started += 1;
            arriving.last = allowed;
            let journey = arriving.shares.of_arrival(arriving.seed, index);
            let task = match idle {
                Some(task) => task,
                None => {
                    arriving.users += 1;
                    let scripts = self.scripts.clone();
                    match self.spawn(index, journey, move |user| serve(user, &scripts)) {
                        Some(task) => task,
                        None => {
                            // No stack: counted, and no further user is tried.
                            let arriving = self.arriving.as_mut().expect("it was there above");
                            arriving.users -= 1;
                            arriving.most = arriving.users.max(1);
                            arriving.started -= 1;
                            arriving.dropped += 1;
                            continue;
                        }
                    }
                }
            };
            if let Some(entry) = self.tasks.get(task as usize) {
                let cell = &entry.user.cell;
                cell.number.set(index);
                cell.journey.set(journey);
                cell.arrival.set(Some((index, start + at)));
            }
            self.resume(task);
        }
    }
}

/// Serves one arrival after the other; idle in between, with its connections kept.
fn serve(user: &User, scripts: &[Rc<dyn Script>]) {
    let cell = &*user.cell;
    while let Some((_, intended)) = cell.arrival.take() {
        let script = &scripts[usize::from(cell.journey.get())];
        // Each arrival is somebody else; only the connection is shared.
        cell.cookies.borrow_mut().clear();
        user.iterate(script.as_ref(), 0, Some(intended));
        if !cell.reactor.accepting.get() {
            return;
        }
        cell.reactor.idle.borrow_mut().push(cell.task);
        coroutine::suspend();
    }
}
