//! `htm.tensor_search`: how long finding the embeddings nearest to a query takes.
//!
//! Method: a store of random embeddings; each query is a mixture of a stored one and of a random one, so that exactly one
//! entry has a cosine far above the threshold. Each search for the `k` nearest is a sample, once from 0.45 on, as the
//! store's own threshold has it, and once from any cosine on, where the nearest of many that are far away have to be
//! told apart.
//!
//! What would make the number wrong: a search that is not exact (for some queries every entry is compared in 64-bit
//! numbers, and the cosines must agree within 1e-5); queries that are all equal; a store that fits the caches where the
//! user's does not (the bytes that a search reads are `tensors` times `width`).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::unit::Unit;
use engine_htm::tensor::{Near, RESONANCE};

use super::patterns::failed;
use super::tensors::{Form, TENSORS, WIDTH};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const K: ParamDef = ParamDef {
    name: "k",
    kind: ParamKind::Count { min: 1, max: 100_000 },
    default: Some("10"),
    tiny: None,
    doc: "entries that a search gives",
};
const QUERIES: ParamDef = ParamDef {
    name: "queries",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("100"),
    tiny: Some("5"),
    doc: "searches from each least cosine on",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one search for the nearest");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "entries that a search goes through, a second");

/// Queries that are answered by comparing every entry too.
const COMPARED: u64 = 2;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.tensor_search",
        summary: "Finding the embeddings nearest to a query by cosine, from 0.45 on and from any cosine on.",
        method: 1,
        about: "Searches a sharded store of random embeddings for mixtures of a stored one and noise; each search is a sample. \
                Entries are ruled out by a bound from rounded bytes, the rest is compared in full, so the answer is exact; some \
                are compared with a search through everything in 64-bit numbers. The number is wrong for a user whose store \
                fits no cache when this one does: a search reads `tensors` times `width` bytes.",
        params: &[TENSORS, WIDTH, K, QUERIES],
        metrics: &[LATENCY, RATE],
        round_seconds: 0.4,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let form = Form::new(args);
    let store = form.store(cx)?;
    let k = args.whole(K.name) as usize;
    for (name, least) in [("0.45", RESONANCE), ("any", -1.0)] {
        let mut random = Stream::new(cx.seed, &[5]);
        let (mut latencies, mut rates) = (Vec::new(), Vec::new());
        for at in 0..args.whole(QUERIES.name) {
            cx.check()?;
            let wanted = random.below(form.tensors);
            let query: Vec<f32> = form
                .embedding(cx.seed, wanted)
                .iter()
                .map(|number| number + 0.7 * (random.unit_f64() * 2.0 - 1.0) as f32)
                .collect();
            let start = Moment::now();
            let found = store.search_from(&query, k, least);
            let time = Moment::now().since(start).as_secs_f64().max(1e-9);
            let found = found.map_err(failed)?;
            if at < COMPARED {
                same(&found, &compare_all(form, cx, &query, k, least))?;
            }
            latencies.push(time);
            rates.push(form.tensors as f64 / time);
        }
        let labels = Labels::new().with("least", name);
        cx.record_with(LATENCY.metric(), labels.clone(), &latencies);
        cx.record_with(RATE.metric(), labels, &rates);
    }
    Ok(())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The cosines of the nearest and whose they are, by comparing every entry in full; the nearest first.
fn compare_all(form: Form, cx: &Context<'_>, query: &[f32], k: usize, least: f32) -> Vec<(u64, f64)> {
    let mut all: Vec<(u64, f64)> = (0..form.tensors)
        .map(|id| (id, cosine(&form.embedding(cx.seed, id), query)))
        .filter(|(_, cosine)| *cosine >= f64::from(least))
        .collect();
    all.sort_by(|one, other| other.1.total_cmp(&one.1));
    all.truncate(k);
    all
}

/// Where two are equally near within the rounding of 32-bit numbers, either may come first.
fn same(found: &[Near], wanted: &[(u64, f64)]) -> Result<(), ProbeError> {
    let near = |(found, wanted): (&Near, &(u64, f64))| (f64::from(found.cosine) - wanted.1).abs() < 1e-5;
    let first = found.first().map(|near| near.id) == wanted.first().map(|(id, _)| *id);
    if found.len() == wanted.len() && found.iter().zip(wanted).all(near) && first {
        return Ok(());
    }
    Err(ProbeError::verification(format!("a search gives {found:?}, and comparing every entry gives {wanted:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn searches_from_both_cosines_are_recorded() {
        let (records, _) = round(&PROBE, &[("tensors", "60"), ("width", "96")]).unwrap();
        assert_eq!(values(&records, "latency").len(), 10);
        let least: Vec<_> = records.iter().filter_map(|record| record.labels.get("least")).collect();
        assert_eq!(least, ["0.45", "0.45", "any", "any"]);
    }

    #[test]
    fn wrong_answers_are_no_result() {
        let near = Near { id: 3, cosine: 0.5 };
        same(&[near], &[(3, 0.5)]).unwrap();
        assert!(
            same(&[near], &[(3, 0.6)]).is_err() && same(&[near], &[(4, 0.5)]).is_err() && same(&[near], &[]).is_err()
        );
    }
}
