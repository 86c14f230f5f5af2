//! `cache.latency`: how long a load takes from each cache, and how large the caches really are.
//!
//! Method: the pointer chase of `memory.latency` over regions from 2 KiB to far beyond the caches. In the curve of
//! latency over size a cache is a plateau, and the knee at its end its capacity (`kernel::knee`), whatever the system
//! declares: a virtual machine may own 3 MiB of a declared 32. What is declared is recorded beside it. Huge pages (the
//! default) keep page colours and the TLB out of the curve. Each size counts with its fastest walk of several.
//!
//! What would make the number wrong: an order that a prefetcher guesses, or several short cycles (every link is
//! checked at every size); small pages, where misses of the TLB make knees of their own (noted); a region that ends
//! before memory begins (then nothing is said about memory); neighbours that take their share of a cache, which is no
//! error of the method: what is left is what programs get. A level without a knee is not recorded.

use std::ops::ControlFlow;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::levels::{LEVELS, assign, latency};
use crate::harness::{Pages, Team, passes};
use crate::host::room::{available_memory, declared_caches};
use crate::kernel::curve::{self, Curve, CurveError, Plan};
use crate::kernel::knee::knees;
use crate::memory::latency::{PAGES, VARIANT, first_cpu, order, pages};
use crate::{Context, Probe, ProbeError};

const MAX: ParamDef = ParamDef {
    name: "max",
    kind: ParamKind::Size { min: 4096.0, max: 17_592_186_044_416.0 },
    default: Some("64 MiB"),
    tiny: Some("1 MiB"),
    doc: "largest region; the default grows to four times the last-level cache, at most 256 MiB",
};
const POINTS: ParamDef = ParamDef {
    name: "points",
    kind: ParamKind::Count { min: 1, max: 32 },
    default: Some("8"),
    tiny: Some("1"),
    doc: "sizes for each doubling, half as many beyond 4 MiB",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "load from the smallest region: first level");
const SIZES: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_size", Unit::Bytes, "measured capacity of the first level"),
    MetricDef::fact("l2_size", Unit::Bytes, "measured capacity of the second level"),
    MetricDef::fact("l3_size", Unit::Bytes, "measured capacity of the third level"),
];
const LATENCIES: [MetricDef; LEVELS] = [
    MetricDef::floor("l1_latency", Unit::Seconds, "load from the first level"),
    MetricDef::floor("l2_latency", Unit::Seconds, "load from the second level"),
    MetricDef::floor("l3_latency", Unit::Seconds, "load from the third level"),
];
const MEMORY: MetricDef = MetricDef::floor("memory_latency", Unit::Seconds, "load from beyond all caches");
const DECLARED: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_declared", Unit::Bytes, "declared size of the first level"),
    MetricDef::fact("l2_declared", Unit::Bytes, "declared size of the second level"),
    MetricDef::fact("l3_declared", Unit::Bytes, "declared size of the third level"),
];
const CURVE: MetricDef = MetricDef::floor("curve", Unit::Seconds, "load from a region of each size");

/// The default of `max` in bytes.
const DEFAULT: u64 = 64 << 20;
/// How far the default grows.
const GROWS: u64 = 256 << 20;
/// Smallest region.
const LEAST: usize = 2 << 10;
/// From here on, half as many points.
const SPARSE: usize = 4 << 20;
/// Levels that differ from what is declared by more are noted.
const UNLIKE: f64 = 0.25;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.latency",
        summary: "Latency of a load over the size of its region, and the measured sizes of the caches.",
        method: 1,
        about: "A random pointer chase (see `memory.latency`) over regions from 2 KiB to `max`; the knees of the \
                curve are the capacities of the caches, measured, with the declared ones beside them. A level \
                without a knee is not recorded. Huge pages keep the TLB and page colours out. The number is wrong \
                when links are not one cycle (checked at every size) or when small pages make knees of their own; \
                neighbours that share a cache make it smaller for us, and that is what is measured.",
        params: &[MAX, POINTS, VARIANT, PAGES],
        metrics: &[
            LATENCY,
            SIZES[0],
            SIZES[1],
            SIZES[2],
            LATENCIES[0],
            LATENCIES[1],
            LATENCIES[2],
            MEMORY,
            DECLARED[0],
            DECLARED[1],
            DECLARED[2],
            CURVE,
        ],
        round_seconds: 5.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let mut team = Team::new(1, |_| Ok(()))?;
    passes::note_placement(cx, &team);
    let declared = declared_caches(first_cpu(&team));
    let plan = plan(args, cx, declared.last().copied());
    let seen = &*cx;
    let outcome = team.each(|_, ()| {
        curve::measure(&plan, u64::MAX, |_| match seen.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    })?;
    let curve = match outcome.into_iter().next() {
        Some(Ok(curve)) => curve,
        Some(Err(CurveError::Chain(broken))) => return Err(ProbeError::verification(broken.to_string())),
        Some(Err(CurveError::Buffer(refused))) => return Err(refused.into()),
        None => return Err(ProbeError::failed("the walk left no result")),
    };
    cx.check()?;
    note_pages(cx, plan.pages, &curve);
    record(cx, &curve, &declared);
    Ok(())
}

