//! `memory.latency`: how long a load waits for main memory: a walk along pointers, each found by the one before.
//!
//! Method: as lmbench's `lat_mem_rd -t`, multichase and Chips and Cheese: all lines of a large region are linked to one
//! cycle in random order (Sattolo), with real pointers, so no prefetcher can guess and no two loads overlap. The
//! region is walked once round, with every link checked, before any time is taken. `page_local` walks groups of 64
//! pages one after the other (multichase's default), which keeps misses of the TLB out; `random` over all. Huge pages
//! (the default) leave the page walk out of the time too; with `small` ones it is in it, twice in a virtual machine.
//!
//! What would make the number wrong: a region that fits a cache (noted, and the result is marked `size_limited`); huge pages that were asked for and not
//! obtained (noted with the share that was); an order that a prefetcher guesses; links that form several short cycles
//! (all are checked).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::sizing::{Room, SIZE};
use crate::harness::buffer::Obtained;
use crate::harness::{Buffer, Pages, Stopwatch, Team, passes, pin};
use crate::host::room::declared_caches;
use crate::kernel::chase::{Chase, Order};
use crate::{Context, Probe, ProbeError};

/// Order of a chase; `cache.latency` takes the same.
pub(crate) const VARIANT: ParamDef = ParamDef {
    name: "variant",
    kind: ParamKind::Choice(&["random", "page_local"]),
    default: Some("random"),
    tiny: None,
    doc: "over the whole region, or within groups of 64 pages",
};
/// Pages of a chase; `cache.latency` takes the same.
pub(crate) const PAGES: ParamDef = ParamDef {
    name: "pages",
    kind: ParamKind::Choice(&["huge", "small"]),
    default: Some("huge"),
    tiny: None,
    doc: "huge where the system gives them, or never",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "from one load to the next that needs it");

/// Loads with which calibration begins.
const FIRST: u64 = 1024;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.latency",
        summary: "How long a load waits for main memory: a random pointer chase far beyond the caches.",
        method: 1,
        about: "Walks one random cycle (Sattolo) over all lines of a region far beyond the last-level cache, each \
                load waiting for the one before, after one checked walk round. `page_local` stays within 64 pages at a \
                time, as multichase does by default. Huge pages keep the page walk out of the time where the system \
                gives them; what was obtained is noted. The number is wrong when the region fits a cache or the links \
                are not one cycle, which is checked.",
        params: &[SIZE, VARIANT, PAGES],
        metrics: &[LATENCY],
        round_seconds: 2.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    // The caches of this thread's CPU alone: a single thread fills no other's.
    let cpu = pin::allowed().ok().and_then(|cpus| cpus.first().copied()).unwrap_or(0);
    let room = Room { caches: declared_caches(cpu).last().copied(), ..Room::here() };
    let size = room.choose(cx, args.whole(SIZE.name), 1, "regions").bytes;
    let (order, pages) = (order(args.text(VARIANT.name)), pages(args.text(PAGES.name)));
    let (bytes, seed) = (usize::try_from(size).unwrap_or(usize::MAX), cx.seed);
    let mut team = Team::new(1, move |_| {
        let mut buffer = Buffer::map(bytes, pages, u64::MAX)?;
        buffer.touch();
        Ok(Chase::new(buffer, bytes, order, seed))
    })?;
    passes::note_placement(cx, &team);
    // The check is a walk round: it leaves the caches as the walk itself would.
    check(&mut team)?;
    note_pages(cx, pages, team.each(|_, chase| chase.obtained())?);
    let mut walked = Vec::new();
    let taken = passes::take(cx, FIRST, |loads| {
        let results = team.each(|_, chase| {
            let clock = Stopwatch::start();
            let loads = chase.walk(loads);
            (clock.stop(), loads)
        })?;
        let (time, loads) = results[0];
        walked.push(loads);
        Ok(time)
    })?;
    check(&mut team)?;
    let loads = walked.last().copied().unwrap_or(1) as f64;
    let latencies: Vec<f64> = taken.seconds.iter().map(|seconds| seconds / loads).collect();
    cx.record_all(&LATENCY, &latencies);
    Ok(())
}

fn check(team: &mut Team<Chase>) -> Result<(), ProbeError> {
    let outcome = team.each(|_, chase| chase.verify())?.into_iter().find_map(Result::err);
    outcome.map_or(Ok(()), |broken| Err(ProbeError::verification(broken.to_string())))
}

/// Notes where huge pages were asked for and not all of the regions lie in them.
pub(super) fn note_pages(cx: &mut Context<'_>, asked: Pages, obtained: Vec<Option<Obtained>>) {
    let (huge, resident) = obtained.iter().flatten().fold((0, 0), |sum, one| (sum.0 + one.huge, sum.1 + one.resident));
    if asked == Pages::Huge && huge < resident {
        let share = huge as f64 / resident as f64;
        cx.note(format!("{} of the region lies in huge pages", Unit::Ratio.format(share)));
    }
}

/// The order behind the word of `variant`.
pub(crate) fn order(word: &str) -> Order {
    if word == "page_local" { Order::PageLocal { pages: 64 } } else { Order::FullRandom }
}

/// The pages behind the word of `pages`.
pub(crate) fn pages(word: &str) -> Pages {
    if word == "small" { Pages::Small } else { Pages::Huge }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_variant_has_a_possible_latency() {
        for variant in ["random", "page_local"] {
            for pages in ["small", "huge"] {
                let given = [("size", "1 MiB"), ("variant", variant), ("pages", pages)];
                let (records, notes) = round_within(&PROBE, &given, &[("latency", 2e-10..1e-4)]).unwrap();
                // No cache answers within 0.2 ns, and no memory takes 100 us, however busy.
                let latencies = values(&records, "latency");
                assert!(
                    latencies.iter().all(|value| (2e-10..1e-4).contains(value)),
                    "{variant} {pages}: {latencies:?}"
                );
                assert!(notes.iter().any(|note| note.contains("cache")), "1 MiB is no memory: {notes:?}");
            }
        }
    }
}
