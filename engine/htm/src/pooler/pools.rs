//! The potential synapses of the columns, and how they learn.
//!
//! A column's permanences lie in one piece, one for each input of its neighbourhood in the input's order, potential or
//! not; so an adaptation is a straight pass over two arrays of 16-bit numbers, which the compiler turns into vector
//! instructions. What is not in the pool holds a number above every permanence.

use std::ops::Range;

use super::params::PoolerParams;
use crate::permanence::{ONE, fixed, up};
use crate::random::Random;
use crate::topology::Grid;

/// In place of a permanence: the column may not connect to this input.
pub(super) const NONE: u16 = u16::MAX;
/// Permanences of one step of the pass.
const CHUNK: usize = 32;

/// How an adaptation changes permanences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) increment: u16,
    pub(super) decrement: u16,
    pub(super) connected: u16,
}

/// The potential synapses of all columns.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    /// Inputs of each column's neighbourhood, as runs; those of column `c` are `runs[first_run[c]..first_run[c + 1]]`.
    runs: Vec<Range<u32>>,
    first_run: Vec<u32>,
    /// Where each column's permanences begin.
    first: Vec<u64>,
    permanences: Vec<u16>,
}

impl Pools {
    /// Pools with first permanences: half of them connected, evenly spread on both sides of the threshold.
    pub(super) fn new(params: &PoolerParams, inputs: &Grid, columns: &Grid) -> Self {
        let mut pools = Self::empty(params, inputs, columns);
        let mut random = Random::new(params.seed);
        let connected = fixed(params.connected);
        for column in 0..columns.len() {
            let size = pools.range(column).len() as u32;
            let take = (f64::from(size) * params.potential_share).round() as u32;
            let start = pools.range(column).start;
            for place in random.sample(size, take.max(1)) {
                let permanence = if random.below(2) == 1 {
                    connected + random.below(u32::from(ONE - connected) + 1) as u16
                } else {
                    random.below(u32::from(connected)) as u16
                };
                pools.permanences[start + place as usize] = permanence;
            }
        }
        pools
    }

    /// Pools without any synapse.
    pub(super) fn empty(params: &PoolerParams, inputs: &Grid, columns: &Grid) -> Self {
        let mut pools = Self { runs: Vec::new(), first_run: vec![0], first: vec![0], permanences: Vec::new() };
        let mut end = 0;
        for column in 0..columns.len() {
            let centre = inputs.beneath(columns, column);
            let runs = inputs.neighbourhood(&centre, params.potential_radius, params.wrap);
            end += runs.iter().map(|run| run.len() as u64).sum::<u64>();
            pools.runs.extend(runs);
            pools.first_run.push(pools.runs.len() as u32);
            pools.first.push(end);
        }
        pools.permanences = vec![NONE; end as usize];
        pools
    }

    /// Where the permanences of a column lie.
    fn range(&self, column: u32) -> Range<usize> {
        self.first[column as usize] as usize..self.first[column as usize + 1] as usize
    }

    fn runs(&self, column: u32) -> &[Range<u32>] {
        &self.runs[self.first_run[column as usize] as usize..self.first_run[column as usize + 1] as usize]
    }

    /// The potential synapses of a column: input and permanence.
    pub(super) fn synapses(&self, column: u32) -> impl Iterator<Item = (u32, u16)> {
        let inputs = self.runs(column).iter().flat_map(Range::clone);
        let permanences = self.permanences[self.range(column)].iter().copied();
        inputs.zip(permanences).filter(|(_, permanence)| *permanence != NONE)
    }

    /// All permanences, for saving.
    pub(super) fn permanences(&self) -> &[u16] {
        &self.permanences
    }

    /// Takes saved permanences; false when they are not of these pools.
    pub(super) fn set_permanences(&mut self, permanences: Vec<u16>) -> bool {
        let right = permanences.len() == self.permanences.len() && permanences.iter().all(|p| *p <= ONE || *p == NONE);
        if right {
            self.permanences = permanences;
        }
        right
    }

    /// Bytes of everything here.
    pub(super) fn bytes(&self) -> usize {
        self.runs.capacity() * 8
            + self.first_run.capacity() * 4
            + self.first.capacity() * 8
            + self.permanences.capacity() * 2
    }

