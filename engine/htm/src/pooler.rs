//! The spatial pooler: turns representations of any density into ones of a fixed density that keep what is alike alike.
//!
//! Every column has a pool of potential inputs and a permanence for each; those above the threshold are connected. A
//! column's overlap is the number of its connected synapses to active inputs; the columns with the most win, and the
//! winners' synapses learn. (Numenta, *Biological and Machine Intelligence*, spatial pooling, phases 1 to 5; Cui, Ahmad
//! and Hawkins, 2017.)

mod inhibit;
mod params;
mod pools;
mod rows;
mod saved;

pub use params::{PoolerError, PoolerParams};

use crate::permanence::{fixed, unit};
use crate::sdr::Sdr;
use crate::topology::Grid;
use inhibit::Areas;
use pools::{Change, Pools};
use rows::Rows;

/// Steps between two computations of the inhibition radius and the least duty cycles.
const UPDATE_PERIOD: u64 = 50;

/// A spatial pooler.
#[derive(Debug, Clone)]
pub struct SpatialPooler {
    params: PoolerParams,
    inputs: Grid,
    columns: Grid,
    pools: Pools,
    rows: Rows,
    areas: Areas,
    radius: u32,
    iteration: u64,
    active_duty: Vec<f32>,
    overlap_duty: Vec<f32>,
    min_duty: Vec<f32>,
    boost: Vec<f32>,
    // What a step works with.
    overlaps: Vec<u16>,
    boosted: Vec<f32>,
    on: Vec<u16>,
    all_on: Vec<u16>,
    winners: Vec<u32>,
    tally: Vec<u32>,
}

impl SpatialPooler {
    /// A pooler with random pools and permanences, drawn from the seed.
    ///
    /// # Errors
    /// Parameters that make no pooler.
    pub fn new(params: PoolerParams) -> Result<Self, PoolerError> {
        let (inputs, columns) = grids(&params)?;
        let pools = Pools::new(&params, &inputs, &columns);
        Ok(Self::from_parts(params, inputs, columns, pools))
    }

    fn from_parts(params: PoolerParams, inputs: Grid, columns: Grid, pools: Pools) -> Self {
        let count = columns.len() as usize;
        let mut rows = Rows::new(inputs.len(), columns.len());
        let connected = fixed(params.connected);
        for column in 0..columns.len() {
            pools.synapses(column).filter(|(_, p)| *p >= connected).for_each(|(input, _)| rows.flip(input, column));
        }
        let mut pooler = Self {
            on: vec![0; inputs.len() as usize],
            all_on: vec![u16::MAX; inputs.len() as usize],
            areas: Areas::default(),
            radius: 0,
            iteration: 0,
            active_duty: vec![0.0; count],
            overlap_duty: vec![0.0; count],
            min_duty: vec![0.0; count],
            boost: vec![1.0; count],
            overlaps: vec![0; count],
            boosted: vec![0.0; count],
            winners: Vec::new(),
            tally: Vec::new(),
            params,
            inputs,
            columns,
            pools,
            rows,
        };
        pooler.update_radius();
        pooler
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &PoolerParams {
        &self.params
    }

    /// How many steps it has made.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.iteration
    }

    /// The overlap of every column at the last step.
    #[must_use]
    pub fn overlaps(&self) -> &[u16] {
        &self.overlaps
    }

    /// The potential synapses of a column: input and permanence.
    ///
    /// # Panics
    /// A column that there is not.
    pub fn synapses(&self, column: u32) -> impl Iterator<Item = (u32, f64)> {
        self.pools.synapses(column).map(|(input, permanence)| (input, unit(permanence)))
    }

    /// The share of steps in which each column won, averaged over the duty period.
    #[must_use]
    pub fn active_duty(&self) -> &[f32] {
        &self.active_duty
    }

    /// How far the neighbourhood reaches in which columns compete.
    #[must_use]
    pub fn inhibition_radius(&self) -> u32 {
        self.radius
    }

