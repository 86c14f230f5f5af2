//! Random access, after HPC Challenge's RandomAccess ("GUPS"): words of a table, each found by a random number, are
//! changed by exclusive or with that number.
//!
//! Numbers do not depend on what the table holds, so many accesses can be under way at once, as many as the machine
//! can have: that is what is measured, and not latency. The number of update `k` is a mix of the seed and `k`, so that
//! the same updates can be made again. Exclusive or undoes itself: after the second time the table must hold what it
//! held at first, word for word, so a lost, a doubled or a misplaced update shows. HPC Challenge forgives one in a
//! hundred, since its threads share the table; here each has a part of its own and none is forgiven.

use super::random::SplitMix;
use crate::harness::buffer::{Buffer, BufferError, Obtained, Pages};

/// A table, and how many updates and look-ups were made in it.
#[derive(Debug)]
pub struct Table {
    buffer: Buffer,
    words: usize,
    seed: u64,
    updates: u64,
}

/// What the table must hold, or give, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A word does not hold what it held at first.
    #[error("word {word} of the table holds {found} when all updates are undone, and must hold {word}: one was lost")]
    Word {
        /// Index of the word.
        word: usize,
        /// What it holds.
        found: u64,
    },
    /// The look-ups gave something else than the table holds.
    #[error("the words looked up fold to {found:#x}, and must to {expected:#x}")]
    Lookups {
        /// What the look-ups gave.
        found: u64,
        /// What the words are.
        expected: u64,
    },
}

impl Table {
    /// A table of so many words (at least one), each holding its index, filled by this thread.
    ///
    /// # Errors
    /// As [`Buffer::map`].
    pub fn new(words: usize, pages: Pages, available: u64, seed: u64) -> Result<Self, BufferError> {
        let words = words.clamp(1, usize::MAX / 16);
        let mut buffer = Buffer::map(words * size_of::<u64>(), pages, available)?;
        for (word, index) in buffer.slice_mut::<u64>(0, words).iter_mut().zip(0..) {
            *word = index;
        }
        Ok(Self { buffer, words, seed, updates: 0 })
    }

    /// Words of the table.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// What pages the table lies in.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        self.buffer.obtained()
    }

    /// Makes the next `count` updates.
    pub fn update(&mut self, count: u64) {
        let (first, end) = (self.updates, self.updates + count);
        self.apply(first, end);
        self.updates = end;
    }

    /// Looks up the words of the next `count` numbers and gives their fold; nothing is changed.
    #[must_use]
    pub fn look_up(&self, first: u64, count: u64) -> u64 {
        let (words, seed) = (self.buffer.slice::<u64>(0, self.words), self.seed);
        (first..first + count).fold(0, |fold, k| fold ^ words[place(number(seed, k), words.len())])
    }

    /// What [`Table::look_up`] must give for an unchanged table; found without the table.
    ///
    /// # Errors
    /// When it gave something else.
    pub fn check_lookups(&self, first: u64, count: u64, found: u64) -> Result<(), Wrong> {
        let index = |k| place(number(self.seed, k), self.words) as u64;
        let expected = (first..first + count).fold(0, |fold, k| fold ^ index(k));
        if found == expected { Ok(()) } else { Err(Wrong::Lookups { found, expected }) }
    }

    /// Undoes all updates, by making them again, and checks every word.
    ///
    /// # Errors
    /// The first word that does not hold what it held at first.
    pub fn restore(&mut self) -> Result<(), Wrong> {
        self.apply(0, self.updates);
        self.updates = 0;
        let words = self.buffer.slice::<u64>(0, self.words);
        match words.iter().enumerate().find(|(word, found)| **found != *word as u64) {
            Some((word, &found)) => Err(Wrong::Word { word, found }),
            None => Ok(()),
        }
    }

    fn apply(&mut self, first: u64, end: u64) {
        let (seed, count) = (self.seed, self.words);
        let words = self.buffer.slice_mut::<u64>(0, count);
        for k in first..end {
            let number = number(seed, k);
            words[place(number, count)] ^= number;
        }
    }

    /// Counts an update that was not made, to prove that the check sees it.
    #[cfg(test)]
    pub(crate) fn lose(&mut self) {
        self.updates += 1;
    }
}

/// Number `k` of the sequence.
fn number(seed: u64, k: u64) -> u64 {
    SplitMix::new(seed.wrapping_add(k.wrapping_mul(0x9e37_79b9_7f4a_7c15))).bits()
}

/// The word that a number means: its upper bits, scaled, so that any number of words will do.
fn place(number: u64, words: usize) -> usize {
    ((u128::from(number) * words as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(words: usize) -> Table {
        Table::new(words, Pages::System, u64::MAX, 7).unwrap()
    }

    #[test]
    fn updates_reach_the_whole_table_and_undo_themselves() {
        for words in [1, 2, 1_000, 4_096] {
            let mut table = table(words);
            table.update(10 * words as u64);
            table.update(3);
            let held = table.buffer.slice::<u64>(0, words);
            let changed = held.iter().enumerate().filter(|(word, held)| **held != *word as u64).count();
            assert!(changed > words * 99 / 100, "{changed} of {words}");
            table.restore().unwrap();
            assert_eq!(table.updates, 0);
        }
    }

    #[test]
    fn a_lost_and_a_spoilt_update_are_seen() {
        let mut lost = table(1_000);
        lost.update(500);
        lost.lose();
        assert!(matches!(lost.restore(), Err(Wrong::Word { .. })));
        let mut spoilt = table(1_000);
        spoilt.update(500);
        spoilt.buffer.slice_mut::<u64>(0, 1_000)[999] ^= 1;
        assert!(matches!(spoilt.restore(), Err(Wrong::Word { word: 999, .. })));
    }

    #[test]
    fn look_ups_give_what_is_there() {
        let mut table = table(1_000);
        for (first, count) in [(0, 1), (5, 5_000)] {
            let found = table.look_up(first, count);
            table.check_lookups(first, count, found).unwrap();
            assert!(table.check_lookups(first, count, found ^ 1).is_err());
        }
        assert_ne!(table.look_up(0, 10), table.look_up(0, 9));
        table.buffer.slice_mut::<u64>(0, 1_000).fill(0);
        assert!(table.check_lookups(0, 101, table.look_up(0, 101)).is_err());
    }
}
