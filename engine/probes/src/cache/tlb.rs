//! `cache.tlb`: how many pages the processor can translate without a walk of the page tables, and what a walk costs.
//!
//! Method: as Chips and Cheese and lmbench's `tlb`: a random cycle through one line of each of N pages, the place in the
//! page moved on by a line from page to page, so that they do not compete for the sets of a cache; minus a cycle through
//! as many lines side by side. What is left is the cost of translation. Over N it is a staircase whose steps end where a
//! level of the TLB is full; at its right end stands the walk. Another cycle, of one line every 4 KiB of
//! 2 MiB pages, tells whether those are translated as such: a hypervisor may map them with small ones of its own.
//!
//! What would make the number wrong: too few pages to exceed the last level (then only what was seen is recorded); lines
//! whose places follow the sets of a cache; page tables that no longer fit the caches, which is part of the cost; in a
//! virtual machine a walk is one in two dimensions, which is what its programs pay.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;

use super::seats::{FIRST_GROUP, Seat, seats};
use crate::harness::buffer::{HUGE_PAGE, PAGE};
use crate::harness::{Buffer, Pages, Team, passes};
use crate::host::room::available_memory;
use crate::kernel::chase::{BrokenChain, LINE};
use crate::kernel::knee::knees;
use crate::kernel::ring::{Ring, fastest};
use crate::{Context, Probe, ProbeError};

const PAGES: ParamDef = ParamDef {
    name: "pages",
    kind: ParamKind::Choice(&["small", "huge"]),
    default: Some("small"),
    tiny: None,
    doc: "4 KiB pages, or 2 MiB ones where the system gives them (of which few are tried)",
};
const MOST: ParamDef = ParamDef {
    name: "most",
    kind: ParamKind::Count { min: 16, max: 1_048_576 },
    default: Some("16384"),
    tiny: Some("256"),
    doc: "most pages that are tried; of 2 MiB pages at most 512",
};

const WALK: MetricDef = MetricDef::floor("walk", Unit::Seconds, "cost of translation at the most pages tried");
const ENTRIES: [MetricDef; 2] = [
    MetricDef::fact("l1_entries", Unit::Count, "pages that the first level of the TLB holds"),
    MetricDef::fact("l2_entries", Unit::Count, "pages that the second level of the TLB holds"),
];
const REACH: [MetricDef; 2] = [
    MetricDef::fact("l1_reach", Unit::Bytes, "memory that the first level of the TLB covers"),
    MetricDef::fact("l2_reach", Unit::Bytes, "memory that the second level of the TLB covers"),
];
const MISS: MetricDef = MetricDef::floor("l1_miss", Unit::Seconds, "cost of a miss of the first level of the TLB");
const SPLIT: MetricDef =
    MetricDef::floor("huge_walk", Unit::Seconds, "cost of translation every 4 KiB of 2 MiB pages: none where whole");
const CURVE: MetricDef = MetricDef::floor("curve", Unit::Seconds, "cost of translation over so many pages");

