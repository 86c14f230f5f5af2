//! `memory.allocate`: what the C library's allocator costs, by size and by pattern of use.
//!
//! Method: `malloc` and `free` are called directly. `pair`: one block at a time, taken and given back, for each size
//! class; `batch`: many taken, then given back in random order; `cross_thread`: the same, given back by another thread.
//! `first_touch`: a mapping, its first touch and its end. `growth`: `realloc` from 16 bytes to 16 MiB, by doubling and
//! by a page at a time, in memory that the system gives anew (page faults are in it) and in what the allocator kept.
//! Large batches have page faults in them too: the allocator gives much free memory back, and gets it again.
//! `fragmentation`: after blocks of many sizes and lifetimes, what is resident over what lives, at
//! the full (`steady`) and after three quarters were given back (`shrunk`). A byte of each page of each block is
//! written.
//!
//! What would make the number wrong: pairs that the compiler drops (addresses pass a barrier); memory that is never
//! touched; another allocator or other settings (version, variables and huge pages are noted); blocks that overlap
//! (each holds its mark at both ends, checked before it goes); resident memory of others (only mappings in which our
//! blocks lay are counted, and less than what lives is an error).

use std::sync::Mutex;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::resident::resident;
use crate::harness::buffer::page_size;
use crate::harness::{Buffer, BufferError, Moment, Pages, Stopwatch, Team, Usage, passes, short};
use crate::host::allocator::{settings, transparent_huge_pages};
use crate::host::room::available_memory;
use crate::kernel::heap::{Batch, HeapError, Mixed, forget_habits, growth, pairs};
use crate::{Context, Probe, ProbeError};

const LIVE: ParamDef = ParamDef {
    name: "live",
    kind: ParamKind::Size { min: 65_536.0, max: 1_099_511_627_776.0 },
    default: Some("32 MiB"),
    tiny: Some("1 MiB"),
    doc: "bytes that live at the full, for `fragmentation`",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "one `malloc` and `free` of 64 bytes");
const PAIR: MetricDef =
    MetricDef::floor("pair", Unit::Seconds, "one `malloc` and `free`, one block at a time, by size");
const BATCH: MetricDef = MetricDef::cost("batch", Unit::Seconds, "one `malloc` and `free`, many blocks, random order");
const CROSS: MetricDef =
    MetricDef::cost("cross_thread", Unit::Seconds, "one `malloc`, and the `free` in another thread, many blocks");
const FIRST_TOUCH: MetricDef =
    MetricDef::rate("first_touch", Unit::BytesPerSecond, "map, touch each page, unmap, by kind of page");
const GROWTH: MetricDef =
    MetricDef::rate("growth", Unit::BytesPerSecond, "final size over the time to grow to it by `realloc`");
const MOVED: MetricDef = MetricDef::fact("moved", Unit::Ratio, "steps of growth at which the block moved");
const FRAGMENTATION: MetricDef =
    MetricDef::cost("fragmentation", Unit::Count, "resident bytes over living bytes, after mixed lifetimes");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.allocate",
        summary: "The C library's allocator: by size, across threads, growth, first touch and fragmentation.",
        method: 1,
        about: "Calls `malloc` and `free` directly: a block at a time by size class, many at once in random order, many \
                given back by another thread; maps and first touches memory; grows a block by `realloc`; and compares \
                resident with living bytes after mixed lifetimes. A byte of each page is written, each block holds a \
                mark at both ends. The number is wrong when the compiler drops a pair, when memory is not touched, or \
                when another allocator or other settings are in use: those are noted.",
        params: &[LIVE],
        metrics: &[LATENCY, PAIR, BATCH, CROSS, FIRST_TOUCH, GROWTH, MOVED, FRAGMENTATION],
        round_seconds: 1.6,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Size classes, in bytes.
