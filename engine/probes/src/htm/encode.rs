//! `htm.encode`: what it costs to turn a value into a sparse representation.
//!
//! Method: 4,096 values are encoded one after the other into the same representation, as often as a pass of 20 ms takes.
//! `rdse` is the benchmark's encoder (1,000 bits, 200 hashes; MurmurHash3), `scalar` a block of 21 of 400 bits, `category`
//! one of 100 blocks, `date` the season, the day of the week, the weekend and the time of day.
//!
//! What would make the number wrong: an encoder that skips work (every representation is compared with a second
//! computation, bit by bit for blocks, by overlap for hashes); values that are all alike, which a processor learns
//! (they are drawn from the seed); the allocation of the result, which is part of the cost for all but `rdse`, as it is
//! for their users.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use engine_htm::Sdr;
use engine_htm::encode::{
    CategoryEncoder, DateEncoder, DateParams, EncodeError, Rdse, RdseParams, ScalarEncoder, ScalarParams,
};
use engine_htm::random::Random;

use super::failed;
use crate::harness::{Stopwatch, passes};
use crate::{Context, Probe, ProbeError};

const ENCODER: ParamDef = ParamDef {
    name: "encoder",
    kind: ParamKind::Choice(&["rdse", "scalar", "category", "date"]),
    default: Some("rdse"),
    tiny: None,
    doc: "hashed buckets of any number, a block in a range, a block of its own for each category, or a moment's parts",
};

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "one value encoded");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "values encoded a second");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.encode",
        summary: "Turning a value into a sparse representation, by the usual encoders of Hierarchical Temporal Memory.",
        method: 1,
        about: "4,096 random values are encoded in turn. `rdse` is the community's benchmark's: 1,000 bits, 200 hashes. \
                Representations are tried outside the time: the number of bits, equal ones for equal values, and an \
                overlap that falls with distance. The number is wrong when an encoder skips work, which these tell.",
        params: &[ENCODER],
        metrics: &[TIME, RATE],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Values of a pass, to be gone through again and again.
const VALUES: usize = 4_096;

enum Encoder {
    Rdse(Box<Rdse>),
    Scalar(ScalarEncoder),
    Category(CategoryEncoder),
    Date(DateEncoder),
}

impl Encoder {
    fn new(name: &str) -> Result<Self, EncodeError> {
        Ok(match name {
            "scalar" => {
                let (low, high, periodic, clip) = (0.0, 1.0, false, false);
                Self::Scalar(ScalarEncoder::new(ScalarParams { low, high, size: 400, active: 21, periodic, clip })?)
            }
            "category" => Self::Category(CategoryEncoder::new(100, 21)?),
            "date" => {
                let params = DateParams { season: 21, weekday: 21, weekend: 21, ..DateParams::default() };
                Self::Date(DateEncoder::new(&params)?)
            }
            _ => Self::Rdse(Box::new(Rdse::new(RdseParams::with_radius(1_000, 0.2, 0.03, 2_019))?)),
        })
    }

    fn empty(&self) -> Sdr {
        match self {
            Self::Rdse(encoder) => Sdr::empty(encoder.size()),
            _ => Sdr::default(),
        }
    }

    /// Encodes a value from 0 to 1 as whatever the encoder takes.
    fn encode(&mut self, value: f64, out: &mut Sdr) -> Result<(), EncodeError> {
        match self {
            Self::Rdse(encoder) => return encoder.encode(value, out),
            Self::Scalar(encoder) => *out = encoder.encode(value)?,
            Self::Category(encoder) => *out = encoder.encode((value * 100.0) as u32 % 100)?,
            // Within a year.
            Self::Date(encoder) => *out = encoder.encode((value * 31_536_000.0) as i64)?,
        }
        Ok(())
    }

    /// The most bits that are on; all but `rdse` have exactly so many.
    const fn active(&self) -> usize {
        match self {
            Self::Rdse(_) => 200,
            Self::Scalar(_) | Self::Category(_) => 21,
            Self::Date(_) => 84,
        }
    }
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let mut random = Random::new(cx.seed);
    let values: Vec<f64> = (0..VALUES).map(|_| random.unit()).collect();
    let mut encoder = Encoder::new(args.text(ENCODER.name)).map_err(failed)?;
    let mut out = encoder.empty();
    let mut next = 0;
    let taken = passes::take(cx, 64, |count| {
        let clock = Stopwatch::start();
        for _ in 0..count {
            encoder.encode(values[next], &mut out).map_err(failed)?;
            next = (next + 1) % VALUES;
        }
        Ok(clock.stop())
    })?;
    verify(&mut encoder, &values)?;
    cx.record_all(&TIME, &taken.each());
    cx.record_all(&RATE, &taken.rates(1.0));
    Ok(())
}

fn verify(encoder: &mut Encoder, values: &[f64]) -> Result<(), ProbeError> {
    let exact = !matches!(encoder, Encoder::Rdse(_));
    let (mut one, mut other) = (encoder.empty(), encoder.empty());
    for pair in values.windows(2).take(500) {
        encoder.encode(pair[0], &mut one).map_err(failed)?;
        encoder.encode(pair[0], &mut other).map_err(failed)?;
        let (bits, most) = (one.on().len(), encoder.active());
        // Of 200 hashes into 1,000 bits, 181 are different on average.
        let right = if exact { bits == most } else { (150..=most).contains(&bits) };
        if one != other || !right {
            return Err(ProbeError::verification(format!("{bits} bits are on for {}, of {most}", pair[0])));
        }
        // A bucket further, all bits but one are the same.
        if !exact {
            encoder.encode(pair[0] + 0.000_15, &mut other).map_err(failed)?;
            if one.overlap(&other) + 3 < bits as u32 {
                return Err(ProbeError::verification(format!(
                    "neighbouring values share {} bits",
                    one.overlap(&other)
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_encoder_has_a_time() {
        for encoder in ["rdse", "scalar", "category", "date"] {
            let (records, _) = round_within(&PROBE, &[("encoder", encoder)], &[("time", 1e-9..1e-2)]).unwrap();
            assert!(values(&records, "time").iter().all(|time| (1e-9..1e-2).contains(time)), "{encoder}");
        }
    }

    #[test]
    fn an_encoder_that_skips_bits_is_found() {
        let mut short = Encoder::Rdse(Box::new(Rdse::new(RdseParams::with_radius(1_000, 0.1, 0.03, 1)).unwrap()));
        assert!(verify(&mut short, &[0.1, 0.2]).is_err());
    }
}
