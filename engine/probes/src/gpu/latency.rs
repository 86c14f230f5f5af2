//! `gpu.latency`: how long a load of one thread of a graphics device waits, over sizes from its caches to its memory.
//!
//! Method: as Chips and Cheese: one thread walks one cycle (Sattolo) over all lines of a region, each load giving the
//! index of the next. For each size the number of steps grows until a pass lasts long enough, and the time of a step
//! is the slope between passes of so many and of twice as many steps, so that the launch falls out. Lines are 128
//! bytes, the largest in use.
//!
//! What would make the number wrong: an order that is not one cycle, or steps left out (the processor walks the same
//! steps and must arrive at the same place after every size); lines that hold two links; a loop that is checked
//! (the kernel runs without the library's bounds checks). The index adds a shift and an addition to each load.

use std::cell::Cell;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use wgpu::{BufferBinding, BufferSize, BufferUsages};

use super::adapter::ADAPTER;
use super::device::{Checks, Gpu, bytes};
use super::meter::{AGREEMENT, Meter, Plan, report};
use super::source::expand;
use super::stamps::Settled;
use crate::kernel::random::SplitMix;
use crate::{Context, Probe, ProbeError};

const LEAST: ParamDef = ParamDef {
    name: "least",
    kind: ParamKind::Size { min: 1024.0, max: 1_073_741_824.0 },
    default: Some("4 KiB"),
    tiny: None,
    doc: "the smallest region; each next one is four times as large",
};
const MOST: ParamDef = ParamDef {
    name: "most",
    kind: ParamKind::Size { min: 1024.0, max: 1_073_741_824.0 },
    default: Some("256 MiB"),
    tiny: Some("64 KiB"),
    doc: "the largest region, whose latency is `latency`",
};

const LATENCY: MetricDef =
    MetricDef::floor("latency", Unit::Seconds, "from one load to the next, in the largest region");
const CURVE: MetricDef = MetricDef::floor("curve", Unit::Seconds, "the same for each `size`");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.latency",
        summary: "How long a load waits on a graphics device: a pointer chase of one thread over sizes.",
        method: 1,
        about: "One thread walks one random cycle over all lines (128 bytes) of a region, each load giving the index of \
                the next; the time of a step is the slope between passes of so many and of twice as many steps. The \
                processor walks the same steps and must arrive at the same place. The number is wrong when links are \
                not one cycle or steps are left out, which is checked; the largest region must be far beyond the \
                caches for it to be that of memory.",
        params: &[LEAST, MOST, ADAPTER],
        metrics: &[LATENCY, CURVE, AGREEMENT],
        round_seconds: 5.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

pub(super) const TEXT: &str = include_str!("kernel/latency.wgsl");
/// Words from one line to the next.
const LINE: usize = 32;
/// Loads that are written out in the body of the loop.
const LOADS: u32 = 8;
/// Rounds of that loop with which sizing begins, and the most.
const TRIPS: std::ops::RangeInclusive<u64> = 512..=1 << 26;
/// Most rounds of one dispatch: llvmpipe ends every loop after 65535, silently.
const MOST_TRIPS: u64 = 32_768;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let gpu = Gpu::open(args, cx)?;
    let (least, most) = (args.whole(LEAST.name), args.whole(MOST.name));
    let limit = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
    if limit < most {
        cx.note(format!("the largest region is {}, as one binding of the device", Unit::Bytes.format(limit as f64)));
    }
    measure(&gpu, (least, most.min(limit)), TEXT, cx)
}

/// Measures the walk of `text` over regions from the least to the most.
pub(super) fn measure(
    gpu: &Gpu,
    (least, most): (u64, u64),
    text: &str,
    cx: &mut Context<'_>,
) -> Result<(), ProbeError> {
    let sizes = sizes(least, most);
    let largest = sizes.last().copied().unwrap_or(least);
    let kernel = gpu.kernel(&expand(text, &[("LOADS", LOADS)]), "walk", Checks::Off)?;
    let links = gpu.buffer(largest, BufferUsages::STORAGE | BufferUsages::COPY_DST)?;
    let (full, rest) = (gpu.uniform(&[MOST_TRIPS as u32])?, gpu.uniform(&[0])?);
    let place = gpu.buffer(4, BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST)?;
    let meter = Meter::new(gpu)?;
    let mut last: Option<Settled> = None;
    for size in sizes {
        cx.check()?;
        let next = cycle((size / 4) as usize, cx.seed);
        gpu.queue.write_buffer(&links, 0, &bytes(&next));
        gpu.queue.write_buffer(&place, 0, &[0; 4]);
        let part = BufferBinding { buffer: &links, offset: 0, size: BufferSize::new(size) };
        let bind = |trips: &wgpu::Buffer| {
            let part = part.clone();
            gpu.bind(
                &kernel,
                &[(0, trips.as_entire_buffer_binding()), (1, part), (2, place.as_entire_buffer_binding())],
            )
        };
        let (whole, last_part) = (bind(&full)?, bind(&rest)?);
        let walked = Cell::new(0_u64);
        let mut put = |pass: &mut wgpu::ComputePass<'_>, trips: u64| {
            // Written ahead of the pass, outside of its time.
            gpu.queue.write_buffer(&rest, 0, &bytes(&[(trips % MOST_TRIPS) as u32]));
            pass.set_pipeline(&kernel);
            pass.set_bind_group(0, &whole, &[]);
            (0..trips / MOST_TRIPS).for_each(|_| pass.dispatch_workgroups(1, 1, 1));
            pass.set_bind_group(0, &last_part, &[]);
            pass.dispatch_workgroups(1, 1, 1);
            walked.set(walked.get() + trips * u64::from(LOADS));
        };
        // Once round, so that what fits a cache is in it.
        meter.pass(&mut put, (size / 128 / u64::from(LOADS)).max(1))?;
        let mut settled = meter.take_from(cx, Plan::curve(cx), &mut put, TRIPS)?;
        settled.seconds.iter_mut().for_each(|seconds| *seconds /= f64::from(LOADS));
        if let Some(trips) = telling(walked.get(), size / 4 / LINE as u64) {
            meter.pass(&mut put, trips)?;
        }
        verify(&next, walked.get(), gpu.read(&place, 0, 4)?.first().copied())?;
        let labels = Labels::new().with("size", Unit::Bytes.format(size as f64));
        settled.seconds.iter().for_each(|seconds| cx.record_at(&CURVE, labels.clone(), *seconds));
        last = Some(settled);
    }
    if let Some(settled) = last {
        report(cx, &settled);
        cx.record_all(&LATENCY, &settled.seconds);
    }
    Ok(())
}

