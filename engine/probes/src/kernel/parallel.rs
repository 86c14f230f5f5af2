//! Several chases at once: cursors that walk one cycle side by side, each load of a cursor waiting only for its own
//! last one. How many a core keeps in flight is its memory-level parallelism.
//!
//! The cursors start at equal distances on the cycle of a [`Chase`], so that none finds what another has just fetched.
//! Up to eight live in registers; more are kept in memory, in the first level, which adds some cycles to a step.
#![expect(unsafe_code, reason = "following pointers through a mapped buffer")]

use super::chase::{BrokenChain, Chase, LINE};

/// Cursors at most.
pub const MOST: usize = 32;
/// Steps of each cursor in a turn of the loop; the number of steps of a walk is rounded up to it.
pub const UNROLL: u64 = 8;

/// A cycle, the place of each of its lines on it, and cursors.
#[derive(Debug)]
pub struct Parallel {
    chase: Chase,
    /// Steps from the first line to each line.
    rank: Vec<u32>,
    /// Line at each step.
    order: Vec<u32>,
    cursors: Vec<*const usize>,
    /// Where each cursor must be, in steps from the first line.
    expected: Vec<u64>,
}

// SAFETY: the cursors point into the buffer of the chase that the value owns.
unsafe impl Send for Parallel {}

/// A cursor is not where its steps lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongWalk {
    /// The links are not one cycle.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// A cursor lost or skipped steps.
    #[error("cursor {cursor} ends at step {found} of the cycle, and must end at step {expected}")]
    Cursor {
        /// Which cursor.
        cursor: usize,
        /// Where it is.
        found: u64,
        /// Where its steps lead.
        expected: u64,
    },
}

impl Parallel {
    /// Checks the links and notes where each line lies on the cycle.
    ///
    /// # Errors
    /// When the links are not one cycle.
    pub fn new(chase: Chase) -> Result<Self, BrokenChain> {
        chase.verify()?;
        let lines = chase.lines();
        let (mut rank, mut order) = (vec![0; lines], Vec::with_capacity(lines));
        let mut line = 0;
        for step in 0..lines {
            rank[line] = u32::try_from(step).unwrap_or(u32::MAX);
            order.push(u32::try_from(line).unwrap_or(u32::MAX));
            line = chase.next(line);
        }
        Ok(Self { chase, rank, order, cursors: Vec::with_capacity(MOST), expected: Vec::with_capacity(MOST) })
    }

    /// Sets `count` cursors (1 to [`MOST`]) at equal distances, `shift` steps on from the first line.
    pub fn place(&mut self, count: usize, shift: usize) {
        let (count, lines) = (count.clamp(1, MOST), self.order.len());
        self.cursors.clear();
        self.expected.clear();
        for cursor in 0..count {
            let step = (shift + cursor * lines / count) % lines;
            let line = self.order[step] as usize;
            self.cursors.push((self.chase.start() as usize + line * LINE) as *const usize);
            self.expected.push(step as u64);
        }
    }

    /// Moves each cursor by at least `steps`, all side by side, and says by how many.
    pub fn walk(&mut self, steps: u64) -> u64 {
        let turns = steps.div_ceil(UNROLL).max(1);
        // SAFETY: every cursor is a line of the one cycle, whose links lead nowhere else (checked when made).
        unsafe {
            match self.cursors.len() {
                1 => side_by_side::<1>(&mut self.cursors, turns),
                2 => side_by_side::<2>(&mut self.cursors, turns),
                3 => side_by_side::<3>(&mut self.cursors, turns),
                4 => side_by_side::<4>(&mut self.cursors, turns),
                6 => side_by_side::<6>(&mut self.cursors, turns),
                8 => side_by_side::<8>(&mut self.cursors, turns),
                12 => side_by_side::<12>(&mut self.cursors, turns),
                16 => side_by_side::<16>(&mut self.cursors, turns),
                24 => side_by_side::<24>(&mut self.cursors, turns),
                32 => side_by_side::<32>(&mut self.cursors, turns),
                _ => any_number(&mut self.cursors, turns),
            }
        }
        let (walked, lines) = (turns * UNROLL, self.order.len() as u64);
        for expected in &mut self.expected {
            *expected = (*expected + walked) % lines;
        }
        walked
    }

    /// Checks the links, and [`Parallel::arrived`].
    ///
    /// # Errors
    /// The first cursor that is not where it must be, or broken links.
    pub fn verify(&self) -> Result<(), WrongWalk> {
        self.chase.verify()?;
        self.arrived()
    }

    /// Checks that each cursor is where its steps lead: no load was left out.
    ///
    /// # Errors
    /// The first cursor that is not.
    pub fn arrived(&self) -> Result<(), WrongWalk> {
        for (cursor, (at, expected)) in self.cursors.iter().zip(&self.expected).enumerate() {
            let line = (*at as usize - self.chase.start() as usize) / LINE;
            let found = u64::from(self.rank[line]);
            if found != *expected {
                return Err(WrongWalk::Cursor { cursor, found, expected: *expected });
            }
        }
        Ok(())
    }
}

/// Moves `N` cursors by `turns * UNROLL` steps.
///
/// # Safety
/// There are `N` cursors, and each and every link from it on points to a readable, aligned link.
#[inline(never)]
unsafe fn side_by_side<const N: usize>(cursors: &mut [*const usize], turns: u64) {
    let mut at: [*const usize; N] = std::array::from_fn(|cursor| cursors[cursor]);
    for _ in 0..turns {
        for _ in 0..UNROLL {
            for at in &mut at {
                // SAFETY: as the caller vouches.
                *at = unsafe { at.read_volatile() } as *const usize;
            }
        }
    }
    cursors.copy_from_slice(&at);
}

/// The same for a number of cursors that has no kernel of its own.
///
/// # Safety
/// As for [`side_by_side`].
unsafe fn any_number(cursors: &mut [*const usize], turns: u64) {
    for _ in 0..turns * UNROLL {
        for at in &mut *cursors {
            // SAFETY: as the caller vouches.
            *at = unsafe { at.read_volatile() } as *const usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::buffer::{Buffer, Pages};
    use crate::kernel::chase::Order;

    fn parallel(lines: usize) -> Parallel {
        let buffer = Buffer::map(1 << 20, Pages::System, u64::MAX).unwrap();
        Parallel::new(Chase::new(buffer, lines * LINE, Order::FullRandom, 5)).unwrap()
    }

    #[test]
    fn every_number_of_cursors_ends_where_its_steps_lead() {
        let mut all = parallel(1_000);
        for count in 1..=MOST {
            all.place(count, 7 * count);
            all.verify().unwrap();
            assert_eq!(all.cursors.len(), count);
            let distinct: std::collections::BTreeSet<_> = all.cursors.iter().collect();
            assert_eq!(distinct.len(), count);
            for steps in [1, 8, 999, 1_000] {
                assert!(all.walk(steps) >= steps);
                all.verify().unwrap();
            }
        }
    }

    #[test]
    fn planted_errors_are_found() {
        let mut lost = parallel(1_000);
        lost.place(4, 0);
        lost.walk(80);
        lost.cursors[2] = lost.chase.start();
        assert!(matches!(lost.verify(), Err(WrongWalk::Cursor { cursor: 2, .. })));
        let mut skipped = parallel(1_000);
        skipped.place(8, 0);
        let kept = skipped.cursors[7];
        skipped.walk(16);
        skipped.cursors[7] = kept;
        assert!(matches!(skipped.verify(), Err(WrongWalk::Cursor { cursor: 7, .. })), "a chase that was dropped");
    }
}