    /// Adapts a column: up where `on` (a mask for each input) is set, down elsewhere. `flipped` is told every input whose
    /// synapse became connected or ceased to be.
    pub(super) fn adapt(&mut self, column: u32, on: &[u16], change: Change, mut flipped: impl FnMut(u32)) {
        let mut at = self.range(column).start;
        let runs = self.first_run[column as usize] as usize..self.first_run[column as usize + 1] as usize;
        for run in &self.runs[runs] {
            let permanences = &mut self.permanences[at..at + run.len()];
            at += run.len();
            let on = &on[run.start as usize..run.end as usize];
            for (chunk, (permanences, on)) in permanences.chunks_mut(CHUNK).zip(on.chunks(CHUNK)).enumerate() {
                let before: [u16; CHUNK] = padded(permanences);
                if !adapt_chunk(permanences, on, change) {
                    continue;
                }
                for (place, (before, after)) in before.iter().zip(&*permanences).enumerate() {
                    if (*before >= change.connected) != (*after >= change.connected) {
                        flipped(run.start + (chunk * CHUNK + place) as u32);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn padded(values: &[u16]) -> [u16; CHUNK] {
    let mut all = [NONE; CHUNK];
    all[..values.len()].copy_from_slice(values);
    all
}

/// Adapts at most [`CHUNK`] permanences, and says whether any crossed the threshold.
fn adapt_chunk(permanences: &mut [u16], on: &[u16], change: Change) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { adapt_chunk_avx2(permanences, on, change) };
    }
    adapt_chunk_plain(permanences, on, change)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn adapt_chunk_avx2(permanences: &mut [u16], on: &[u16], change: Change) -> bool {
    adapt_chunk_plain(permanences, on, change)
}

#[inline(always)]
fn adapt_chunk_plain(permanences: &mut [u16], on: &[u16], change: Change) -> bool {
    match <&mut [u16; CHUNK]>::try_from(&mut *permanences) {
        Ok(whole) if on.len() == CHUNK => {
            let mut crossed = 0;
            for (permanence, &on) in whole.iter_mut().zip(on) {
                crossed |= adapt_one(permanence, on, change);
            }
            crossed != 0
        }
        _ => {
            let mut crossed = 0;
            for (permanence, &on) in permanences.iter_mut().zip(on) {
                crossed |= adapt_one(permanence, on, change);
            }
            crossed != 0
        }
    }
}

#[inline(always)]
fn adapt_one(permanence: &mut u16, on: u16, change: Change) -> u16 {
    let before = *permanence;
    let moved = (up(before, change.increment) & on) | (before.saturating_sub(change.decrement) & !on);
    let after = if before == NONE { NONE } else { moved };
    *permanence = after;
    u16::from(before >= change.connected) ^ u16::from(after >= change.connected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_permanences_are_half_connected() {
        let params = PoolerParams { inputs: vec![500], columns: vec![400], ..PoolerParams::default() };
        let grids = (Grid::new(&params.inputs).expect("a grid"), Grid::new(&params.columns).expect("a grid"));
        let pools = Pools::new(&params, &grids.0, &grids.1);
        let all: Vec<u16> = (0..400).flat_map(|column| pools.synapses(column).map(|(_, p)| p)).collect();
        assert_eq!(all.len(), 400 * 17, "half of 33, rounded up");
        let connected = all.iter().filter(|&&p| p >= fixed(0.1)).count();
        assert!((3_200..3_600).contains(&connected), "{connected}");
        assert!(all.iter().all(|&p| p <= ONE));
    }

    #[test]
    fn adapting_is_exact_and_tells_what_flipped() {
        let params = PoolerParams {
            inputs: vec![200],
            columns: vec![1],
            potential_radius: 200,
            potential_share: 0.7,
            ..PoolerParams::default()
        };
        let grids = (Grid::new(&[200]).expect("a grid"), Grid::new(&[1]).expect("a grid"));
        let mut pools = Pools::new(&params, &grids.0, &grids.1);
        let change = Change { increment: 3_000, decrement: 2_500, connected: 6_000 };
        let on: Vec<u16> = (0..200).map(|input| if input % 3 == 0 { u16::MAX } else { 0 }).collect();
        for _ in 0..30 {
            let before: Vec<(u32, u16)> = pools.synapses(0).collect();
            let mut flipped = Vec::new();
            pools.adapt(0, &on, change, |input| flipped.push(input));
            let after: Vec<(u32, u16)> = pools.synapses(0).collect();
            let expected: Vec<(u32, u16)> = before
                .iter()
                .map(|&(input, p)| {
                    let moved = if input % 3 == 0 { (i32::from(p) + 3_000).min(60_000) } else { i32::from(p) - 2_500 };
                    (input, moved.max(0) as u16)
                })
                .collect();
            assert_eq!(after, expected);
            let crossed: Vec<u32> =
                before.iter().zip(&after).filter(|(a, b)| (a.1 >= 6_000) != (b.1 >= 6_000)).map(|(a, _)| a.0).collect();
            assert_eq!(flipped, crossed);
        }
    }
}
