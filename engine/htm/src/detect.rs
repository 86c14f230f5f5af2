//! A detector of anomalies in a stream of numbers: encoder, pooler, memory and likelihood behind one call.
//!
//! Encoder, pooler, memory and likelihood have the parameters that Numenta published for its anomaly benchmark. Three
//! things are our own: the width of the encoder's buckets is taken from the first values, which are only learned and have
//! no score, so nothing has to be known beforehand; what is unlikely must also be rare by count; and an event is told
//! once.

use std::collections::VecDeque;

use crate::anomaly::{AnomalyLikelihood, LikelihoodParams, Rarity, log_likelihood};
use crate::encode::{DateEncoder, DateParams, EncodeError, Rdse, RdseParams};
use crate::memory::{MemoryError, MemoryParams, TemporalMemory};
use crate::pooler::{PoolerError, PoolerParams, SpatialPooler};
use crate::sdr::Sdr;

/// Parameters of a [`Detector`].
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorParams {
    /// Values at the beginning that are learned and have score 0; at least 2.
    pub probation: usize,
    /// Buckets of the encoder over the range of the first values.
    pub buckets: f64,
    /// Values after a score within which only a higher one counts: an event is told once, not with every value of it.
    pub rest: usize,
}

impl Default for DetectorParams {
    fn default() -> Self {
        Self { probation: 750, buckets: 130.0, rest: 100 }
    }
}

/// Why there is no detector.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectorError {
    /// Of the encoders.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Of the pooler.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// Of the memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// A detector of one stream.
#[derive(Debug, Clone)]
pub struct Detector {
    params: DetectorParams,
    first: Vec<(Option<i64>, f64)>,
    model: Option<Box<Model>>,
    surprise: f64,
    /// Number and score of the values within the rest that none behind them reaches.
    told: VecDeque<(usize, f64)>,
    steps: usize,
}

impl Detector {
    /// A detector that knows nothing yet.
    #[must_use]
    pub fn new(params: DetectorParams) -> Self {
        let probation = params.probation.max(2);
        Self {
            params: DetectorParams { probation, ..params },
            first: Vec::new(),
            model: None,
            surprise: 0.0,
            told: VecDeque::new(),
            steps: 0,
        }
    }

    /// How unusual the last value was, 0 to 1, whether or not the same event had been told before.
    #[must_use]
    pub const fn surprise(&self) -> f64 {
        self.surprise
    }

    /// Takes the next value, with its time in seconds since 1970 if it has one, and gives its score, 0 to 1: how sure it
    /// is that something unusual begins here. A value that is no finite number is a gap: it scores 0 and teaches nothing.
    ///
    /// # Errors
    /// None in practice: the model's parameters are possible for every range of values.
    pub fn update(&mut self, time: Option<i64>, value: f64) -> Result<f64, DetectorError> {
        if !value.is_finite() {
            return Ok(0.0);
        }
        if let Some(model) = &mut self.model {
            self.surprise = model.step(time, value)?;
            return Ok(self.tell(self.surprise));
        }
        self.first.push((time, value));
        if self.first.len() == self.params.probation {
            let mut model = Model::new(&self.params, &self.first)?;
            for (time, value) in std::mem::take(&mut self.first) {
                model.step(time, value)?;
            }
            self.model = Some(Box::new(model));
        }
        Ok(0.0)
    }

    /// The score if it is higher than all within the rest, else 0.
    fn tell(&mut self, score: f64) -> f64 {
        self.steps += 1;
        while self.told.front().is_some_and(|(at, _)| at + self.params.rest < self.steps) {
            self.told.pop_front();
        }
        let known = self.told.front().map_or(0.0, |(_, most)| *most);
        while self.told.back().is_some_and(|(_, other)| *other <= score) {
            self.told.pop_back();
        }
        self.told.push_back((self.steps, score));
        if score > known { score } else { 0.0 }
    }
}

/// What a detector is when it knows the range of its values.
#[derive(Debug, Clone)]
struct Model {
    encoder: Rdse,
    date: Option<DateEncoder>,
    pooler: SpatialPooler,
    memory: TemporalMemory,
    likelihood: AnomalyLikelihood,
    rarity: Rarity,
    steps: usize,
    learning: usize,
    bits: Sdr,
    columns: Sdr,
    low: f64,
    high: f64,
}

/// Bits of an encoded value.
const VALUE_BITS: u32 = 400;
/// Columns.
const COLUMNS: u32 = 2_048;

