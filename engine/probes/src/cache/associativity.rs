//! `cache.associativity`: what it costs when lines compete for one set of a cache, and how many a set holds.
//!
//! Method: a random cycle through 1, 2, 3, .. lines that lie one way of a cache (its size over its ways) apart, so that
//! all fall into the same set. As long as they fit, a load takes the latency of the level; the first number at which it
//! rises for good is one more than the ways. Power-of-two strides in matrices and tables do the same to programs. The
//! second level is indexed by physical addresses: its lines lie in huge pages.
//!
//! What would make the number wrong: a stride that is no multiple of a way (declared ways and size decide; 4 KiB and
//! 128 KiB where nothing is declared); physical addresses that are not contiguous below the guest, which spreads the
//! lines over many sets: then the second level shows no conflict, which is noted and nothing recorded; levels with hashed
//! sets, such as most third ones, which this cannot measure and does not try to.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::seats::{FIRST_GROUP, Seat, seats};
use crate::harness::{Buffer, Pages, Team, passes};
use crate::host::caches::Level;
use crate::kernel::chase::BrokenChain;
use crate::kernel::ring::{Ring, fastest};
use crate::{Context, Probe, ProbeError};

/// Levels that are tried.
const LEVELS: usize = 2;

const CONFLICT: [MetricDef; LEVELS] = [
    MetricDef::floor("conflict_latency", Unit::Seconds, "load from a set of L1 that has more lines than ways"),
    MetricDef::floor("l2_conflict_latency", Unit::Seconds, "load from a set of L2 that has more lines than ways"),
];
const WAYS: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_ways", Unit::Count, "lines that a set of the first level was found to hold"),
    MetricDef::fact("l2_ways", Unit::Count, "lines that a set of the second level was found to hold"),
];
const DECLARED: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_ways_declared", Unit::Count, "declared ways of the first level"),
    MetricDef::fact("l2_ways_declared", Unit::Count, "declared ways of the second level"),
];
const HIT: MetricDef = MetricDef::floor("hit_latency", Unit::Seconds, "load from a set of L1 that has room");
const CURVE: MetricDef = MetricDef::floor("curve", Unit::Seconds, "load with so many lines in one set");

/// A rise counts when the last lines take so many times the latency of the first.
const RISES: f64 = 1.4;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.associativity",
        summary: "What it costs when lines compete for one set of a cache, and how many a set holds.",
        method: 1,
        about: "Chases through 1, 2, 3, .. lines that lie one way of the cache apart, so that all fall into one set: the \
                load gets slower for good at one line more than there are ways. Declared ways are beside the found \
                ones. The number is wrong when the stride is no multiple of a way; where memory is not contiguous \
                below a guest, the second level shows no conflict, which is noted and not recorded. Third levels hash \
                their sets and are not tried.",
        params: &[FIRST_GROUP],
        metrics: &[CONFLICT[0], HIT, WAYS[0], WAYS[1], DECLARED[0], DECLARED[1], CONFLICT[1], CURVE],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    for seat in seats(cx, args.text(FIRST_GROUP.name)) {
        let mut beneath = 0;
        for level in 0..LEVELS {
            let declared = seat.levels.get(level);
            let curve = measure(cx, &seat, stride(level, declared), limit(declared))?;
            beneath = record(cx, level, &curve, declared.and_then(|level| level.ways), beneath, &seat.labels);
        }
    }
    Ok(())
}

/// Bytes between lines of one set: those of a way.
fn stride(level: usize, declared: Option<&Level>) -> usize {
    let way = declared.and_then(|level| Some(level.bytes / u64::from(level.ways?)));
    let way = way.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| bytes.is_power_of_two());
    // Never less than a page: a smaller stride is that of no second level, and bits within a page are the same for all.
    way.map_or(if level == 0 { 4 << 10 } else { 128 << 10 }, |bytes| bytes.max(4 << 10))
}

/// Most lines that are tried: well beyond the declared ways, where the latency is that of the next level.
fn limit(declared: Option<&Level>) -> usize {
    let ways = declared.and_then(|level| level.ways).map_or(24, |ways| ways.clamp(1, 64) as usize);
    2 * ways + 4
}

/// Nanoseconds of a load for 1, 2, .. lines.
fn measure(cx: &mut Context<'_>, seat: &Seat, stride: usize, limit: usize) -> Result<Vec<f64>, ProbeError> {
    let (samples, nanos) = if cx.tiny { (1, 1e4) } else { (5, 2e5) };
    let seed = cx.seed;
    let mut team = Team::on(&[seat.cpu], move |_| {
        let mut buffer = Buffer::map(stride * limit, Pages::Huge, u64::MAX)?;
        buffer.touch();
        Ok(Ring::new(buffer, &[0], seed))
    })?;
    passes::note_placement(cx, &team);
    let mut curve = Vec::with_capacity(limit);
    for lines in 1..=limit {
        cx.check()?;
        let places: Vec<usize> = (0..lines).map(|line| line * stride).collect();
        let outcome = team.each(|_, ring| {
            ring.relink(&places, seed ^ lines as u64);
            fastest(ring, samples, nanos)
        })?;
        for outcome in outcome {
            curve.push(outcome.map_err(|broken: BrokenChain| ProbeError::verification(broken.to_string()))?);
        }
    }
    Ok(curve)
}