    /// Bytes that it takes, without the structure itself.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns = self.overlaps.len() * (2 + 5 * 4);
        self.pools.bytes() + self.rows.bytes() + self.areas.bytes() + columns + self.on.len() * 4
    }

    /// One step: the winning columns for an input; with `learn`, the winners learn it.
    ///
    /// # Errors
    /// An input or output of another size than the parameters say; nothing has changed then.
    pub fn step(&mut self, input: &Sdr, learn: bool, winners: &mut Sdr) -> Result<(), PoolerError> {
        input.expect_size(self.inputs.len())?;
        winners.expect_size(self.columns.len())?;
        self.iteration += 1;
        self.rows.count(input.on(), &mut self.overlaps);
        self.inhibit();
        if learn {
            self.learn(input.on());
        }
        winners.set_sorted(&self.winners);
        Ok(())
    }

    fn is_boosted(&self) -> bool {
        self.params.boost_strength > 0.0
    }

    fn inhibit(&mut self) {
        let least = self.params.stimulus_threshold.clamp(1, u32::from(u16::MAX)) as u16;
        if self.is_boosted() || !self.params.global_inhibition {
            for ((boosted, &overlap), &boost) in self.boosted.iter_mut().zip(&self.overlaps).zip(&self.boost) {
                *boosted = f32::from(overlap) * boost;
            }
        }
        let count = (self.params.density * f64::from(self.columns.len())) as usize;
        if !self.params.global_inhibition {
            let density = self.params.density;
            inhibit::local(&self.boosted, &self.areas, density, f32::from(least), &mut self.winners);
        } else if self.is_boosted() {
            inhibit::global_boosted(&self.boosted, count, f32::from(least), &mut self.winners);
        } else {
            inhibit::global(&self.overlaps, count, least, &mut self.winners, &mut self.tally);
        }
    }

    fn learn(&mut self, input: &[u32]) {
        for &bit in input {
            self.on[bit as usize] = u16::MAX;
        }
        let connected = fixed(self.params.connected);
        let change =
            Change { increment: fixed(self.params.increment), decrement: fixed(self.params.decrement), connected };
        let (pools, rows) = (&mut self.pools, &mut self.rows);
        for &column in &self.winners {
            pools.adapt(column, &self.on, change, |input| rows.flip(input, column));
        }
        for &bit in input {
            self.on[bit as usize] = 0;
        }
        self.update_duty();
        // Columns that hardly ever overlap with anything are raised until they do.
        let raise = Change { increment: fixed(self.params.connected / 10.0), decrement: 0, connected };
        let weak = self.overlap_duty.iter().zip(&self.min_duty).map(|(duty, least)| duty < least);
        for column in (0..).zip(weak).filter_map(|(column, weak)| weak.then_some(column)) {
            self.pools.adapt(column, &self.all_on, raise, |input| self.rows.flip(input, column));
        }
        if self.is_boosted() {
            self.update_boost();
        }
        if self.iteration.is_multiple_of(UPDATE_PERIOD) {
            self.update_radius();
            self.update_min_duty();
        }
    }

    /// Moving averages over the duty period, or over all steps while there are fewer.
    fn update_duty(&mut self) {
        let period = self.iteration.min(u64::from(self.params.duty_period)) as f32;
        let (keep, add) = ((period - 1.0) / period, 1.0 / period);
        for (duty, &overlap) in self.overlap_duty.iter_mut().zip(&self.overlaps) {
            *duty = *duty * keep + if overlap > 0 { add } else { 0.0 };
        }
        for duty in &mut self.active_duty {
            *duty *= keep;
        }
        for &winner in &self.winners {
            self.active_duty[winner as usize] += add;
        }
    }

    fn update_boost(&mut self) {
        let strength = self.params.boost_strength as f32;
        if self.params.global_inhibition {
            let target = self.params.density as f32;
            for (boost, &duty) in self.boost.iter_mut().zip(&self.active_duty) {
                *boost = ((target - duty) * strength).exp();
            }
            return;
        }
        for (column, boost) in self.boost.iter_mut().enumerate() {
            let near =
                self.areas.of(column).iter().flat_map(|run| &self.active_duty[run.start as usize..run.end as usize]);
            let (count, sum) = near.fold((0_u32, 0.0_f32), |(count, sum), duty| (count + 1, sum + duty));
            *boost = ((sum / count as f32 - self.active_duty[column]) * strength).exp();
        }
    }

    fn update_min_duty(&mut self) {
        let share = self.params.min_overlap_duty as f32;
        let most = |duties: &[f32]| duties.iter().copied().fold(0.0, f32::max);
        if self.params.global_inhibition {
            self.min_duty.fill(share * most(&self.overlap_duty));
            return;
        }
        for (column, least) in self.min_duty.iter_mut().enumerate() {
            let runs = self.areas.of(column).iter();
            let near = runs.map(|run| most(&self.overlap_duty[run.start as usize..run.end as usize]));
            *least = share * near.fold(0.0, f32::max);
        }
    }

    /// The radius of inhibition: half of the span that the columns' connected synapses have, in columns.
    fn update_radius(&mut self) {
        if self.params.global_inhibition {
            self.radius = self.columns.dimensions().iter().copied().max().unwrap_or(1);
            return;
        }
        let spans: f64 = (0..self.columns.len()).map(|column| self.connected_span(column)).sum();
        let ratios = self.columns.dimensions().iter().zip(self.inputs.dimensions());
        let columns_per_input = ratios.map(|(&columns, &inputs)| f64::from(columns) / f64::from(inputs)).sum::<f64>()
            / self.columns.dimensions().len().max(self.inputs.dimensions().len()) as f64;
        let diameter = spans / f64::from(self.columns.len()) * columns_per_input;
        let radius = (((diameter - 1.0) / 2.0).max(1.0) + 0.5).floor() as u32;
        if radius != self.radius {
            self.set_radius(radius);
        }
    }

    fn set_radius(&mut self, radius: u32) {
        self.radius = radius;
        let (columns, wrap) = (&self.columns, self.params.wrap);
        self.areas =
            Areas::new((0..columns.len()).map(|c| columns.neighbourhood(&columns.coordinates(c), radius, wrap)));
    }

    /// The distance from the first to the last connected input, both counted; the mean of all dimensions.
    fn connected_span(&self, column: u32) -> f64 {
        let connected = fixed(self.params.connected);
        let centre = self.inputs.beneath(&self.columns, column);
        let sizes = self.inputs.dimensions();
        let mut ends: Vec<Option<(i64, i64)>> = vec![None; sizes.len()];
        for (input, permanence) in self.pools.synapses(column) {
            if permanence < connected {
                continue;
            }
            let mut left = input;
            for (dimension, &size) in sizes.iter().enumerate().rev() {
                let mut apart = i64::from(left % size) - i64::from(centre[dimension]);
                left /= size;
                // Where the ends touch, the shorter way counts.
                if self.params.wrap && 2 * apart.abs() > i64::from(size) {
                    apart -= apart.signum() * i64::from(size);
                }
                let (low, high) = ends[dimension].unwrap_or((apart, apart));
                ends[dimension] = Some((low.min(apart), high.max(apart)));
            }
        }
        let spans = ends.iter().map(|ends| ends.map_or(0.0, |(low, high)| (high - low + 1) as f64));
        spans.sum::<f64>() / sizes.len() as f64
    }
}

/// The grids of inputs and columns.
fn grids(params: &PoolerParams) -> Result<(Grid, Grid), PoolerError> {
    params.check()?;
    let grid = |sizes: &[u32], name| {
        Grid::new(sizes).ok_or(PoolerError::Parameter { name, why: "must have from 1 to 2^31 elements" })
    };
    let (inputs, columns) = (grid(&params.inputs, "inputs")?, grid(&params.columns, "columns")?);
    if inputs.len() > u32::from(u16::MAX) {
        return Err(PoolerError::Parameter { name: "inputs", why: "must have at most 65,535 elements" });
    }
    Ok((inputs, columns))
}