const SIZES: [usize; 9] = [16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// Sizes that also go from thread to thread.
const CROSSING: [usize; 3] = [64, 1 << 10, 16 << 10];
/// Bytes and blocks of a batch, at most.
const BATCH_BYTES: usize = 8 << 20;
const BATCH_BLOCKS: usize = 1_000;
/// Bytes of a mapping that is touched.
const MAPPED: usize = 16 << 20;
/// Bytes to which a block grows.
const GROWN: usize = 16 << 20;
/// Sizes of the blocks of mixed lifetimes.
const MIXED: (usize, usize) = (16, 32 << 10);
/// Turns of giving half back and filling up again.
const TURNS: usize = 6;

/// The first thread's blocks; the second only gives back.
type Hands = Team<()>;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    settings().into_iter().for_each(|remark| cx.note(remark));
    let mut team: Hands = Team::new(2, |_| Ok(()))?;
    if cx.cores > 1 {
        passes::note_placement(cx, &team);
    } else {
        cx.note("one CPU: both threads of `cross_thread` share it");
    }
    let taken = short::take(cx, 16, |count| first(&mut team, || pairs(64, count)))?;
    cx.record_all(&LATENCY, &taken.each());
    for size in SIZES {
        let taken = short::take(cx, 16, |count| first(&mut team, || pairs(size, count)))?;
        cx.record_with(PAIR.metric(), by_size(size), &taken.each());
    }
    let tiny = cx.tiny;
    for size in SIZES {
        let batch = Mutex::new(Batch::new(blocks(size, tiny), cx.seed));
        let each = batches(cx, &mut team, &batch, size, false)?;
        cx.record_with(BATCH.metric(), by_size(size), &each);
        if CROSSING.contains(&size) {
            let each = batches(cx, &mut team, &batch, size, true)?;
            cx.record_with(CROSS.metric(), by_size(size), &each);
        }
    }
    touches(cx, &mut team)?;
    grow(cx, &mut team, false)?;
    mixed(cx, &mut team, args.whole(LIVE.name))?;
    // Last, since it changes what the allocator does with large blocks.
    if forget_habits() {
        grow(cx, &mut team, true)
    } else {
        cx.note("`growth` in fresh memory is not measured: this C library does not say how it treats large blocks");
        Ok(())
    }
}

fn by_size(size: usize) -> Labels {
    Labels::new().with("size", Unit::Bytes.format(size as f64))
}

/// Blocks of a batch.
fn blocks(size: usize, tiny: bool) -> usize {
    let bytes = if tiny { BATCH_BYTES / 4 } else { BATCH_BYTES };
    (bytes / size).clamp(4, BATCH_BLOCKS)
}

/// Time of what the first thread does alone.
fn first(team: &mut Hands, work: impl Fn() -> Result<(), HeapError> + Sync) -> Result<Duration, ProbeError> {
    let results = team.each(|thread, ()| {
        if thread > 0 {
            return Ok(Duration::ZERO);
        }
        let clock = Stopwatch::start();
        let outcome = work();
        let took = clock.stop();
        outcome.map(|()| took)
    })?;
    results[0].map_err(refused)
}

/// Seconds of one block, taken by the first thread and given back by it or by the second.
fn batches(
    cx: &Context<'_>,
    team: &mut Hands,
    batch: &Mutex<Batch>,
    size: usize,
    across: bool,
) -> Result<Vec<f64>, ProbeError> {
    let held = || batch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let blocks = held().size();
    let taken = short::take(cx, 1, |turns| {
        let mut took = Duration::ZERO;
        for _ in 0..turns {
            let results = team.each(|thread, ()| {
                if thread > 0 {
                    return Ok(Duration::ZERO);
                }
                // Before the clock starts; nobody else wants it.
                let mut batch = held();
                let clock = Stopwatch::start();
                let outcome = batch.take(size);
                let given = if across { blocks } else { batch.give() };
                let took = clock.stop();
                outcome.map(|()| took).and_then(|took| all(given, blocks, size).map(|()| took))
            })?;
            took += results[0].map_err(refused)?;
            if across {
                let results = team.each(|thread, ()| {
                    if thread == 0 {
                        return Ok(Duration::ZERO);
                    }
                    let mut batch = held();
                    let clock = Stopwatch::start();
                    let given = batch.give();
                    let took = clock.stop();
                    all(given, blocks, size).map(|()| took)
                })?;
                took += results[1].map_err(refused)?;
            }
        }
        Ok(took)
    })?;
    Ok(taken.each().into_iter().map(|turn| turn / blocks as f64).collect())
}

/// Whether all blocks of a batch were there to be given back.
fn all(given: usize, blocks: usize, size: usize) -> Result<(), HeapError> {
    if given == blocks { Ok(()) } else { Err(HeapError::Refused(size)) }
}

