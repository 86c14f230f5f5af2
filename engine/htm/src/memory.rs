//! The temporal memory: learns sequences of representations and predicts what comes next.
//!
//! Every column has several cells, so that the same input in another context is other cells. A cell has segments, each a
//! coincidence detector with synapses to cells that were active a step before; a segment with enough of them predicts its
//! cell. A column that was predicted activates the predicted cells alone, one that was not activates all (it bursts), and
//! the segments learn. (Numenta, *Biological and Machine Intelligence*, temporal memory; Hawkins and Ahmad, 2016.)
//!
//! Where the published text leaves a choice open, it is made as in the community's implementation: a bursting column
//! without a matching segment takes as its winner the cell that was one a step before, else the cell that has the fewest
//! segments, drawn among equals; of equally matching segments the oldest of the first cell learns.

mod arena;
mod index;
mod learn;
mod params;
mod saved;

pub use params::{MemoryError, MemoryParams};

use crate::permanence::unit;
use crate::random::Random;
use crate::sdr::Sdr;
use arena::Arena;
use index::{Count, Index, take_counts};
use learn::{Before, Learning, Steps};

/// A segment that matched the active cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match {
    segment: u32,
    /// Its synapses to active cells, connected or not.
    potential: u8,
    /// Whether enough of them are connected.
    active: bool,
}

/// A temporal memory.
#[derive(Debug, Clone)]
pub struct TemporalMemory {
    params: MemoryParams,
    steps: Steps,
    arena: Arena,
    index: Index,
    random: Random,
    iteration: u64,
    anomaly: f64,
    active: Vec<u32>,
    winners: Vec<u32>,
    matching: Vec<Match>,
    // What a step works with.
    before: Before,
    counts: Vec<Count>,
    is_active: Vec<bool>,
    here: Vec<(u64, Match)>,
    present: Vec<u64>,
}

impl TemporalMemory {
    /// An empty memory.
    ///
    /// # Errors
    /// Parameters that make no memory.
    pub fn new(params: MemoryParams) -> Result<Self, MemoryError> {
        params.check()?;
        let cells = params.cells();
        Ok(Self {
            steps: Steps::new(&params),
            arena: Arena::new(cells),
            index: Index::new(cells),
            random: Random::new(params.seed),
            iteration: 0,
            anomaly: 0.0,
            active: Vec::new(),
            winners: Vec::new(),
            matching: Vec::new(),
            before: Before::new(cells),
            counts: Vec::new(),
            is_active: vec![false; params.columns as usize],
            here: Vec::new(),
            present: Vec::new(),
            params,
        })
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &MemoryParams {
        &self.params
    }

    /// How many steps it has made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.iteration
    }

    /// The share of the last step's active columns that had not been predicted, 0 to 1; 0 when none was active.
    #[must_use]
    pub fn anomaly(&self) -> f64 {
        self.anomaly
    }

    /// The active cells, ascending.
    #[must_use]
    pub fn active_cells(&self) -> &[u32] {
        &self.active
    }

    /// The cells that represent the last input in its context, one or more for each active column, ascending.
    #[must_use]
    pub fn winner_cells(&self) -> &[u32] {
        &self.winners
    }

    /// The cells that are predicted for the next step.
    #[must_use]
    pub fn predicted_cells(&self) -> Sdr {
        let active = self.matching.iter().filter(|found| found.active);
        let mut cells: Vec<u32> = active.map(|found| self.arena.get(found.segment).cell).collect();
        cells.sort_unstable();
        cells.dedup();
        Sdr::sorted(self.params.cells(), cells)
    }

    /// The columns that are predicted for the next step.
    #[must_use]
    pub fn predicted_columns(&self) -> Sdr {
        let cells = self.predicted_cells();
        let mut columns: Vec<u32> = cells.on().iter().map(|cell| cell / self.params.cells_per_column).collect();
        columns.dedup();
        Sdr::sorted(self.params.columns, columns)
    }

