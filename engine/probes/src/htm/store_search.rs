//! `htm.store_search`: how long finding the best matches of a noisy pattern takes, how often the right one is found, and how
//! often chance alone makes a match.
//!
//! Method: a store of random patterns. For each share of noise, queries are stored patterns of which that share of the on
//! bits was moved; each search for the `k` best is a sample, and the recall is the share of queries whose own pattern
//! comes first. Then random queries that were never stored ask for all patterns of at least `threshold` common bits: every
//! answer is a false match. Its rate has a formula, the upper tail of the hypergeometric distribution (Ahmad and
//! Hawkins, 2015): `P = sum over b >= threshold of C(w, b) C(n - w, w - b) / C(n, w)`.
//!
//! What would make the number wrong: queries that are all equal (the caches would hold their lists; each is of its own); an
//! answer that is not the best (for some queries every pattern is compared bit by bit, and the answers must be equal);
//! random patterns that are not random (the false matches must agree with the formula within six standard deviations).

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::unit::Unit;
use engine_htm::Sdr;
use engine_htm::store::{Match, PatternStore};

use super::patterns::{BITS, Form, ON, PATTERNS, failed};
use crate::harness::clock::Moment;
use crate::{Context, Probe, ProbeError};

const NOISE: ParamDef = ParamDef {
    name: "noise",
    kind: ParamKind::Choice(&["each", "0", "10", "20", "30", "40"]),
    default: Some("each"),
    tiny: None,
    doc: "per cent of a query's on bits that were moved, or each of these shares in turn",
};
const K: ParamDef = ParamDef {
    name: "k",
    kind: ParamKind::Count { min: 1, max: 100_000 },
    default: Some("10"),
    tiny: None,
    doc: "matches that a search gives",
};
const QUERIES: ParamDef = ParamDef {
    name: "queries",
    kind: ParamKind::Count { min: 1, max: 1_000_000 },
    default: Some("200"),
    tiny: Some("10"),
    doc: "searches for each share of noise, and random ones",
};
const THRESHOLD: ParamDef = ParamDef {
    name: "threshold",
    kind: ParamKind::Count { min: 1, max: 65_535 },
    default: Some("6"),
    tiny: None,
    doc: "common bits from which on a pattern counts as a match, for the false matches; high ones are too rare to be counted",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "one search for the best matches");
const RECALL: MetricDef = MetricDef {
    id: "recall",
    title: "queries whose own pattern comes first",
    unit: Unit::Ratio,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const WITHIN: MetricDef = MetricDef::cost("within", Unit::Seconds, "one search for all from the threshold on");
const FALSE_MATCHES: MetricDef =
    MetricDef::fact("false_matches", Unit::Ratio, "comparisons with a random query that reach the threshold");
const THEORY: MetricDef = MetricDef::fact("theory", Unit::Ratio, "the same by the hypergeometric formula");
const MEMORY: MetricDef = MetricDef::cost("memory", Unit::Bytes, "memory that the store takes for a pattern");

/// Queries of each kind that are answered by comparing every pattern too.
const COMPARED: u64 = 2;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "htm.store_search",
        summary: "Finding the best matches of a noisy sparse pattern among many: time, recall, false matches.",
        method: 1,
        about: "Searches a store of random patterns for stored ones with 0 to 40 % of their on bits moved; records the time of \
                each search, the share of queries whose own pattern comes first, and for random queries the share of \
                patterns that reach the threshold by chance, beside the hypergeometric formula. The number is wrong when \
                answers are not the best (some are compared with a search bit by bit), or when the patterns are not random \
                (false matches further than six standard deviations from the formula are refused).",
        params: &[PATTERNS, BITS, ON, NOISE, K, QUERIES, THRESHOLD],
        metrics: &[LATENCY, RECALL, WITHIN, FALSE_MATCHES, THEORY, MEMORY],
        round_seconds: 0.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let form = Form::new(args)?;
    let store = form.store(cx)?;
    let (k, queries) = (args.whole(K.name) as usize, args.whole(QUERIES.name));
    let shares: Vec<u32> = match args.text(NOISE.name).parse() {
        Ok(one) => vec![one],
        Err(_) => vec![0, 10, 20, 30, 40],
    };
    for percent in shares {
        let mut random = Stream::new(cx.seed, &[3, u64::from(percent)]);
        let moved = form.on * percent / 100;
        let (mut latencies, mut found) = (Vec::new(), 0_u64);
        for at in 0..queries {
            cx.check()?;
            let key = random.below(form.patterns);
            let query = form.noisy(&form.pattern(cx.seed, key), moved, &mut random);
            let start = Moment::now();
            let best = store.nearest(&query, k);
            latencies.push(Moment::now().since(start).as_secs_f64());
            let best = best.map_err(failed)?;
            found += u64::from(best.first().is_some_and(|best| best.key == key));
            if at < COMPARED {
                let mut all = compare_all(form, cx, &query, 1);
                all.truncate(k);
                same(&best, &all)?;
            }
        }
        let labels = Labels::new().with(NOISE.name, format!("{percent} %"));
        cx.record_with(LATENCY.metric(), labels.clone(), &latencies);
        cx.record_at(&RECALL, labels, found as f64 / queries as f64);
    }
    by_chance(args.whole(THRESHOLD.name) as u32, form, &store, queries, cx)?;
    cx.record(&MEMORY, store.memory().total() as f64 / form.patterns as f64);
    Ok(())
}