/// Mapping, first touch and unmapping of small and huge pages.
fn touches(cx: &mut Context<'_>, team: &mut Hands) -> Result<(), ProbeError> {
    let bytes = if cx.tiny { MAPPED / 4 } else { MAPPED };
    for (word, pages) in [("small", Pages::Small), ("huge", Pages::Huge)] {
        let (mut rates, mut came) = (Vec::new(), true);
        for at in 0..if cx.tiny { 2 } else { 6 } {
            cx.check()?;
            let results = team.each(|thread, ()| match thread {
                0 => map_and_touch(bytes, pages),
                _ => Ok((0.0, None)),
            })?;
            let Some(result) = results.into_iter().next() else { continue };
            let (seconds, huge) = result?;
            came &= pages == Pages::Small || huge.is_some_and(|huge| huge >= bytes as u64);
            if at > 0 {
                rates.push(bytes as f64 / seconds.max(1e-9));
            }
        }
        if came {
            cx.record_with(FIRST_TOUCH.metric(), Labels::new().with("pages", word), &rates);
        } else {
            cx.note("`first_touch` of huge pages is not measured: not all came");
        }
    }
    Ok(())
}

/// Seconds of one turn, and the bytes that came in huge pages. Looking at those is not in the time.
fn map_and_touch(bytes: usize, pages: Pages) -> Result<(f64, Option<u64>), BufferError> {
    let start = Moment::now();
    let mut buffer = Buffer::map(bytes, pages, u64::MAX)?;
    buffer.touch();
    let touched = Moment::now();
    let huge = buffer.obtained().map(|obtained| obtained.huge);
    let again = Moment::now();
    drop(buffer);
    let end = Moment::now();
    Ok(((touched.since(start) + end.since(again)).as_secs_f64(), huge))
}

/// The size after the next step of growth.
type Step = fn(usize) -> usize;

/// Growth of one block: in memory that the allocator kept, or in memory that the system gives anew each time.
fn grow(cx: &mut Context<'_>, team: &mut Hands, fresh: bool) -> Result<(), ProbeError> {
    let last = if cx.tiny { GROWN / 16 } else { GROWN };
    let ways: [(&str, Step); 2] = [("doubling", |bytes| bytes * 2), ("page", |bytes| bytes + 4096)];
    for (word, step) in ways {
        let (mut moves, mut faults) = ((0, 1), u64::MAX);
        let taken = short::take(cx, 1, |turns| {
            let results = team.each(|thread, ()| {
                if thread > 0 {
                    return Ok((Duration::ZERO, (0, 1), 0));
                }
                let before = Usage::of_thread();
                let clock = Stopwatch::start();
                let moves = (0..turns).try_fold((0, 1), |_, _| growth(16, last, step));
                let took = clock.stop();
                moves.map(|moves| (took, moves, Usage::of_thread().since(before).minor_faults / turns))
            })?;
            let (took, counted, faulted) = results[0].map_err(refused)?;
            (moves, faults) = (counted, faults.min(faulted));
            Ok(took)
        })?;
        if fresh && let Err(kept) = anew(faults, last) {
            // Another thread's blocks may have left room: only a new process surely has none.
            cx.note(format!("`growth` {word} in fresh memory is not recorded: {kept}"));
            continue;
        }
        let labels = || Labels::new().with("by", word).with("memory", if fresh { "fresh" } else { "kept" });
        cx.record_with(GROWTH.metric(), labels(), &taken.rates(last as f64));
        cx.record_at(&MOVED, labels(), moves.0 as f64 / moves.1 as f64);
    }
    Ok(())
}

/// Whether memory came anew: a page fault for nearly each page, unless the kernel gives huge pages unasked.
fn anew(faults: u64, bytes: usize) -> Result<(), String> {
    let pages = (bytes / page_size()) as u64;
    if faults >= pages - pages / 10 || transparent_huge_pages().is_some_and(|setting| setting.ends_with("always")) {
        return Ok(());
    }
    Err(format!("growth to {pages} pages made {faults} page faults: the memory was not fresh"))
}

