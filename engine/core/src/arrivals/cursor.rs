//! Going through a schedule in order.

use super::Schedule;
use super::walk::{BLOCK, Points};

/// Intended starts in rising order, as `(index, seconds)`; ends with the schedule. See [`Schedule::striped`].
#[derive(Debug, Clone)]
pub struct Cursor {
    schedule: Schedule,
    next: u64,
    step: u64,
    /// The block of Poisson points that is in use, with its number.
    block: Option<(u64, Box<Points>)>,
}

impl Cursor {
    pub(super) fn new(schedule: Schedule, first: u64, step: u64) -> Self {
        Self { schedule, next: first, step, block: None }
    }

    fn mass(&mut self) -> f64 {
        let Some(walk) = &self.schedule.walk else { return self.next as f64 };
        let number = self.next / BLOCK;
        let points = match &mut self.block {
            Some((held, points)) if *held == number => points,
            stale => &stale.insert((number, Box::new(walk.block(number)))).1,
        };
        points[(self.next % BLOCK) as usize]
    }
}

impl Iterator for Cursor {
    type Item = (u64, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let mass = self.mass();
        let time = self.schedule.profile.time_at(mass)?;
        let index = self.next;
        self.next = self.next.saturating_add(self.step);
        Some((index, time))
    }
}
