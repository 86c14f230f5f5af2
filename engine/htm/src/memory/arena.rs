//! Segments and their synapses in a few large arrays.
//!
//! A segment's synapses lie in one piece of a common array: the presynaptic cells (4 bytes each) in one, the permanences
//! (2 bytes each) in another of the same layout. Pieces are whole blocks of eight; one that is too small is left to the
//! next segment of its size, and the segment moves. So there is no allocation for a segment, no pointer for a synapse,
//! and learning reads and writes neighbouring bytes.

use std::ops::Range;

/// No segment.
pub(super) const NONE: u32 = u32::MAX;
/// Synapses of a block.
const BLOCK: usize = 8;
/// Blocks of the largest segment: 255 synapses.
const MOST_BLOCKS: usize = 32;

/// A segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// The cell that it belongs to; `NONE` when the place is free.
    pub(super) cell: u32,
    /// The next segment of the same cell.
    next: u32,
    /// Orders the segments of a cell by age.
    pub(super) born: u32,
    /// Its first block.
    first: u32,
    /// The last step that it was active at.
    pub(super) last_used: u64,
    pub(super) len: u8,
    blocks: u8,
}

/// All segments.
#[derive(Debug, Clone)]
pub(super) struct Arena {
    segments: Vec<Segment>,
    free: Vec<u32>,
    cells: Vec<u32>,
    permanences: Vec<u16>,
    /// Pieces of each size that nobody has.
    free_pieces: Vec<Vec<u32>>,
    /// Each cell's newest segment and number of segments.
    of_cell: Vec<(u32, u32)>,
    next_born: u32,
    live: usize,
    synapses: usize,
}

impl Arena {
    pub(super) fn new(cells: u32) -> Self {
        Self {
            segments: Vec::new(),
            free: Vec::new(),
            cells: Vec::new(),
            permanences: Vec::new(),
            free_pieces: vec![Vec::new(); MOST_BLOCKS + 1],
            of_cell: vec![(NONE, 0); cells as usize],
            next_born: 0,
            live: 0,
            synapses: 0,
        }
    }

    /// Number of segments.
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    /// Number of places for segments, used or not: all segment numbers are below it.
    pub(super) const fn places(&self) -> usize {
        self.segments.len()
    }

    /// Number of synapses.
    pub(super) const fn synapses(&self) -> usize {
        self.synapses
    }

    /// Bytes of everything here.
    pub(super) fn bytes(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>()
            + self.free.capacity() * 4
            + self.cells.capacity() * 4
            + self.permanences.capacity() * 2
            + self.free_pieces.iter().map(|pieces| pieces.capacity() * 4 + 24).sum::<usize>()
            + self.of_cell.capacity() * 8
    }

    #[inline(always)]
    pub(super) fn get(&self, segment: u32) -> &Segment {
        &self.segments[segment as usize]
    }

    pub(super) fn get_mut(&mut self, segment: u32) -> &mut Segment {
        &mut self.segments[segment as usize]
    }

    /// How many segments a cell has.
    pub(super) fn count_of(&self, cell: u32) -> u32 {
        self.of_cell[cell as usize].1
    }

    /// The segments of a cell, newest first.
    pub(super) fn of(&self, cell: u32) -> impl Iterator<Item = u32> {
        let known = |segment: u32| (segment != NONE).then_some(segment);
        std::iter::successors(known(self.of_cell[cell as usize].0), move |&at| known(self.get(at).next))
    }

