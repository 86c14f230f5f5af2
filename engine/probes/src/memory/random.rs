//! `memory.random`: how many random accesses memory serves in a second, after HPC Challenge's RandomAccess ("GUPS").
//!
//! Method: words of a table far beyond the caches are changed by exclusive or, each found by a random number that does
//! not depend on the others (`kernel::updates`), so that as many misses are under way as the machine can have. Each
//! thread, on its own pinned CPU, has a part of the table of its own. `read` looks the words up and changes nothing.
//! Huge pages (the default) leave most of the page walks out; with `small` ones they are in it.
//!
//! What would make the number wrong: a table that fits a cache (noted, and the result is marked `size_limited`); numbers
//! that depend on what was read (then it is latency: they do not); updates that are lost or left out (all are undone by
//! making them again, and then every word must be what it was; look-ups must fold to what is there); page faults within
//! the time (counted, and more than a trace marks the result `page_faults`); huge pages that were not obtained (noted).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::latency::{PAGES, note_pages, pages};
use super::sizing::{Room, SIZE};
use super::timed;
use crate::harness::{Team, passes};
use crate::kernel::updates::{Table, Wrong};
use crate::{Context, Probe, ProbeError};

const MODE: ParamDef = ParamDef {
    name: "mode",
    kind: ParamKind::Choice(&["update", "read"]),
    default: Some("update"),
    tiny: None,
    doc: "change each word, or only look it up",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each on a CPU and a part of the table of its own",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "words changed or looked up, a second");

/// Accesses with which calibration begins.
const FIRST: u64 = 65_536;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.random",
        summary: "Random accesses to memory a second, as HPC Challenge's RandomAccess (GUPS) counts them.",
        method: 1,
        about: "Changes words of a table far beyond the caches by exclusive or with the random number that finds \
                them; accesses do not depend on each other, so many are under way at once. Each pinned thread has a \
                part of the table of its own. All updates are undone by making them again, and every word must then \
                be what it was; look-ups (`mode: \"read\"`) must fold to what is there. The number is wrong when the \
                table fits a cache (less than four times the last-level caches is noted and marks the result \
                `size_limited`), or when pages fault within the time (counted; marks it `page_faults`). With small \
                pages the page walk is part of it.",
        params: &[SIZE, MODE, THREADS, PAGES],
        metrics: &[RATE],
        round_seconds: 1.1,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// A worker's part, where its look-ups stand, and the first that went wrong.
struct Part {
    table: Table,
    next: u64,
    fold: u64,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let threads = args.threads(THREADS.name, cx.cores);
    let size = Room::here().choose(cx, args.whole(SIZE.name), 1, "tables");
    let asked = pages(args.text(PAGES.name));
    let words = usize::try_from(size.bytes / 8 / threads as u64).unwrap_or(usize::MAX);
    let seed = cx.seed;
    let mut team = Team::new(threads, move |worker| {
        let table = Table::new(words, asked, u64::MAX, seed.wrapping_add(worker as u64))?;
        Ok(Part { table, next: 0, fold: 0 })
    })?;
    passes::note_placement(cx, &team);
    note_pages(cx, asked, team.each(|_, part| part.table.obtained())?);
    let reads = args.text(MODE.name) == "read";
    let taken = timed::take(cx, &mut team, FIRST, |count, _, part: &mut Part| {
        if reads {
            part.fold ^= part.table.look_up(part.next, count);
            part.next += count;
        } else {
            part.table.update(count);
        }
    })?;
    for outcome in team.each(|_, part| check(part, reads))? {
        outcome.map_err(|wrong| ProbeError::verification(wrong.to_string()))?;
    }
    cx.record_all(&RATE, &taken.rates(threads as f64));
    Ok(())
}

/// Whether all that was counted was done.
fn check(part: &mut Part, reads: bool) -> Result<(), Wrong> {
    if reads { part.table.check_lookups(0, part.next, part.fold) } else { part.table.restore() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Pages;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_mode_has_a_possible_rate() {
        for mode in ["update", "read"] {
            for pages in ["huge", "small"] {
                let given = [("size", "1 MiB"), ("mode", mode), ("pages", pages), ("threads", "all")];
                let (records, notes) = round_within(&PROBE, &given, &[("rate", 1e5..1e11)]).unwrap();
                // A microsecond is slow for memory, and no core makes ten numbers in a nanosecond.
                assert!(values(&records, "rate").iter().all(|rate| (1e5..1e11).contains(rate)), "{records:?}");
                assert!(notes.iter().any(|note| note.contains("cache")), "1 MiB is no memory: {notes:?}");
            }
        }
    }

    #[test]
    fn a_lost_update_and_a_wrong_look_up_are_no_result() {
        let part = || Part { table: Table::new(1_000, Pages::System, u64::MAX, 7).unwrap(), next: 0, fold: 0 };
        let mut lost = part();
        lost.table.update(100);
        lost.table.lose();
        assert!(check(&mut lost, false).is_err());
        let mut wrong = part();
        wrong.fold = wrong.table.look_up(0, 100);
        wrong.next = 101;
        assert!(check(&mut wrong, true).is_err());
    }
}