/// What to measure, within the memory there is.
fn plan(args: &Args, cx: &mut Context<'_>, last: Option<u64>) -> Plan {
    let asked = args.whole(MAX.name);
    let grown = last.map_or(0, |last| (4 * last).min(GROWS));
    let wanted = if asked == DEFAULT { asked.max(grown) } else { asked };
    let most = available_memory().map_or(u64::MAX, |bytes| (bytes as f64 * 0.6) as u64);
    if wanted > most {
        cx.note(format!("size limited to {} by the memory available", Unit::Bytes.format(most as f64)));
    }
    let max = usize::try_from(wanted.min(most)).unwrap_or(usize::MAX);
    let points = u32::try_from(args.whole(POINTS.name)).unwrap_or(1);
    let mut sizes = curve::sizes(LEAST, max.min(SPARSE), points);
    sizes.extend(curve::sizes(SPARSE, max, points.div_ceil(2)));
    sizes.dedup();
    Plan {
        sizes,
        order: order(args.text(VARIANT.name)),
        pages: pages(args.text(PAGES.name)),
        rounds: 1,
        samples: if cx.tiny { 2 } else { 5 },
        sample: if cx.tiny { Duration::from_micros(100) } else { Duration::from_millis(1) },
        seed: cx.seed,
    }
}

fn note_pages(cx: &mut Context<'_>, pages: Pages, curve: &Curve) {
    if pages == Pages::Small {
        cx.note("small pages: misses of the TLB are in the curve");
    } else if let Some(obtained) = curve.obtained
        && obtained.huge < obtained.resident
    {
        let share = Unit::Ratio.format(obtained.huge as f64 / obtained.resident.max(1) as f64);
        cx.note(format!("{share} of the region lies in huge pages: the TLB takes part in the rest of the curve"));
    }
}

fn record(cx: &mut Context<'_>, curve: &Curve, declared: &[u64]) {
    let Some(first) = curve.points.first() else { return };
    cx.record(&LATENCY, first.min_ns * 1e-9);
    let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.bytes as f64, point.min_ns * 1e-9)).collect();
    let knees = knees(&points);
    let levels = assign(&knees, declared);
    let mut below = None;
    for (level, knee) in levels.iter().enumerate() {
        let told = declared.get(level).map(|bytes| *bytes as f64);
        if let Some(bytes) = told {
            cx.record(&DECLARED[level], bytes);
        }
        if let Some(knee) = knee {
            cx.record(&SIZES[level], knee.bytes);
            cx.record(&LATENCIES[level], latency(&points, knee, below));
            below = Some(knee);
        }
        if let Some(note) = remark(level + 1, knee.as_ref().map(|knee| knee.bytes), told) {
            cx.note(note);
        }
    }
    // Memory begins well beyond the last knee and the largest declared cache.
    if let (Some(last), Some(knee)) = (points.last(), knees.last()) {
        let caches = declared.last().map_or(0.0, |bytes| *bytes as f64);
        if last.0 >= 4.0 * knee.bytes && last.0 >= 2.0 * caches {
            cx.record(&MEMORY, last.1);
        } else {
            let size = Unit::Bytes.format(last.0);
            cx.note(format!("{size} is not far enough beyond the caches to tell the latency of memory: raise `max`"));
        }
    }
    for (bytes, seconds) in &points {
        cx.record_at(&CURVE, Labels::new().with("size", Unit::Bytes.format(*bytes)), *seconds);
    }
}

