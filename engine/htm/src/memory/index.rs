//! From cells to the segments that listen to them: what makes a step's cost that of the active cells alone.
//!
//! Each cell has a list of the segments with a synapse to it, with a bit that says whether the synapse is connected. A
//! segment's count of active synapses and its count of connected ones lie in the two bytes of one number, so that a
//! synapse costs one addition. The list does not know which synapse an entry belongs to: a change looks for the segment,
//! eight entries at a time, which costs less than keeping places up to date in both directions.

/// A segment's counts: potential synapses to active cells in the low byte, connected ones in the high byte.
pub(super) type Count = u16;

/// The lists.
#[derive(Debug, Clone)]
pub(super) struct Index {
    lists: Vec<Vec<u32>>,
}

impl Index {
    pub(super) fn new(cells: u32) -> Self {
        Self { lists: vec![Vec::new(); cells as usize] }
    }

    /// Bytes of everything here.
    pub(super) fn bytes(&self) -> usize {
        let inside: usize = self.lists.iter().map(|list| list.capacity() * 4).sum();
        inside + self.lists.capacity() * size_of::<Vec<u32>>()
    }

    /// A new synapse of `segment` to `cell`.
    pub(super) fn add(&mut self, cell: u32, segment: u32, connected: bool) {
        let list = &mut self.lists[cell as usize];
        if list.len() == list.capacity() {
            // A quarter more, not twice as much.
            list.reserve_exact((list.len() / 4).max(4));
        }
        list.push(segment << 1 | u32::from(connected));
    }

    /// The synapse of `segment` to `cell` became connected, or ceased to be.
    pub(super) fn set(&mut self, cell: u32, segment: u32, connected: bool) {
        let list = &mut self.lists[cell as usize];
        let entry = segment << 1 | u32::from(!connected);
        if let Some(at) = find(list, entry) {
            list[at] ^= 1;
        }
    }

    /// The synapse of `segment` to `cell` is gone.
    pub(super) fn remove(&mut self, cell: u32, segment: u32, connected: bool) {
        let list = &mut self.lists[cell as usize];
        if let Some(at) = find(list, segment << 1 | u32::from(connected)) {
            list.swap_remove(at);
        }
    }

    /// Adds one to the counts of every segment, for each of its synapses to these cells.
    pub(super) fn count(&self, cells: &[u32], counts: &mut [Count]) {
        for &cell in cells {
            for &entry in &self.lists[cell as usize] {
                counts[(entry >> 1) as usize] += 1 + ((entry as Count & 1) << 8);
            }
        }
    }
}

/// Where an entry stands.
fn find(list: &[u32], entry: u32) -> Option<usize> {
    let chunks = list.chunks_exact(8);
    let rest = chunks.remainder();
    for (at, chunk) in chunks.enumerate() {
        // All eight are compared at once; only the chunk that has it is looked through.
        if chunk.iter().fold(false, |found, &other| found | (other == entry)) {
            return chunk.iter().position(|&other| other == entry).map(|place| at * 8 + place);
        }
    }
    rest.iter().position(|&other| other == entry).map(|place| list.len() - rest.len() + place)
}

/// Sets all counts to 0, and tells of those segments that had at least `least` potential synapses: segment, potential,
/// connected.
pub(super) fn take_counts(counts: &mut [Count], least: u8, mut tell: impl FnMut(u32, u8, u8)) {
    for (at, chunk) in counts.chunks_mut(32).enumerate() {
        let any = chunk.iter().fold(false, |any, &count| any | (count as u8 >= least));
        if any {
            for (place, &count) in chunk.iter().enumerate() {
                let [potential, connected] = count.to_le_bytes();
                if potential >= least {
                    tell((at * 32 + place) as u32, potential, connected);
                }
            }
        }
        chunk.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_wherever_they_stand() {
        for len in 0..30_u32 {
            let list: Vec<u32> = (0..len).map(|at| at * 2).collect();
            assert!((0..len).all(|at| find(&list, at * 2) == Some(at as usize)));
            assert_eq!(find(&list, 1), None);
        }
    }

    #[test]
    fn counts_follow_the_synapses() {
        let mut index = Index::new(3);
        let mut counts = vec![0; 70];
        index.add(0, 5, false);
        index.add(1, 5, true);
        index.add(1, 69, true);
        index.set(0, 5, true);
        index.set(1, 69, false);
        index.count(&[0, 1, 2], &mut counts);
        let mut told = Vec::new();
        take_counts(&mut counts, 1, |segment, potential, connected| told.push((segment, potential, connected)));
        assert_eq!(told, [(5, 2, 2), (69, 1, 0)]);
        assert!(counts.iter().all(|count| *count == 0));
        index.remove(1, 5, true);
        index.count(&[1], &mut counts);
        told.clear();
        take_counts(&mut counts, 1, |segment, potential, connected| told.push((segment, potential, connected)));
        assert_eq!(told, [(69, 1, 0)]);
    }
}
