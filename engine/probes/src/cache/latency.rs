//! `cache.latency`: how long a load takes from each cache, and how large the caches really are.
//!
//! Method: the pointer chase of `memory.latency` over regions from 2 KiB to far beyond the caches. In the curve of
//! latency over size a cache is a plateau, and the knee at its end its capacity (`kernel::knee`), whatever the system
//! declares: a virtual machine may own 3 MiB of a declared 32. What is declared is recorded beside it, and the bounds of
//! the knee are. Each size counts with its fastest walk of several, in several places of the memory: pages that compete
//! for the same sets by chance belong to a process and not to the machine. One CPU of each group that shares a last level is
//! measured. References differ legitimately, so there are three named variants: `random_2m`, at random over the whole
//! region in 2 MiB pages (Chips and Cheese with huge pages), which keeps page colours and the TLB out; `random_4k`, the
//! same in 4 KiB pages (lmbench's `lat_mem_rd -t`); and `page_local`, groups of 64 pages of 4 KiB one after the other
//! (multichase's default order). The share of huge pages that was really obtained is recorded.
//!
//! What would make the number wrong: an order that a prefetcher guesses, or several short cycles (every link is
//! checked at every size); small pages, where misses of the TLB make knees of their own (noted), and a hypervisor that
//! backs huge pages with small ones (tried as in `cache.tlb`, and noted): colours of pages then wear a physically
//! indexed cache out before its capacity; a region that ends before memory begins (then nothing is said about memory); neighbours that
//! take their share of a cache, which is no error of the method: what is left is what programs get. A level without a
//! knee is not recorded.

use std::ops::ControlFlow;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::levels::{LEVELS, assign, latency};
use super::seats::{ALL_GROUPS, Seat, asymmetric_l3, seats};
use super::tlb::translation;
use crate::harness::{Pages, Team, passes};
use crate::host::room::available_memory;
use crate::kernel::chase::Order;
use crate::kernel::curve::{self, Curve, CurveError, Plan};
use crate::kernel::knee::{Knee, knees};
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

const VARIANT: ParamDef = ParamDef {
    name: "variant",
    kind: ParamKind::Choice(&["random_2m", "random_4k", "page_local"]),
    default: Some("random_2m"),
    tiny: None,
    doc: "at random over the whole region in 2 MiB or 4 KiB pages, or within groups of 64 pages of 4 KiB",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "load from the smallest region: first level");
const SIZES: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_size", Unit::Bytes, "measured capacity of the first level"),
    MetricDef::fact("l2_size", Unit::Bytes, "measured capacity of the second level"),
    MetricDef::fact("l3_size", Unit::Bytes, "measured capacity of the third level"),
];
const LOWS: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_size_low", Unit::Bytes, "the first level is not smaller than this"),
    MetricDef::fact("l2_size_low", Unit::Bytes, "the second level is not smaller than this"),
    MetricDef::fact("l3_size_low", Unit::Bytes, "the third level is not smaller than this"),
];
const HIGHS: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_size_high", Unit::Bytes, "the first level is not larger than this"),
    MetricDef::fact("l2_size_high", Unit::Bytes, "the second level is not larger than this"),
    MetricDef::fact("l3_size_high", Unit::Bytes, "the third level is not larger than this"),
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
const HUGE: MetricDef = MetricDef::fact("huge_pages", Unit::Ratio, "share of the region that lies in huge pages");
const ASYMMETRIC: MetricDef =
    MetricDef::fact("asymmetric_l3", Unit::Count, "1 where third-level caches of unequal size are declared");
const CURVE: MetricDef = MetricDef::floor("curve", Unit::Seconds, "load from a region of each size");

/// The default of `max` in bytes.
const DEFAULT: u64 = 64 << 20;
/// How far the default grows.
const GROWS: u64 = 256 << 20;
/// Smallest region.
const LEAST: usize = 2 << 10;
/// Sizes up to here are walked in five places each, larger ones in one.
const AGAIN: usize = 8 << 20;
/// From here on, half as many points.
const SPARSE: usize = 4 << 20;
/// Levels that differ from what is declared by more, and by more than their own bounds, are noted.
const UNLIKE: f64 = 0.15;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.latency",
        summary: "Latency of a load over the size of its region, and the measured sizes of the caches.",
        method: 2,
        about: "A random pointer chase (see `memory.latency`) over regions from 2 KiB to `max`, on one CPU of each \
                group that shares a last level; the knees of the curve are the effective capacities of the caches, \
                with their bounds and the declared sizes beside them. A level without a knee is not recorded. The \
                variants are named: `random_2m`, `random_4k`, and `page_local` (64 pages at a time). The share of huge \
                pages that was obtained is recorded. The number is wrong when links are not one cycle (checked at \
                every size) or when small pages make knees of their own; neighbours that share a cache make it smaller \
                for us, and that is what is measured.",
        params: &[MAX, POINTS, VARIANT, ALL_GROUPS],
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
            LOWS[0],
            LOWS[1],
            LOWS[2],
            HIGHS[0],
            HIGHS[1],
            HIGHS[2],
            HUGE,
            ASYMMETRIC,
            CURVE,
        ],
        round_seconds: 5.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let seats = seats(cx, args.text(ALL_GROUPS.name));
    let mut first = Vec::with_capacity(seats.len());
    for seat in &seats {
        let curve = measure(args, cx, seat)?;
        first.extend(curve.points.first().map(|point| point.min_ns * 1e-9));
        record(cx, &curve, &seat.sizes(), &seat.labels);
    }
    let best = first.into_iter().reduce(f64::min).ok_or_else(|| ProbeError::failed("the walk left no result"))?;
    cx.record(&LATENCY, best);
    cx.record(&ASYMMETRIC, f64::from(u8::from(asymmetric_l3())));
    Ok(())
}

