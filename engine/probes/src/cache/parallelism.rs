//! `cache.parallelism`: how many misses a core keeps in flight: independent chases side by side, against one alone.
//!
//! Method: as lmbench's `par_mem` and clpeak: 1, 2, 3, 4, 6 .. 32 cursors at equal distances on one random cycle over a
//! region (half of the third level, and memory), each waiting only for its own loads. A core that can keep K misses in
//! flight moves K cursors in the time of one; the factor is K times the time of a step of one, over that of a step of
//! all. The largest one is the memory-level parallelism, which is what software prefetching and batched look-ups can
//! gain at most. A load fetches a line: 64 bytes are counted.
//!
//! What would make the number wrong: a region that fits a smaller cache (the size is the effective one, and a memory
//! region below four times the caches is noted); cursors that follow each other and find lines that another has fetched
//! (they are at equal distances); lost loads (every cursor must end where its steps lead). More than eight cursors live
//! in memory of their own, which adds a few cycles to a step: a little less is seen at the third level.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::found::{Found, SIZES, find};
use super::seats::{FIRST_GROUP, Seat, seats};
use crate::harness::{Buffer, Pages, Stopwatch, Team, passes};
use crate::host::room::available_memory;
use crate::kernel::chase::{Chase, LINE, Order};
use crate::kernel::parallel::{MOST, Parallel, UNROLL, WrongWalk};
use crate::{Context, Probe, ProbeError};

const MEMORY: ParamDef = ParamDef {
    name: "memory",
    kind: ParamKind::Size { min: 4096.0, max: 17_179_869_184.0 },
    default: Some("64 MiB"),
    tiny: Some("1 MiB"),
    doc: "region in memory; the default grows to four times the last-level cache, at most 256 MiB",
};

const PARALLELISM: MetricDef = MetricDef::rate("parallelism", Unit::Count, "loads of memory in flight at once");
const L3_PARALLELISM: MetricDef = MetricDef::rate("l3_parallelism", Unit::Count, "loads of the third level in flight");
const RATE: MetricDef =
    MetricDef::rate("rate", Unit::BytesPerSecond, "lines of memory fetched by random loads, a second");
const L3_RATE: MetricDef =
    MetricDef::rate("l3_rate", Unit::BytesPerSecond, "lines of the third level fetched by random loads, a second");
const FACTOR: MetricDef = MetricDef::rate("factor", Unit::Count, "so many chases against one alone");

/// Times that all numbers of cursors are gone through.
const ROUNDS: usize = 7;
/// The numbers of cursors.
const CHASES: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/// The default of `memory`, and how far it grows.
const DEFAULT: u64 = 64 << 20;
const GROWS: u64 = 256 << 20;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.parallelism",
        summary: "How many cache misses a core keeps in flight: independent chases side by side.",
        method: 1,
        about: "1 to 32 cursors walk one random cycle side by side, each waiting only for its own loads, over half of \
                the third level and over memory. The factor is how much faster all together are than one alone; the \
                largest one is the memory-level parallelism. Every cursor must end where its steps lead. The number is \
                wrong when the region fits a smaller cache, so sizes are the measured ones and a small region is noted.",
        params: &[MEMORY, SIZES, FIRST_GROUP],
        metrics: &[PARALLELISM, RATE, L3_PARALLELISM, L3_RATE, FACTOR],
        round_seconds: 3.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    for seat in seats(cx, args.text(FIRST_GROUP.name)) {
        let found = find(cx, &seat, args.text(SIZES.name))?;
        match third(&found) {
            Some(bytes) => row(cx, &seat, bytes, "L3", [&L3_PARALLELISM, &L3_RATE])?,
            None => cx.note("no third level far enough beyond the second: nothing is said about it"),
        }
        let bytes = memory(args.whole(MEMORY.name), &found, available_memory(), cx);
        row(cx, &seat, bytes, "memory", [&PARALLELISM, &RATE])?;
    }
    Ok(())
}

/// Half of the third level, when that is well beyond the second.
fn third(found: &Found) -> Option<u64> {
    let half = found.effective(2)? / 2;
    (half >= 2 * found.effective(1).unwrap_or(0)).then_some(half)
}

fn memory(asked: u64, found: &Found, available: Option<u64>, cx: &mut Context<'_>) -> u64 {
    let grown = found.largest().map_or(0, |bytes| (4 * bytes).min(GROWS));
    let wanted = if asked == DEFAULT { asked.max(grown) } else { asked };
    let bytes = wanted.min(available.map_or(u64::MAX, |bytes| bytes / 2));
    let show = |bytes: u64| Unit::Bytes.format(bytes as f64);
    match found.largest() {
        Some(caches) if bytes < 4 * caches => cx.note(format!(
            "a region of {} is below four times the last-level cache ({}), so caches take part",
            show(bytes),
            show(caches)
        )),
        Some(_) => {}
        None => cx.note("the size of the caches is unknown: make sure that `memory` is four times as large"),
    }
    bytes
}