    /// Number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.arena.len()
    }

    /// Number of synapses.
    #[must_use]
    pub fn synapses(&self) -> usize {
        self.arena.synapses()
    }

    /// The segments of a cell, oldest first; each as presynaptic cells and permanences.
    ///
    /// # Panics
    /// A cell that there is not.
    #[must_use]
    pub fn segments_of(&self, cell: u32) -> Vec<Vec<(u32, f64)>> {
        let mut all: Vec<u32> = self.arena.of(cell).collect();
        all.reverse();
        let synapses = |segment: u32| {
            let (cells, permanences) = self.arena.synapses_of(segment);
            cells.iter().copied().zip(permanences.iter().map(|&permanence| unit(permanence))).collect()
        };
        all.into_iter().map(synapses).collect()
    }

    /// Bytes that it takes, without the structure itself.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let lists = (self.active.capacity() + self.winners.capacity()) * 4
            + self.matching.capacity() * size_of::<Match>()
            + self.counts.capacity() * size_of::<Count>()
            + self.is_active.capacity()
            + self.here.capacity() * size_of::<(u64, Match)>()
            + self.present.capacity() * 8;
        self.arena.bytes() + self.index.bytes() + self.before.bytes() + lists
    }

    /// Forgets what was active, as between two sequences; what was learned stays.
    pub fn reset(&mut self) {
        self.active.clear();
        self.winners.clear();
        self.matching.clear();
        self.anomaly = 0.0;
    }

    /// One step: which cells the active columns activate, and what these predict; with `learn`, segments learn.
    ///
    /// # Errors
    /// An input of another size than the parameters say; nothing has changed then.
    pub fn step(&mut self, columns: &Sdr, learn: bool) -> Result<(), MemoryError> {
        columns.expect_size(self.params.columns)?;
        self.before.take(&mut self.active, &mut self.winners);
        self.find_here(columns.on());
        let bursts = self.activate(columns.on(), learn);
        self.anomaly = if columns.on().is_empty() { 0.0 } else { f64::from(bursts) / columns.on().len() as f64 };
        if learn && self.steps.predicted_decrement > 0 {
            self.punish();
        }
        for &column in columns.on() {
            self.is_active[column as usize] = false;
        }
        self.find_matching(learn);
        self.iteration += 1;
        Ok(())
    }

    /// The matching segments of the active columns, by cell and age.
    fn find_here(&mut self, columns: &[u32]) {
        for &column in columns {
            self.is_active[column as usize] = true;
        }
        self.here.clear();
        for &found in &self.matching {
            let segment = self.arena.get(found.segment);
            if self.is_active[(segment.cell / self.params.cells_per_column) as usize] {
                self.here.push((u64::from(segment.cell) << 32 | u64::from(segment.born), found));
            }
        }
        self.here.sort_unstable_by_key(|(key, _)| *key);
    }

    /// Activates cells column by column, and gives the number of columns that burst.
    fn activate(&mut self, columns: &[u32], learn: bool) -> u32 {
        let mut learning = Learning {
            params: &self.params,
            steps: self.steps,
            arena: &mut self.arena,
            index: &mut self.index,
            random: &mut self.random,
            before: &self.before,
            present: &mut self.present,
            step: self.iteration,
        };
        let cells = self.params.cells_per_column;
        let (mut rest, mut bursts) = (self.here.as_slice(), 0);
        for &column in columns {
            let end = u64::from((column + 1) * cells) << 32;
            let (mine, behind) = rest.split_at(rest.iter().take_while(|(key, _)| *key < end).count());
            rest = behind;
            if mine.iter().any(|(_, found)| found.active) {
                for &(key, found) in mine.iter().filter(|(_, found)| found.active) {
                    let cell = (key >> 32) as u32;
                    if self.active.last() != Some(&cell) {
                        self.active.push(cell);
                        self.winners.push(cell);
                    }
                    if learn {
                        learning.reinforce(found);
                    }
                }
                continue;
            }
            bursts += 1;
            self.active.extend(column * cells..(column + 1) * cells);
            // The first of the best: `max_by_key` would take the last.
            let best = mine.iter().rev().max_by_key(|(_, found)| found.potential);
            let winner = match best {
                Some((key, _)) => (*key >> 32) as u32,
                None => learning.previous_winner(column).unwrap_or_else(|| learning.least_used(column)),
            };
            self.winners.push(winner);
            if learn {
                match best {
                    Some(&(_, found)) => learning.reinforce(found),
                    None => learning.sprout(winner),
                }
            }
        }
        bursts
    }

    /// Weakens what matched in columns that did not become active.
    fn punish(&mut self) {
        let mut learning = Learning {
            params: &self.params,
            steps: self.steps,
            arena: &mut self.arena,
            index: &mut self.index,
            random: &mut self.random,
            before: &self.before,
            present: &mut self.present,
            step: self.iteration,
        };
        for found in &self.matching {
            // Segments of active columns may be gone, and their places taken by others.
            let cell = learning.arena.get(found.segment).cell;
            if cell != arena::NONE && !self.is_active[(cell / self.params.cells_per_column) as usize] {
                learning.punish(found.segment);
            }
        }
    }

    /// Finds the segments that match the active cells.
    fn find_matching(&mut self, learn: bool) {
        self.counts.resize(self.arena.places().next_multiple_of(32), 0);
        self.index.count(&self.active, &mut self.counts);
        self.matching.clear();
        let (matching, threshold) = (&mut self.matching, self.params.activation_threshold);
        take_counts(&mut self.counts, self.params.min_threshold as u8, |segment, potential, connected| {
            matching.push(Match { segment, potential, active: u32::from(connected) >= threshold });
        });
        if learn {
            for found in self.matching.iter().filter(|found| found.active) {
                self.arena.get_mut(found.segment).last_used = self.iteration;
            }
        }
    }
}
