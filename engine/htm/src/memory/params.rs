//! Parameters of the temporal memory, and what makes them impossible.

use crate::saved::{LoadError, Reader, Writer};
use crate::sdr::SdrError;

/// Parameters of a [`TemporalMemory`](super::TemporalMemory). The defaults are the published ones.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryParams {
    /// Number of columns.
    pub columns: u32,
    /// Cells of a column: in how many contexts the same input can be told apart.
    pub cells_per_column: u32,
    /// Connected synapses to active cells that make a segment active, and its cell predicted.
    pub activation_threshold: u32,
    /// The permanence of a new synapse.
    pub initial_permanence: f64,
    /// The permanence from which on a synapse is connected.
    pub connected: f64,
    /// Synapses to active cells, connected or not, that make a segment matching; at most `activation_threshold`.
    pub min_threshold: u32,
    /// Synapses that a segment grows in a step, with those to active cells that it has counted in.
    pub max_new_synapses: u32,
    /// What a synapse to an active cell gains.
    pub increment: f64,
    /// What a synapse to an inactive cell loses.
    pub decrement: f64,
    /// What synapses to active cells lose when the segment's column did not become active.
    pub predicted_decrement: f64,
    /// The most segments of a cell; the one longest unused makes room for a new one.
    pub max_segments_per_cell: u32,
    /// The most synapses of a segment, at most 255; the weakest make room for new ones.
    pub max_synapses_per_segment: u32,
    /// Seed of the choices among equals.
    pub seed: u64,
}

impl Default for MemoryParams {
    fn default() -> Self {
        Self {
            columns: 2_048,
            cells_per_column: 32,
            activation_threshold: 13,
            initial_permanence: 0.21,
            connected: 0.5,
            min_threshold: 10,
            max_new_synapses: 20,
            increment: 0.1,
            decrement: 0.1,
            predicted_decrement: 0.0,
            max_segments_per_cell: 255,
            max_synapses_per_segment: 255,
            seed: 42,
        }
    }
}

/// Why a memory or a step of it is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// A parameter makes no memory.
    #[error("`{name}` {why}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The input has another size.
    #[error(transparent)]
    Sdr(#[from] SdrError),
}

impl MemoryParams {
    /// How many cells there are.
    #[must_use]
    pub const fn cells(&self) -> u32 {
        self.columns.saturating_mul(self.cells_per_column)
    }

    pub(super) fn check(&self) -> Result<(), MemoryError> {
        let require = |possible: bool, name, why| {
            if possible { Ok(()) } else { Err(MemoryError::Parameter { name, why }) }
        };
        // A previous winner is marked by its number in 16 bits.
        require((1..=60_000).contains(&self.columns), "columns", "must be from 1 to 60,000")?;
        let cells = u64::from(self.columns) * u64::from(self.cells_per_column);
        require((1..=1 << 30).contains(&cells), "cells_per_column", "must be at least 1, with 2^30 cells at most")?;
        let synapses = self.max_synapses_per_segment;
        require((1..=255).contains(&synapses), "max_synapses_per_segment", "must be from 1 to 255")?;
        require(self.max_segments_per_cell > 0, "max_segments_per_cell", "must be at least 1")?;
        let threshold = self.activation_threshold;
        require((1..=255).contains(&threshold), "activation_threshold", "must be from 1 to 255")?;
        let least = self.min_threshold;
        require((1..=threshold).contains(&least), "min_threshold", "must be from 1 to `activation_threshold`")?;
        let share = |value: f64| (0.0..=1.0).contains(&value);
        require(self.connected > 0.0 && share(self.connected), "connected", "must be above 0, to 1")?;
        for (value, name) in [
            (self.initial_permanence, "initial_permanence"),
            (self.increment, "increment"),
            (self.decrement, "decrement"),
            (self.predicted_decrement, "predicted_decrement"),
        ] {
            require(share(value), name, "must be from 0 to 1")?;
        }
        require(self.initial_permanence > 0.0, "initial_permanence", "must be above 0")
    }

    pub(super) fn write(&self, to: &mut Writer) {
        for value in [
            self.columns,
            self.cells_per_column,
            self.activation_threshold,
            self.min_threshold,
            self.max_new_synapses,
            self.max_segments_per_cell,
            self.max_synapses_per_segment,
        ] {
            to.u32(value);
        }
        for value in [self.initial_permanence, self.connected, self.increment, self.decrement, self.predicted_decrement]
        {
            to.f64(value);
        }
        to.u64(self.seed);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, LoadError> {
        Ok(Self {
            columns: from.u32()?,
            cells_per_column: from.u32()?,
            activation_threshold: from.u32()?,
            min_threshold: from.u32()?,
            max_new_synapses: from.u32()?,
            max_segments_per_cell: from.u32()?,
            max_synapses_per_segment: from.u32()?,
            initial_permanence: from.f64()?,
            connected: from.f64()?,
            increment: from.f64()?,
            decrement: from.f64()?,
            predicted_decrement: from.f64()?,
            seed: from.u64()?,
        })
    }
}