/// Searches for what was never stored, and counts what is found.
fn by_chance(
    threshold: u32,
    form: Form,
    store: &PatternStore,
    queries: u64,
    cx: &mut Context<'_>,
) -> Result<(), ProbeError> {
    let (mut times, mut matches) = (Vec::new(), 0);
    for at in 0..queries {
        cx.check()?;
        // Keys from here on are in no store.
        let query = form.pattern(cx.seed, u64::MAX - at);
        let start = Moment::now();
        let found = store.within(&query, threshold);
        times.push(Moment::now().since(start).as_secs_f64());
        let found = found.map_err(failed)?;
        matches += found.len();
        if at < COMPARED {
            same(&found, &compare_all(form, cx, &query, threshold))?;
        }
    }
    let comparisons = form.patterns as f64 * queries as f64;
    let theory = form.chance(threshold);
    agrees(matches as f64, theory * comparisons)?;
    cx.record_all(&WITHIN, &times);
    cx.record(&FALSE_MATCHES, matches as f64 / comparisons);
    cx.record(&THEORY, theory);
    Ok(())
}

/// All matches of at least `least` common bits, by comparing every pattern bit by bit; the best first.
fn compare_all(form: Form, cx: &Context<'_>, query: &Sdr, least: u32) -> Vec<Match> {
    let mut wanted = vec![false; form.bits as usize];
    query.on().iter().for_each(|&bit| wanted[bit as usize] = true);
    let mut all: Vec<Match> = (0..form.patterns)
        .map(|key| {
            let overlap = form.pattern(cx.seed, key).on().iter().filter(|&&bit| wanted[bit as usize]).count() as u32;
            Match { key, overlap }
        })
        .filter(|found| found.overlap >= least)
        .collect();
    all.sort_by_key(|found| (u32::MAX - found.overlap, found.key));
    all
}

fn same(found: &[Match], wanted: &[Match]) -> Result<(), ProbeError> {
    if found == wanted {
        return Ok(());
    }
    let at = found.iter().zip(wanted).position(|(one, other)| one != other).unwrap_or(found.len().min(wanted.len()));
    Err(ProbeError::verification(format!(
        "match {at} of {} is {:?}, and comparing every pattern gives {:?} of {}",
        found.len(),
        found.get(at),
        wanted.get(at),
        wanted.len()
    )))
}

/// Matches of one query are nearly independent, those of several are; a few more than a Poisson law says are allowed.
fn agrees(seen: f64, expected: f64) -> Result<(), ProbeError> {
    if (seen - expected).abs() <= 6.0 * (1.5 * expected).sqrt() + 3.0 {
        return Ok(());
    }
    Err(ProbeError::verification(format!("{seen} false matches, where theory expects {expected:.1}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn noise_is_found_and_chance_is_what_theory_says() {
        let (records, _) = round(&PROBE, &[]).unwrap();
        assert_eq!(values(&records, "recall"), [1.0; 5], "2,000 patterns of 41 of 2,048 bits are far apart");
        let (seen, theory) = (values(&records, "false_matches")[0], values(&records, "theory")[0]);
        assert!(theory > 0.0 && (seen - theory).abs() < 0.01, "{seen} {theory}");
        let noise: Vec<_> = records.iter().filter_map(|record| record.labels.get("noise")).collect();
        assert_eq!(noise.len(), 10, "{noise:?}");
    }

    #[test]
    fn one_share_of_noise_and_any_width_can_be_asked_for() {
        let given = [("noise", "40"), ("bits", "128"), ("on", "10"), ("threshold", "4"), ("k", "3")];
        let (records, _) = round(&PROBE, &given).unwrap();
        assert_eq!(values(&records, "recall").len(), 1);
        assert!(values(&records, "false_matches")[0] > 0.0);
    }

    #[test]
    fn wrong_answers_are_no_result() {
        let (one, other) = (Match { key: 1, overlap: 5 }, Match { key: 2, overlap: 5 });
        same(&[one, other], &[one, other]).unwrap();
        assert!(same(&[other, one], &[one, other]).unwrap_err().to_string().contains("match 0"));
        assert!(same(&[one], &[one, other]).unwrap_err().to_string().contains("match 1 of 1 is None"));
        agrees(110.0, 100.0).unwrap();
        assert!(agrees(300.0, 100.0).is_err() && agrees(20.0, 0.001).is_err());
    }
}
