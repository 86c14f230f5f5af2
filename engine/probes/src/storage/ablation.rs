//! `storage.ablation`: what each option of the way to a device brings, one added after the other.
//!
//! Method: the same random reads again and again, first through the page cache (which is empty of the file), then past
//! it, in batches, with buffers and file registered, with completions handed over when asked for, then polled at the
//! device, then taken by a thread of the kernel; each row adds to the one before, but for the last two. At the end the
//! same ring with requests that do nothing: what the software could do if the device took no time at all.
//!
//! What would make the number wrong: all that makes `storage.randread` wrong; rows that are noise apart (one round is one pass
//! over all rows: compare over rounds); a device that is the limit in every row, where only `cpu` tells the options
//! apart; an option that does not work here under the name of one that does (it has no row, and the remarks say why).

use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::{Goal, MetricDef, Nature};
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::beneath::forget;
use super::file::TestFile;
use super::load::{self, Pattern, Plan};
use super::queue::choice::Engine;
use super::queue::sandbox;
use super::queue::uring::{Uring, Wishes};
use super::queue::{Kind, Queue, Request, Shape};
use crate::harness::Pages;
use crate::{Context, Probe, ProbeError};

const DEPTH: ParamDef = ParamDef {
    name: "depth",
    kind: ParamKind::Count { min: 1, max: 256 },
    default: Some("32"),
    tiny: None,
    doc: "requests under way at once",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 1_048_576.0, max: 1_099_511_627_776.0 },
    default: Some("256 MiB"),
    tiny: Some("4 MiB"),
    doc: "of the test file, at most half of what is free",
};
const RUNTIME: ParamDef = ParamDef {
    name: "runtime",
    kind: ParamKind::Time { min: 0.005, max: 60.0 },
    default: Some("300 ms"),
    tiny: Some("8 ms"),
    doc: "time of each row in each round",
};
const FILE: ParamDef = ParamDef {
    name: "file",
    kind: ParamKind::Text,
    default: Some(""),
    tiny: None,
    doc: "a folder on the device in question, or a file or block device that exists, which is read only; by default in the test folder",
};

const RATE: MetricDef = MetricDef {
    id: "rate",
    title: "reads of 4 KiB a second, or requests that do nothing",
    unit: Unit::PerSecond,
    goal: Goal::Higher,
    nature: Nature::Cost,
};
const CPU: MetricDef = MetricDef::cost("cpu", Unit::Seconds, "processor time of a request, in user and kernel");
const LATENCY: MetricDef = MetricDef::cost("latency", Unit::Seconds, "median latency of a request");
const GAIN: MetricDef = MetricDef::fact("gain", Unit::Ratio, "rate over that of the row before");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "storage.ablation",
        summary: "What O_DIRECT, batches, registration, deferred completions and polling each bring.",
        method: 1,
        about: "Random reads of 4 KiB, each row with one more option of io_uring, labelled `option=`; `nop` is the same \
                ring without a device, the ceiling of the software. Options that do not work here have no row and are \
                named with the reason. The number is wrong where that of `storage.randread` is, and where one round is taken \
                for a result: differences between rows are small where the device is the limit; there `cpu` tells.",
        params: &[DEPTH, SIZE, RUNTIME, FILE],
        metrics: &[RATE, CPU, LATENCY, GAIN],
        round_seconds: 3.0,
        process: RoundProcess::Engine,
        noise: OwnNoise::Io,
    },
    run,
};

/// One row.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    direct: bool,
    batches: bool,
    wishes: Wishes,
    nop: bool,
}