/// A lone knee beyond so many pages is that of the second level.
const FIRST_AT_MOST: f64 = 512.0;
/// Most huge pages: 1 GiB.
const MOST_HUGE: usize = 512;
/// Lines of the cycle in 2 MiB pages: beyond the first levels of all TLBs, within the second.
const SPLIT_LINES: usize = 1024;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cache.tlb",
        summary: "How many pages are translated without a walk of the page tables, and what a walk costs.",
        method: 1,
        about: "A random cycle through one line of each of N pages, minus one through as many lines side by side: what \
                is left is the cost of translation, a staircase over N whose steps end where a level of the TLB is \
                full. A cycle of one line every 4 KiB of 2 MiB pages tells whether a hypervisor maps those in small \
                ones. The number is wrong when lines compete for sets of a cache (places move on by a line from page \
                to page) or when N does not exceed the last level: what is not seen is not recorded.",
        params: &[PAGES, MOST, FIRST_GROUP],
        metrics: &[WALK, MISS, ENTRIES[0], ENTRIES[1], REACH[0], REACH[1], SPLIT, CURVE],
        round_seconds: 0.8,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let huge = args.text(PAGES.name) == "huge";
    let step = if huge { HUGE_PAGE } else { PAGE };
    let room = available_memory().map_or(usize::MAX, |bytes| usize::try_from(bytes / 2).unwrap_or(usize::MAX) / step);
    let asked = usize::try_from(args.whole(MOST.name)).unwrap_or(usize::MAX);
    let asked = if huge { asked.min(if cx.tiny { 16 } else { MOST_HUGE }) } else { asked };
    let most = asked.min(room.max(16));
    if most < asked {
        cx.note(format!("only {most} pages are tried: there is no memory for more"));
    }
    for seat in seats(cx, args.text(FIRST_GROUP.name)) {
        let points = staircase(cx, &seat, most, step)?;
        record(cx, &points, step, &seat.labels);
        split(cx, &seat)?;
    }
    Ok(())
}

/// One number of pages: nanoseconds of a load with a page each, and side by side.
#[derive(Debug, Clone, Copy)]
struct Point {
    pages: usize,
    spread: f64,
    dense: f64,
}

impl Point {
    fn cost(&self) -> f64 {
        (self.spread - self.dense).max(0.0)
    }
}

/// Byte offsets of one line in each of `count` steps. The line moves on from step to step, and once more every 64, so
/// that low bits of the step and the line in it do not go together.
fn spread(count: usize, step: usize) -> Vec<usize> {
    const LINES: usize = PAGE / LINE;
    (0..count).map(|i| i * step + (i + i / LINES) % LINES * LINE).collect()
}

fn numbers(most: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> =
        (0..).map(|at| (8.0 * 2f64.powf(f64::from(at) / 6.0)).round() as usize).take_while(|n| *n <= most).collect();
    numbers.dedup();
    numbers
}

fn staircase(cx: &mut Context<'_>, seat: &Seat, most: usize, step: usize) -> Result<Vec<Point>, ProbeError> {
    let (samples, nanos) = if cx.tiny { (1, 1e4) } else { (4, 3e5) };
    let (pages, seed) = (if step == HUGE_PAGE { Pages::Huge } else { Pages::Small }, cx.seed);
    let mut team = Team::on(&[seat.cpu], move |_| {
        let mut far = Buffer::map(most * step, pages, u64::MAX)?;
        let mut near = Buffer::map(most * LINE, Pages::Huge, u64::MAX)?;
        far.touch();
        near.touch();
        Ok((Ring::new(far, &[0], seed), Ring::new(near, &[0], seed)))
    })?;
    passes::note_placement(cx, &team);
    if step == HUGE_PAGE {
        let obtained = team.each(|_, (far, _)| far.obtained())?.into_iter().flatten().next();
        if obtained.is_some_and(|obtained| obtained.huge < obtained.resident) {
            cx.note("not all of the region lies in huge pages");
        }
    }
    let mut points = Vec::new();
    for count in numbers(most) {
        cx.check()?;
        let (far, near) = (spread(count, step), (0..count).map(|line| line * LINE).collect::<Vec<_>>());
        let outcome = team.each(|_, (spread, dense)| {
            spread.relink(&far, seed ^ count as u64);
            dense.relink(&near, seed ^ count as u64);
            Ok(Point { pages: count, spread: fastest(spread, samples, nanos)?, dense: fastest(dense, samples, nanos)? })
        })?;
        for outcome in outcome {
            points.push(
                outcome.map_err(|broken: crate::kernel::chase::BrokenChain| {
                    ProbeError::verification(broken.to_string())
                })?,
            );
        }
    }
    Ok(points)
}

