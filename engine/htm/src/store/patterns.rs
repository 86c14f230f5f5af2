//! The patterns in memory: blocks, and the directory that leads from a key to its place.

use hashbrown::HashTable;

use super::block::Block;
use super::count::{BLOCK, Counter, Counters, fetch};
use super::search::{All, Best, InBlock, Keep, Match};

/// Patterns of one width by key, and the search over them.
#[derive(Debug)]
pub(crate) struct Patterns {
    size: u32,
    blocks: Vec<Block>,
    /// The block that takes new patterns.
    open: usize,
    /// Places: the block times [`BLOCK`], plus the slot.
    directory: HashTable<u32>,
}

/// Spreads a key over all bits (the finaliser of SplitMix64).
fn hash(key: u64) -> u64 {
    let z = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn block_of(place: u32) -> (usize, usize) {
    (place as usize / BLOCK, place as usize % BLOCK)
}

fn key_of(blocks: &[Block], place: u32) -> u64 {
    let (block, slot) = block_of(place);
    blocks[block].key(slot)
}

impl Patterns {
    /// None yet, of so many bits each.
    pub(crate) fn new(size: u32) -> Self {
        Self { size, blocks: vec![Block::new(size)], open: 0, directory: HashTable::new() }
    }

    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    pub(crate) fn len(&self) -> usize {
        self.directory.len()
    }

    fn find(&self, key: u64) -> Option<u32> {
        self.directory.find(hash(key), |&place| key_of(&self.blocks, place) == key).copied()
    }

    pub(crate) fn contains(&self, key: u64) -> bool {
        self.find(key).is_some()
    }

    /// On bits, into `on`; and the value.
    pub(crate) fn get(&self, key: u64, on: &mut Vec<u32>) -> Option<&[u8]> {
        let (block, slot) = block_of(self.find(key)?);
        Some(self.blocks[block].get(slot, on))
    }

    /// Adds or replaces, and says which: whether there was one.
    pub(crate) fn put(&mut self, key: u64, on: &[u32], value: &[u8]) -> bool {
        let before = self.delete(key);
        if !self.blocks[self.open].has_room(on.len(), value.len()) {
            self.make_room(on.len(), value.len());
        }
        let slot = self.blocks[self.open].push(key, on, value);
        let place = (self.open * BLOCK) as u32 + u32::from(slot);
        self.directory.insert_unique(hash(key), place, |&place| hash(key_of(&self.blocks, place)));
        before
    }

    /// Removes, and says whether there was one.
    pub(crate) fn delete(&mut self, key: u64) -> bool {
        let Ok(entry) = self.directory.find_entry(hash(key), |&place| key_of(&self.blocks, place) == key) else {
            return false;
        };
        let (at, slot) = block_of(entry.remove().0);
        self.blocks[at].delete(slot);
        let block = &self.blocks[at];
        // An open block is built again when it is full, if it then pays.
        if block.is_sealed() && block.alive() * 2 < block.len() {
            self.rebuild(at);
        }
        true
    }

    /// Seals the open block, or builds it again when most of it is dead, until one has room.
    fn make_room(&mut self, on: usize, value: usize) {
        let open = &mut self.blocks[self.open];
        if open.alive() * 2 < open.len() {
            self.rebuild(self.open);
            if self.blocks[self.open].has_room(on, value) {
                return;
            }
        }
        self.blocks[self.open].seal();
        let empty = self.blocks.iter().position(|block| block.alive() == 0);
        self.open = empty.unwrap_or(self.blocks.len());
        match self.blocks.get_mut(self.open) {
            Some(block) => *block = Block::new(self.size),
            None => self.blocks.push(Block::new(self.size)),
        }
    }

    /// Builds a block again without its dead; it stays open or sealed as it was.
    fn rebuild(&mut self, at: usize) {
        let old = std::mem::replace(&mut self.blocks[at], Block::new(self.size));
        let mut on = Vec::new();
        for slot in (0..old.len()).filter(|&slot| old.is_alive(slot)) {
            let value = old.get(slot, &mut on);
            let key = old.key(slot);
            let before = (at * BLOCK + slot) as u32;
            let now = (at * BLOCK) as u32 + u32::from(self.blocks[at].push(key, &on, value));
            if let Some(place) = self.directory.find_mut(hash(key), |&place| place == before) {
                *place = now;
            }
        }
        if old.is_sealed() {
            self.blocks[at].seal();
        }
    }

    /// Builds everything again without the dead.
    pub(crate) fn compact(&mut self) {
        let mut fresh = Self::new(self.size);
        self.each(|key, on, value| {
            fresh.put(key, on, value);
        });
        fresh.directory.shrink_to_fit(|&place| hash(key_of(&fresh.blocks, place)));
        fresh.blocks.shrink_to_fit();
        *self = fresh;
    }

    /// Hands out every pattern, in the order in which they lie.
    pub(crate) fn each(&self, mut each: impl FnMut(u64, &[u32], &[u8])) {
        let mut on = Vec::new();
        for block in &self.blocks {
            for slot in (0..block.len()).filter(|&slot| block.is_alive(slot)) {
                let value = block.get(slot, &mut on);
                each(block.key(slot), &on, value);
            }
        }
    }

    /// All keys, in the order in which the patterns lie.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> {
        self.blocks
            .iter()
            .flat_map(|block| (0..block.len()).filter(|&slot| block.is_alive(slot)).map(|slot| block.key(slot)))
    }

    /// The `k` best matches of at least `least` (and at least one) common bits.
    pub(crate) fn nearest(&self, on: &[u32], k: usize, least: u32) -> Vec<Match> {
        if k == 0 {
            return Vec::new();
        }
        let mut best = Best::new(k, least.max(1));
        self.search(on, &mut best);
        best.sorted()
    }

    /// All matches of at least `least` (and at least one) common bits.
    pub(crate) fn within(&self, on: &[u32], least: u32) -> Vec<Match> {
        let mut all = All::new(least.max(1));
        self.search(on, &mut all);
        all.sorted()
    }

    fn search(&self, on: &[u32], keep: &mut impl Keep) {
        // No overlap exceeds the number of on bits.
        match on.len() {
            0..=0xff => self.search_with::<u8>(on, keep),
            0x100..=0xffff => self.search_with::<u16>(on, keep),
            _ => self.search_with::<u32>(on, keep),
        }
    }

    fn search_with<C: Counter>(&self, on: &[u32], keep: &mut impl Keep) {
        if keep.floor() > on.len() as u32 {
            return;
        }
        let mut counters = Counters::<C>::new();
        for block in self.blocks.iter().filter(|block| block.alive() > 0) {
            // While one list is counted the next is fetched.
            let mut lists = on.iter().map(|&bit| block.list(bit));
            let mut next = lists.next().unwrap_or_default();
            for after in lists.chain([&[][..]]) {
                fetch(after);
                counters.count(std::mem::replace(&mut next, after));
            }
            counters.drain(block.len(), &mut InBlock { block, keep });
        }
    }

    /// Heap bytes of the directory, and the blocks.
    pub(crate) fn parts(&self) -> (usize, &Vec<Block>) {
        (self.directory.allocation_size(), &self.blocks)
    }
}
