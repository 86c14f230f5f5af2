//! Bandwidth of one level of the hierarchy: reads, writes or copies over a private region, again and again.
//!
//! As likwid-bench's `load`, `store` and `copy`: four vectors a turn with independent destinations, and a call a round.
//! What is loaded is added up in an accumulator for each destination, so that a load that was left out shows in the sum;
//! what is stored is read back. (Eight vectors a turn and the rounds inside the kernel give 4 % more in the first level
//! of a Zen 5, and nothing beyond: a call takes some of the two hundred cycles that a round lasts there. Programs call,
//! and so does likwid-bench.)
#![expect(unsafe_code, reason = "passes run on pointers into the worker's own buffer")]

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::{Isa, IsaUnavailable};
use crate::harness::buffer::{Buffer, BufferError, Obtained, PAGE, Pages};

/// Bytes of the longest turn: every region is a multiple of it.
pub const GRAIN: usize = 256;
/// Accumulators of the widest vectors: sums are taken over so many words.
const LANES: usize = 8;

/// What is done with the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Every byte is loaded.
    Read,
    /// Every byte is stored.
    Write,
    /// Half of the region is loaded and stored to the other half: both are counted.
    Copy,
}

impl Operation {
    /// All.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Copy];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Copy => "copy",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

/// Once over `bytes` at `from` (read, copy) or `to` (write, copy). Reads put sums of 64-bit words into `sums`, which are
/// zero before; writes store `sums[0]` in every word.
///
/// # Safety
/// The pointers are aligned to 64 bytes and valid for `bytes`, a positive multiple of [`GRAIN`], `to` for writing and
/// not overlapping `from`; the machine has the instruction set.
type Pass = unsafe fn(from: *const u8, to: *mut u8, bytes: usize, sums: &mut [u64; LANES]);

/// The kernels of one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    isa: Isa,
    passes: [Pass; 3],
}

impl Sweep {
    /// Those of `isa`.
    ///
    /// # Errors
    /// When the machine lacks it, or nothing is written for it.
    pub fn new(isa: Isa) -> Result<Self, IsaUnavailable> {
        let unavailable = IsaUnavailable { isa, best: best() };
        if !isa.is_available() {
            return Err(unavailable);
        }
        #[cfg(target_arch = "x86_64")]
        let passes = x86::passes(isa);
        #[cfg(not(target_arch = "x86_64"))]
        let passes = portable::passes(isa);
        Ok(Self { isa, passes: passes.ok_or(unavailable)? })
    }

    /// The instruction set.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

/// The widest instruction set that these kernels are written for and this machine has.
#[must_use]
pub fn best() -> Isa {
    let written = [Isa::Avx512, Isa::AvxFma, Isa::Sse2];
    written.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Scalar)
}

/// The region does not hold, or its loads did not give, what they must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Loads were left out or went elsewhere.
    #[error("{rounds} rounds of loads add up to {found:#x}, and must add up to {expected:#x}")]
    Sum {
        /// Rounds of the pass.
        rounds: u64,
        /// What the accumulators hold together.
        found: u64,
        /// What they must hold.
        expected: u64,
    },
    /// A store was left out or went elsewhere.
    #[error("word {index} of the region holds {found:#x}, and must hold {expected:#x}")]
    Word {
        /// Index of the first wrong word.
        index: usize,
        /// What it holds.
        found: u64,
        /// What it must hold.
        expected: u64,
    },
}

/// One worker's region, first touched by the thread that makes it.
#[derive(Debug)]
pub struct Region {
    buffer: Buffer,
    operation: Operation,
    /// Bytes that are loaded or stored in a round; a copy does both.
    bytes: usize,
    /// Offset of the target of a copy.
    to: usize,
    /// Sum of the words that are loaded.
    sum: u64,
    /// What the last writes stored.
    stamp: u64,
    outcome: Result<(), Mismatch>,
}

