//! `memory.stream`: sustained memory bandwidth, after STREAM (McCalpin, 1995).
//!
//! Method: copy `c = a`, scale `b = s*c`, add `c = a+b`, triad `a = b+s*c` on `f64`, in assembly, each thread on its own
//! pinned CPU and on its own part of three arrays, which it touched first. Arrays should be four times the last-level
//! caches together (STREAM's rule). Bytes are counted as STREAM counts them, 16, 16, 24 and 24 an element. With
//! `plain` stores each written line is read first, so the memory moves 1.5 times that (copy, scale) or 1.333 times
//! (add, triad); with `streaming` stores what is counted is what moves, and their fence is within the time.
//!
//! What would make the number wrong: arrays that fit a cache (noted); page faults within the time (all pages are
//! touched before); arrays at equal offsets in their pages (they are staggered); a copy that the compiler turns into
//! `memcpy` (it is assembly); rates of threads added up (the time is from the first start to the last end); passes
//! left out (every element is checked against STREAM's closed form at the end of the round).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::{Pages, Team, passes};
use crate::host::room::{available_memory, last_level_caches};
use crate::kernel::Isa;
use crate::kernel::stream::{Arrays, Kernel, Layout, Passes, Store, best};
use crate::{Context, Probe, ProbeError};

const KERNEL: ParamDef = ParamDef {
    name: "kernel",
    kind: ParamKind::Choice(&["copy", "scale", "add", "triad"]),
    default: Some("triad"),
    tiny: None,
    doc: "copy `c = a`, scale `b = s*c`, add `c = a+b`, triad `a = b+s*c`",
};
const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 4096.0, max: 17_592_186_044_416.0 },
    default: Some("256 MiB"),
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
const ISA: ParamDef = ParamDef {
    name: "isa",
    kind: ParamKind::Choice(&["auto", "scalar", "sse2", "avx", "avx512"]),
    default: Some("auto"),
    tiny: None,
    doc: "instruction set; `auto` is the widest that this machine has",
};

const LAYOUT: ParamDef = ParamDef {
    name: "layout",
    kind: ParamKind::Choice(&["staggered", "aligned"]),
    default: Some("staggered"),
    tiny: None,
    doc: "arrays at different offsets in their pages, or all at the start of one, as allocators place them",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes the program reads and writes, a second");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.stream",
        summary: "Sustained memory bandwidth: STREAM's copy, scale, add and triad.",
        method: 1,
        about: "STREAM's four kernels on f64 in assembly; each pinned thread has touched its part of the arrays \
                first. Counts 16, 16, 24 and 24 bytes an element. Plain stores read each line before they write it, \
                so the memory moves 1.5 times what copy and scale count and 1.333 times what add and triad count; \
                streaming stores move what is counted, fence included. Every element is checked against the closed \
                form at the end. The number is wrong when the arrays fit a cache (four times the last-level caches is \
                the rule, and less is noted).",
        params: &[KERNEL, SIZE, THREADS, STORES, ISA, LAYOUT],
        metrics: &[RATE],
        round_seconds: 1.8,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let kernel = Kernel::from_name(args.text(KERNEL.name)).unwrap_or(Kernel::Triad);
    let store = if args.text(STORES.name) == "streaming" { Store::NonTemporal } else { Store::Plain };
    let isa = Isa::from_name(args.text(ISA.name)).unwrap_or_else(best);
    let passes = Passes::new(isa, store).map_err(|error| {
        let remedy = "use `isa: \"auto\"`, and `stores: \"plain\"` where no instruction set has streaming ones";
        Skip::new(SkipKind::Hardware, format!("{} stores: {error}", args.text(STORES.name)), remedy)
    })?;
    let threads = args.threads(THREADS.name, cx.cores);
    let size = size(args.whole(SIZE.name), last_level_caches(), available_memory(), cx);
    cx.note(format!("instruction set `{isa}`, {} stores", args.text(STORES.name)));

    let n = usize::try_from(size / 8 / threads as u64).unwrap_or(usize::MAX);
    let layout = if args.text(LAYOUT.name) == "aligned" { Layout::Aligned } else { Layout::Staggered };
    let mut team = Team::new(threads, move |_| Ok(Arrays::laid_out(n, Pages::System, u64::MAX, layout)?))?;
    passes::note_placement(cx, &team);
    let elements: u64 = team.each(|_, arrays| arrays.len() as u64)?.iter().sum();
    let job = |rounds: u64| {
        move |_: usize, arrays: &mut Arrays| {
            for _ in 0..rounds {
                arrays.pass(&passes, kernel);
            }
        }
    };
    let taken = passes::take(cx, 1, |rounds| Ok(team.time(job(rounds))?.wall()))?;
    for outcome in team.each(|_, arrays| arrays.verify())? {
        outcome.map_err(|wrong| ProbeError::verification(wrong.to_string()))?;
    }
    cx.record_all(&RATE, &taken.rates((elements * kernel.bytes_per_element()) as f64));
    Ok(())
}

