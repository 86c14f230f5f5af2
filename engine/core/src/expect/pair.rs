//! The ratio of two measurements over their rounds.

use crate::measurement::{MIN_ROUNDS, Measurement, Round, Stat};
use crate::stats::bootstrap::{self, Ratio};
use crate::stats::quantile::{quantile, sorted};

/// How the rounds of two measurements were brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paired {
    /// Rounds of one number were taken close to each other (interleaved), so what disturbed both cancels.
    ByRound,
    /// The two sides were taken at different times.
    Apart,
}

/// The ratio of a statistic of `top` to that of `bottom`, with its 95 % interval over rounds.
///
/// With `interleaved`, rounds of one number are paired where at least [`MIN_ROUNDS`] pair up. `None` with fewer than
/// that many rounds on a side, when a round of `bottom` is not above zero, or for a statistic that has no value in
/// each round (`n`, `spread`, `last`, and percentiles when a round is one sample).
#[must_use]
pub fn ratio(
    top: &Measurement,
    bottom: &Measurement,
    stats: [Option<Stat>; 2],
    interleaved: bool,
) -> Option<(Ratio, Paired)> {
    let tops = round_statistics(top, stats[0])?;
    let bottoms = round_statistics(bottom, stats[1])?;
    if interleaved {
        let pairs: (Vec<f64>, Vec<f64>) = tops
            .iter()
            .filter_map(|(number, a)| bottoms.iter().find(|(other, _)| other == number).map(|(_, b)| (*a, *b)))
            .unzip();
        if pairs.0.len() >= MIN_ROUNDS {
            return bootstrap::ratio_paired(&pairs.0, &pairs.1).map(|ratio| (ratio, Paired::ByRound));
        }
    }
    let values = |side: &[(u32, f64)]| -> Vec<f64> { side.iter().map(|(_, value)| *value).collect() };
    bootstrap::ratio_of_medians(&values(&tops), &values(&bottoms)).map(|ratio| (ratio, Paired::Apart))
}

/// A statistic of each counted round, with the round's number.
fn round_statistics(measurement: &Measurement, stat: Option<Stat>) -> Option<Vec<(u32, f64)>> {
    let of = |reduce: &dyn Fn(&[f64]) -> f64| {
        Some(measurement.counted().map(|round| (round.number, reduce(&round.values))).collect())
    };
    match stat {
        None | Some(Stat::Median) => {
            let valued = |round: &Round| measurement.round_value(round).map(|value| (round.number, value));
            Some(measurement.counted().filter_map(valued).collect())
        }
        Some(Stat::Mean) => of(&|values| values.iter().sum::<f64>() / values.len() as f64),
        Some(Stat::Min) => of(&|values| values.iter().copied().fold(f64::INFINITY, f64::min)),
        Some(Stat::Max) => of(&|values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Some(Stat::Percentile(p)) if measurement.counted().any(|round| round.values.len() > 1) => {
            of(&|values| quantile(&sorted(values), p / 100.0))
        }
        Some(Stat::Percentile(_) | Stat::Spread | Stat::Count | Stat::Last) => None,
    }
}
