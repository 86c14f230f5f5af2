//! An equality join through a hash table: one table for all, and partitions whose tables fit a cache (Shatdal, Kant and
//! Naughton, 1994: partition both sides by the hash first, then join part by part).

use super::Pair;
use crate::kernel::random::SplitMix;

/// Bytes of a slot: key and payload.
const SLOT: usize = 16;
/// Partitions at most: beyond, scattering them costs misses of its own.
const MOST: usize = 1024;

/// Two relations, and room for everything that both variants write: nothing is allocated while they run.
#[derive(Debug)]
pub struct Join {
    build: Vec<(u64, u64)>,
    probe: Vec<u64>,
    table: Vec<(u64, u64)>,
    build_parts: Vec<(u64, u64)>,
    probe_parts: Vec<u64>,
    starts: Vec<[usize; 2]>,
    ends: Vec<[usize; 2]>,
}

fn hash(key: u64) -> u64 {
    let mixed = (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Looks keys up in a table of a power of two of slots, which is at most half full; 0 is no key.
fn place(table: &[(u64, u64)], key: u64, hash: u64) -> usize {
    let mask = table.len() - 1;
    let mut slot = hash as usize & mask;
    while table[slot].0 != 0 && table[slot].0 != key {
        slot = (slot + 1) & mask;
    }
    slot
}

/// Joins through `table`: the number of matches and their payloads in one checksum.
fn join(table: &mut [(u64, u64)], build: &[(u64, u64)], probe: &[u64]) -> u64 {
    table.fill((0, 0));
    for (key, payload) in build {
        let slot = place(table, *key, hash(*key));
        table[slot] = (*key, *payload);
    }
    let mut sum = 0u64;
    for key in probe {
        let (found, payload) = table[place(table, *key, hash(*key))];
        if found != 0 {
            sum = sum.wrapping_add(payload | 1);
        }
    }
    sum
}

impl Join {
    /// A join whose one table has so many bytes, rounded down to a power of two: keys that differ, as many look-ups as
    /// keys in random order, of which half have a match.
    #[must_use]
    pub fn new(bytes: usize, seed: u64) -> Self {
        let slots = ((bytes / SLOT).max(16) / 2 + 1).next_power_of_two();
        let count = slots / 2;
        let mut random = SplitMix::new(seed);
        // Odd multiples of different numbers differ, and are never 0.
        let key = |number: usize| (number as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95);
        let build: Vec<(u64, u64)> = (0..count).map(|number| (key(number), random.bits())).collect();
        let probe: Vec<u64> = (0..count).map(|_| key(random.below(2 * count))).collect();
        Self {
            table: vec![(0, 0); slots],
            build_parts: vec![(0, 0); count],
            probe_parts: vec![0; count],
            starts: vec![[0; 2]; MOST + 1],
            ends: vec![[0; 2]; MOST],
            build,
            probe,
        }
    }

    /// Sorts both relations into `parts` by the high bits of the hash.
    fn partition(&mut self, parts: usize) {
        let shift = u64::BITS - parts.trailing_zeros();
        let part = |key: u64| hash(key).checked_shr(shift).unwrap_or(0) as usize;
        self.starts[..=parts].fill([0; 2]);
        for (key, _) in &self.build {
            self.starts[part(*key) + 1][0] += 1;
        }
        for key in &self.probe {
            self.starts[part(*key) + 1][1] += 1;
        }
        for at in 0..parts {
            let before = self.starts[at];
            let next = &mut self.starts[at + 1];
            *next = [next[0] + before[0], next[1] + before[1]];
        }
        self.ends[..parts].copy_from_slice(&self.starts[..parts]);
        for row in &self.build {
            let end = &mut self.ends[part(row.0)][0];
            self.build_parts[*end] = *row;
            *end += 1;
        }
        for key in &self.probe {
            let end = &mut self.ends[part(*key)][1];
            self.probe_parts[*end] = *key;
            *end += 1;
        }
    }
}

impl Pair for Join {
    /// Bytes of the table of a partition.
    fn blocks(&self) -> Vec<usize> {
        let whole = self.table.len() * SLOT;
        let parts = [4, 16, 64, 256, MOST].into_iter().filter(|parts| *parts == 4 || whole / parts >= 4 << 10);
        parts.map(|parts| whole / parts).collect()
    }

    fn bytes(&self) -> usize {
        self.table.len() * SLOT
    }

    fn elements(&self) -> u64 {
        (self.build.len() + self.probe.len()) as u64
    }

    fn plain(&mut self) -> u64 {
        join(&mut self.table, &self.build, &self.probe)
    }

    fn better(&mut self, block: usize) -> u64 {
        let parts = (self.table.len() * SLOT / block.max(1)).clamp(2, MOST).next_power_of_two().min(MOST);
        self.partition(parts);
        let mut sum = 0u64;
        for part in 0..parts {
            let ([build, probe], [build_end, probe_end]) = (self.starts[part], self.starts[part + 1]);
            // Parts differ in size; each has a table of its own, at most half full.
            let slots = (2 * (build_end - build)).next_power_of_two().clamp(2, self.table.len());
            let table = &mut self.table[..slots];
            let (build, probe) = (&self.build_parts[build..build_end], &self.probe_parts[probe..probe_end]);
            sum = sum.wrapping_add(join(table, build, probe));
        }
        sum
    }
}