/// Sizes in steps of four, whole lines, up to the largest.
fn sizes(least: u64, most: u64) -> Vec<u64> {
    let line = LINE as u64 * 4;
    let most = (most / line * line).max(2 * line);
    let mut all: Vec<u64> =
        std::iter::successors(Some((least / line * line).max(2 * line)), |size| size.checked_mul(4))
            .take_while(|size| *size < most)
            .collect();
    all.push(most);
    all
}

/// Indices that link all lines to one cycle in random order.
fn cycle(words: usize, seed: u64) -> Vec<u32> {
    let lines = words / LINE;
    let mut order: Vec<u32> = (0..lines as u32).collect();
    let mut random = SplitMix::new(seed);
    // Sattolo: each is exchanged with one before it, which leaves one cycle.
    for at in (1..lines).rev() {
        order.swap(at, random.below(at));
    }
    let mut next = vec![0; words];
    for (line, &to) in order.iter().enumerate() {
        next[line * LINE] = to * LINE as u32;
    }
    next
}

/// Rounds of the loop to add where the place after `walked` steps would tell nothing: whole times round the cycle end where they
/// began, and so do half as many. Powers of two, which sizing prefers, are just that in small regions.
fn telling(walked: u64, lines: u64) -> Option<u64> {
    let (at, half) = (walked % lines, walked / 2 % lines);
    (at == 0 || at == half).then(|| (lines / 2 / u64::from(LOADS)).clamp(1, 64))
}

/// Walks on the processor as far as the device did, and compares the places.
fn verify(next: &[u32], walked: u64, found: Option<u32>) -> Result<(), ProbeError> {
    let lines = (next.len() / LINE) as u64;
    let step = |at: u32| next.get(at as usize).copied().unwrap_or(u32::MAX);
    let mut at = 0;
    for number in 1..=lines {
        at = step(at);
        if at == 0 && number < lines {
            return Err(ProbeError::verification(format!("the links close after {number} of {lines} lines")));
        }
    }
    if at != 0 {
        return Err(ProbeError::verification(format!("the links do not close after {lines} lines")));
    }
    // What is left of the last time round.
    let expected = (0..walked % lines).fold(0, |at, _| step(at));
    if found == Some(expected) {
        return Ok(());
    }
    Err(ProbeError::verification(format!("after {walked} steps the device is at {found:?}, not at {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_one_cycle_over_all_lines() {
        let next = cycle(100 * LINE, 9);
        let arrived = (0..1234 % 100).fold(0_u32, |at, _| next[at as usize]);
        assert!(verify(&next, 1234, Some(arrived)).is_ok());
        let told = |next: &[u32], walked, found| verify(next, walked, found).unwrap_err().to_string();
        assert!(told(&next, 1235, Some(arrived)).contains("after 1235 steps"), "a step left out");
        assert!(told(&next, 1234, None).contains("None"));
        let mut short = next.clone();
        short[next[0] as usize] = 0;
        assert!(told(&short, 1234, Some(arrived)).contains("close after 2 of 100"), "two cycles");
        let mut open = next;
        let victim = open.iter().position(|&to| to == 0 && open[0] != 0).unwrap();
        open[victim * usize::from(victim % LINE == 0)] = u32::MAX;
        assert!(told(&open, 1234, Some(arrived)).contains("close"));
    }

    #[test]
    fn half_a_walk_ends_elsewhere() {
        for lines in [32, 64, 100, 4096, 1 << 21] {
            for walked in (8..20_000).step_by(8).chain([1 << 26, 3 << 20]) {
                let all = walked + 8 * telling(walked, lines).unwrap_or(0);
                // What is added is halved like the rest.
                let half = walked / 2 + 8 * telling(walked, lines).unwrap_or(0).div_ceil(2);
                assert!(all % lines != half % lines, "{walked} of {lines}: {all}, {half}");
            }
        }
        assert_eq!(telling(1000, 4096), None, "it tells already");
    }

    #[test]
    fn sizes_grow_by_four_and_end_at_the_largest() {
        assert_eq!(sizes(4096, 1 << 20), [4096, 16_384, 65_536, 262_144, 1 << 20]);
        assert_eq!(sizes(4096, 100_000), [4096, 16_384, 65_536, 99_968]);
        assert_eq!(sizes(1024, 1024), [1024]);
        assert_eq!(sizes(1 << 30, 1024), [1024]);
    }
}
