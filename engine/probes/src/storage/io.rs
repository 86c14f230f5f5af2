//! What `storage.randread`, `randwrite`, `randrw`, `seqread` and `seqwrite` share: reads and writes of one file with many
//! requests under way, as fio does them.
//!
//! Method: a file is written in full with bytes that do not compress, synced, dropped from the page cache and opened
//! with `O_DIRECT`. Each job keeps `depth` requests under way through an io_uring of its own (flags as
//! `fio --ioengine=io_uring --fixedbufs --registerfiles --nonvectored=1` sets them); where io_uring is refused through
//! libaio, and where that is too through `depth` threads. A latency runs from before the call that hands a request over
//! to the moment when its end is seen. With `rate` the loop is open: each request has its time, is handed over then
//! whatever became of those before, and its latency runs from that time, so that a stall is charged to all whom it
//! keeps waiting (no coordinated omission). A companion wakes each 10 ms where the load runs, as fio's parent does: see
//! `load/companion.rs` for what that changes.
//!
//! What would make the number wrong: reads that the page cache answers (`O_DIRECT` is asked for, and how much of the file
//! lies in memory is looked at afterwards; then the result is labelled `cached=true`); a file with holes or space that
//! was only reserved, which reads as zeroes without a device (looked for before every round, a failure); bytes that
//! the device compresses or merges (looked for, a failure); other blocks than were asked for (each read's stamp is
//! compared, and the last ones in full; blocks that were written are read back); a file that fits the cache of a
//! device or of the host of a virtual machine, which nothing here can see; a queue that is not the one named (each
//! result is labelled `engine=`, and the remarks say why).

use std::time::Duration;

use engine_core::args::Args;
use engine_core::histogram::Histogram;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::beneath::Beneath;
use super::file::TestFile;
use super::health::{self, Health};
use super::load::{self, LoadError, Pattern, Plan, STEADY, Tally};
use super::queue::choice::{self, Choice, Task};
use super::queue::uring::Wishes;
use super::stamp::UNIT;
use super::{direct, drive, resident, spread};
use crate::harness::Pages;
use crate::host::room::available_memory;
use crate::host::tree::Tree;
use crate::{Context, ProbeError};

