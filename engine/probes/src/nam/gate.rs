//! `nam.gate`: what judging one pair by CODE's rule of resonance and tension costs.
//!
//! Method: pairs of random embeddings with levels are judged one after the other: the cosine of the embeddings must be at least
//! 0.45 and the relative distance of the levels at most 0.35. The pairs are made so that each of the four outcomes is a quarter
//! of them. CODE's own documents claim less than 0.1 ms a check.
//!
//! What would make the number wrong: checks that are not made, so every verdict, resonance and tension is compared with double
//! precision; pairs that the compiler knows (they are drawn at run time and pass a barrier); pairs that do not fit the
//! first-level cache, which are then a part of the time, as they are in use (64 pairs of 768 take 384 KiB).

use std::hint::black_box;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_nam::{Gate, GateError, Random};

use super::stay;
use crate::harness::clock::Stopwatch;
use crate::harness::passes;
use crate::{Context, Probe, ProbeError};

const DIMENSION: ParamDef = ParamDef {
    name: "dimension",
    kind: ParamKind::Count { min: 2, max: 65_536 },
    default: Some("768"),
    tiny: Some("64"),
    doc: "numbers of an embedding",
};

const TIME: MetricDef = MetricDef::floor("time", Unit::Seconds, "one check of a pair");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "checks a second");

/// Pairs that are judged in turn.
const PAIRS: usize = 64;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "nam.gate",
        summary: "One check of CODE's gate: cosine of two embeddings at least 0.45, relative tension at most 0.35.",
        method: 1,
        about: "Judges 64 pairs of random embeddings and levels in turn, a quarter of them for each of the four outcomes. \
                CODE claims less than 0.1 ms a check. Every verdict is compared with double precision. The number is wrong \
                when checks are skipped, which the comparison shows.",
        params: &[DIMENSION],
        metrics: &[TIME, RATE],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Two embeddings and two levels.
struct Pair {
    left: Vec<f32>,
    right: Vec<f32>,
    levels: [[f32; 1]; 2],
}

/// A pair whose resonance and tension are clearly on the side that is asked for.
fn pair(random: &mut Random, dimension: usize, close: bool, calm: bool) -> Pair {
    let left: Vec<f32> = (0..dimension).map(|_| random.normal()).collect();
    // With noise of the same size the cosine is about 0.7; turned round, about -0.7.
    let sign = if close { 1.0 } else { -1.0 };
    let right = left.iter().map(|value| sign * value + 0.5 * random.normal()).collect();
    let level = 1.0 + random.unit();
    let share = if calm { 0.7 + 0.3 * random.unit() } else { 0.6 * random.unit() };
    Pair { left, right, levels: [[level], [level * share]] }
}

impl Pair {
    /// Resonance and tension in double precision.
    fn reference(&self) -> [f64; 2] {
        let sum = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let lengths = (sum(&self.left, &self.left) * sum(&self.right, &self.right)).sqrt();
        let [[one], [two]] = self.levels.map(|level| level.map(f64::from));
        [sum(&self.left, &self.right) / lengths, (one - two).abs() / one.abs().max(two.abs())]
    }
}

impl From<GateError> for ProbeError {
    fn from(error: GateError) -> Self {
        Self::failed(error.to_string())
    }
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let dimension = usize::try_from(args.whole(DIMENSION.name)).unwrap_or(2);
    stay(cx);
    let mut random = Random::new(cx.seed);
    let pairs: Vec<Pair> = (0..PAIRS).map(|at| pair(&mut random, dimension, at % 2 == 0, at / 2 % 2 == 0)).collect();
    let gate = Gate::default();
    let check = |pair: &Pair| gate.check((&pair.left, &pair.right), (&pair.levels[0], &pair.levels[1]));
    let mut valid = 0;
    for pair in &pairs {
        let (reading, [resonance, tension]) = (check(pair)?, pair.reference());
        let off = (f64::from(reading.resonance) - resonance).abs() + (f64::from(reading.tension) - tension).abs();
        // A pair on the very edge may fall to either side by rounding alone.
        let edge = (resonance - 0.45).abs().min((tension - 0.35).abs()) < 1e-5;
        if off.is_nan() || off > 2e-5 || (!edge && reading.valid != (resonance >= 0.45 && tension <= 0.35)) {
            return Err(ProbeError::verification(format!(
                "the gate says {reading:?}, and resonance is {resonance}, tension {tension}"
            )));
        }
        valid += u64::from(reading.valid);
    }

    let mut counted = (0, 0);
    let taken = passes::take(cx, 1, |iterations| {
        let mut passed = 0_u64;
        let clock = Stopwatch::start();
        for _ in 0..iterations {
            for pair in &pairs {
                passed += u64::from(check(black_box(pair))?.valid);
            }
        }
        let time = clock.stop();
        counted = (passed, iterations);
        Ok(time)
    })?;
    if counted.0 != counted.1 * valid {
        return Err(ProbeError::verification(format!("{} of {} checks passed", counted.0, counted.1 * PAIRS as u64)));
    }
    let checks = taken.iterations as f64 * PAIRS as f64;
    let times: Vec<f64> = taken.seconds.iter().map(|seconds| seconds / checks).collect();
    cx.record_all(&TIME, &times);
    cx.record_all(&RATE, &taken.rates(PAIRS as f64));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn checks_are_timed_and_each_outcome_occurs() {
        let (records, _) = round_within(&PROBE, &[], &[("time", 1e-9..0.1)]).unwrap();
        let (times, rates) = (values(&records, "time"), values(&records, "rate"));
        assert!(times.iter().zip(&rates).all(|(time, rate)| (time * rate - 1.0).abs() < 1e-9));
        assert!(times.iter().all(|time| (1e-9..0.1).contains(time)), "{times:?}");
        let mut random = Random::new(1);
        for (close, calm) in [(true, true), (true, false), (false, true), (false, false)] {
            let [resonance, tension] = pair(&mut random, 768, close, calm).reference();
            assert_eq!((resonance >= 0.45, tension <= 0.35), (close, calm), "{resonance} {tension}");
        }
    }
}
