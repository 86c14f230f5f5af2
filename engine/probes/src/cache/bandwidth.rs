//! `cache.bandwidth`: how fast each level of the hierarchy is read, written or copied, by one thread or all.
//!
//! Method: as likwid-bench's `load` and clpeak: unrolled vector loads with four independent destinations (or stores, or
//! both), again and again over half of one instance of a level (a quarter where something is stored), in a private
//! buffer of each pinned thread, passes of 20 ms and more, time from the first start to the last end. Threads that share
//! a level split it, but none gets less than twice the level below: else the row of the third level would measure the
//! second again. A level is as large as measured or declared, whichever is less (`cache::found`). The last row is
//! memory: four times the last-level caches of these CPUs.
//!
//! What would make the number wrong: a region that is not in its level (hence the rules above; what was used is
//! recorded); loads or stores left out (sums of all that was loaded, and all that was stored, are checked); a library's
//! `memcpy`, which may store past the caches (it is assembly); rates of threads added up.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::found::{Found, SIZES, find};
use super::levels::LEVELS;
use super::seats::{ALL_GROUPS, Seat, seats};
use crate::harness::{Pages, Team, passes, pin};
use crate::host::room::{available_memory, cores_first};
use crate::kernel::Isa;
use crate::kernel::sweep::{Operation, Region, Sweep, best};
use crate::{Context, Probe, ProbeError};

const OPERATION: ParamDef = ParamDef {
    name: "operation",
    kind: ParamKind::Choice(&["read", "write", "copy"]),
    default: Some("read"),
    tiny: None,
    doc: "a copy counts what it loads and what it stores",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each on a CPU and in a buffer of its own; one is measured on each group of CPUs",
};
const ISA: ParamDef = ParamDef {
    name: "isa",
    kind: ParamKind::Choice(&["auto", "sse2", "avx2", "avx512"]),
    default: Some("auto"),
    tiny: None,
    doc: "instruction set; `auto` is the widest that this machine has",
};
const PAGES: ParamDef = ParamDef {
    name: "pages",
    kind: ParamKind::Choice(&["system", "huge"]),
    default: Some("system"),
    tiny: None,
    doc: "what the system gives unasked, or huge ones where it can",
};
const MEMORY: ParamDef = ParamDef {
    name: "memory",
    kind: ParamKind::Size { min: 4096.0, max: 17_592_186_044_416.0 },
    default: Some("64 MiB"),
    tiny: Some("1 MiB"),
    doc: "region of the last row, over all threads; the default grows to four times the last-level caches",
};

const RATES: [MetricDef; LEVELS] = [
    MetricDef::rate("l1_rate", Unit::BytesPerSecond, "bytes of the first level, a second"),
    MetricDef::rate("l2_rate", Unit::BytesPerSecond, "bytes of the second level, a second"),
    MetricDef::rate("l3_rate", Unit::BytesPerSecond, "bytes of the third level, a second"),
];
const MEMORY_RATE: MetricDef = MetricDef::rate("memory_rate", Unit::BytesPerSecond, "bytes of memory, a second");
const REGIONS: [MetricDef; LEVELS] = [
    MetricDef::fact("l1_region", Unit::Bytes, "region of each thread in the first level"),
    MetricDef::fact("l2_region", Unit::Bytes, "region of each thread in the second level"),
    MetricDef::fact("l3_region", Unit::Bytes, "region of each thread in the third level"),
];
const MEMORY_REGION: MetricDef = MetricDef::fact("memory_region", Unit::Bytes, "region of each thread in memory");

/// The default of `memory` in bytes.
const DEFAULT: u64 = 64 << 20;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.bandwidth",
        summary: "Bandwidth of each level of cache and of memory: read, write or copy, one thread or all.",
        method: 1,
        about: "Unrolled vector loads with four independent destinations (or stores, or both) over half of one \
                instance of each level, a quarter where it stores, each pinned thread in a buffer of its own; threads \
                that share a level split it, with a floor of twice the level below. Sizes are the measured or the \
                declared ones, whichever are smaller; the last row is memory. All that is loaded is summed and \
                checked, all that is stored is read back. The number is wrong when a region is not in its level: \
                `l1_region` and so on say what was used.",
        params: &[OPERATION, THREADS, ISA, PAGES, SIZES, MEMORY, ALL_GROUPS],
        metrics: &[RATES[0], RATES[1], RATES[2], MEMORY_RATE, REGIONS[0], REGIONS[1], REGIONS[2], MEMORY_REGION],
        round_seconds: 2.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// What all rows share.
struct Job {
    operation: Operation,
    sweep: Sweep,
    pages: Pages,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let operation = Operation::from_name(args.text(OPERATION.name)).unwrap_or(Operation::Read);
    let isa = match args.text(ISA.name) {
        "auto" => best(),
        "avx2" => Isa::AvxFma,
        name => Isa::from_name(name).unwrap_or_else(best),
    };
    let sweep =
        Sweep::new(isa).map_err(|error| Skip::new(SkipKind::Hardware, error.to_string(), "use `isa: \"auto\"`"))?;
    cx.note(format!("instruction set `{isa}`"));
    let pages = if args.text(PAGES.name) == "huge" { Pages::Huge } else { Pages::System };
    let job = Job { operation, sweep, pages };
    let threads = args.threads(THREADS.name, cx.cores);
    // A team spreads over all groups.
    let seats = seats(cx, if threads == 1 { args.text(ALL_GROUPS.name) } else { "all" });
    if threads == 1 {
        for seat in &seats {
            rows(args, cx, &job, std::slice::from_ref(seat), &[seat.cpu], &seat.labels)?;
        }
        return Ok(());
    }
    let (mut cpus, _) = cores_first(&pin::allowed().unwrap_or_default());
    cpus.truncate(threads);
    if cpus.len() < threads {
        cx.note(format!("{} threads: there are no more CPUs that may be used", cpus.len()));
    }
    if cpus.is_empty() {
        cpus.push(seats[0].cpu);
    }
    rows(args, cx, &job, &seats, &cpus, &Labels::new())
}

