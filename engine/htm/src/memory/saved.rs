//! Saving and loading a memory; a loaded one goes on exactly as the saved one would have.

use std::io::{Read, Write};

use super::{MemoryParams, TemporalMemory};
use crate::permanence::ONE;
use crate::random::Random;
use crate::saved::{self, Kind, LoadError, Reader, Writer};

const KIND: Kind = Kind { letters: *b"TMEM", name: "temporal memory" };

impl TemporalMemory {
    /// Writes the memory.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn save(&self, to: &mut dyn Write) -> std::io::Result<()> {
        let mut content = Writer::default();
        self.params.write(&mut content);
        content.u64(self.iteration);
        content.u64(self.random.state());
        content.f64(self.anomaly);
        content.u32s(&self.active);
        content.u32s(&self.winners);
        // Oldest first, so that those of a cell come back in their order.
        let mut all: Vec<u32> = self.arena.all().collect();
        all.sort_unstable_by_key(|&segment| self.arena.get(segment).born);
        content.u32(all.len() as u32);
        for segment in all {
            let head = self.arena.get(segment);
            content.u32(head.cell);
            content.u64(head.last_used);
            let (cells, permanences) = self.arena.synapses_of(segment);
            content.u32s(cells);
            permanences.iter().for_each(|&permanence| content.u16(permanence));
        }
        saved::write(KIND, &content.0, to)
    }

    /// Reads a memory that was saved.
    ///
    /// # Errors
    /// A file that is no saved memory, is cut short or damaged.
    pub fn load(from: &mut dyn Read) -> Result<Self, LoadError> {
        let content = saved::read(KIND, from)?;
        let mut reader = Reader::new(&content);
        let params = MemoryParams::read(&mut reader)?;
        let cells = params.cells();
        let mut memory = Self::new(params).map_err(|_| LoadError::Content("its parameters are impossible"))?;
        memory.iteration = reader.u64()?;
        memory.random = Random::new(reader.u64()?);
        memory.anomaly = reader.f64()?;
        memory.active = reader.u32s(None)?;
        memory.winners = reader.u32s(None)?;
        let possible = |list: &[u32]| list.is_sorted_by(|a, b| a < b) && list.last().is_none_or(|&cell| cell < cells);
        let winners_are_active = memory.winners.iter().all(|cell| memory.active.binary_search(cell).is_ok());
        let few = memory.winners.len() <= memory.params.columns as usize;
        if !possible(&memory.active) || !possible(&memory.winners) || !winners_are_active || !few {
            return Err(LoadError::Content("its active cells are impossible"));
        }
        for _ in 0..reader.u32()? {
            memory.load_segment(&mut reader)?;
        }
        reader.end()?;
        memory.find_matching(false);
        Ok(memory)
    }

    fn load_segment(&mut self, reader: &mut Reader<'_>) -> Result<(), LoadError> {
        let cell = reader.u32()?;
        let last_used = reader.u64()?;
        let presynaptic = reader.u32s(None)?;
        let cells = self.params.cells();
        let mut distinct = presynaptic.clone();
        distinct.sort_unstable();
        let ascending = distinct.is_sorted_by(|a, b| a < b) && distinct.last().is_none_or(|&last| last < cells);
        if cell >= cells || !ascending || presynaptic.len() > self.params.max_synapses_per_segment as usize {
            return Err(LoadError::Content("a segment is impossible"));
        }
        if self.arena.count_of(cell) >= self.params.max_segments_per_cell {
            return Err(LoadError::Content("a cell has too many segments"));
        }
        let segment = self.arena.create(cell, last_used, presynaptic.len());
        for from in presynaptic {
            let permanence = reader.u16()?;
            if permanence == 0 || permanence > ONE {
                return Err(LoadError::Content("a permanence is impossible"));
            }
            self.arena.push(segment, from, permanence);
            self.index.add(from, segment, permanence >= self.steps.connected);
        }
        Ok(())
    }
}
