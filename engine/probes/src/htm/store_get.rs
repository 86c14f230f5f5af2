//! `htm.store_get`: what fetching a pattern and its value by key costs.
//!
//! Method: a store of random patterns with values of eight bytes; keys are drawn at random, all of equal chance, and fetched
//! in batches. A batch is one sample, the time of one fetch. Everything fetched is compared afterwards with what was put.
//!
//! What would make the number wrong: keys in order, or a few keys again and again (they would lie in a cache; where the
//! store is larger than the caches, ours do not); fetching without decoding (each gives a pattern and a copy of its value);
//! the clock (a batch is 64 fetches).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::stats::Stream;
use engine_core::unit::Unit;
use engine_htm::store::{PatternStore, Stored};

use super::patterns::{BITS, Form, ON, PATTERNS, failed};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const SAMPLES: ParamDef = ParamDef {
    name: "samples",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("500"),
    tiny: Some("5"),
    doc: "batches of 64 fetches in a round",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one pattern and its value");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "patterns a second");

/// Fetches in a batch.
const BATCH: usize = 64;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.store_get",
        summary: "What fetching a sparse pattern and its value by key costs.",
        method: 1,
        about: "Fetches patterns under random keys, 64 a sample, and compares each with what was put. The number is wrong when \
                few keys are fetched again and again, so that caches hold them, or when a fetch does not decode its pattern.",
        params: &[PATTERNS, BITS, ON, SAMPLES],
        metrics: &[LATENCY, RATE],
        round_seconds: 0.3,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let form = Form::new(args)?;
    let mut store = PatternStore::in_memory(form.bits).map_err(failed)?;
    for key in 0..form.patterns {
        if key % 1024 == 0 {
            cx.check()?;
        }
        store.put(key, &form.pattern(cx.seed, key), &key.to_le_bytes()).map_err(failed)?;
    }
    let mut random = Stream::new(cx.seed, &[2]);
    let mut keys = [0; BATCH];
    let mut fetched: Vec<Option<Stored>> = Vec::with_capacity(BATCH);
    let (mut latencies, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..args.whole(SAMPLES.name) {
        cx.check()?;
        keys.fill_with(|| random.below(form.patterns));
        fetched.clear();
        let start = Moment::now();
        for &key in &keys {
            fetched.push(store.get(key));
        }
        let time = Moment::now().since(start).as_secs_f64().max(1e-9);
        for (&key, stored) in keys.iter().zip(&fetched) {
            verify(form, cx.seed, key, stored.as_ref())?;
        }
        latencies.push(time / BATCH as f64);
        rates.push(BATCH as f64 / time);
    }
    cx.record_all(&LATENCY, &latencies);
    cx.record_all(&RATE, &rates);
    Ok(())
}

fn verify(form: Form, seed: u64, key: u64, stored: Option<&Stored>) -> Result<(), ProbeError> {
    if stored.is_some_and(|stored| stored.sdr == form.pattern(seed, key) && stored.value == key.to_le_bytes()) {
        return Ok(());
    }
    Err(ProbeError::verification(format!("key {key} gives something else than was put under it")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn fetches_take_time_and_are_compared() {
        let (records, _) = round(&PROBE, &[("patterns", "300")]).unwrap();
        let latencies = values(&records, "latency");
        assert_eq!(latencies.len(), 5);
        assert!(latencies.iter().all(|latency| (1e-9..60.0).contains(latency)), "{latencies:?}");
        let form = Form { patterns: 2, bits: 64, on: 4 };
        let right = Stored { sdr: form.pattern(1, 0), value: 0_u64.to_le_bytes().to_vec() };
        verify(form, 1, 0, Some(&right)).unwrap();
        assert!(verify(form, 1, 1, Some(&right)).is_err() && verify(form, 1, 0, None).is_err());
    }

    #[test]
    fn patterns_that_are_not_sparse_are_refused() {
        let error = round(&PROBE, &[("bits", "64"), ("on", "40")]).unwrap_err().to_string();
        assert!(error.contains("at most half"), "{error}");
    }
}
