//! A block: up to 32,768 patterns with their keys and values, and the inverted index over them.
//!
//! While a block is filled, each bit has a list of its own that grows. A full block is sealed: the lists become one
//! array, without slack. A deleted pattern stays in the lists and is no longer alive; when most of a block is dead it is
//! built again.

use super::code::{put_bits, take_bits};
use super::count::BLOCK;

/// Bytes of patterns and values in one block, so that a place in them fits four bytes.
const BYTES: usize = 1 << 31;
/// Postings in one block, likewise.
const POSTINGS: usize = 1 << 31;

/// Where one pattern lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: u64,
    /// Where the pattern begins in `bytes`, and where its value does. The value ends where the next pattern begins.
    pattern: u32,
    value: u32,
}

#[derive(Debug)]
enum Index {
    /// Each bit's patterns, ascending.
    Open(Vec<Vec<u16>>),
    /// The same, one after the other; bit `b` has those from `starts[b]` to `starts[b + 1]`.
    Sealed { starts: Box<[u32]>, slots: Box<[u16]> },
}

/// Some patterns and the index over them.
#[derive(Debug)]
pub(crate) struct Block {
    size: u32,
    places: Vec<Place>,
    /// Patterns as [`put_bits`] writes them, each followed by its value.
    bytes: Vec<u8>,
    /// One bit a place.
    live: Vec<u64>,
    alive: usize,
    postings: usize,
    index: Index,
}

/// What a block takes, in bytes on the heap.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BlockBytes {
    pub(crate) places: usize,
    pub(crate) contents: usize,
    pub(crate) index: usize,
}

impl Block {
    /// An empty block of patterns of so many bits.
    pub(crate) fn new(size: u32) -> Self {
        let index = Index::Open(vec![Vec::new(); size as usize]);
        Self { size, places: Vec::new(), bytes: Vec::new(), live: Vec::new(), alive: 0, postings: 0, index }
    }

    /// Places in use, dead ones too.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Patterns that are not deleted.
    pub(crate) fn alive(&self) -> usize {
        self.alive
    }

    /// Whether a pattern of so many on bits and such a value fits.
    pub(crate) fn has_room(&self, on: usize, value: usize) -> bool {
        let index = matches!(self.index, Index::Open(_));
        // A number of 32 bits takes at most five bytes.
        index
            && self.places.len() < BLOCK
            && self.bytes.len() + 5 * (on + 1) + value <= BYTES
            && self.postings + on <= POSTINGS
    }

    /// Adds a pattern to a block that has room, and gives its slot.
    pub(crate) fn push(&mut self, key: u64, on: &[u32], value: &[u8]) -> u16 {
        let slot = self.places.len();
        let pattern = self.bytes.len() as u32;
        put_bits(on, &mut self.bytes);
        self.places.push(Place { key, pattern, value: self.bytes.len() as u32 });
        self.bytes.extend_from_slice(value);
        if slot.is_multiple_of(64) {
            self.live.push(0);
        }
        self.live[slot / 64] |= 1 << (slot % 64);
        self.alive += 1;
        self.postings += on.len();
        if let Index::Open(lists) = &mut self.index {
            for &bit in on {
                lists[bit as usize].push(slot as u16);
            }
        }
        slot as u16
    }

    /// Whether the pattern is not deleted.
    #[inline]
    pub(crate) fn is_alive(&self, slot: usize) -> bool {
        self.live[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// The key of a pattern.
    #[inline]
    pub(crate) fn key(&self, slot: usize) -> u64 {
        self.places[slot].key
    }

    /// The on bits of a pattern, into `on`; and its value.
    pub(crate) fn get(&self, slot: usize, on: &mut Vec<u32>) -> &[u8] {
        let Place { pattern, value, .. } = self.places[slot];
        let end = self.places.get(slot + 1).map_or(self.bytes.len(), |next| next.pattern as usize);
        let read = take_bits(&mut &self.bytes[pattern as usize..value as usize], self.size, on);
        debug_assert!(read.is_some(), "a block holds what it wrote itself");
        &self.bytes[value as usize..end]
    }

    /// Deletes a pattern that is alive.
    pub(crate) fn delete(&mut self, slot: usize) {
        self.live[slot / 64] &= !(1 << (slot % 64));
        self.alive -= 1;
    }

    /// Turns the growing lists into one array and gives back all slack.
    pub(crate) fn seal(&mut self) {
        if let Index::Open(lists) = &mut self.index {
            let mut starts = Vec::with_capacity(lists.len() + 1);
            let mut slots = Vec::with_capacity(self.postings);
            starts.push(0);
            for list in lists {
                slots.append(list);
                starts.push(slots.len() as u32);
            }
            self.index = Index::Sealed { starts: starts.into_boxed_slice(), slots: slots.into_boxed_slice() };
        }
        self.places.shrink_to_fit();
        self.bytes.shrink_to_fit();
        self.live.shrink_to_fit();
    }

    /// Whether it is sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.index, Index::Sealed { .. })
    }

    /// The patterns that have a bit on, dead ones too.
    #[inline]
    pub(crate) fn list(&self, bit: u32) -> &[u16] {
        match &self.index {
            Index::Open(lists) => &lists[bit as usize],
            Index::Sealed { starts, slots } => &slots[starts[bit as usize] as usize..starts[bit as usize + 1] as usize],
        }
    }

    /// What it takes.
    pub(crate) fn bytes(&self) -> BlockBytes {
        let index = match &self.index {
            Index::Open(lists) => {
                lists.capacity() * size_of::<Vec<u16>>() + lists.iter().map(|list| list.capacity() * 2).sum::<usize>()
            }
            Index::Sealed { starts, slots } => size_of_val(&**starts) + size_of_val(&**slots),
        };
        let places = self.places.capacity() * size_of::<Place>() + self.live.capacity() * size_of::<u64>();
        BlockBytes { places, contents: self.bytes.capacity(), index }
    }
}
