//! `memory.loaded`: how long a load waits for memory while other threads read as much of it as they are let.
//!
//! Method: as multichase's `multiload` and Intel's Memory Latency Checker: one thread walks the pointer chase of
//! `memory.latency`, all others read regions of their own, block by block, at a share of the rate that they reach
//! unhindered: after each block they wait until the next is due. For each share the latency of the chase and the bytes
//! that the others read in the same time belong together. Threads are pinned, one to a CPU; those that read go on
//! until the chase is done, so that no part of it runs unloaded.
//!
//! What would make the number wrong: readers that stop early, or that read a cache (their regions together are four
//! times the last-level caches, or that is noted and the result is marked `size_limited`); loads that are left out
//! (what was read must fold to what is there); a chase that is not one cycle (checked); a single reader, which cannot
//! load the memory of a large machine (the number of threads is noted).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::latency::{PAGES, note_pages, pages};
use super::sizing::{Room, SIZE};
use crate::harness::{Buffer, Pages, Team, passes};
use crate::kernel::chase::{Chase, Order};
use crate::kernel::read::{Reader, Region, Sweep, best};
use crate::{Context, Probe, ProbeError};

const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("all"),
    tiny: None,
    doc: "one that waits and the others that read; at least two",
};

const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "of a load while the others read all they can");
const IDLE: MetricDef = MetricDef::cost("idle_latency", Unit::Seconds, "of a load while nobody reads");
const RATE: MetricDef = traffic("rate", "bytes that the others read a second, at full load");
const CURVE: MetricDef = MetricDef::cost("curve", Unit::Seconds, "latency at each load");
const TRAFFIC: MetricDef = traffic("traffic", "bytes that the others read a second, at each load");

/// More is better, and the median counts, as for the latency beside it: the two belong together.
const fn traffic(id: &'static str, title: &'static str) -> MetricDef {
    MetricDef { id, title, unit: Unit::BytesPerSecond, goal: Goal::Higher, nature: Nature::Cost }
}

/// The loads in the order in which they are taken: full first, since the others are shares of its rate.
const LOADS: [(&str, f64); 6] =
    [("full", 1.0), ("1/2", 0.5), ("1/4", 0.25), ("1/8", 0.125), ("1/16", 0.0625), ("idle", 0.0)];

/// Words that a reader reads at a time: a page.
const BLOCK: usize = 512;
/// Loads of the chase with which calibration begins.
const FIRST: u64 = 1024;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.loaded",
        summary: "Latency of memory under load: one thread waits while the others read at growing rates.",
        method: 1,
        about: "One pinned thread walks a random pointer chase (see `memory.latency`) while each other reads a region \
                of its own, at full rate and at shares of it, as multiload and Intel's MLC do; `curve` and `traffic` \
                at one `load` belong together. Readers go on until the chase is done, and what they read must fold to \
                what is there. The number is wrong when regions fit a cache (less than four times the last-level \
                caches is noted and marks the result `size_limited`), and says little when one reader is too few for \
                the machine. On one CPU there is nothing to measure.",
        params: &[SIZE, THREADS, PAGES],
        metrics: &[LATENCY, IDLE, RATE, CURVE, TRAFFIC],
        round_seconds: 4.2,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// What a thread does.
enum Part {
    /// It waits for memory.
    Chase(Chase),
    /// It loads memory.
    Load(Load),
}

/// A region that is read block by block, and how much of it in the last pass.
struct Load {
    region: Region,
    sweep: Sweep,
    bytes: u64,
    took: Duration,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let threads = args.threads(THREADS.name, cx.cores);
    if threads < 2 || cx.cores < 2 {
        let reason =
            format!("one thread waits and another must load the memory: there is {}", amount(threads, cx.cores));
        return Err(Skip::new(SkipKind::Hardware, reason, "give the process at least two CPUs").into());
    }
    let readers = threads as u64 - 1;
    let size = Room::here().choose(cx, args.whole(SIZE.name), 2, "regions").bytes;
    let asked = pages(args.text(PAGES.name));
    let mut team = team(threads, size, size / readers, asked, cx.seed)?;
    passes::note_placement(cx, &team);
    cx.note(format!("{readers} of {threads} threads read, one waits"));
    check(&mut team)?;
    let obtained = team.each(|_, part| match part {
        Part::Chase(chase) => chase.obtained(),
        Part::Load(_) => None,
    })?;
    note_pages(cx, asked, obtained);

