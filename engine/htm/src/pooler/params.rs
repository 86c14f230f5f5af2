//! Parameters of the spatial pooler, and what makes them impossible.

use crate::saved::{LoadError, Reader, Writer};
use crate::sdr::SdrError;

/// Parameters of a [`SpatialPooler`](super::SpatialPooler). The defaults are those of the community's implementation.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolerParams {
    /// Sizes of the input's dimensions.
    pub inputs: Vec<u32>,
    /// Sizes of the columns' dimensions.
    pub columns: Vec<u32>,
    /// How far a column's potential inputs lie from the input beneath it, in every dimension.
    pub potential_radius: u32,
    /// Share of the inputs within the radius that a column may connect to.
    pub potential_share: f64,
    /// Whether columns compete with all others, or with those in their neighbourhood.
    pub global_inhibition: bool,
    /// Whether the ends of the dimensions touch.
    pub wrap: bool,
    /// Share of the columns that win.
    pub density: f64,
    /// The least overlap of a winner; a column without any overlap never wins.
    pub stimulus_threshold: u32,
    /// What a winner's synapse to an active input gains.
    pub increment: f64,
    /// What a winner's synapse to an inactive input loses.
    pub decrement: f64,
    /// The permanence from which on a synapse counts.
    pub connected: f64,
    /// Share of the best column's overlap duty cycle below which a column's synapses are all raised.
    pub min_overlap_duty: f64,
    /// Steps over which duty cycles are averaged.
    pub duty_period: u32,
    /// How strongly columns that win too rarely are favoured; 0 is off.
    pub boost_strength: f64,
    /// Seed of the potential pools and first permanences.
    pub seed: u64,
}

impl Default for PoolerParams {
    fn default() -> Self {
        Self {
            inputs: vec![1_000],
            columns: vec![2_048],
            potential_radius: 16,
            potential_share: 0.5,
            global_inhibition: true,
            wrap: true,
            density: 0.05,
            stimulus_threshold: 0,
            increment: 0.05,
            decrement: 0.008,
            connected: 0.1,
            min_overlap_duty: 0.001,
            duty_period: 1_000,
            boost_strength: 0.0,
            seed: 1,
        }
    }
}

/// Why a pooler or a step of it is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolerError {
    /// A parameter makes no pooler.
    #[error("`{name}` {why}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The input or output has another size.
    #[error(transparent)]
    Sdr(#[from] SdrError),
}

impl PoolerParams {
    /// That every parameter is possible; the dimensions are checked where the grids are made.
    pub(super) fn check(&self) -> Result<(), PoolerError> {
        let require = |possible: bool, name, why| {
            if possible { Ok(()) } else { Err(PoolerError::Parameter { name, why }) }
        };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        require(self.potential_share > 0.0 && share(self.potential_share), "potential_share", "must be above 0, to 1")?;
        require(self.density > 0.0 && self.density < 1.0, "density", "must lie between 0 and 1")?;
        require(share(self.increment), "increment", "must be from 0 to 1")?;
        require(share(self.decrement), "decrement", "must be from 0 to 1")?;
        require(self.connected > 0.0 && share(self.connected), "connected", "must be above 0, to 1")?;
        require(share(self.min_overlap_duty), "min_overlap_duty", "must be from 0 to 1")?;
        require(self.duty_period > 0, "duty_period", "must be at least 1")?;
        require((0.0..=1_000.0).contains(&self.boost_strength), "boost_strength", "must be from 0 to 1,000")
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u32s(&self.inputs);
        to.u32s(&self.columns);
        to.u32(self.potential_radius);
        to.f64(self.potential_share);
        to.flag(self.global_inhibition);
        to.flag(self.wrap);
        to.f64(self.density);
        to.u32(self.stimulus_threshold);
        for value in [self.increment, self.decrement, self.connected, self.min_overlap_duty] {
            to.f64(value);
        }
        to.u32(self.duty_period);
        to.f64(self.boost_strength);
        to.u64(self.seed);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, LoadError> {
        Ok(Self {
            inputs: from.u32s(None)?,
            columns: from.u32s(None)?,
            potential_radius: from.u32()?,
            potential_share: from.f64()?,
            global_inhibition: from.flag()?,
            wrap: from.flag()?,
            density: from.f64()?,
            stimulus_threshold: from.u32()?,
            increment: from.f64()?,
            decrement: from.f64()?,
            connected: from.f64()?,
            min_overlap_duty: from.f64()?,
            duty_period: from.u32()?,
            boost_strength: from.f64()?,
            seed: from.u64()?,
        })
    }
}