fn record(cx: &mut Context<'_>, points: &[Point], step: usize, labels: &Labels) {
    let Some(last) = points.last() else { return };
    cx.record_at(&WALK, labels.clone(), last.cost() * 1e-9);
    let found = entries(points);
    for (level, entries) in found.iter().enumerate() {
        if let Some((entries, _)) = entries {
            cx.record_at(&ENTRIES[level], labels.clone(), *entries);
            cx.record_at(&REACH[level], labels.clone(), entries * step as f64);
        }
    }
    if let Some((_, cost)) = found[0] {
        cx.record_at(&MISS, labels.clone(), cost * 1e-9);
    }
    if found[1].is_none() {
        cx.note("no end of the second level of the TLB is to be seen: `walk` is the cost of what was tried");
    }
    for point in points {
        cx.record_at(&CURVE, labels.clone().with("pages", point.pages.to_string()), point.cost() * 1e-9);
    }
}

/// Pages that each level holds, and the cost of a miss of it in nanoseconds, where they are seen.
///
/// The first level ends sharply: at a knee. The second one ends softly, the more so where a hypervisor's translations
/// take their share: it ends where a tenth of the way from its cost to that of the walk is gone.
fn entries(points: &[Point]) -> [Option<(f64, f64)>; 2] {
    let (Some(base), Some(last)) = (points.first().map(|point| point.dense), points.last()) else {
        return [None, None];
    };
    // A staircase on top of a load that hits, so that its logarithm means something.
    let curve: Vec<(f64, f64)> = points.iter().map(|point| (point.pages as f64, base + point.cost())).collect();
    let first = knees(&curve).first().filter(|knee| knee.bytes <= FIRST_AT_MOST).copied();
    let miss = first.map_or(0.0, |knee| (knee.after - base).max(0.0));
    let walk = last.cost();
    let line = miss + 0.1 * (walk - miss);
    // The last number of pages below the line, and the one after it: the end lies between.
    let end = points.iter().rposition(|point| point.cost() <= line);
    let second = end.and_then(|at| Some((points[at].pages as f64 * points.get(at + 1)?.pages as f64).sqrt()));
    // A first level alone rises to its own miss, and noise upon it is no walk.
    let seen = walk > 1.5 * miss && walk > 0.25 * base;
    [first.map(|knee| (knee.bytes, miss)), second.filter(|_| seen).map(|entries| (entries, walk))]
}

/// Whether 2 MiB pages are translated as such, recorded and noted.
fn split(cx: &mut Context<'_>, seat: &Seat) -> Result<(), ProbeError> {
    let Some(translation) = translation(cx, seat)? else {
        cx.note("the system gave no huge pages to try");
        return Ok(());
    };
    cx.record_at(&SPLIT, seat.labels.clone(), translation.huge * 1e-9);
    if translation.is_split() {
        cx.note(
            "2 MiB pages cost as much translation as 4 KiB ones: a hypervisor maps them in small pages, so they spare \
             neither misses of the TLB nor conflicts by the colours of pages",
        );
    }
    Ok(())
}

/// What translation costs where one line is used in every 4 KiB, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Translation {
    /// In 2 MiB pages.
    huge: f64,
    /// In 4 KiB pages.
    small: f64,
    /// The load of a line beside the others.
    load: f64,
}

impl Translation {
    /// Whether 2 MiB pages cost about what small ones do, and so much that it cannot be noise: something below the
    /// system maps them in small pages.
    pub(super) fn is_split(&self) -> bool {
        self.huge > 0.5 * self.small && self.huge > 0.1 * self.load
    }
}

