//! What a search finds, and the ones that keep it while blocks are looked through.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::block::Block;
use super::count::Sink;

/// A stored pattern that a query met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Match {
    /// Its key.
    pub key: u64,
    /// How many bits are on in both.
    pub overlap: u32,
}

/// The best comes first: more overlap, then the smaller key.
impl Ord for Match {
    fn cmp(&self, other: &Self) -> Ordering {
        other.overlap.cmp(&self.overlap).then(self.key.cmp(&other.key))
    }
}

impl PartialOrd for Match {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps matches while blocks are looked through.
pub(crate) trait Keep {
    /// The least overlap of interest.
    fn floor(&self) -> u32;
    /// Takes one that is alive and reaches it.
    fn keep(&mut self, found: Match);
}

/// The best `k`.
#[derive(Debug)]
pub(crate) struct Best {
    k: usize,
    least: u32,
    /// The worst of them on top.
    heap: BinaryHeap<Match>,
}

impl Best {
    /// None yet.
    pub(crate) fn new(k: usize, least: u32) -> Self {
        Self { k, least, heap: BinaryHeap::new() }
    }

    /// The best first.
    pub(crate) fn sorted(self) -> Vec<Match> {
        self.heap.into_sorted_vec()
    }
}

impl Keep for Best {
    #[inline]
    fn floor(&self) -> u32 {
        match self.heap.peek() {
            // An equal overlap may still win by its key.
            Some(worst) if self.heap.len() == self.k => worst.overlap.max(self.least),
            _ => self.least,
        }
    }

    fn keep(&mut self, found: Match) {
        if self.heap.len() < self.k {
            self.heap.push(found);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && found < *worst
        {
            *worst = found;
        }
    }
}

/// All of at least some overlap.
#[derive(Debug)]
pub(crate) struct All {
    least: u32,
    found: Vec<Match>,
}

impl All {
    /// None yet.
    pub(crate) fn new(least: u32) -> Self {
        Self { least, found: Vec::new() }
    }

    /// The best first.
    pub(crate) fn sorted(mut self) -> Vec<Match> {
        self.found.sort_unstable();
        self.found
    }
}

impl Keep for All {
    #[inline]
    fn floor(&self) -> u32 {
        self.least
    }

    fn keep(&mut self, found: Match) {
        self.found.push(found);
    }
}

/// What stands between the counters of a block, which know slots, and the one that keeps matches, which knows keys.
#[derive(Debug)]
pub(crate) struct InBlock<'a, K> {
    /// The block.
    pub(crate) block: &'a Block,
    /// Where matches go.
    pub(crate) keep: &'a mut K,
}

impl<K: Keep> Sink for InBlock<'_, K> {
    #[inline]
    fn floor(&self) -> u32 {
        self.keep.floor()
    }

    #[inline]
    fn offer(&mut self, slot: usize, overlap: u32) {
        if self.block.is_alive(slot) {
            self.keep.keep(Match { key: self.block.key(slot), overlap });
        }
    }
}
