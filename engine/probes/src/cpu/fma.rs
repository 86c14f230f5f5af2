//! `cpu.fma`: the floating-point peak of the cores: independent chains of fused multiply-adds in registers.
//!
//! Method: as likwid-bench's `peakflops` and clpeak: enough independent chains to hide the latency of every pipe (12
//! and more), in assembly, one sequence for each instruction set, chosen at run time. A fused multiply-add counts two
//! operations a lane; `sse2`, which has none, does a multiplication and an addition.
//!
//! What would make the number wrong: chains that are shortened or dropped (every lane's end is known exactly and
//! checked); chains folded into a formula (twice the steps must take about twice the time); too few chains; a wide unit that was still powered down or a clock that was still rising (a warm-up
//! pass is dropped, and the round counts with its best pass).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::{Stopwatch, Team, passes, proportion};
use crate::kernel::Isa;
use crate::kernel::fma::{BLOCK, Fma, Precision, WrongEnd, available, best};
use crate::{Context, Probe, ProbeError};

const PRECISION: ParamDef = ParamDef {
    name: "precision",
    kind: ParamKind::Choice(&["f32", "f64"]),
    default: Some("f64"),
    tiny: None,
    doc: "width of the numbers",
};
const ISA: ParamDef = ParamDef {
    name: "isa",
    kind: ParamKind::Choice(&["auto", "each", "scalar", "sse2", "avx2", "avx512"]),
    default: Some("auto"),
    tiny: None,
    doc: "instruction set; `auto` is the widest that this machine has, `each` measures all of them, labelled `isa`",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each on a CPU of its own",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::FlopsPerSecond, "operations of all threads; an FMA counts two");

/// Pairs of steps with which calibration begins.
const FIRST: u64 = 1_000;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.fma",
        summary: "Floating-point peak: independent fused multiply-adds in registers, f32 or f64.",
        method: 1,
        about: "Runs 12 or more independent chains of fused multiply-adds in registers, as likwid-bench's `peakflops` \
                does, with the widest instruction set of the machine unless told otherwise. A fused multiply-add is \
                two operations a lane; `sse2` and `scalar` have none and count their multiplication and addition. With \
                threads, the time is from the first start to the last end. The number is wrong when chains are folded \
                or dropped, so the exact end of every lane is checked, and that twice the steps take twice the time; \
                and it is that of the lower clock when other cores use wide vectors too.",
        params: &[PRECISION, ISA, THREADS],
        metrics: &[RATE],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// A worker: its chains, and how their last pass ended.
type Worker = (Fma, Result<(), WrongEnd>);

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let precision = if args.text(PRECISION.name) == "f32" { Precision::Single } else { Precision::Double };
    let threads = args.threads(THREADS.name, cx.cores);
    if args.text(ISA.name) != "each" {
        let chains = chains(isa(args.text(ISA.name))?, precision)?;
        note(cx, &chains);
        let rates = measure(cx, &chains, threads)?;
        cx.record_all(&RATE, &rates);
        return Ok(());
    }
    for missing in LADDER.into_iter().filter(|isa| !available().contains(isa)) {
        cx.note(format!("this machine has no `{}`", name(missing)));
    }
    // The widest first: it is what a bare `rate` means.
    for isa in available().into_iter().rev() {
        let chains = chains(isa, precision)?;
        note(cx, &chains);
        let rates = measure(cx, &chains, threads)?;
        cx.record_with(RATE.metric(), Labels::new().with("isa", name(isa)), &rates);
    }
    Ok(())
}

/// What `each` looks for.
const LADDER: [Isa; 4] = [Isa::Scalar, Isa::Sse2, Isa::AvxFma, Isa::Avx512];

fn note(cx: &mut Context<'_>, chains: &Fma) {
    let how = if chains.is_fused() { "fused multiply-adds" } else { "multiplications and additions, none fused" };
    cx.note(format!("instruction set `{}`: {how}", name(chains.isa())));
}