    /// All segments, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        (0..self.segments.len() as u32).filter(|&segment| self.get(segment).cell != NONE)
    }

    #[inline(always)]
    fn range(&self, segment: u32) -> Range<usize> {
        let segment = self.get(segment);
        let first = segment.first as usize * BLOCK;
        first..first + usize::from(segment.len)
    }

    /// The presynaptic cells and permanences of a segment.
    pub(super) fn synapses_of(&self, segment: u32) -> (&[u32], &[u16]) {
        let range = self.range(segment);
        (&self.cells[range.clone()], &self.permanences[range])
    }

    /// The same, to be changed.
    #[inline(always)]
    pub(super) fn synapses_of_mut(&mut self, segment: u32) -> (&mut [u32], &mut [u16]) {
        let range = self.range(segment);
        (&mut self.cells[range.clone()], &mut self.permanences[range])
    }

    /// A new segment of a cell, without synapses but with room for some.
    pub(super) fn create(&mut self, cell: u32, step: u64, room: usize) -> u32 {
        if self.next_born == u32::MAX {
            self.renumber();
        }
        let blocks = room.clamp(1, BLOCK * MOST_BLOCKS).div_ceil(BLOCK);
        let first = self.take_piece(blocks);
        let (newest, count) = self.of_cell[cell as usize];
        let born = self.next_born;
        let segment = Segment { cell, next: newest, born, first, last_used: step, len: 0, blocks: blocks as u8 };
        self.next_born += 1;
        let place = if let Some(place) = self.free.pop() {
            self.segments[place as usize] = segment;
            place
        } else {
            reserve(&mut self.segments, 1);
            self.segments.push(segment);
            self.segments.len() as u32 - 1
        };
        self.of_cell[cell as usize] = (place, count + 1);
        self.live += 1;
        place
    }

    /// Removes a segment with its synapses.
    pub(super) fn destroy(&mut self, segment: u32) {
        let Segment { cell, next, first, len, blocks, .. } = *self.get(segment);
        let (newest, count) = self.of_cell[cell as usize];
        let before = self.of(cell).find(|&other| self.get(other).next == segment);
        match before {
            Some(before) if newest != segment => self.get_mut(before).next = next,
            _ => self.of_cell[cell as usize].0 = next,
        }
        self.of_cell[cell as usize].1 = count - 1;
        self.free_pieces[usize::from(blocks)].push(first);
        self.get_mut(segment).cell = NONE;
        self.get_mut(segment).len = 0;
        self.free.push(segment);
        self.live -= 1;
        self.synapses -= usize::from(len);
    }

    /// Gives a segment one more synapse. There must be fewer than 255.
    pub(super) fn push(&mut self, segment: u32, cell: u32, permanence: u16) {
        let Segment { first, len, blocks, .. } = *self.get(segment);
        if usize::from(len) == usize::from(blocks) * BLOCK {
            let larger = usize::from(blocks) + 1;
            let to = self.take_piece(larger);
            let (from, into) = (first as usize * BLOCK, to as usize * BLOCK);
            self.cells.copy_within(from..from + usize::from(len), into);
            self.permanences.copy_within(from..from + usize::from(len), into);
            self.free_pieces[usize::from(blocks)].push(first);
            let segment = self.get_mut(segment);
            (segment.first, segment.blocks) = (to, larger as u8);
        }
        let segment = &mut self.segments[segment as usize];
        let at = segment.first as usize * BLOCK + usize::from(len);
        segment.len += 1;
        self.cells[at] = cell;
        self.permanences[at] = permanence;
        self.synapses += 1;
    }

    /// Cuts a segment's synapses off behind the first `len`.
    #[inline(always)]
    pub(super) fn truncate(&mut self, segment: u32, len: usize) {
        let segment = &mut self.segments[segment as usize];
        self.synapses -= usize::from(segment.len) - len;
        segment.len = len as u8;
    }

    /// A piece of so many blocks: one that is free, or one at the end.
    fn take_piece(&mut self, blocks: usize) -> u32 {
        if let Some(first) = self.free_pieces[blocks].pop() {
            return first;
        }
        let first = self.cells.len() / BLOCK;
        reserve(&mut self.cells, blocks * BLOCK);
        reserve(&mut self.permanences, blocks * BLOCK);
        self.cells.resize((first + blocks) * BLOCK, NONE);
        self.permanences.resize((first + blocks) * BLOCK, 0);
        first as u32
    }

    /// Makes ages small again, in the same order.
    fn renumber(&mut self) {
        let mut all: Vec<u32> = self.all().collect();
        all.sort_unstable_by_key(|&segment| self.get(segment).born);
        for (born, segment) in (0..).zip(all) {
            self.get_mut(segment).born = born;
        }
        self.next_born = self.live as u32;
    }
}

/// Room for `more`, an eighth beyond what is there at least: less is wasted than by doubling.
fn reserve<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Segment number, cell, synapses.
    type Plain = (u32, u32, Vec<(u32, u16)>);

    #[test]
    fn segments_are_those_of_a_plain_list() {
        let mut random = Random::new(11);
        let mut arena = Arena::new(5);
        // Oldest first.
        let mut plain: Vec<Plain> = Vec::new();
        for step in 0..20_000_u64 {
            match random.below(10) {
                0 => {
                    let cell = random.below(5);
                    plain.push((arena.create(cell, step, random.below(40) as usize), cell, Vec::new()));
                }
                1 if plain.len() > 20 => {
                    let (segment, ..) = plain.remove(random.below(plain.len() as u32) as usize);
                    arena.destroy(segment);
                }
                2 if !plain.is_empty() => {
                    let at = random.below(plain.len() as u32) as usize;
                    let keep = random.below(plain[at].2.len() as u32 + 1) as usize;
                    plain[at].2.truncate(keep);
                    arena.truncate(plain[at].0, keep);
                }
                _ if !plain.is_empty() => {
                    let at = random.below(plain.len() as u32) as usize;
                    if plain[at].2.len() < 255 {
                        let synapse = (random.below(100), random.below(60_000) as u16);
                        plain[at].2.push(synapse);
                        arena.push(plain[at].0, synapse.0, synapse.1);
                    }
                }
                _ => {}
            }
            if step == 10_000 {
                arena.next_born = u32::MAX;
            }
        }
        assert_eq!(arena.len(), plain.len());
        assert_eq!(arena.synapses(), plain.iter().map(|(.., synapses)| synapses.len()).sum::<usize>());
        for (segment, cell, synapses) in &plain {
            let (cells, permanences) = arena.synapses_of(*segment);
            assert!(cells.iter().copied().zip(permanences.iter().copied()).eq(synapses.iter().copied()));
            assert_eq!(arena.get(*segment).cell, *cell);
        }
        for cell in 0..5 {
            let newest_first: Vec<u32> = arena.of(cell).collect();
            let expected: Vec<u32> = plain.iter().rev().filter(|(_, of, _)| *of == cell).map(|(s, ..)| *s).collect();
            assert_eq!(newest_first, expected);
            assert!(newest_first.is_sorted_by(|a, b| arena.get(*a).born > arena.get(*b).born));
            assert_eq!(arena.count_of(cell) as usize, expected.len());
        }
    }
}