/// All rows of one team. Sizes are looked for on the first seat; those of the others are as declared.
fn rows(
    args: &Args,
    cx: &mut Context<'_>,
    job: &Job,
    seats: &[Seat],
    cpus: &[usize],
    labels: &Labels,
) -> Result<(), ProbeError> {
    let Some(first) = seats.first() else { return Ok(()) };
    let found = find(cx, first, args.text(SIZES.name))?;
    for (level, bytes) in regions(&shares(&found, seats, cpus), job.operation, cx) {
        let used = row(cx, job, cpus, bytes, &RATES[level], labels)?;
        cx.record_at(&REGIONS[level], labels.clone(), used as f64);
    }
    // As many last-level caches as the team has CPUs that do not share one.
    let instances = |seat: &Seat| seat.levels.last().map_or(1, |last| cpus.len().div_ceil(last.sharers(cpus)) as u64);
    let largest = seats.iter().filter_map(|seat| Some(seat.sizes().last()? * instances(seat))).max();
    let caches = found.largest().into_iter().chain(largest).max();
    let room = available_memory().map(|bytes| (bytes as f64 * 0.6) as u64);
    if let Some(bytes) = memory_region(args.whole(MEMORY.name), caches, room, cx) {
        let used = row(cx, job, cpus, bytes / cpus.len() as u64, &MEMORY_RATE, labels)?;
        cx.record_at(&MEMORY_REGION, labels.clone(), used as f64);
    }
    Ok(())
}

/// A level: its number from 0, bytes of an instance, and threads of the team that share it.
type Share = (usize, u64, u64);

/// The least share that a thread of the team has of each level: cores of other groups may have smaller caches.
fn shares(found: &Found, seats: &[Seat], cpus: &[usize]) -> Vec<Share> {
    let sharers = |seat: &Seat, level: usize| seat.levels.get(level).map_or(1, |level| level.sharers(cpus) as u64);
    let levels = found.levels().into_iter().map(|(level, bytes)| {
        let own = seats.first().map(|seat| (level, bytes, sharers(seat, level)));
        let declared = |seat: &Seat| Some((level, seat.levels.get(level)?.bytes, sharers(seat, level)));
        let others = seats.iter().skip(1).filter_map(declared);
        own.into_iter().chain(others).min_by_key(|(_, bytes, sharers)| bytes / sharers).unwrap_or((level, bytes, 1))
    });
    levels.collect()
}

/// Measures one row; gives the bytes of a thread's region.
fn row(
    cx: &mut Context<'_>,
    job: &Job,
    cpus: &[usize],
    bytes: u64,
    metric: &MetricDef,
    labels: &Labels,
) -> Result<u64, ProbeError> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let (operation, pages, sweep) = (job.operation, job.pages, job.sweep);
    let mut team = Team::on(cpus, move |_| Ok(Region::new(operation, bytes, pages, u64::MAX)?))?;
    passes::note_placement(cx, &team);
    let moved = team.each(|_, region| region.moved())?;
    let work = |rounds: u64| move |_: usize, region: &mut Region| region.run(&sweep, rounds);
    let taken = passes::take(cx, 1, |rounds| Ok(team.time(work(rounds))?.wall()))?;
    for outcome in team.each(|_, region| region.verify())? {
        outcome.map_err(|wrong| ProbeError::verification(format!("{}: {wrong}", metric.id)))?;
    }
    cx.record_with(metric.metric(), labels.clone(), &taken.rates(moved.iter().sum::<u64>() as f64));
    Ok(moved[0])
}

/// Bytes of a thread's region in each level: half of its share of an instance, a quarter where it stores, and at least
/// twice the level below.
fn regions(shares: &[Share], operation: Operation, cx: &mut Context<'_>) -> Vec<(usize, u64)> {
    let part = if operation == Operation::Write { 4 } else { 2 };
    let mut below = 0;
    let mut regions = Vec::new();
    for &(level, bytes, sharers) in shares {
        let (wanted, floor) = (bytes / sharers / part, 2 * below);
        let region = wanted.max(floor);
        below = bytes / sharers;
        if region * sharers > bytes {
            let name = level + 1;
            cx.note(format!("L{name} is not much larger than what is below it: its row is left out"));
            continue;
        }
        regions.push((level, region));
    }
    regions
}

/// Bytes of the last row: four times the caches, at most what there is room for. Nothing, with a note, when that would
/// measure a cache: an array that fits one is no memory.
fn memory_region(asked: u64, caches: Option<u64>, room: Option<u64>, cx: &mut Context<'_>) -> Option<u64> {
    let show = |bytes: u64| Unit::Bytes.format(bytes as f64);
    let enough = caches.map(|caches| 4 * caches);
    let wanted = if asked == DEFAULT { asked.max(enough.unwrap_or(0)) } else { asked };
    let bytes = wanted.min(room.unwrap_or(u64::MAX));
    match (caches, enough) {
        (Some(caches), _) if bytes < 2 * caches => {
            let (bytes, caches) = (show(bytes), show(caches));
            cx.note(format!("a region of {bytes} fits the caches ({caches}): nothing is said about memory"));
            return None;
        }
        (_, Some(enough)) if bytes < enough => {
            cx.note(format!("a region of {} is below four times the caches, which take part", show(bytes)));
        }
        (None, _) => cx.note("the size of the caches is unknown: make sure that `memory` is four times as large"),
        _ => {}
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "bandwidth/tests.rs"]
mod tests;
