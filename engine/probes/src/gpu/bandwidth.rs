//! `gpu.bandwidth`: what the device's memory gives to kernels that read, copy, or do a triad.
//!
//! Method: as BabelStream and clpeak: vectors of four words, neighbouring threads at neighbouring addresses, all loads
//! of a thread under way before its first store. On a real device variants with 1, 2, 4 and 8 vectors for
//! each thread are tried in short, and the fastest counts, as drivers differ. Arrays are many times the last-level cache, bound in windows
//! where a binding is limited, and hold words that look random. Copy counts 2 bytes moved for each byte of an array,
//! triad 3, read 1. Time is by timestamps of the device at both ends of a pass, checked against the wall clock by
//! slopes, see `stamps`. Kernels run without the library's bounds checks; `checked_rate` is with them.
//!
//! What would make the number wrong: arrays that fit a cache (noted where they may); a compiler that drops loads or
//! stores (a sum over every word is checked, and blocks in place); compressible data; a first dispatch that compiles
//! and clears (not counted); a device clock that is off (flagged, and the wall clock is taken).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::adapter::ADAPTER;
use super::arrays::{Set, TEXT};
use super::device::{Checks, Gpu};
use super::meter::{AGREEMENT, Meter, Plan, report};
use super::windows::GRAIN;
use crate::host::room::{available_memory, last_level_caches};
use crate::{Context, Probe, ProbeError};

const KERNEL: ParamDef = ParamDef {
    name: "kernel",
    kind: ParamKind::Choice(&["copy", "read", "triad"]),
    default: Some("copy"),
    tiny: None,
    doc: "copy `c = a`, read the sum of `a`, triad `a = b+s*c`",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 1_048_576.0, max: 8_589_934_592.0 },
    default: Some("256 MiB"),
    tiny: Some("4 MiB"),
    doc: "of each array; the default means 1 GiB on a real device, and four times the caches on a software one",
};

const RATE: MetricDef =
    MetricDef::rate("rate", Unit::BytesPerSecond, "bytes that the kernel reads and writes, a second");
const CHECKED: MetricDef =
    MetricDef::rate("checked_rate", Unit::BytesPerSecond, "the same with every access checked, as in a browser");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.bandwidth",
        summary: "Memory bandwidth of a graphics device: read, copy and triad in compute kernels.",
        method: 1,
        about: "Kernels on vectors of four words, coalesced, over arrays far beyond the last-level cache that hold \
                words which look random; of four variants the fastest counts. Copy counts 2 bytes for each byte of an \
                array, triad 3, read 1. Time is by the device's timestamps, checked against the wall clock by the \
                slope between passes of one and of twice the work; where they differ by more than 5 % the result is \
                flagged and the wall clock is used. Every word takes part in a checked sum. The number is wrong when \
                the arrays fit a cache, which is noted, and that of a software device says nothing about a real one.",
        params: &[KERNEL, SIZE, ADAPTER],
        metrics: &[RATE, CHECKED, AGREEMENT],
        round_seconds: 4.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

/// Vectors for each thread, of the variants.
const VARIANTS: [u32; 4] = [1, 2, 4, 8];
/// The variant where none is tried.
const USUAL: u32 = 4;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let gpu = Gpu::open(args, cx)?;
    measure(&gpu, args.text(KERNEL.name), args.whole(SIZE.name), TEXT, cx)
}

/// Measures one kernel of `text`.
pub(super) fn measure(gpu: &Gpu, kernel: &str, asked: u64, text: &str, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let arrays = if kernel == "triad" { 3 } else { 2 };
    let size = size(gpu, asked, arrays, cx);
    let set = Set::new(gpu, kernel, size, cx.seed, text)?;
    let meter = Meter::new(gpu)?;

    let look = Plan::look(cx);
    let mut best = (f64::INFINITY, USUAL);
    // A software device runs all threads one after the other: variants tell nothing, and take long.
    for loads in VARIANTS.into_iter().filter(|_| !gpu.software) {
        let groups = set.bind(loads, Checks::Off)?;
        let settled = meter.take(cx, look, &mut |pass, units| groups.put(pass, units))?;
        let least = settled.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        best = if least < best.0 { (least, loads) } else { best };
    }
    cx.note(format!("{} vectors for each thread", best.1));
    let bytes = (size * if kernel == "read" { 1 } else { arrays }) as f64;
    let groups = set.bind(best.1, Checks::Off)?;
    set.clear()?;
    let settled = meter.take(cx, Plan::counted(cx), &mut |pass, units| groups.put(pass, units))?;
    set.verify(cx)?;

    let checked = set.bind(best.1, Checks::On)?;
    set.clear()?;
    let slower = meter.take(cx, look, &mut |pass, units| checked.put(pass, units))?;
    set.verify(cx)?;
    report(cx, &settled);
    settled.seconds.iter().for_each(|seconds| cx.record(&RATE, bytes / seconds));
    slower.seconds.iter().for_each(|seconds| cx.record(&CHECKED, bytes / seconds));
    Ok(())
}

/// Bytes of each array: what is asked for (see the option), at most what the device and the memory allow.
fn size(gpu: &Gpu, asked: u64, arrays: u64, cx: &mut Context<'_>) -> u64 {
    const DEFAULT: u64 = 256 << 20;
    let caches = last_level_caches();
    let room = if gpu.software { available_memory() } else { gpu.memory }.map_or(u64::MAX, |bytes| bytes / 2 / arrays);
    let wanted = match (asked, gpu.software) {
        (DEFAULT, true) => caches.map_or(DEFAULT, |caches| (4 * caches).max(64 << 20)),
        (DEFAULT, false) => 1 << 30,
        _ => asked,
    };
    let size = wanted.min(room).min(gpu.limits.max_buffer_size) / GRAIN * GRAIN;
    let show = |bytes: u64| Unit::Bytes.format(bytes as f64);
    if size < wanted / GRAIN * GRAIN {
        cx.note(format!("size limited to {} for each array by the memory", show(size)));
    }
    // No interface tells a device's cache; 128 MiB is the largest of most.
    let cache = if gpu.software { caches.unwrap_or(0) } else { 128 << 20 };
    if size < 4 * cache {
        cx.note(format!("arrays of {} may fit a cache in part", show(size)));
    }
    size.max(GRAIN)
}