    let reader = Reader::new(best()).map_err(|error| ProbeError::failed(error.to_string()))?;
    let mut full = 0.0;
    for (name, share) in LOADS {
        let points = points(cx, &mut team, &reader, period(share, full, readers))?;
        let (latencies, rates): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let labels = Labels::new().with("load", name);
        cx.record_with(CURVE.metric(), labels.clone(), &latencies);
        cx.record_with(TRAFFIC.metric(), labels, &rates);
        if name == "full" {
            full = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
            cx.record_all(&LATENCY, &latencies);
            cx.record_all(&RATE, &rates);
        } else if name == "idle" {
            cx.record_all(&IDLE, &latencies);
        }
    }
    check(&mut team)
}

fn amount(threads: usize, cores: usize) -> String {
    if cores < 2 { "one CPU".to_owned() } else { format!("{threads} thread") }
}

/// A chase over `chase` bytes on the first CPU, and on each other a region of `load` bytes to read.
fn team(threads: usize, chase: u64, load: u64, asked: Pages, seed: u64) -> Result<Team<Part>, ProbeError> {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let (chase, words) = (bytes(chase), (bytes(load) / 8).max(BLOCK).next_multiple_of(BLOCK));
    Ok(Team::new(threads, move |worker| {
        if worker == 0 {
            let mut buffer = Buffer::map(chase, asked, u64::MAX)?;
            buffer.touch();
            return Ok(Part::Chase(Chase::new(buffer, chase, Order::FullRandom, seed)));
        }
        let region = Region::new(words, Pages::System, u64::MAX, seed.wrapping_add(worker as u64))?;
        Ok(Part::Load(Load { region, sweep: Sweep::default(), bytes: 0, took: Duration::ZERO }))
    })?)
}

/// Nanoseconds from one block of a reader to the next; none is without pause, and at a share of nothing nobody reads.
fn period(share: f64, full: f64, readers: u64) -> Option<u64> {
    if share <= 0.0 {
        return None;
    }
    let block = (BLOCK * size_of::<u64>()) as f64 * readers as f64 / full;
    Some(if share >= 1.0 { 0 } else { (block / share * 1e9) as u64 })
}

/// Latency and traffic of the passes of one load.
fn points(
    cx: &Context<'_>,
    team: &mut Team<Part>,
    reader: &Reader,
    period: Option<u64>,
) -> Result<Vec<(f64, f64)>, ProbeError> {
    let mut found = Vec::with_capacity(2 * passes::COUNTED);
    let taken = passes::take(cx, FIRST, |loads| {
        loop {
            cx.check()?;
            let stop = AtomicBool::new(false);
            let lap = team.time(|_, part| match part {
                Part::Chase(chase) => {
                    chase.walk(loads);
                    stop.store(true, Ordering::Relaxed);
                }
                Part::Load(load) => load.run(reader, period, &stop),
            })?;
            let took = lap.workers[0].took();
            let rates = team.each(|_, part| match part {
                Part::Load(load) if load.bytes > 0 => load.bytes as f64 / load.took.as_secs_f64(),
                _ => 0.0,
            })?;
            // The first waits and does not read. Where a reader got no CPU meanwhile, the load was not there: once more.
            if period.is_none() || rates.iter().skip(1).all(|rate| *rate > 0.0) {
                found.push((took.as_secs_f64(), rates.iter().sum::<f64>()));
                break Ok(took);
            }
        }
    })?;
    let loads = (taken.iterations.div_ceil(crate::kernel::chase::UNROLL) * crate::kernel::chase::UNROLL) as f64;
    let counted = found.split_off(found.len() - taken.seconds.len());
    Ok(counted.into_iter().map(|(seconds, rate)| (seconds / loads, rate)).collect())
}