const ROWS: [Row; 8] = {
    let plain = Wishes::PLAIN;
    let registered = Wishes { buffers: true, files: true, ..plain };
    let first = Row { name: "buffered", direct: false, batches: false, wishes: plain, nop: false };
    let direct = Row { name: "direct", direct: true, ..first };
    let batch = Row { name: "batching", batches: true, ..direct };
    let fixed = Row { name: "registered", wishes: registered, ..batch };
    let deferred = Row { name: "deferred", wishes: Wishes::BEST, ..batch };
    let iopoll = Row { name: "iopoll", wishes: Wishes { iopoll: true, ..Wishes::BEST }, ..batch };
    let sqpoll = Row { name: "sqpoll", wishes: Wishes { sqpoll: true, ..registered }, ..batch };
    let nop = Row { name: "nop", nop: true, ..deferred };
    [first, direct, batch, fixed, deferred, iopoll, sqpoll, nop]
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    if let Err(refusal) = sandbox::try_uring() {
        let reason = format!("there is no io_uring whose options could be compared: {refusal}");
        return Err(Skip::new(SkipKind::Platform, reason, "allow io_uring to this process").into());
    }
    let file = TestFile::take(args.text(FILE.name), args.whole(SIZE.name), true, cx)?;
    let depth = u32::try_from(args.whole(DEPTH.name)).unwrap_or(u32::MAX);
    let runtime = Duration::from_secs_f64(args.number(RUNTIME.name));
    let mut before: Option<f64> = None;
    for row in ROWS {
        cx.check()?;
        let mut plan = Plan {
            pattern: if row.nop { Pattern::Nop } else { Pattern::RandRead },
            block: 4096,
            blocks: file.len / 4096,
            depth,
            batch: if row.batches { depth } else { 1 },
            jobs: 1,
            pages: Pages::System,
            ramp: runtime / 6,
            window: runtime / 5,
            windows: 5,
            most: 5,
            rate: None,
            seed: cx.seed,
            key: file.key,
            whole_process: row.wishes.sqpoll || !row.direct,
        };
        let target = match (row.direct, file.direct()) {
            (false, _) => file.plain(),
            (true, Ok(direct)) => direct,
            (true, Err(reason)) if row.name == "direct" => {
                cx.mark("cached", "true");
                cx.note(format!("no `direct`: {reason}; all rows read through the page cache"));
                continue;
            }
            (true, Err(_)) => file.plain(),
        };
        forget(file.plain());
        if let Err(reason) = works(&row, target, plan.shape()) {
            cx.note(format!("no `{}`: {reason}", row.name));
            continue;
        }
        let mut tally = load::run(&plan, target, Engine::IoUring, row.wishes, &|| cx.check().is_err())?;
        while tally.ended() == 0 {
            // The machine stood still all the time.
            cx.check()?;
            plan.window *= 4;
            tally = load::run(&plan, target, Engine::IoUring, row.wishes, &|| cx.check().is_err())?;
        }
        if tally.stopped {
            cx.check()?;
        }
        let ended = tally.ended();
        let labels = || Labels::new().with("option", row.name);
        let rate = ended as f64 / tally.seconds();
        cx.record_at(&RATE, labels(), rate);
        cx.record_at(&CPU, labels(), tally.cpu / ended as f64);
        let median = tally.reads.value_at_quantile(0.5).map_or(0, |value| value.floor());
        cx.record_at(&LATENCY, labels(), median as f64 * 1e-9);
        if let (Some(before), false) = (before, row.nop) {
            cx.record_at(&GAIN, labels(), rate / before);
        }
        before = Some(rate);
    }
    forget(file.plain());
    file.keep();
    Ok(())
}

/// Whether the row's options are to be had; why not.
fn works(row: &Row, file: &std::fs::File, shape: Shape) -> Result<(), String> {
    let (_, obtained) = Uring::open(file, shape, row.wishes).map_err(|error| error.to_string())?;
    let lost = obtained.missing.iter().find(|(name, _)| match row.name {
        "iopoll" | "sqpoll" => *name == row.name,
        "registered" => name.starts_with("registered_"),
        "deferred" => *name == "defer_taskrun",
        _ => false,
    });
    lost.map_or(Ok(()), |(name, reason)| Err(format!("without {name}: {reason}")))
}

/// A ring with requests that do nothing: what the interface itself costs. For the checks by metamorphosis.
#[derive(Debug)]
pub struct Nops {
    ring: Uring,
    depth: u32,
    _file: std::fs::File,
}

impl Nops {
    /// A ring for `depth` requests at once.
    ///
    /// # Errors
    /// What the system says when it refuses a ring.
    pub fn new(depth: u32) -> std::io::Result<Self> {
        sandbox::try_uring().map_err(std::io::Error::other)?;
        let file = std::fs::File::open("/dev/zero")?;
        let shape = Shape { depth, block: 4096, buffers: depth, pages: Pages::System };
        let (ring, _) = Uring::open(&file, shape, Wishes::PLAIN)?;
        Ok(Self { ring, depth, _file: file })
    }

    /// Hands over `batches` times as many requests as there is room for, and waits for the end of each batch.
    ///
    /// # Errors
    /// What the system says when the ring fails.
    pub fn run(&mut self, batches: u64) -> std::io::Result<()> {
        let mut done = Vec::with_capacity(self.depth as usize);
        for _ in 0..batches {
            for slot in 0..self.depth {
                self.ring.push(Request { slot, buffer: slot, kind: Kind::Nop, offset: 0 })?;
            }
            self.ring.turn(self.depth, self.depth, &mut done)?;
            done.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
