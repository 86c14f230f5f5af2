//! `memory.stream`: sustained memory bandwidth, after STREAM (McCalpin, 1995).
//!
//! Method: copy `c = a`, scale `b = s*c`, add `c = a+b`, triad `a = b+s*c` on `f64`, in assembly, each thread on its own
//! pinned CPU and on its own part of three arrays, which it touched first. Arrays should be four times the last-level
//! caches together (STREAM's rule). Bytes are counted as STREAM counts them, 16, 16, 24 and 24 an element. With
//! `plain` stores each written line is read first, so the memory moves 1.5 times that (copy, scale) or 1.333 times
//! (add, triad); with `streaming` stores what is counted is what moves, and their fence is within the time.
//!
//! Arrays lie at the start of pages, as STREAM's and likwid-bench's do. Some processors take a load for one of what was
//! just stored at the same offset of another page, and wait: `staggered` arrays avoid that. Where both were compared it
//! made no difference beyond noise but for streaming stores of two threads (up to 3 %); a large one says that programs
//! gain by padding their arrays.
//!
//! What would make the number wrong: arrays that fit a cache (noted, and the result is marked `size_limited`); page
//! faults within the time (all pages are touched before; faults are counted, and more than a trace marks the result
//! `page_faults`); a copy that the compiler turns into `memcpy` (it is assembly); streaming stores that are still on
//! their way when the clock stops (each kernel ends with its fence, and is tried for it); rates of threads added up (the
//! time is from the first start to the last end); passes left out (every element is checked against STREAM's closed form
//! at the end of the round); more than the memory's bus can carry, where the firmware tells that (refused).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::sizing::{self, Room};
use super::{bus, timed};
use crate::harness::{Pages, Team, passes};
use crate::kernel::Isa;
#[cfg(target_arch = "x86_64")]
use crate::kernel::stream::fence;
use crate::kernel::stream::{Arrays, Kernel, Layout, Passes, Store, best};
use crate::{Context, Probe, ProbeError};

const KERNEL: ParamDef = ParamDef {
    name: "kernel",
    kind: ParamKind::Choice(&["copy", "scale", "add", "triad", "each"]),
    default: Some("triad"),
    tiny: None,
    doc: "copy `c = a`, scale `b = s*c`, add `c = a+b`, triad `a = b+s*c`, or each of them in turn",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: sizing::KIND,
    default: Some(sizing::DEFAULT_TEXT),
    tiny: None,
    doc: "of each of the three arrays, over all threads; the default grows to four times the last-level caches",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each on a CPU and a part of the arrays of its own",
};
const STORES: ParamDef = ParamDef {
    name: "stores",
    kind: ParamKind::Choice(&["plain", "streaming"]),
    default: Some("plain"),
    tiny: None,
    doc: "through the caches, or past them (non-temporal)",
};
/// Of `memory.read` too.
pub(super) const ISA: ParamDef = ParamDef {
    name: "isa",
    kind: ParamKind::Choice(&["auto", "scalar", "sse2", "avx", "avx512"]),
    default: Some("auto"),
    tiny: None,
    doc: "instruction set; `auto` is the widest that this machine has",
};