impl Model {
    fn new(params: &DetectorParams, first: &[(Option<i64>, f64)]) -> Result<Self, DetectorError> {
        let low = first.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
        let high = first.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
        // A fifth more on both sides; a stream that has not moved yet has buckets of a thousandth of its value.
        let still = low.abs().max(high.abs()).max(1e-9) * 1e-3;
        let resolution = ((high - low) * 1.4 / params.buckets).max(still * 1e-3).min(f64::MAX / 4.0);
        let resolution = if high > low { resolution } else { still };
        let encoder = Rdse::new(RdseParams { size: VALUE_BITS, active: 21, resolution, seed: 42 })?;
        let timed = first.iter().any(|(time, _)| time.is_some());
        let date = if timed { Some(DateEncoder::new(&DateParams::default())?) } else { None };
        let inputs = VALUE_BITS + date.as_ref().map_or(0, DateEncoder::size);
        let pooler = SpatialPooler::new(PoolerParams {
            inputs: vec![inputs],
            columns: vec![COLUMNS],
            potential_radius: inputs,
            potential_share: 0.8,
            density: 40.5 / f64::from(COLUMNS),
            increment: 0.003,
            decrement: 0.0005,
            connected: 0.2,
            seed: 1_956,
            ..PoolerParams::default()
        })?;
        let memory = TemporalMemory::new(MemoryParams {
            columns: COLUMNS,
            max_segments_per_cell: 128,
            max_synapses_per_segment: 32,
            seed: 1_960,
            ..MemoryParams::default()
        })?;
        let learning = params.probation / 2;
        let likelihood = AnomalyLikelihood::new(LikelihoodParams {
            learning,
            estimation: params.probation - learning,
            ..LikelihoodParams::default()
        });
        let (bits, columns) = (Sdr::empty(VALUE_BITS), Sdr::empty(COLUMNS));
        Ok(Self {
            encoder,
            date,
            pooler,
            memory,
            likelihood,
            rarity: Rarity::default(),
            steps: 0,
            learning,
            bits,
            columns,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        })
    }

    fn step(&mut self, time: Option<i64>, value: f64) -> Result<f64, DetectorError> {
        self.encoder.encode(value, &mut self.bits)?;
        match &self.date {
            Some(date) => {
                let when = match time {
                    Some(time) => date.encode(time)?,
                    None => Sdr::empty(date.size()),
                };
                self.pooler.step(&self.bits.followed_by(&when), true, &mut self.columns)?;
            }
            None => self.pooler.step(&self.bits, true, &mut self.columns)?,
        }
        self.memory.step(&self.columns, true)?;
        let likelihood = self.likelihood.update(self.memory.anomaly());
        let mean = self.likelihood.mean();
        // Unlikely by the normal distribution, and rare by count: either alone has many false alarms.
        let score = log_likelihood(likelihood).min(self.rarity.of(mean));
        self.steps += 1;
        if self.steps > self.learning {
            self.rarity.learn(mean);
        }
        Ok(if self.leaves_range(value) { 1.0 } else { score })
    }

    /// Whether the value lies outside of what has been seen, by a twentieth of its width.
    fn leaves_range(&mut self, value: f64) -> bool {
        let slack = (self.high - self.low) * 0.05;
        let leaves = self.high > self.low && (value > self.high + slack || value < self.low - slack);
        self.low = self.low.min(value);
        self.high = self.high.max(value);
        leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// A noisy wave of 48 values, with a value at `spike` that breaks it.
    fn wave(at: usize, spike: usize, random: &mut Random) -> f64 {
        let angle = at as f64 * std::f64::consts::TAU / 48.0;
        angle.sin() + 0.02 * random.unit() + if at == spike { 3.0 } else { 0.0 }
    }

    #[test]
    fn a_broken_wave_is_told_once_and_the_wave_is_not() {
        let mut random = Random::new(6);
        let mut detector = Detector::new(DetectorParams { probation: 480, ..DetectorParams::default() });
        let mut told = Vec::new();
        for at in 0..1_500 {
            let score = detector.update(Some(at as i64 * 1_800), wave(at, 1_200, &mut random)).expect("possible");
            assert!((0.0..=1.0).contains(&score) && (at >= 480 || score == 0.0));
            if score > 0.9 {
                told.push(at);
            }
        }
        assert_eq!(told, [1_200]);
    }

    #[test]
    fn gaps_constants_and_extremes_are_no_trouble() {
        let mut detector = Detector::new(DetectorParams { probation: 5, ..DetectorParams::default() });
        for at in 0..40 {
            let value = match at {
                3 | 20 => f64::NAN,
                21 => f64::INFINITY,
                22 => 1e300,
                23 => -1e300,
                _ => 7.0,
            };
            let score = detector.update(None, value).expect("possible");
            assert!((0.0..=1.0).contains(&score), "{at}: {score}");
            assert!(value.is_finite() || score == 0.0);
        }
        let mut wild = Detector::new(DetectorParams { probation: 3, ..DetectorParams::default() });
        for value in [f64::MAX, f64::MIN, 0.0, 1.0] {
            assert!((0.0..=1.0).contains(&wild.update(Some(0), value).expect("possible")));
        }
    }

    #[test]
    fn only_a_higher_score_counts_within_the_rest() {
        let mut detector = Detector::new(DetectorParams { rest: 3, ..DetectorParams::default() });
        let told: Vec<f64> = [0.5, 0.5, 0.6, 0.1, 0.6, 0.6, 0.2].iter().map(|score| detector.tell(*score)).collect();
        assert_eq!(told, [0.5, 0.0, 0.6, 0.0, 0.0, 0.0, 0.0]);
        let later: Vec<f64> = [0.1, 0.3, 0.2, 0.1].iter().map(|score| detector.tell(*score)).collect();
        assert_eq!(later, [0.0, 0.0, 0.0, 0.0]);
    }
}
