//! Changes of a distribution that are no shift of its middle: its spread, its tail, a second mode.
//!
//! Each is one number of a sample that does not depend on the sample's level: the range of its middle half relative to
//! its median; how far its 95th percentile lies from the median, in units of that range; and how much of its variance
//! the best division into two groups explains (two thirds for one normal mode, nearly all for two far apart). Where
//! rounds hold many samples the number is taken in each round and the rounds of both sides are compared, so the round
//! stays the sampling unit; where a round is one sample it is taken of all rounds together, and held against divisions of
//! the levelled rounds drawn at random.

use engine_core::comparison::{Shape, ShapeChange};
use engine_core::measurement::{MIN_ROUNDS, Measurement};
use engine_core::stats::Stream;
use engine_core::stats::quantile::{median, quantile, sorted};

use crate::significance::p_value;

/// Samples that a round needs for the numbers to say anything.
const SAMPLES: usize = 20;

/// Rounds a side that are needed where a round is one sample.
const SINGLE_ROUNDS: usize = 20;

/// Level of each of the three tests.
const LEVEL: f64 = 0.01 / 3.0;

/// Divisions drawn where a round is one sample.
const DIVISIONS: usize = 1999;

/// The number of a shape, from sorted samples.
type Number = fn(&[f64]) -> f64;

/// Each with its number, and the ratio below which a change of it is not told.
const SHAPES: [(Shape, Number, f64); 3] =
    [(Shape::Spread, spread, 1.25), (Shape::Tail, tail, 1.25), (Shape::Modes, modes, 1.1)];

/// What changed in the shape from `old` to `new`.
pub(crate) fn changes(old: &Measurement, new: &Measurement) -> Vec<ShapeChange> {
    let rounds = |side: &Measurement| side.counted().map(|round| sorted(&round.values)).collect::<Vec<_>>();
    let (olds, news) = (rounds(old), rounds(new));
    if olds.iter().chain(&news).all(|round| round.len() >= SAMPLES) {
        if olds.len().min(news.len()) < MIN_ROUNDS {
            return Vec::new();
        }
        return SHAPES
            .into_iter()
            .filter_map(|(shape, of, least)| {
                let each = |rounds: &[Vec<f64>]| rounds.iter().map(|round| of(round)).collect::<Vec<f64>>();
                let (before, after) = (each(&olds), each(&news));
                let p = p_value(&before, &after)?;
                told(shape, median(&after) / median(&before), p, least)
            })
            .collect();
    }
    single(&old.round_values(), &new.round_values())
}

/// The same for one sample a round.
pub(crate) fn single(old: &[f64], new: &[f64]) -> Vec<ShapeChange> {
    if old.len().min(new.len()) < SINGLE_ROUNDS || old.iter().chain(new).any(|value| *value <= 0.0) {
        return Vec::new();
    }
    let levelled = |values: &[f64]| {
        let middle = median(values);
        values.iter().map(|value| value / middle).collect::<Vec<f64>>()
    };
    let (old, new) = (levelled(old), levelled(new));
    let seen: Vec<f64> = SHAPES.iter().map(|(_, of, _)| (of(&sorted(&new)) / of(&sorted(&old))).ln()).collect();
    let mut all: Vec<f64> = old.iter().chain(&new).copied().collect();
    let mut stream = Stream::new(2, &[old.len() as u64, new.len() as u64]);
    let mut far = [1_usize; 3];
    for _ in 0..DIVISIONS {
        stream.shuffle(&mut all);
        let (a, b) = (sorted(&all[..old.len()]), sorted(&all[old.len()..]));
        for ((far, (_, of, _)), seen) in far.iter_mut().zip(SHAPES).zip(&seen) {
            *far += usize::from((of(&b) / of(&a)).ln().abs() >= seen.abs());
        }
    }
    SHAPES
        .into_iter()
        .zip(far)
        .zip(seen)
        .filter_map(|(((shape, _, least), far), seen)| {
            told(shape, seen.exp(), far as f64 / (DIVISIONS + 1) as f64, least)
        })
        .collect()
}

fn told(shape: Shape, ratio: f64, p: f64, least: f64) -> Option<ShapeChange> {
    let large = ratio.is_finite() && ratio.max(1.0 / ratio) >= least;
    (large && p <= LEVEL).then_some(ShapeChange { shape, ratio, p })
}

fn half(sorted: &[f64]) -> f64 {
    quantile(sorted, 0.75) - quantile(sorted, 0.25)
}

fn spread(sorted: &[f64]) -> f64 {
    half(sorted) / quantile(sorted, 0.5).abs()
}

fn tail(sorted: &[f64]) -> f64 {
    (quantile(sorted, 0.95) - quantile(sorted, 0.5)) / half(sorted)
}

/// Share of the variance between the two groups of the best division, outliers left out (Otsu, 1979).
fn modes(sorted: &[f64]) -> f64 {
    let cut = sorted.len() / 20;
    let values = &sorted[cut..sorted.len() - cut];
    let n = values.len() as f64;
    let total: f64 = values.iter().sum();
    let mean = total / n;
    let variance: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let mut sum = 0.0;
    let between = values.iter().zip(1..values.len()).map(|(value, below)| {
        sum += value;
        let below = below as f64;
        let apart = sum / below - (total - sum) / (n - below);
        below * (n - below) / n * apart * apart
    });
    between.fold(0.0, f64::max) / variance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::measured;

    fn found(old: impl Fn(&mut Stream) -> f64, new: impl Fn(&mut Stream) -> f64, each: usize) -> [usize; 3] {
        let mut s = Stream::new(17, &[each as u64]);
        let mut count = [0; 3];
        for _ in 0..100 {
            let mut side = |draw: &dyn Fn(&mut Stream) -> f64| {
                let mut m = measured("t", &vec![1.0; if each == 1 { 60 } else { 10 }]);
                for round in &mut m.rounds {
                    let level = 1.0 + 0.02 * s.normal();
                    round.values = (0..each).map(|_| level * draw(&mut s)).collect();
                }
                m
            };
            for change in changes(&side(&old), &side(&new)) {
                count[change.shape as usize] += 1;
            }
        }
        count
    }

    #[test]
    fn shapes_are_told_apart_from_shifts() {
        let plain = |s: &mut Stream| 1.0 + 0.05 * s.normal();
        let shifted = |s: &mut Stream| 1.1 * (1.0 + 0.05 * s.normal());
        let wide = |s: &mut Stream| 1.0 + 0.12 * s.normal();
        let tailed = |s: &mut Stream| 1.0 + 0.05 * s.normal() + if s.unit_f64() < 0.1 { 0.4 } else { 0.0 };
        let two = |s: &mut Stream| 1.0 + 0.05 * s.normal() + if s.unit_f64() < 0.5 { 0.4 } else { 0.0 };
        for each in [100, 1] {
            assert!(found(plain, plain, each).iter().all(|count| *count <= 3), "nothing");
            assert!(found(plain, shifted, each).iter().all(|count| *count <= 3), "a shift");
            let (spread, modes) = (found(plain, wide, each), found(plain, two, each));
            // One sample a round says less, and the test is strict.
            assert!(spread[0] >= if each == 1 { 70 } else { 95 }, "{each} samples a round: spread {spread:?}");
            // Of one sample a round, most second modes are told as a wider spread alone.
            assert!(
                modes[0] >= 90 && modes[2] >= if each == 1 { 25 } else { 90 },
                "{each} samples a round: two modes {modes:?}"
            );
        }
        assert!(found(plain, tailed, 100)[1] >= 95, "tail");
    }
}