const LAYOUT: ParamDef = ParamDef {
    name: "layout",
    kind: ParamKind::Choice(&["aligned", "staggered"]),
    default: Some("aligned"),
    tiny: None,
    doc: "arrays all at the start of a page, as allocators place them, or at different offsets in their pages",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes the program reads and writes, a second");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.stream",
        summary: "Sustained memory bandwidth: STREAM's copy, scale, add and triad.",
        method: 2,
        about: "STREAM's four kernels on f64 in assembly; each pinned thread has touched its part of the arrays \
                first. Counts 16, 16, 24 and 24 bytes an element. Plain stores read each line before they write it, \
                so the memory moves 1.5 times what copy and scale count and 1.333 times what add and triad count; \
                streaming stores move what is counted, fence included. Every element is checked against the closed \
                form at the end. Where the firmware lists the memory modules and this user may read it, the limit of \
                the bus and the share reached are recorded. The number is wrong when the arrays fit a cache (four \
                times the last-level caches is the rule; less is noted and marks the result `size_limited`), when \
                pages fault within the time (counted; marks it `page_faults`), or when it exceeds the bus (refused).",
        params: &[KERNEL, SIZE, THREADS, STORES, ISA, LAYOUT],
        metrics: &[RATE, bus::LIMIT, bus::SHARE],
        round_seconds: 0.8,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let one = Kernel::from_name(args.text(KERNEL.name));
    let store = if args.text(STORES.name) == "streaming" { Store::NonTemporal } else { Store::Plain };
    let isa = Isa::from_name(args.text(ISA.name)).unwrap_or_else(best);
    let passes = Passes::new(isa, store).map_err(|error| {
        let remedy = "use `isa: \"auto\"`, and `stores: \"plain\"` where no instruction set has streaming ones";
        Skip::new(SkipKind::Hardware, format!("{} stores: {error}", args.text(STORES.name)), remedy)
    })?;
    if store == Store::NonTemporal {
        try_fence(&passes)?;
    }
    let threads = args.threads(THREADS.name, cx.cores);
    let size = Room::here().choose(cx, args.whole(SIZE.name), 3, "arrays");
    cx.note(format!("instruction set `{isa}`, {} stores", args.text(STORES.name)));

    let n = usize::try_from(size.bytes / 8 / threads as u64).unwrap_or(usize::MAX);
    let layout = if args.text(LAYOUT.name) == "aligned" { Layout::Aligned } else { Layout::Staggered };
    let mut team = Team::new(threads, move |_| Ok(Arrays::laid_out(n, Pages::System, u64::MAX, layout)?))?;
    passes::note_placement(cx, &team);
    let elements: u64 = team.each(|_, arrays| arrays.len() as u64)?.iter().sum();
    let mut all = Vec::new();
    // On the same arrays and in STREAM's order.
    for kernel in one.map_or(Kernel::ALL.to_vec(), |kernel| vec![kernel]) {
        let taken = timed::take(cx, &mut team, 1, |rounds, _, arrays: &mut Arrays| {
            for _ in 0..rounds {
                arrays.pass(&passes, kernel);
            }
        })?;
        let rates = taken.rates((elements * kernel.bytes_per_element()) as f64);
        let labels = if one.is_some() { Labels::new() } else { Labels::new().with(KERNEL.name, kernel.name()) };
        cx.record_with(RATE.metric(), labels, &rates);
        all.extend(rates);
    }
    for outcome in team.each(|_, arrays| arrays.verify())? {
        outcome.map_err(|wrong| ProbeError::verification(wrong.to_string()))?;
    }
    bus::record(cx, &all, bus::limit(), size.limited)
}

/// Lets another thread read what streaming stores wrote, at the moment in which they are said to be done.
fn try_fence(passes: &Passes) -> Result<(), ProbeError> {
    #[cfg(target_arch = "x86_64")]
    if fence::trial(passes, TRIES, TRIAL)?.is_some_and(|seen| seen.stale > 0) {
        return Err(ProbeError::verification(
            "streaming stores are still on their way when the kernel ends: it lacks its fence, and its time is too short",
        ));
    }
    // Elsewhere no kernel has streaming stores.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = passes;
    Ok(())
}

/// Tries of the fence: of kernels without one, the least conspicuous shows in one try of a hundred.
#[cfg(target_arch = "x86_64")]
const TRIES: u64 = 4_000;
/// The longest that they may take; where two CPUs are not free at once, each takes a time slice.
#[cfg(target_arch = "x86_64")]
const TRIAL: std::time::Duration = std::time::Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_kernel_without_its_fence_is_no_result() {
        let open = Passes::without_fence(best()).unwrap();
        // The trial of a single round may be cut short on a busy machine; on one CPU it is not made.
        let outcome = (0..1_000).map(|_| try_fence(&open)).find(Result::is_err);
        assert!(outcome.is_some() || crate::harness::pin::allowed().unwrap().len() < 2);
        try_fence(&Passes::new(best(), Store::NonTemporal).unwrap()).unwrap();
    }

    #[test]
    fn each_kernel_has_its_own_row() {
        let (records, _) = round(&PROBE, &[("kernel", "each"), ("size", "1 MiB")]).unwrap();
        let kernels: Vec<_> = records.iter().filter_map(|record| record.labels.get("kernel")).collect();
        assert_eq!(kernels, ["copy", "scale", "add", "triad"]);
    }

    #[test]
    fn every_kernel_and_store_has_a_possible_rate() {
        for kernel in ["copy", "scale", "add", "triad"] {
            for (stores, isa) in [("plain", "auto"), ("streaming", "auto"), ("plain", "scalar")] {
                let given =
                    [("kernel", kernel), ("stores", stores), ("isa", isa), ("size", "1 MiB"), ("threads", "all")];
                match round_within(&PROBE, &given, &[("rate", 1e7..2e12)]) {
                    Ok((records, notes)) => {
                        let rates = values(&records, "rate");
                        // From a crowded single-board computer to two first-level caches.
                        assert!(rates.iter().all(|rate| (1e7..2e12).contains(rate)), "{given:?}: {rates:?}");
                        assert!(notes.iter().any(|note| note.contains(stores)), "{notes:?}");
                    }
                    Err(ProbeError::Skip(skip)) => assert!(isa != "auto" || stores == "streaming", "{skip:?}"),
                    Err(error) => panic!("{given:?}: {error}"),
                }
            }
        }
    }
}