impl Region {
    /// A region of at least `bytes` for `operation`, rounded up to whole turns.
    ///
    /// # Errors
    /// As [`Buffer::map`].
    pub fn new(operation: Operation, bytes: usize, pages: Pages, available: u64) -> Result<Self, BufferError> {
        let halves = if operation == Operation::Copy { 2 } else { 1 };
        let each = (bytes / halves).max(GRAIN).checked_next_multiple_of(GRAIN).filter(|bytes| *bytes < usize::MAX / 4);
        let Some(each) = each else { return Err(BufferError::TooLarge { asked: bytes, available }) };
        // The halves of a copy lie half a page apart in their pages: a load never waits for a store that only looks
        // like its own.
        let to = if halves == 2 { each.next_multiple_of(PAGE) + PAGE / 2 } else { 0 };
        let buffer = Buffer::map(to + each, pages, available)?;
        let mut region = Self { buffer, operation, bytes: each, to, sum: 0, stamp: 0, outcome: Ok(()) };
        region.fill();
        Ok(region)
    }

    /// Bytes that a round moves: loaded and stored ones together.
    #[must_use]
    pub fn moved(&self) -> u64 {
        if self.operation == Operation::Copy { 2 * self.bytes as u64 } else { self.bytes as u64 }
    }

    /// Goes so many times (at least once) over the region. What was loaded is compared with what is there, and the
    /// outcome kept for [`Region::verify`].
    pub fn run(&mut self, sweep: &Sweep, rounds: u64) {
        let rounds = rounds.max(1);
        self.stamp = self.stamp.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let from = self.buffer.as_ptr();
        // SAFETY: `to` and the bytes behind it are inside the buffer.
        let to = unsafe { self.buffer.as_mut_ptr().add(self.to) };
        let pass = sweep.passes[self.operation as usize];
        let stamp = if self.operation == Operation::Write { self.stamp } else { 0 };
        let mut found = 0u64;
        for _ in 0..rounds {
            let mut sums = [0; LANES];
            sums[0] = stamp;
            // SAFETY: aligned, disjoint for a copy, whole turns, inside the buffer; `Sweep` only exists for what the
            // machine has.
            unsafe { pass(from, to, self.bytes, &mut sums) };
            found = sums.iter().fold(found, |sum, lane| sum.wrapping_add(*lane));
        }
        let expected = self.sum.wrapping_mul(rounds);
        if self.operation == Operation::Read && found != expected {
            self.outcome = self.outcome.and(Err(Mismatch::Sum { rounds, found, expected }));
        }
    }

    /// Checks what the passes since the start loaded and stored.
    ///
    /// # Errors
    /// The first sum or word that is wrong.
    pub fn verify(&self) -> Result<(), Mismatch> {
        self.outcome?;
        let words = self.buffer.slice::<u64>(self.to, self.bytes / 8);
        let expected = |index: usize| match self.operation {
            Operation::Read | Operation::Copy => word(index),
            Operation::Write => self.stamp,
        };
        let wrong = words.iter().enumerate().find(|(index, found)| **found != expected(*index));
        wrong.map_or(Ok(()), |(index, found)| Err(Mismatch::Word { index, found: *found, expected: expected(index) }))
    }

    /// What pages the region lies in.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        self.buffer.obtained()
    }

    fn fill(&mut self) {
        self.buffer.touch();
        self.sum = 0;
        for (index, value) in self.buffer.slice_mut::<u64>(0, self.bytes / 8).iter_mut().enumerate() {
            *value = word(index);
            self.sum = self.sum.wrapping_add(*value);
        }
    }

    /// Spoils one word, to prove that the checks see it.
    #[cfg(test)]
    fn spoil(&mut self, index: usize) {
        let at = self.to;
        self.buffer.slice_mut::<u64>(at, self.bytes / 8)[index] ^= 1 << 40;
    }
}

/// What word `index` holds: no two alike, so that none can stand for another.
fn word(index: usize) -> u64 {
    (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