/// Rates of the passes of one instruction set.
fn measure(cx: &mut Context<'_>, chains: &Fma, threads: usize) -> Result<Vec<f64>, ProbeError> {
    let wrong = |wrong: WrongEnd| ProbeError::verification(wrong.to_string());
    // Within a block: between blocks the chains are checked and start again, which no formula could hide.
    let mut trial = chains.clone();
    proportion::check(BLOCK / 4, |pairs| {
        cx.check()?;
        let watch = Stopwatch::start();
        let outcome = trial.run(pairs);
        let took = watch.stop();
        outcome.map(|()| took).map_err(wrong)
    })?;

    let prototype = chains.clone();
    let mut team: Team<Worker> = Team::new(threads, move |_| Ok((prototype.clone(), Ok(()))))?;
    passes::note_placement(cx, &team);
    let job = |pairs: u64| {
        move |_: usize, (fma, outcome): &mut Worker| {
            // The first wrong end stays.
            if outcome.is_ok() {
                *outcome = fma.run(pairs);
            }
        }
    };
    let taken = passes::take(cx, FIRST, |pairs| Ok(team.time(job(pairs))?.wall()))?;
    for outcome in team.each(|_, (_, outcome)| *outcome)? {
        outcome.map_err(wrong)?;
    }
    Ok(taken.rates(chains.operations(1) as f64 * threads as f64))
}

/// The instruction set behind the option's word.
fn isa(word: &str) -> Result<Isa, ProbeError> {
    let isa = match word {
        "scalar" => Isa::Scalar,
        "sse2" => Isa::Sse2,
        "avx2" => Isa::AvxFma,
        "avx512" => Isa::Avx512,
        _ => best(),
    };
    if isa.is_available() {
        return Ok(isa);
    }
    let remedy = format!("use `isa: \"{}\"` or `isa: \"auto\"`", name(best()));
    Err(Skip::new(SkipKind::Hardware, format!("this machine has no `{word}`"), remedy).into())
}

fn chains(isa: Isa, precision: Precision) -> Result<Fma, ProbeError> {
    Fma::new(isa, precision).map_err(|error| {
        let remedy = format!("use `isa: \"{}\"` or `isa: \"auto\"`", name(error.best));
        Skip::new(SkipKind::Hardware, error.to_string(), remedy).into()
    })
}

/// The option's word for an instruction set.
fn name(isa: Isa) -> &'static str {
    if isa == Isa::AvxFma { "avx2" } else { isa.name() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    fn every_available_variant_has_a_possible_rate() {
        for precision in ["f32", "f64"] {
            for word in ["auto", "each", "scalar", "sse2", "avx2", "avx512"] {
                match round_within(&PROBE, &[("precision", precision), ("isa", word)], &[("rate", 1e8..1e12)]) {
                    Ok((records, notes)) => {
                        let rates = values(&records, "rate");
                        // From a tenth of an operation a cycle at 1 GHz to two 64-byte FMA pipes of f32 at 10 GHz.
                        assert!(rates.iter().all(|rate| (1e8..1e12).contains(rate)), "{word}: {rates:?}");
                        assert!(notes.iter().any(|note| note.starts_with("instruction set `")), "{notes:?}");
                    }
                    Err(ProbeError::Skip(skip)) => {
                        assert_ne!(word, "auto");
                        assert!(skip.kind == SkipKind::Hardware && skip.remedy.contains("auto"), "{skip:?}");
                    }
                    Err(error) => panic!("{word}: {error}"),
                }
            }
        }
    }

    #[test]
    fn the_ladder_names_every_instruction_set_that_is_there_and_those_that_are_not() {
        let (records, notes) = round(&PROBE, &[("isa", "each")]).unwrap();
        let found: Vec<_> = records.iter().map(|record| record.labels.get("isa").unwrap().to_owned()).collect();
        let there: Vec<_> = available().into_iter().rev().map(|isa| name(isa).to_owned()).collect();
        assert_eq!(found, there);
        for isa in LADDER {
            let noted = notes.contains(&format!("this machine has no `{}`", name(isa)));
            assert_ne!(noted, there.iter().any(|other| other == name(isa)), "{notes:?}");
        }
    }

    #[test]
    fn planted_faults_are_flagged() {
        use crate::kernel::fma::planted::{Fault, chains};
        use engine_core::step::FailureKind;
        let cancel = std::sync::atomic::AtomicBool::new(false);
        for (fault, seen) in [(Fault::Folded, "twice the work"), (Fault::Dropped, "lane 11"), (Fault::Short, "lane 0")]
        {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(600);
            let mut cx = Context::new(std::path::Path::new("/"), &cancel, deadline, 1, 0, true);
            match measure(&mut cx, &chains(fault), 1) {
                Err(ProbeError::Failed(failure)) => {
                    assert_eq!(failure.kind, FailureKind::Verification);
                    assert!(failure.message.contains(seen), "{fault:?}: {failure}");
                }
                other => panic!("{fault:?} is not flagged: {other:?}"),
            }
        }
    }
}
