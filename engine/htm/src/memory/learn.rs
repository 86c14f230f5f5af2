//! Which cells become active, and what their segments learn.

use super::arena::Arena;
use super::index::Index;
use super::{Match, MemoryParams};
use crate::permanence::{fixed, up};
use crate::random::Random;

/// In the state of a cell: it was not active.
const OFF: u16 = 0;
/// It was active; a winner has its number among the winners added, and one more.
const ACTIVE: u16 = 1;

/// The parameters as whole numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) connected: u16,
    initial: u16,
    increment: u16,
    decrement: u16,
    pub(super) predicted_decrement: u16,
}

impl Steps {
    pub(super) fn new(params: &MemoryParams) -> Self {
        Self {
            connected: fixed(params.connected),
            initial: fixed(params.initial_permanence).max(1),
            increment: fixed(params.increment),
            decrement: fixed(params.decrement),
            predicted_decrement: fixed(params.predicted_decrement),
        }
    }
}

/// What was active a step before, in the form in which learning asks for it.
#[derive(Debug, Clone)]
pub(super) struct Before {
    state: Vec<u16>,
    pub(super) active: Vec<u32>,
    pub(super) winners: Vec<u32>,
}

impl Before {
    pub(super) fn new(cells: u32) -> Self {
        Self { state: vec![OFF; cells as usize], active: Vec::new(), winners: Vec::new() }
    }

    /// Takes the cells of the last step, and marks them.
    pub(super) fn take(&mut self, active: &mut Vec<u32>, winners: &mut Vec<u32>) {
        for &cell in &self.active {
            self.state[cell as usize] = OFF;
        }
        self.active.clear();
        self.winners.clear();
        std::mem::swap(&mut self.active, active);
        std::mem::swap(&mut self.winners, winners);
        for &cell in &self.active {
            self.state[cell as usize] = ACTIVE;
        }
        for (number, &cell) in (0..).zip(&self.winners) {
            self.state[cell as usize] = ACTIVE + 1 + number;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.state.capacity() * 2 + (self.active.capacity() + self.winners.capacity()) * 4
    }
}

/// Everything that learning changes.
#[derive(Debug)]
pub(super) struct Learning<'a> {
    pub(super) params: &'a MemoryParams,
    pub(super) steps: Steps,
    pub(super) arena: &'a mut Arena,
    pub(super) index: &'a mut Index,
    pub(super) random: &'a mut Random,
    pub(super) before: &'a Before,
    /// For each previous winner, whether the segment at hand has a synapse to it: one bit each.
    pub(super) present: &'a mut Vec<u64>,
    /// The step, for what is new.
    pub(super) step: u64,
}