/// Records one level and gives its ways, found or else declared. `beneath` are those of the level below, whose misses
/// come first.
fn record(
    cx: &mut Context<'_>,
    level: usize,
    curve: &[f64],
    declared: Option<u32>,
    beneath: usize,
    labels: &Labels,
) -> usize {
    let name = level + 1;
    let found = ways(curve, beneath);
    if let Some(declared) = declared {
        cx.record_at(&DECLARED[level], labels.clone(), f64::from(declared));
    }
    if level == 0 {
        cx.record_at(&HIT, labels.clone(), curve.first().copied().unwrap_or(0.0) * 1e-9);
    }
    match found {
        Some(ways) => {
            cx.record_at(&WAYS[level], labels.clone(), ways as f64);
            if declared.is_some_and(|declared| declared as usize != ways) {
                cx.note(format!("the found ways of L{name} are not the declared ones"));
            }
        }
        None => cx.note(format!(
            "no conflict is to be seen in L{name}: its lines are not where their addresses say (hashed sets, or memory \
             that is not contiguous below a guest)"
        )),
    }
    if found.is_some() || level == 0 {
        let last = curve.iter().rev().take(3).copied().fold(f64::INFINITY, f64::min);
        cx.record_at(&CONFLICT[level], labels.clone(), last * 1e-9);
    }
    for (lines, nanos) in curve.iter().enumerate() {
        let labels = labels.clone().with("level", format!("L{name}")).with("lines", (lines + 1).to_string());
        cx.record_at(&CURVE, labels, nanos * 1e-9);
    }
    found.or(declared.map(|ways| ways as usize)).unwrap_or(beneath)
}

/// The number of lines after which a load is slower for good. `curve[k - 1]` is that of `k` lines; those up to `beneath`
/// and a step beyond are of the level below.
fn ways(curve: &[f64], beneath: usize) -> Option<usize> {
    let from = if beneath == 0 { 0 } else { beneath + 1 };
    let before = curve.get(from..)?.iter().take(3).copied().fold(f64::INFINITY, f64::min);
    let tail = curve.get(curve.len().saturating_sub(curve.len() / 4).max(from)..)?;
    let after = tail.iter().copied().fold(f64::INFINITY, f64::min);
    if !after.is_finite() || after < RISES * before {
        return None;
    }
    // Strict replacement jumps to the top at once, others climb: half of what counts as a rise is the sign.
    let line = before * (1.0 + RISES) / 2.0;
    let last_below = curve.iter().rposition(|nanos| *nanos < line)?;
    Some(last_below + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn a_tiny_round_has_possible_latencies() {
        let metrics = ["conflict_latency", "hit_latency", "curve"];
        let (records, _) = round_within(&PROBE, &[], &metrics.map(|metric| (metric, 2e-10..1e-4))).unwrap();
        for metric in ["conflict_latency", "hit_latency", "curve"] {
            let latencies = values(&records, metric);
            assert!(latencies.iter().all(|value| (2e-10..1e-4).contains(value)), "{metric}: {latencies:?}");
        }
    }

    #[test]
    fn the_last_line_that_fits_is_found() {
        let strict = |ways: usize| (1..=28).map(|lines| if lines <= ways { 1.0 } else { 3.5 }).collect::<Vec<_>>();
        assert_eq!(ways(&strict(8), 0), Some(8));
        assert_eq!(ways(&strict(12), 0), Some(12));
        // Random replacement: the share of misses grows.
        let soft: Vec<f64> = (1..=28).map(|n| 1.0 + 2.5 * (1.0 - (12.0 / f64::from(n).max(12.0)).powi(2))).collect();
        assert!((12..=14).contains(&ways(&soft, 0).unwrap()));
        let spike: Vec<f64> = (1..=28).map(|n| if n == 4 || n > 12 { 3.5 } else { 1.0 }).collect();
        assert_eq!(ways(&spike, 0), Some(12), "a disturbed point is no end");
    }

    #[test]
    fn a_second_level_is_told_from_the_first_and_flat_curves_have_none() {
        let both: Vec<f64> = (1..=36).map(|n| [1.0, 3.5, 14.0][usize::from(n > 12) + usize::from(n > 16)]).collect();
        assert_eq!((ways(&both[..26], 0).unwrap(), ways(&both, 12)), (12, Some(16)));
        let spread: Vec<f64> = (1..=36).map(|n| if n > 12 { 3.5 } else { 1.0 }).collect();
        assert_eq!(ways(&spread, 12), None, "only the first level's conflict");
        assert_eq!((ways(&[1.0; 30], 0), ways(&[], 0), ways(&[1.0; 3], 7)), (None, None, None));
    }

    #[test]
    fn strides_are_ways() {
        let level = |bytes, ways| Level { bytes, ways, shared: std::collections::BTreeSet::new() };
        assert_eq!(stride(0, Some(&level(48 << 10, Some(12)))), 4 << 10);
        assert_eq!(stride(1, Some(&level(1 << 20, Some(16)))), 64 << 10);
        assert_eq!(stride(1, Some(&level(1280 << 10, Some(10)))), 128 << 10);
        assert_eq!((stride(0, None), stride(1, None)), (4 << 10, 128 << 10));
        assert_eq!((limit(None), limit(Some(&level(1, Some(12))))), (52, 28));
    }
}