const BLOCK: ParamDef = ParamDef {
    name: "block",
    kind: ParamKind::Size { min: 4096.0, max: 1_048_576.0 },
    default: Some("4 KiB"),
    tiny: None,
    doc: "bytes of each request, a multiple of 4 KiB",
};
const DEPTH: ParamDef = ParamDef {
    name: "depth",
    kind: ParamKind::Count { min: 1, max: 256 },
    default: Some("1"),
    tiny: None,
    doc: "requests of each job that are under way at once; with `rate` the least number of slots",
};
const JOBS: ParamDef = ParamDef {
    name: "jobs",
    kind: ParamKind::Count { min: 1, max: 64 },
    default: Some("1"),
    tiny: None,
    doc: "threads, each with a queue of its own",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 1_048_576.0, max: 1_099_511_627_776.0 },
    default: Some("256 MiB"),
    tiny: Some("4 MiB"),
    doc: "of the test file, at most half of what is free; of a file that exists, the part from its start",
};
const RUNTIME: ParamDef = ParamDef {
    name: "runtime",
    kind: ParamKind::Time { min: 0.01, max: 3600.0 },
    default: Some("1 s"),
    tiny: Some("30 ms"),
    doc: "time that counts in each round",
};
const RAMP: ParamDef = ParamDef {
    name: "ramp",
    kind: ParamKind::Time { min: 0.0, max: 60.0 },
    default: Some("100 ms"),
    tiny: Some("5 ms"),
    doc: "time before that, which does not count",
};
const STEADILY: ParamDef = ParamDef {
    name: "steady",
    kind: ParamKind::Flag,
    default: Some("false"),
    tiny: None,
    doc: "go on until the rate changes by less than 5 % within `runtime`, at most ten times as long; the end counts",
};
const RATE_OPTION: ParamDef = ParamDef {
    name: "rate",
    kind: ParamKind::Count { min: 0, max: 10_000_000 },
    default: Some("0"),
    tiny: None,
    doc: "requests a second, each at its time whatever became of those before; 0 lets each follow the end of another",
};
const FILE: ParamDef = ParamDef {
    name: "file",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "a folder on the device in question, a file to be created there and removed, or for reading only a file or block device that exists; by default in the test folder",
};
const ENGINE: ParamDef = ParamDef {
    name: "engine",
    kind: ParamKind::Choice(&["auto", "io_uring", "libaio", "pread"]),
    default: Some("auto"),
    tiny: None,
    doc: "how requests are handed over; `auto` takes the first that works here",
};
const BATCH: ParamDef = ParamDef {
    name: "batch",
    kind: ParamKind::Count { min: 0, max: 256 },
    default: Some("1"),
    tiny: None,
    doc: "most requests handed over, and most ends taken, at once: 1 is what fio does by default, 0 is no limit",
};
const DIRECT: ParamDef = ParamDef {
    name: "direct",
    kind: ParamKind::Flag,
    default: Some("true"),
    tiny: None,
    doc: "past the page cache (`O_DIRECT`)",
};
const BUFFERS: ParamDef = ParamDef {
    name: "fixed_buffers",
    kind: ParamKind::Flag,
    default: Some("true"),
    tiny: None,
    doc: "io_uring: buffers registered once",
};
const FILES: ParamDef = ParamDef {
    name: "fixed_files",
    kind: ParamKind::Flag,
    default: Some("true"),
    tiny: None,
    doc: "io_uring: the file and the ring registered once",
};
const HUGE: ParamDef = ParamDef {
    name: "huge_pages",
    kind: ParamKind::Flag,
    default: Some("false"),
    tiny: None,
    doc: "buffers in huge pages, of the reserve where there is one: makes one piece of a large block",
};
const IOPOLL: ParamDef = ParamDef {
    name: "iopoll",
    kind: ParamKind::Flag,
    default: Some("false"),
    tiny: None,
    doc: "io_uring: ask the device instead of being interrupted, where its driver can",
};
const SQPOLL: ParamDef = ParamDef {
    name: "sqpoll",
    kind: ParamKind::Flag,
    default: Some("false"),
    tiny: None,
    doc: "io_uring: a thread of the kernel takes the requests, and a processor",
};