impl Learning<'_> {
    /// Adapts a segment to the cells that were active, and lets it grow synapses to previous winners until it has
    /// `max_new_synapses` to active cells.
    pub(super) fn reinforce(&mut self, found: Match) {
        let Steps { increment, decrement, .. } = self.steps;
        let adapted = |old: u16, on: bool| if on { up(old, increment) } else { old.saturating_sub(decrement) };
        if self.adapt(found.segment, adapted) {
            let wanted = self.params.max_new_synapses.saturating_sub(u32::from(found.potential));
            self.grow(found.segment, wanted);
        }
    }

    /// Weakens the synapses by which a segment predicted what did not come.
    pub(super) fn punish(&mut self, segment: u32) {
        let loss = self.steps.predicted_decrement;
        self.adapt(segment, |old, on| if on { old.saturating_sub(loss) } else { old });
    }

    /// A new segment of a cell with synapses to previous winners.
    pub(super) fn sprout(&mut self, cell: u32) {
        let wanted = self.params.max_new_synapses.min(self.before.winners.len() as u32);
        if wanted == 0 {
            return;
        }
        while self.arena.count_of(cell) >= self.params.max_segments_per_cell {
            // The one longest unused; of equal ones the oldest.
            let age = |&segment: &u32| (self.arena.get(segment).last_used, self.arena.get(segment).born);
            let Some(oldest) = self.arena.of(cell).min_by_key(age) else { break };
            self.destroy(oldest);
        }
        let segment = self.arena.create(cell, self.step, wanted as usize);
        self.clear_present();
        self.grow(segment, wanted);
    }

    fn clear_present(&mut self) {
        self.present.clear();
        self.present.resize(self.before.winners.len().div_ceil(64), 0);
    }

    /// Changes every permanence; synapses that come to 0 are gone, and with too few left the segment is. Says whether it
    /// is still there, and leaves in `present` which previous winners it listens to.
    #[inline(always)]
    fn adapt(&mut self, segment: u32, adapted: impl Fn(u16, bool) -> u16) -> bool {
        self.clear_present();
        let connected = self.steps.connected;
        let (cells, permanences) = self.arena.synapses_of_mut(segment);
        let mut kept = 0;
        for at in 0..cells.len() {
            let (cell, old) = (cells[at], permanences[at]);
            let state = self.before.state[cell as usize];
            let new = adapted(old, state != OFF);
            if new == 0 {
                self.index.remove(cell, segment, old >= connected);
                continue;
            }
            if (old >= connected) != (new >= connected) {
                self.index.set(cell, segment, new >= connected);
            }
            if state > ACTIVE {
                let number = state - ACTIVE - 1;
                self.present[usize::from(number / 64)] |= 1 << (number % 64);
            }
            (cells[kept], permanences[kept]) = (cell, new);
            kept += 1;
        }
        self.arena.truncate(segment, kept);
        let lives = kept >= self.params.min_threshold as usize;
        if !lives {
            self.destroy(segment);
        }
        lives
    }

    fn destroy(&mut self, segment: u32) {
        let (cells, permanences) = self.arena.synapses_of(segment);
        for (&cell, &permanence) in cells.iter().zip(permanences) {
            self.index.remove(cell, segment, permanence >= self.steps.connected);
        }
        self.arena.destroy(segment);
    }

    /// Synapses to previous winners that the segment does not listen to yet: drawn one by one, each of the rest with the
    /// same chance.
    fn grow(&mut self, segment: u32, wanted: u32) {
        let known: u32 = self.present.iter().map(|word| word.count_ones()).sum();
        let mut left = self.before.winners.len() as u32 - known;
        let mut more = wanted.min(left);
        if more == 0 {
            return;
        }
        let most = self.params.max_synapses_per_segment;
        if u32::from(self.arena.get(segment).len) + more > most {
            self.drop_weakest(segment, u32::from(self.arena.get(segment).len) + more - most);
            more = more.min(most - u32::from(self.arena.get(segment).len));
        }
        let connected = self.steps.initial >= self.steps.connected;
        for _ in 0..more {
            let number = take_absent(self.present, self.random.below(left));
            left -= 1;
            let cell = self.before.winners[number];
            self.arena.push(segment, cell, self.steps.initial);
            self.index.add(cell, segment, connected);
        }
    }

    /// Removes the weakest synapses, of equal ones the first; those to previous winners stay.
    fn drop_weakest(&mut self, segment: u32, count: u32) {
        for _ in 0..count {
            let (cells, permanences) = self.arena.synapses_of_mut(segment);
            let others = (0..cells.len()).filter(|&at| self.before.state[cells[at] as usize] <= ACTIVE);
            let Some(weakest) = others.min_by_key(|&at| permanences[at]) else { return };
            self.index.remove(cells[weakest], segment, permanences[weakest] >= self.steps.connected);
            cells.copy_within(weakest + 1.., weakest);
            permanences.copy_within(weakest + 1.., weakest);
            let len = cells.len() - 1;
            self.arena.truncate(segment, len);
        }
    }

    /// The first cell of a column that was a winner a step before.
    pub(super) fn previous_winner(&self, column: u32) -> Option<u32> {
        let first = column * self.params.cells_per_column;
        (first..first + self.params.cells_per_column).find(|&cell| self.before.state[cell as usize] > ACTIVE)
    }

    /// The cell of a column that has the fewest segments; of equal ones any, drawn.
    pub(super) fn least_used(&mut self, column: u32) -> u32 {
        let first = column * self.params.cells_per_column;
        let counts = (first..first + self.params.cells_per_column).map(|cell| self.arena.count_of(cell));
        let least = counts.clone().min().unwrap_or(0);
        let equal = counts.clone().filter(|count| *count == least).count() as u32;
        let pick = self.random.below(equal) as usize;
        let place = (first..).zip(counts).filter(|(_, count)| *count == least).nth(pick);
        place.map_or(first, |(cell, _)| cell)
    }
}

/// Sets the `nth` bit that is 0, and gives its place. There must be so many.
fn take_absent(words: &mut [u64], mut nth: u32) -> usize {
    for (at, word) in words.iter_mut().enumerate() {
        let absent = word.count_zeros();
        if nth < absent {
            let mut open = !*word;
            for _ in 0..nth {
                open &= open - 1;
            }
            *word |= open & open.wrapping_neg();
            return at * 64 + open.trailing_zeros() as usize;
        }
        nth -= absent;
    }
    unreachable!("fewer bits are 0 than were counted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_bits_are_taken_in_order() {
        let mut words = vec![0b1011, 1];
        assert_eq!(take_absent(&mut words, 0), 2);
        assert_eq!(take_absent(&mut words, 0), 4);
        assert_eq!(take_absent(&mut words, 59), 65);
        assert_eq!(words, [0b11111, 0b11]);
    }
}