fn row(
    cx: &mut Context<'_>,
    seat: &Seat,
    bytes: u64,
    level: &str,
    [parallelism, rate]: [&MetricDef; 2],
) -> Result<(), ProbeError> {
    let wrong = |error: WrongWalk| ProbeError::verification(error.to_string());
    let (bytes, seed) = (usize::try_from(bytes).unwrap_or(usize::MAX), cx.seed);
    let mut team = Team::on(&[seat.cpu], move |_| {
        let mut buffer = Buffer::map(bytes, Pages::Huge, u64::MAX)?;
        buffer.touch();
        Ok(Parallel::new(Chase::new(buffer, bytes, Order::FullRandom, seed))?)
    })?;
    passes::note_placement(cx, &team);
    // All numbers take turns, so that whoever disturbs one of a round is gone in another.
    let (rounds, nanos) = if cx.tiny { (1, 2e4) } else { (ROUNDS, 1.5e6) };
    let mut steps = [f64::INFINITY; CHASES.len()];
    // Each begins where the last one ended: what a walk has just left in the caches is not walked again.
    let mut shift = 0;
    for _ in 0..rounds {
        for (at, count) in CHASES.into_iter().enumerate() {
            cx.check()?;
            for outcome in team.each(|_, walk| timed(walk, count, shift, nanos))? {
                let (step, walked) = outcome.map_err(wrong)?;
                steps[at] = steps[at].min(step);
                shift += walked;
            }
        }
    }
    // One check of all links is a walk round: once is enough, since nothing is written in between.
    for outcome in team.each(|_, walk| walk.verify())? {
        outcome.map_err(wrong)?;
    }
    let factors = factors(&steps);
    let best = factors.iter().copied().fold(1.0, f64::max);
    if factors.last().is_some_and(|last| *last >= best && *last > 1.05 * factors[CHASES.len() - 2]) {
        cx.note(format!("{level}: more chases are still faster at {}, so the core may keep more in flight", MOST));
    }
    cx.record_at(parallelism, seat.labels.clone(), best);
    let rates = CHASES.iter().zip(&steps).map(|(count, nanos)| (count * LINE) as f64 / (nanos * 1e-9));
    cx.record_at(rate, seat.labels.clone(), rates.fold(0.0, f64::max));
    for (count, factor) in CHASES.iter().zip(factors) {
        let labels = seat.labels.clone().with("level", level).with("chases", count.to_string());
        cx.record_at(&FACTOR, labels, factor);
    }
    Ok(())
}

/// How many times the work of one alone each number of chases does in the time of a step.
fn factors(steps: &[f64; CHASES.len()]) -> Vec<f64> {
    CHASES.iter().zip(steps).map(|(count, nanos)| *count as f64 * steps[0] / nanos.max(1e-3)).collect()
}

/// Nanoseconds of a step of all cursors together, over a walk of about so long that begins `shift` steps on; and the
/// steps of each.
fn timed(walk: &mut Parallel, count: usize, shift: usize, nanos: f64) -> Result<(f64, usize), WrongWalk> {
    walk.place(count, shift);
    let (mut steps, mut all) = (8 * UNROLL, 0);
    loop {
        let watch = Stopwatch::start();
        let walked = walk.walk(steps);
        let took = watch.stop().as_nanos() as f64;
        walk.arrived()?;
        all += walked;
        if took >= nanos || steps > 1 << 40 {
            return Ok((took / walked as f64, usize::try_from(all).unwrap_or(0)));
        }
        steps = (steps * 2).max((1.1 * nanos * steps as f64 / took.max(1.0)) as u64).min(steps * 16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_tiny_round_has_possible_factors() {
        let (records, notes) = round_within(&PROBE, &[], &[("factor", 0.01..1e4), ("parallelism", 1.0..1e4)]).unwrap();
        let factors = values(&records, "factor");
        assert!(factors.len() >= CHASES.len() && factors.iter().all(|f| (0.01..1e4).contains(f)), "{factors:?}");
        assert!(values(&records, "parallelism")[0] >= 1.0);
        assert!(notes.iter().any(|note| note.contains("cache")), "1 MiB is no memory: {notes:?}");
    }

    #[test]
    fn factors_are_work_over_time() {
        // Ten misses in flight: up to there a step of all takes as long as one alone.
        let steps = CHASES.map(|count| 100.0 * (count as f64 / 10.0).max(1.0));
        let factors = factors(&steps);
        assert!((factors[0] - 1.0).abs() < 1e-9 && (factors[5] - 8.0).abs() < 1e-9 && (factors[9] - 10.0).abs() < 1e-9);
    }

    #[test]
    fn regions_lie_in_their_levels() {
        let found = |declared: &[u64]| Found { declared: declared.to_vec(), ..Found::default() };
        assert_eq!(third(&found(&[32 << 10, 1 << 20, 32 << 20])), Some(16 << 20));
        assert_eq!((third(&found(&[32 << 10, 1 << 20, 3 << 20])), third(&found(&[32 << 10]))), (None, None));
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
        assert_eq!(memory(DEFAULT, &found(&[32 << 20]), None, &mut cx), 128 << 20);
        assert_eq!(memory(DEFAULT, &found(&[96 << 20]), None, &mut cx), 256 << 20);
        assert!(cx.finish().1.concat().contains("below four times"));
    }
}