/// What to say of a level whose measured size is missing or unlike the declared one.
fn remark(level: usize, measured: Option<f64>, declared: Option<f64>) -> Option<String> {
    let show = |bytes: f64| Unit::Bytes.format(bytes);
    match (measured, declared) {
        (Some(measured), Some(declared)) if (measured / declared - 1.0).abs() > UNLIKE => {
            let told = show(declared);
            Some(format!(
                "{told} of L{level} are declared, and its knee lies elsewhere: `l{level}_size` is what was found"
            ))
        }
        (None, Some(declared)) => {
            let told = show(declared);
            Some(format!("{told} of L{level} are declared, and the curve has no knee for it: not recorded"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};
    use crate::kernel::curve::Point;
    use engine_core::measurement::Record;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_tiny_round_has_a_curve_of_possible_latencies() {
        for (variant, pages) in [("random", "huge"), ("page_local", "small")] {
            let (records, notes) = round(&PROBE, &[("variant", variant), ("pages", pages)]).unwrap();
            let curve = values(&records, "curve");
            assert_eq!(curve.len(), 10, "2 KiB to 1 MiB");
            assert!(curve.iter().all(|value| (2e-10..1e-4).contains(value)), "{curve:?}");
            assert!((values(&records, "latency")[0] - curve[0]).abs() < 1e-15);
            assert_eq!(pages == "small", notes.iter().any(|note| note.contains("small pages")));
        }
    }

    /// Three plateaus of the given ends, then memory.
    fn synthetic(ends: [usize; 3], max: usize) -> Curve {
        let ns = |bytes: usize| match ends.iter().position(|end| bytes <= *end) {
            Some(level) => [1.0, 4.0, 15.0][level],
            None => 90.0,
        };
        let points = curve::sizes(LEAST, max, 8)
            .into_iter()
            .map(|bytes| Point { bytes, min_ns: ns(bytes), median_ns: ns(bytes) })
            .collect();
        Curve { points, obtained: None, mapped: max }
    }

    fn recorded(curve: &Curve, declared: &[u64]) -> (Vec<Record>, String) {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
        record(&mut cx, curve, declared);
        let (records, notes) = cx.finish();
        (records, notes.join("; "))
    }

    #[test]
    fn a_known_curve_gives_its_sizes_and_latencies_back() {
        let curve = synthetic([32 << 10, 1 << 20, 3 << 20], 128 << 20);
        let (records, notes) = recorded(&curve, &[32 << 10, 1 << 20, 32 << 20]);
        for (metric, bytes) in [("l1_size", 32e3), ("l2_size", 1.05e6), ("l3_size", 3.15e6)] {
            let ratio = values(&records, metric)[0] / bytes;
            assert!((0.9..1.15).contains(&ratio), "{metric}: {ratio}");
        }
        for (metric, ns) in [("latency", 1.0), ("l1_latency", 1.0), ("l2_latency", 4.0), ("memory_latency", 90.0)] {
            let ratio = values(&records, metric)[0] * 1e9 / ns;
            assert!((0.97..1.03).contains(&ratio), "{metric}: {ratio}");
        }
        assert!(notes.contains("32 MiB of L3 are declared, and its knee lies elsewhere"), "{notes}");
        assert!(!notes.contains("L1") && !notes.contains("L2"), "{notes}");
        assert!(records.iter().any(|r| r.metric.id == "curve" && r.labels.get("size") == Some("4 KiB")));
    }

    #[test]
    fn what_is_not_seen_is_not_invented() {
        let curve = synthetic([32 << 10, 1 << 20, 3 << 20], 512 << 10);
        let (records, notes) = recorded(&curve, &[32 << 10, 1 << 20, 32 << 20]);
        assert_eq!(values(&records, "l1_size").len(), 1);
        for metric in ["l2_size", "l3_size", "l2_latency", "memory_latency"] {
            assert!(values(&records, metric).is_empty(), "{metric}");
        }
        assert_eq!(values(&records, "l3_declared"), [33_554_432.0]);
        assert!(notes.contains("1 MiB of L2 are declared, and the curve has no knee for it"), "{notes}");
        assert!(notes.contains("raise `max`"), "{notes}");
    }

    #[test]
    fn the_default_is_the_one_that_grows() {
        let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
        assert_eq!(args.whole(MAX.name), DEFAULT);
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
        assert_eq!(plan(&args, &mut cx, Some(96 << 20)).sizes.last(), Some(&(256 << 20)));
        assert_eq!(plan(&args, &mut cx, None).sizes.last(), Some(&(64 << 20)));
    }
}
