//! `memory.read`: how much a program reads from memory in a second, at best.
//!
//! Method: each thread, on its own pinned CPU, reads a region of its own, which it filled, from one end to the other:
//! four vectors a turn, as likwid-bench's `load`, each folded into a register by exclusive or. Together the regions are
//! four times the last-level caches at least. Nothing is written, so the bus carries what is counted.
//!
//! What would make the number wrong: a region that fits a cache (noted, and the result is marked `size_limited`); loads
//! that are left out, which a compiler does with what nobody uses (each pass must give the fold of all words); page
//! faults within the time (counted, and more than a trace marks the result `page_faults`); rates of threads added up
//! (the time is from the first start to the last end); more than the memory's bus can carry (refused).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::sizing::{Room, SIZE};
use super::stream::ISA;
use super::{bus, timed};
use crate::harness::{Pages, Team, passes};
use crate::kernel::Isa;
use crate::kernel::read::{Misread, Reader, Region, best};
use crate::{Context, Probe, ProbeError};

const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each on a CPU and a part of the region of its own",
};
const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes read, a second");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "memory.read",
        summary: "Sustained memory bandwidth of reading alone.",
        method: 1,
        about: "Each pinned thread reads its own part of a region, four vectors a turn as likwid-bench's `load`, and \
                folds it by exclusive or; every pass must give the fold of what was filled in. The bus carries what \
                is counted. The number is wrong when the region fits a cache (four times the last-level caches is the \
                rule; less is noted and marks the result `size_limited`), when pages fault within the time (counted; \
                marks it `page_faults`), or when it exceeds the bus, where the firmware tells that (refused).",
        params: &[SIZE, THREADS, ISA],
        metrics: &[RATE, bus::LIMIT, bus::SHARE],
        round_seconds: 0.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// A worker's part, and the first pass that went wrong.
struct Part {
    region: Region,
    wrong: Option<Misread>,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let isa = Isa::from_name(args.text(ISA.name)).unwrap_or_else(best);
    let reader =
        Reader::new(isa).map_err(|error| Skip::new(SkipKind::Hardware, error.to_string(), "use `isa: \"auto\"`"))?;
    let threads = args.threads(THREADS.name, cx.cores);
    let size = Room::here().choose(cx, args.whole(SIZE.name), 1, "regions");
    cx.note(format!("instruction set `{isa}`"));

    let words = usize::try_from(size.bytes / 8 / threads as u64).unwrap_or(usize::MAX);
    let seed = cx.seed;
    let mut team = Team::new(threads, move |worker| {
        let region = Region::new(words, Pages::System, u64::MAX, seed.wrapping_add(worker as u64))?;
        Ok(Part { region, wrong: None })
    })?;
    passes::note_placement(cx, &team);
    let bytes: u64 = team.each(|_, part| part.region.bytes())?.iter().sum();
    let taken = timed::take(cx, &mut team, 1, |rounds, _, part: &mut Part| {
        for _ in 0..rounds {
            part.wrong = part.wrong.or(part.region.read(&reader).err());
        }
    })?;
    if let Some(wrong) = team.each(|_, part| part.wrong)?.into_iter().flatten().next() {
        return Err(ProbeError::verification(wrong.to_string()));
    }
    let rates = taken.rates(bytes as f64);
    cx.record_all(&RATE, &rates);
    bus::record(cx, &rates, bus::limit(), size.limited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round_within, values};

    #[test]
    fn every_instruction_set_has_a_possible_rate() {
        for isa in ["auto", "scalar", "sse2", "avx", "avx512"] {
            let given = [("isa", isa), ("size", "1 MiB"), ("threads", "all")];
            match round_within(&PROBE, &given, &[("rate", 1e7..4e12)]) {
                Ok((records, notes)) => {
                    let rates = values(&records, "rate");
                    // From a crowded single-board computer to two first-level caches.
                    assert!(rates.iter().all(|rate| (1e7..4e12).contains(rate)), "{isa}: {rates:?}");
                    assert!(notes.iter().any(|note| note.contains("instruction set")), "{notes:?}");
                }
                Err(ProbeError::Skip(skip)) => assert!(isa != "auto", "{skip:?}"),
                Err(error) => panic!("{isa}: {error}"),
            }
        }
    }
}