const IOPS: MetricDef = MetricDef {
    id: "iops",
    title: "requests that ended, a second",
    unit: Unit::PerSecond,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const RATE: MetricDef = MetricDef {
    id: "rate",
    title: "bytes moved, a second",
    unit: Unit::BytesPerSecond,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const LATENCY: MetricDef = MetricDef::cost(
    "latency",
    Unit::Seconds,
    "a request, as up to 1001 evenly spaced quantiles of all (the last is p99.95)",
);
const SLOWEST: MetricDef = MetricDef::cost("slowest", Unit::Seconds, "the slowest request of the round");
const CPU: MetricDef = MetricDef::cost("cpu_per_io", Unit::Seconds, "processor time of a request, in user and kernel");
const DRIFT: MetricDef =
    MetricDef::fact("drift", Unit::Ratio, "change of the rate from the start to the end of the round");
const TEMPERATURE: MetricDef =
    MetricDef::fact("temperature", Unit::Celsius, "of the drive, before and after the round");

/// The declaration of a probe of random requests: `iops` is what it is about.
pub(super) const RANDOM: ProbeInfo = ProbeInfo {
    id: "",
    summary: "",
    method: 2,
    about: "Direct I/O on a file that was written in full with random bytes, through io_uring, else libaio, else \
            threads; as `fio --ioengine=io_uring --direct=1 --fixedbufs --registerfiles --norandommap`. Latency is \
            from handing over to seeing the end, or with `rate` from the intended time. Something else wakes on the \
            processor each 10 ms, as beside fio: a processor that nothing else needs sleeps deeper, and answers later \
            by some percent at depth 1. The number is wrong when \
            the page cache answers (then labelled `cached=true`), when the file has holes or compresses (looked \
            for, a failure), when other blocks come than were asked for (stamps are compared), and when the file \
            fits a cache of the device or of a virtual machine's host, which cannot be seen.",
    params: &[
        BLOCK,
        DEPTH,
        JOBS,
        SIZE,
        RUNTIME,
        RAMP,
        STEADILY,
        RATE_OPTION,
        FILE,
        ENGINE,
        BATCH,
        DIRECT,
        BUFFERS,
        FILES,
        HUGE,
        IOPOLL,
        SQPOLL,
    ],
    metrics: &[IOPS, RATE, LATENCY, SLOWEST, CPU, DRIFT, TEMPERATURE],
    round_seconds: 1.3,
    process: RoundProcess::Engine,
    noise: OwnNoise::Io,
};

/// The declaration of a probe of requests in order: `rate` is what it is about.
pub(super) const SEQUENTIAL: ProbeInfo =
    ProbeInfo { metrics: &[RATE, IOPS, LATENCY, SLOWEST, CPU, DRIFT, TEMPERATURE], ..RANDOM };

/// Windows of each round.
const WINDOWS: usize = 10;
/// Most slots of a job in an open loop, and most bytes of their buffers.
const SLOTS: u64 = 1024;
const SLOT_BYTES: u64 = 16 << 20;
/// From this share in memory on, the page cache took part.
const RESIDENT: f64 = 0.05;

/// Takes one round of a pattern.
pub(super) fn run(pattern: Pattern, args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let mut plan = plan(args, pattern, cx)?;
    let file = TestFile::take(args.text(FILE.name), args.whole(SIZE.name), !pattern.writes(), cx)?;
    plan.blocks = file.len / u64::from(plan.block);
    plan.key = file.key;
    if plan.blocks == 0 {
        return Err(ProbeError::failed(format!("`{}` is smaller than one block", file.place().display())));
    }
    let (target, past) = target(args.flag(DIRECT.name), &file, u64::from(plan.block))?;
    let wishes = Wishes {
        buffers: args.flag(BUFFERS.name),
        files: args.flag(FILES.name),
        deferred: true,
        iopoll: args.flag(IOPOLL.name),
        sqpoll: args.flag(SQPOLL.name),
    };
    let task = Task { file: target, direct: past.is_ok(), shape: plan.shape(), wishes };
    let choice = choice::choose(args.text(ENGINE.name), &task)?;
    let wishes = settled(wishes, &choice);
    plan.whole_process = wishes.sqpoll || past.is_err();

    let drive = Watched::of(&file);
    drive.note(cx, "before");
    let mut tally = load::run(&plan, target, choice.engine, wishes, &|| cx.check().is_err())?;
    // A machine that stood still all the time has said nothing about its device.
    while tally.ended() == 0 {
        cx.check()?;
        plan.window *= 4;
        cx.note("no request ended within `runtime`: taken again with four times as long");
        tally = load::run(&plan, target, choice.engine, wishes, &|| cx.check().is_err())?;
    }
    if tally.stopped {
        cx.check()?;
    }
    drive.note(cx, "after");
    verify(&file, &plan, &tally)?;

    cx.mark("engine", choice.engine.name());
    cx.note(describe(&choice));
    judge_cache(cx, &file, past.err(), drive.beneath.as_ref());
    if !file.own {
        if let Err(compressible) = file.sample()? {
            cx.mark("compressible", "true");
            cx.note(format!("the device may store less than the file has: {compressible}"));
        }
        if file.key.is_none() {
            cx.note("the file is not one of ours: what was read could not be compared with what was written");
        }
    } else if file.len < args.whole(SIZE.name) {
        cx.note(format!("the test file has {} bytes: half of what is free is the most that is taken", file.len));
    }
    record(cx, &plan, &tally, args.flag(STEADILY.name));
    file.keep();
    Ok(())
}

/// The load as the options say it; blocks and key come with the file.
fn plan(args: &Args, pattern: Pattern, cx: &Context<'_>) -> Result<Plan, ProbeError> {
    let block = args.whole(BLOCK.name);
    if !block.is_multiple_of(UNIT as u64) {
        return Err(ProbeError::failed(format!("`block` must be a multiple of 4 KiB, got {block} bytes")));
    }
    let runtime = Duration::from_secs_f64(args.number(RUNTIME.name));
    let rate = Some(args.whole(RATE_OPTION.name)).filter(|rate| *rate > 0);
    let steady = args.flag(STEADILY.name);
    if steady && rate.is_some() {
        return Err(ProbeError::failed("`steady` looks for the rate to settle, and `rate` fixes it: give one of them"));
    }
    let asked = args.whole(DEPTH.name);
    // An open loop needs room for all that may be under way when the device falls behind.
    let depth = if rate.is_some() { asked.max(SLOTS.min(SLOT_BYTES / block)) } else { asked };
    let batch = Some(args.whole(BATCH.name)).filter(|batch| *batch > 0).unwrap_or(depth);
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let plan = Plan {
        pattern,
        block: small(block),
        blocks: 0,
        depth: small(depth),
        batch: small(batch),
        jobs: small(args.whole(JOBS.name)),
        pages: if args.flag(HUGE.name) { Pages::Reserved } else { Pages::System },
        ramp: Duration::from_secs_f64(args.number(RAMP.name)),
        window: runtime / WINDOWS as u32,
        windows: WINDOWS,
        most: if steady { 10 * WINDOWS } else { WINDOWS },
        rate: rate.map(|rate| rate as f64),
        seed: cx.seed,
        key: None,
        whole_process: false,
    };
    let (need, room) = (plan.buffer_bytes(), available_memory().unwrap_or(u64::MAX) / 2);
    if need > room {
        let reason = format!("the buffers of all requests need {need} bytes, and {room} may be taken");
        return Err(Skip::new(SkipKind::Resource, reason, "use a smaller `block`, `depth` or `jobs`").into());
    }
    Ok(plan)
}

/// The descriptor that is measured, and whether it goes past the page cache or why not.
fn target(wanted: bool, file: &TestFile, block: u64) -> Result<(&std::fs::File, Result<(), String>), ProbeError> {
    if !wanted {
        return Ok((file.plain(), Err("`direct` is off".to_owned())));
    }
    match file.direct() {
        Ok(_) if !block.is_multiple_of(file.align) => {
            let reason = format!("direct I/O in `{}` is in multiples of {} bytes", file.place().display(), file.align);
            Err(Skip::new(SkipKind::Platform, reason, "use a larger `block`").into())
        }
        Ok(direct) if direct::is_direct(direct) => Ok((direct, Ok(()))),
        Ok(_) => Ok((file.plain(), Err("the descriptor lost O_DIRECT".to_owned()))),
        Err(reason) => Ok((file.plain(), Err(reason.to_owned()))),
    }
}

/// The wishes that the trial found to work, so that no job tries the others again.
fn settled(wishes: Wishes, choice: &Choice) -> Wishes {
    let Some(ring) = &choice.ring else { return wishes };
    Wishes { iopoll: ring.has("iopoll"), sqpoll: ring.has("sqpoll"), ..wishes }
}

/// By which path the result came, and why.
pub(super) fn describe(choice: &Choice) -> String {
    let reasons: String = choice.reasons.iter().map(|reason| format!(", {reason}")).collect();
    let ring = choice.ring.as_ref().map_or_else(String::new, |ring| format!("; {}", ring.describe()));
    format!("through {}{reasons}{ring}", choice.engine.name())
}

/// Labels a result in which the page cache took part: because nothing goes past it, because the file system is in
/// memory, or because the file is found there although it should not be.
fn judge_cache(cx: &mut Context<'_>, file: &TestFile, buffered: Option<String>, beneath: Option<&Beneath>) {
    let resident = resident::share(file.plain(), file.len);
    let in_memory = beneath.filter(|beneath| beneath.in_memory).and_then(|beneath| beneath.special);
    if let Some(reason) = cached(buffered, in_memory, resident) {
        cx.mark("cached", "true");
        cx.note(format!("the page cache took part, so this is not the speed of a device: {reason}"));
    }
}

/// Why the page cache took part, if it did.
fn cached(buffered: Option<String>, in_memory: Option<&str>, resident: Option<f64>) -> Option<String> {
    let found = resident.filter(|share| *share > RESIDENT);
    buffered
        .or_else(|| in_memory.map(|name| format!("the file lies in memory ({name})")))
        .or_else(|| found.map(|share| format!("{:.0} % of the file lay in memory after direct I/O", share * 100.0)))
}

/// Reads back some of the blocks that were written, and compares them with what this round wrote.
fn verify(file: &TestFile, plan: &Plan, tally: &Tally) -> Result<(), ProbeError> {
    let units = u64::from(plan.block) / UNIT as u64;
    for block in tally.written.iter().take(64) {
        for unit in [0, units / 2, units - 1].map(|part| block * units + part) {
            let read = file.intact(unit)?;
            if !plan.is_tag(read.slice::<u64>(0, 8)[3]) {
                return Err(ProbeError::verification(format!("unit {unit} of the file is not what was written last")));
            }
        }
    }
    Ok(())
}

fn record(cx: &mut Context<'_>, plan: &Plan, tally: &Tally, steady: bool) {
    let ended = tally.ended();
    let iops = ended as f64 / tally.seconds();
    for metric in if plan.pattern.is_sequential() { [&RATE, &IOPS] } else { [&IOPS, &RATE] } {
        cx.record(metric, if metric.id == IOPS.id { iops } else { iops * f64::from(plan.block) });
    }
    let mut all = tally.reads.clone();
    all.merge(&tally.writes);
    cx.record_all(&LATENCY, &spread::samples(&all));
    if plan.pattern == Pattern::RandRw {
        let mut one = |name: &str, histogram: &Histogram| {
            let labels = Labels::new().with("op", name);
            cx.record_with(LATENCY.metric(), labels, &spread::samples(histogram));
        };
        one("read", &tally.reads);
        one("write", &tally.writes);
    }
    cx.record(&SLOWEST, all.max().unwrap_or(0) as f64 * 1e-9);
    if plan.rate.is_none() {
        cx.record(&CPU, tally.cpu / ended as f64);
    }
    let drift = load::drift(&tally.counts);
    cx.record(&DRIFT, drift);
    if steady && drift.abs() >= STEADY {
        cx.note(format!("not steady: after ten times `runtime` the rate still changes by {:.0} %", drift * 100.0));
    }
    if all.censored_count() > 0 {
        cx.note(format!(
            "the device does not keep up with `rate`: {} requests had not ended and count with their age, {} of them never \
             began",
            all.censored_count(),
            tally.missed
        ));
    }
}

/// The drive that is measured.
struct Watched {
    tree: Tree,
    name: Option<String>,
    beneath: Option<Beneath>,
    /// The drive's own counters when the round began.
    health: Option<Health>,
}

impl Watched {
    fn of(file: &TestFile) -> Self {
        let tree = Tree::new(std::path::Path::new("/"));
        let beneath = Beneath::of(file.plain()).ok();
        let name = beneath.as_ref().and_then(|beneath| beneath.device.as_deref());
        let name = name.map(|device| drive::physical(&tree, device));
        let health = name.as_deref().and_then(health::read);
        Self { tree, name, beneath, health }
    }

    /// Notes what the drive is, and how warm.
    fn note(&self, cx: &mut Context<'_>, when: &str) {
        let Some(name) = &self.name else { return };
        let drive = drive::read(&self.tree, name);
        cx.note(drive.describe());
        if let Some(slow) = drive.slow_link() {
            cx.note(slow);
        }
        if let Some(heat) = drive::heat(&self.tree, name) {
            cx.record_at(&TEMPERATURE, Labels::new().with("when", when), heat.celsius);
            if heat.throttles() {
                cx.note(format!("{name} is so warm that it slows itself down ({when} the round)"));
            }
        }
        // Read again, it differs from what it was when the round began only after the round.
        if let (Some(before), Some(now)) = (&self.health, health::read(name)) {
            now.throttled_since(before).into_iter().for_each(|slowed| cx.note(slowed));
            now.warnings()
                .into_iter()
                .for_each(|warning| cx.note(format!("{name} warns ({when} the round): {warning}")));
        }
    }
}

impl From<LoadError> for ProbeError {
    fn from(error: LoadError) -> Self {
        let message = error.to_string();
        match error {
            LoadError::Wrong { .. } => Self::verification(message),
            _ => Self::failed(message),
        }
    }
}

#[cfg(test)]
mod tests;