impl Load {
    /// Reads until told to stop, a block each `period` nanoseconds at most; not at all without one.
    fn run(&mut self, reader: &Reader, period: Option<u64>, stop: &AtomicBool) {
        use crate::harness::Moment;
        (self.bytes, self.took) = (0, Duration::ZERO);
        let Some(period) = period.map(Duration::from_nanos) else { return };
        let start = Moment::now();
        let mut last = start;
        while !stop.load(Ordering::Relaxed) {
            self.bytes += self.region.read_on(reader, &mut self.sweep, BLOCK);
            if !period.is_zero() {
                // From the start of this block, so that a late one is not followed by a burst.
                while Moment::now().since(last) < period && !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                last = Moment::now();
            }
        }
        self.took = Moment::now().since(start);
    }
}

/// Whether the chase is one cycle, and all that was read was there.
fn check(team: &mut Team<Part>) -> Result<(), ProbeError> {
    let reader = Reader::new(best()).map_err(|error| ProbeError::failed(error.to_string()))?;
    let outcome = team.each(|_, part| match part {
        Part::Chase(chase) => chase.verify().map_err(|broken| broken.to_string()),
        Part::Load(load) => load.region.check(&reader, &load.sweep).map_err(|misread| misread.to_string()),
    })?;
    outcome.into_iter().find_map(Result::err).map_or(Ok(()), |wrong| Err(ProbeError::verification(wrong)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_on, round_within, values};
    use engine_core::step::SkipKind;

    #[test]
    fn every_load_has_a_latency_and_a_traffic() {
        let (records, notes) = round_within(&PROBE, &[("size", "1 MiB")], &[("curve", 2e-10..1e-3)]).unwrap();
        for metric in ["curve", "traffic"] {
            let found: Vec<&str> =
                records.iter().filter(|r| r.metric.id == metric).filter_map(|r| r.labels.get("load")).collect();
            assert_eq!(found, LOADS.map(|(name, _)| name), "{metric}");
        }
        let of = |metric: &str, load: &str| {
            let record = records.iter().find(|r| r.metric.id == metric && r.labels.get("load") == Some(load));
            record.unwrap().values.clone()
        };
        assert!(of("traffic", "idle").iter().all(|rate| *rate == 0.0));
        assert!(of("traffic", "1/16").iter().all(|rate| *rate > 0.0));
        assert_eq!(
            (values(&records, "latency"), values(&records, "rate")),
            (of("curve", "full"), of("traffic", "full"))
        );
        assert_eq!(values(&records, "idle_latency"), of("curve", "idle"));
        assert!(values(&records, "curve").iter().all(|value| (2e-10..1e-3).contains(value)), "{records:?}");
        assert!(notes.iter().any(|note| note.contains("1 of 2 threads read")), "{notes:?}");
    }

    #[test]
    fn on_one_cpu_it_is_skipped() {
        for outcome in [round_on(1, &PROBE, &[]), round(&PROBE, &[("threads", "1")])] {
            let Err(ProbeError::Skip(skip)) = outcome else { panic!("{outcome:?}") };
            assert!(skip.kind == SkipKind::Hardware && skip.remedy.contains("two CPUs"), "{skip:?}");
        }
    }

    #[test]
    fn what_a_reader_leaves_out_is_seen() {
        let mut team = team(2, 1 << 16, 1 << 16, Pages::System, 7).unwrap();
        let reader = Reader::new(best()).unwrap();
        let spoil = |how: &(dyn Fn(&mut Load) + Sync), team: &mut Team<Part>| {
            team.each(|_, part| {
                if let Part::Load(load) = part {
                    load.region.read_on(&reader, &mut load.sweep, BLOCK);
                    how(load);
                }
            })
            .unwrap();
        };
        spoil(&|_| (), &mut team);
        check(&mut team).unwrap();
        spoil(&|load| load.sweep.skip(BLOCK), &mut team);
        assert!(check(&mut team).is_err(), "a block was counted and not read");
    }

    #[test]
    fn periods_follow_the_rate_at_full_load() {
        // Two readers of 4 KiB blocks at 8.192 GB/s together: one block each in a microsecond.
        assert_eq!(period(1.0, 0.0, 2), Some(0));
        assert_eq!(period(0.5, 8.192e9, 2), Some(2_000));
        assert_eq!(period(0.0, 8.192e9, 2), None);
    }
}