/// What is resident over what lives, after blocks came and went.
fn mixed(cx: &mut Context<'_>, team: &mut Hands, asked: u64) -> Result<(), ProbeError> {
    let most = available_memory().map_or(u64::MAX, |bytes| bytes / 4);
    let live = usize::try_from(asked.min(most)).unwrap_or(usize::MAX);
    if (live as u64) < asked {
        cx.note(format!("`live` limited to {} by the memory available", Unit::Bytes.format(live as f64)));
    }
    cx.check()?;
    let seed = cx.seed;
    let results = team.each(|thread, ()| match thread {
        0 => lifetimes(live, seed).map(Some),
        _ => Ok(None),
    })?;
    for found in results {
        for (phase, resident, live) in found.map_err(refused)?.into_iter().flatten() {
            let Some(resident) = resident else {
                cx.note("`fragmentation` is not measured: `/proc/self/smaps` cannot be read");
                continue;
            };
            let ratio = ratio(resident, live)?;
            cx.record_at(&FRAGMENTATION, Labels::new().with("phase", phase), ratio);
        }
    }
    Ok(())
}

/// A phase, the bytes resident in it where the system tells, and the bytes that live.
type Phase = (&'static str, Option<u64>, u64);

fn lifetimes(live: usize, seed: u64) -> Result<[Phase; 2], HeapError> {
    let mut heap = Mixed::new(seed);
    heap.fill(live, MIXED.0, MIXED.1)?;
    for turn in 0..TURNS {
        heap.thin(live / 2)?;
        // Small blocks and large ones take turns, so that what was given back fits badly.
        let middle = 1 << 10;
        let (least, most) = if turn % 2 == 0 { (middle, MIXED.1) } else { (MIXED.0, middle) };
        heap.fill(live, least, most)?;
    }
    let steady = (heap.live() as u64, resident(heap.places()));
    heap.thin(live / 4)?;
    let shrunk = (heap.live() as u64, resident(heap.places()));
    heap.thin(0)?;
    Ok([("steady", steady.1, steady.0), ("shrunk", shrunk.1, shrunk.0)])
}

/// Resident over living bytes. All that lives was touched, so less cannot be resident.
fn ratio(resident: u64, live: u64) -> Result<f64, ProbeError> {
    if resident < live {
        let message = format!("{resident} bytes are resident where {live} live: some were not touched, or not counted");
        return Err(ProbeError::verification(message));
    }
    Ok(resident as f64 / live.max(1) as f64)
}

fn refused(error: HeapError) -> ProbeError {
    match error {
        HeapError::Refused(bytes) => {
            BufferError::Refused { asked: bytes, source: std::io::ErrorKind::OutOfMemory.into() }.into()
        }
        HeapError::Overlap(_) => ProbeError::verification(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_on, values};

    #[test]
    fn every_pattern_has_a_possible_cost() {
        let (records, notes) = round(&PROBE, &[]).unwrap();
        for (metric, rows) in [("pair", SIZES.len()), ("batch", SIZES.len()), ("cross_thread", CROSSING.len())] {
            assert_eq!(records.iter().filter(|record| record.metric.id == metric).count(), rows, "{metric}");
            assert!(values(&records, metric).iter().all(|cost| (1e-10..1.0).contains(cost)), "{metric}");
        }
        assert!(values(&records, "moved").iter().all(|share| (0.0..=1.0).contains(share)));
        let fragmentation = values(&records, "fragmentation");
        assert!(fragmentation.len() == 2 && fragmentation.iter().all(|ratio| *ratio >= 1.0), "{fragmentation:?}");
        assert!(notes.iter().any(|note| note.starts_with("allocator: ")), "{notes:?}");
    }

    #[test]
    fn one_cpu_measures_all_of_it() {
        let (records, notes) = round_on(1, &PROBE, &[]).unwrap();
        assert!(!values(&records, "cross_thread").is_empty());
        assert!(notes.iter().any(|note| note.contains("one CPU")), "{notes:?}");
    }

    /// The planted faults: memory that is not there, and blocks that are not.
    #[test]
    fn less_resident_than_lives_and_lost_blocks_are_flagged() {
        assert!((ratio(3, 2).unwrap() - 1.5).abs() < 1e-12);
        assert!(ratio(2, 3).unwrap_err().to_string().contains("not touched"));
        assert!(anew(0, 1 << 24).is_err() || transparent_huge_pages().unwrap().ends_with("always"));
        assert!(anew((1 << 24) / page_size() as u64, 1 << 24).is_ok());
        assert!(all(999, 1_000, 64).is_err() && all(1_000, 1_000, 64).is_ok());
        assert!(matches!(refused(HeapError::Overlap(8)), ProbeError::Failed(_)));
        assert!(matches!(refused(HeapError::Refused(8)), ProbeError::Skip(_)));
    }
}