/// Bytes of each array: what is asked for (the default grows to four times the last-level caches), at most what leaves
/// two fifths of the available memory free.
fn size(asked: u64, caches: Option<u64>, available: Option<u64>, cx: &mut Context<'_>) -> u64 {
    let enough = caches.map(|caches| 4 * caches);
    let wanted = if asked == DEFAULT { asked.max(enough.unwrap_or(0)) } else { asked };
    let most = available.map_or(u64::MAX, |bytes| (bytes as f64 * 0.6 / 3.0) as u64);
    let size = wanted.min(most);
    let show = |bytes: u64| Unit::Bytes.format(bytes as f64);
    if size < wanted {
        cx.note(format!("size limited to {} for each array by the memory available", show(size)));
    } else if size > asked {
        cx.note(format!("arrays of {}: four times the last-level caches", show(size)));
    }
    match enough {
        Some(enough) if size < enough => cx.note(format!(
            "size limited: arrays of {} are below four times the last-level caches ({}), so caches take part",
            show(size),
            show(enough)
        )),
        None => cx.note("the size of the caches is unknown: make sure that arrays are four times as large"),
        Some(_) => {}
    }
    size
}

/// The default of `size` in bytes.
const DEFAULT: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn every_kernel_and_store_has_a_possible_rate() {
        for kernel in ["copy", "scale", "add", "triad"] {
            for (stores, isa) in [("plain", "auto"), ("streaming", "auto"), ("plain", "scalar")] {
                let given =
                    [("kernel", kernel), ("stores", stores), ("isa", isa), ("size", "1 MiB"), ("threads", "all")];
                match round(&PROBE, &given) {
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

    #[test]
    fn sizes_follow_the_caches_and_the_memory_and_say_so() {
        let cancel = AtomicBool::new(false);
        let choose = |asked: u64, caches: Option<u64>, available: Option<u64>| {
            let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
            let size = size(asked, caches, available, &mut cx);
            (size >> 20, cx.finish().1.join("; "))
        };
        let mib = |mib: u64| mib << 20;
        assert_eq!(choose(mib(256), Some(mib(32)), Some(mib(8192))), (256, String::new()));
        let (size, note) = choose(mib(256), Some(mib(512)), Some(mib(65_536)));
        assert!(size == 2048 && note.contains("four times"), "{note}");
        let (size, note) = choose(mib(256), Some(mib(32)), Some(mib(500)));
        assert!(size == 100 && note.contains("by the memory available") && note.contains("caches take part"), "{note}");
        let (size, note) = choose(mib(64), Some(mib(32)), None);
        assert!(size == 64 && note.contains("caches take part"), "{note}");
        assert!(choose(mib(64), None, None).1.contains("unknown"));
    }

    #[test]
    fn the_default_is_the_one_that_grows() {
        let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
        assert_eq!(args.whole(SIZE.name), DEFAULT);
    }
}