/// The curve on one seat.
fn measure(args: &Args, cx: &mut Context<'_>, seat: &Seat) -> Result<Curve, ProbeError> {
    let mut team = Team::on(&[seat.cpu], |_| Ok(()))?;
    passes::note_placement(cx, &team);
    let plan = plan(args, cx, seat.sizes().last().copied());
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
    if plan.pages == Pages::Huge && translation(cx, seat)?.is_some_and(|translation| translation.is_split()) {
        cx.note(
            "2 MiB pages were obtained, but a hypervisor maps them in small ones: the TLB and the colours of pages take \
             part in the curve, and a second level ends before its capacity",
        );
    }
    Ok(curve)
}

/// Order and pages of a variant.
fn variant(word: &str) -> (Order, Pages) {
    match word {
        "page_local" => (Order::PageLocal { pages: 64 }, Pages::Small),
        "random_4k" => (Order::FullRandom, Pages::Small),
        _ => (Order::FullRandom, Pages::Huge),
    }
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
    let (order, pages) = variant(args.text(VARIANT.name));
    Plan {
        sizes,
        order,
        pages,
        rounds: if cx.tiny { 1 } else { 5 },
        again: AGAIN,
        samples: 2,
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

fn record(cx: &mut Context<'_>, curve: &Curve, declared: &[u64], labels: &Labels) {
    let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.bytes as f64, point.min_ns * 1e-9)).collect();
    let knees = knees(&points);
    let levels = assign(&knees, declared);
    let mut below = None;
    for (level, knee) in levels.iter().enumerate() {
        let told = declared.get(level).map(|bytes| *bytes as f64);
        if let Some(bytes) = told {
            cx.record_at(&DECLARED[level], labels.clone(), bytes);
        }
        if let Some(knee) = knee {
            cx.record_at(&SIZES[level], labels.clone(), knee.bytes);
            cx.record_at(&LOWS[level], labels.clone(), knee.low);
            cx.record_at(&HIGHS[level], labels.clone(), knee.high);
            cx.record_at(&LATENCIES[level], labels.clone(), latency(&points, knee, below));
            below = Some(knee);
        }
        if let Some(note) = remark(level + 1, knee.as_ref(), told) {
            cx.note(note);
        }
    }
    // Memory begins well beyond the last knee and the largest declared cache.
    if let (Some(last), Some(knee)) = (points.last(), knees.last()) {
        let caches = declared.last().map_or(0.0, |bytes| *bytes as f64);
        if last.0 >= 4.0 * knee.bytes && last.0 >= 2.0 * caches {
            cx.record_at(&MEMORY, labels.clone(), last.1);
        } else {
            let size = Unit::Bytes.format(last.0);
            cx.note(format!("{size} is not far enough beyond the caches to tell the latency of memory: raise `max`"));
        }
    }
    if let Some(obtained) = curve.obtained {
        cx.record_at(&HUGE, labels.clone(), obtained.huge as f64 / obtained.resident.max(1) as f64);
    }
    for (bytes, seconds) in &points {
        cx.record_at(&CURVE, labels.clone().with("size", Unit::Bytes.format(*bytes)), *seconds);
    }
}

/// What to say of a level whose measured size is missing or unlike the declared one. Without the measured numbers, so
/// that rounds say the same.
fn remark(level: usize, knee: Option<&Knee>, declared: Option<f64>) -> Option<String> {
    let declared = declared?;
    let told = Unit::Bytes.format(declared);
    let Some(knee) = knee else {
        return Some(format!("{told} of L{level} are declared, and the curve has no knee for it: not recorded"));
    };
    let beyond = !(knee.low..=knee.high).contains(&declared);
    (beyond && (knee.bytes / declared - 1.0).abs() > UNLIKE).then(|| {
        format!("{told} of L{level} are declared, but its effective size is another: `l{level}_size` is what was found")
    })
}

#[cfg(test)]
#[path = "latency/tests.rs"]
mod tests;