/// Measures [`Translation`] on a seat, within some milliseconds; nothing where the system gives no huge pages.
pub(super) fn translation(cx: &mut Context<'_>, seat: &Seat) -> Result<Option<Translation>, ProbeError> {
    let lines = if cx.tiny { 64 } else { SPLIT_LINES };
    let (samples, nanos) = if cx.tiny { (1, 1e4) } else { (4, 3e5) };
    let seed = cx.seed;
    let mut team = Team::on(&[seat.cpu], move |_| {
        let side_by_side: Vec<usize> = (0..lines).map(|line| line * LINE).collect();
        let ring = |bytes: usize, pages: Pages, places: &[usize]| {
            let mut buffer = Buffer::map(bytes, pages, u64::MAX)?;
            buffer.touch();
            Ok::<_, crate::harness::BufferError>(Ring::new(buffer, places, seed))
        };
        let apart = spread(lines, PAGE);
        let huge = ring(lines * PAGE, Pages::Huge, &apart)?;
        let small = ring(lines * PAGE, Pages::Small, &apart)?;
        Ok([huge, small, ring(lines * LINE, Pages::Huge, &side_by_side)?])
    })?;
    let outcome = team.each(|_, [huge, small, near]| {
        let whole = huge.obtained().is_some_and(|obtained| obtained.huge == obtained.resident);
        let load = fastest(near, samples, nanos)?;
        let huge = (fastest(huge, samples, nanos)? - load).max(0.0);
        let small = (fastest(small, samples, nanos)? - load).max(0.0);
        Ok::<_, BrokenChain>(whole.then_some(Translation { huge, small, load }))
    })?;
    match outcome.into_iter().next() {
        Some(Ok(translation)) => Ok(translation),
        Some(Err(broken)) => Err(ProbeError::verification(broken.to_string())),
        None => Err(ProbeError::failed("the walk left no result")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn a_tiny_round_has_possible_costs() {
        for pages in ["small", "huge"] {
            let (records, _) = round_within(&PROBE, &[("pages", pages)], &[("curve", 0.0..1e-4)]).unwrap();
            let costs = values(&records, "curve");
            assert!(costs.len() >= 6 && costs.iter().all(|cost| (0.0..1e-4).contains(cost)), "{pages}: {costs:?}");
        }
    }

    /// A TLB of two levels over a first-level cache of 1 ns.
    fn points(first: usize, second: usize, most: usize) -> Vec<Point> {
        let cost = |pages: usize| [0.0, 1.5, 9.0][usize::from(pages > first) + usize::from(pages > second)];
        let dense = |pages: usize| if pages > 768 { 3.5 } else { 1.0 };
        let point = |pages: usize| Point { pages, spread: dense(pages) + cost(pages), dense: dense(pages) };
        numbers(most).into_iter().map(point).collect()
    }

    #[test]
    fn the_ends_of_a_known_staircase_are_found() {
        let [first, second] = entries(&points(96, 4096, 16_384)).map(Option::unwrap);
        assert!((first.0 / 96.0 - 1.0).abs() < 0.15 && (second.0 / 4096.0 - 1.0).abs() < 0.15, "{first:?} {second:?}");
        assert!((first.1 - 1.5).abs() < 0.2 && (second.1 - 9.0).abs() < 0.5, "{first:?} {second:?}");
        let [first, second] = entries(&points(64, 100_000, 2_000));
        assert!(first.is_some() && second.is_none(), "what is not seen is not invented");
        let [first, second] = entries(&points(2048, 100_000, 16_384));
        assert!(first.is_none() && second.is_some(), "a lone knee so far out is the second level's");
        assert_eq!(entries(&[]), [None, None]);
    }

    #[test]
    fn places_are_one_a_page_and_do_not_follow_the_sets() {
        let places = spread(4096, PAGE);
        assert!(places.iter().enumerate().all(|(page, place)| place / PAGE == page && place % LINE == 0));
        let sets: std::collections::BTreeSet<usize> = places.iter().map(|place| place / LINE % 1024).collect();
        assert_eq!(sets.len(), 1024, "all sets of a second level are used");
    }

    #[test]
    fn split_pages_are_told_from_whole_ones() {
        let is_split = |huge, small| Translation { huge, small, load: 3.3 }.is_split();
        assert!(is_split(1.4, 1.5));
        assert!(!is_split(0.05, 1.5) && !is_split(0.05, 0.06));
    }
}
