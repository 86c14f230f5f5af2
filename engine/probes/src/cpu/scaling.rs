//! `cpu.scaling`: what more threads bring when they share nothing: the same work on one to all CPUs.
//!
//! Method: each thread does the same work for itself (a sieve in its first-level cache, or multiply-add chains in
//! registers), pinned, each core one thread before any gets its second. The speed-up of N threads is their rate over
//! that of one; efficiency is the speed-up over N. Passes of all thread numbers take turns, so that drift hits all
//! alike. Right after its work each thread runs a witness, a chain of dependent additions that takes one cycle each,
//! so the clock of N busy cores over that of one is known: `clock_drop` is lost to the clock (turbo, heat), and
//! `contention` is what is missing of the efficiency when each thread is counted by its own clock (sibling threads of a core,
//! a CPU quota, other guests): `efficiency = (1 - clock_drop) * (1 - contention)`.
//!
//! What would make the number wrong: work that shares memory; threads that start apart (they meet first, and time
//! runs from the first start to the last end); rates of threads added up instead; a first CPU that is unlike the
//! others (efficiency is relative to it); another load on the machine (the sample is then tainted).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::primes::SEGMENT;
use crate::harness::passes::{COUNTED, target};
use crate::harness::{Moment, Team, calibrate, pin, sentinel};
use crate::host::room::cores_first;
use crate::kernel::fma::{Fma, Precision, best};
use crate::kernel::sieve::{Sieve, known};
use crate::{Context, Probe, ProbeError};

const KERNEL: ParamDef = ParamDef {
    name: "kernel",
    kind: ParamKind::Choice(&["sieve", "fma"]),
    default: Some("sieve"),
    tiny: None,
    doc: "the work: integers in the first-level cache, or f64 multiply-adds in registers",
};

const WORK: ParamDef = ParamDef {
    name: "work",
    kind: ParamKind::Count { min: 1, max: 1_000 },
    default: Some("1"),
    tiny: None,
    doc: "work in a unit: so many sieves of a million numbers, or so many quarters of a million pairs of steps",
};

const EFFICIENCY: MetricDef = MetricDef::rate("efficiency", Unit::Ratio, "rate of all CPUs over that many times one's");
const SPEEDUP: MetricDef = MetricDef::rate("speedup", Unit::Count, "rate of all CPUs over that of one");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "units of work a second, by number of threads");
const CLOCK_DROP: MetricDef = MetricDef::floor("clock_drop", Unit::Ratio, "clock lost when all CPUs are busy");
const CONTENTION: MetricDef = MetricDef::floor("contention", Unit::Ratio, "efficiency lost beyond the clock");

/// Numbers of a sieve; some tens of microseconds.
const LIMIT: u64 = 1_000_000;
/// Pairs of steps of multiply-adds; about half a millisecond.
const PAIRS: u64 = 1 << 18;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.scaling",
        summary: "What more threads bring: independent work on one to all CPUs, with the clock's part told apart.",
        method: 2,
        about: "The same independent work runs on 1, 2, 4, .. and all CPUs, a core each before any gets its second \
                thread; efficiency is the rate of N threads over N times the rate of one, from the best passes, which \
                take turns. A chain of dependent additions right after the work gives the clock of busy cores: \
                `clock_drop` is the clock's part of what is missing, `contention` the rest. The number is wrong when \
                the work shares memory, or when the first CPU is unlike the others.",
        params: &[KERNEL, WORK],
        metrics: &[EFFICIENCY, SPEEDUP, RATE, CLOCK_DROP, CONTENTION],
        round_seconds: 0.6,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// The work of one thread.
enum Work {
    Sieve(Box<Sieve>),
    Chains(Box<Fma>),
}

struct Worker {
    work: Work,
    /// What went wrong first.
    wrong: Option<String>,
    /// When the work of the last pass was done; the witness comes after it.
    done: Moment,
    /// The witness' clock, in hertz.
    clock: f64,
}

impl Worker {
    fn new(chains: bool) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let work = if chains {
            Work::Chains(Box::new(Fma::new(best(), Precision::Double)?))
        } else {
            Work::Sieve(Box::new(Sieve::new(LIMIT, SEGMENT)))
        };
        Ok(Self { work, wrong: None, done: Moment::now(), clock: 0.0 })
    }

    /// Does so many sieves or as much in chains, says when it was done, and looks at the clock.
    fn pass(&mut self, work: u64) {
        let wrong = match &mut self.work {
            Work::Sieve(sieve) => {
                let right = known(LIMIT);
                let wrong = (0..work).map(|_| sieve.count()).filter(|count| Some(*count) != right).last();
                self.done = Moment::now();
                wrong.map(|count| format!("the sieve counts {count} primes up to {LIMIT}"))
            }
            Work::Chains(fma) => {
                let end = fma.run(work * PAIRS);
                self.done = Moment::now();
                end.err().map(|wrong| wrong.to_string())
            }
        };
        self.clock = sentinel::beat().best_hz;
        self.wrong = self.wrong.take().or(wrong);
    }
}

/// The best of the passes of one number of threads.
#[derive(Debug, Clone, Copy)]
struct Best {
    threads: usize,
    rate: f64,
    clock: f64,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let (cpus, cores) = places(cx.cores);
    let all = cpus.len();
    if all < 2 {
        let reason = "there is one CPU, so there is nothing to scale to";
        let remedy = "give the process more CPUs: a larger affinity mask, cpuset or CPU quota";
        return Err(Skip::new(SkipKind::Hardware, reason, remedy).into());
    }
    if cores < all {
        cx.note(format!("{all} CPUs are {cores} cores: beyond {cores} threads, siblings share a core"));
    }
    let chains = args.text(KERNEL.name) == "fma";
    let mut team = Team::on(&cpus, move |_| Worker::new(chains))?;
    let size = args.whole(WORK.name);
    let found = calibrate(target(cx.tiny), 1, |units| pass(cx, &mut team, 1, units * size).map(|(wall, _)| wall))?;

    let mut bests: Vec<Best> =
        counts(all, cores).into_iter().map(|threads| Best { threads, rate: 0.0, clock: 0.0 }).collect();
    for _ in 0..if cx.tiny { 2 } else { COUNTED } {
        for best in &mut bests {
            let (wall, clock) = pass(cx, &mut team, best.threads, found.iterations * size)?;
            let units = best.threads as f64 * found.iterations as f64;
            best.rate = best.rate.max(units / wall.as_secs_f64().max(1e-9));
            best.clock = best.clock.max(clock);
        }
    }
    if let Some(wrong) = team.each(|_, worker| worker.wrong.take())?.into_iter().flatten().next() {
        return Err(ProbeError::verification(wrong));
    }
    record(cx, &bests);
    Ok(())
}

/// One pass of so many threads: the time from the first start to the last end of work, and their mean clock.
fn pass(
    cx: &Context<'_>,
    team: &mut Team<Worker>,
    threads: usize,
    work: u64,
) -> Result<(std::time::Duration, f64), ProbeError> {
    cx.check()?;
    let lap = team.time(|index, worker| {
        if index < threads {
            worker.pass(work);
        }
    })?;
    let ends: Vec<(Moment, f64)> = team.each(|_, worker| (worker.done, worker.clock))?;
    let (spans, ends) = (&lap.workers[..threads], &ends[..threads]);
    let first = spans.iter().map(|span| span.start).min().unwrap_or_else(Moment::now);
    let last = ends.iter().map(|end| end.0).max().unwrap_or(first);
    Ok((last.since(first), ends.iter().map(|end| end.1).sum::<f64>() / threads as f64))
}

fn record(cx: &mut Context<'_>, bests: &[Best]) {
    let (Some(one), Some(all)) = (bests.first(), bests.last()) else { return };
    let speedup = all.rate / one.rate;
    cx.record(&EFFICIENCY, speedup / all.threads as f64);
    cx.record(&SPEEDUP, speedup);
    let clock = all.clock / one.clock;
    cx.record(&CLOCK_DROP, 1.0 - clock);
    cx.record(&CONTENTION, 1.0 - speedup / all.threads as f64 / clock);
    for best in bests {
        cx.record_at(&RATE, Labels::new().with("threads", best.threads.to_string()), best.rate);
    }
}

/// The CPUs to use, at most `usable`, a core each first, and how many cores they are.
fn places(usable: usize) -> (Vec<usize>, usize) {
    let allowed = pin::allowed().unwrap_or_default();
    let (mut cpus, cores) = cores_first(&allowed);
    cpus.truncate(usable);
    let cores = cores.min(cpus.len());
    (cpus, cores)
}

/// Numbers of threads: powers of two, all cores, all CPUs.
fn counts(all: usize, cores: usize) -> Vec<usize> {
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < all).chain([cores, all]).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};

    #[test]
    fn the_numbers_of_threads_include_cores_and_all() {
        assert_eq!(counts(2, 2), [1, 2]);
        assert_eq!(counts(12, 6), [1, 2, 4, 6, 8, 12]);
        assert_eq!(counts(5, 5), [1, 2, 4, 5]);
    }

    #[test]
    fn speedup_efficiency_and_rates_belong_together() {
        if places(2).0.len() < 2 {
            return;
        }
        for kernel in ["sieve", "fma"] {
            let (records, _) = round(&PROBE, &[("kernel", kernel)]).unwrap();
            let (efficiency, speedup) = (values(&records, "efficiency")[0], values(&records, "speedup")[0]);
            let rates = values(&records, "rate");
            assert_eq!(rates.len(), 2);
            assert!((speedup - rates[1] / rates[0]).abs() < 1e-9 && (efficiency - speedup / 2.0).abs() < 1e-9);
            // How large it is depends on what else this machine does; the next test has known passes.
            assert!(efficiency > 0.0, "{efficiency}");
            let (drop, contention) = (values(&records, "clock_drop")[0], values(&records, "contention")[0]);
            assert!(drop < 1.0 && ((1.0 - drop) * (1.0 - contention) - efficiency).abs() < 1e-9);
        }
    }

    #[test]
    fn known_passes_have_their_efficiency_and_its_causes() {
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let mut cx = Context::new(std::path::Path::new("/"), &cancel, std::time::Instant::now(), 4, 0, true);
        // Four threads do the work of three, at nine tenths of the clock.
        let best = |threads, rate, clock| Best { threads, rate, clock };
        record(&mut cx, &[best(1, 100.0, 4e9), best(2, 200.0, 4e9), best(4, 300.0, 3.6e9)]);
        let (records, _) = cx.finish();
        for (metric, want) in
            [("efficiency", 0.75), ("speedup", 3.0), ("clock_drop", 0.1), ("contention", 1.0 - 0.75 / 0.9)]
        {
            let found = values(&records, metric);
            assert!(found.len() == 1 && (found[0] - want).abs() < 1e-12, "{metric}: {found:?}");
        }
        assert_eq!(values(&records, "rate"), [100.0, 200.0, 300.0]);
    }

    #[test]
    fn one_cpu_is_a_skip_with_its_remedy() {
        let error = crate::harness::tests::round_on(1, &PROBE, &[]).unwrap_err();
        assert!(matches!(error, ProbeError::Skip(skip) if skip.kind == SkipKind::Hardware && !skip.remedy.is_empty()));
    }

    #[test]
    fn a_wrong_result_comes_out() {
        let mut worker = Worker::new(false).unwrap();
        worker.work = Work::Sieve(Box::new(Sieve::new(LIMIT - 100_000, SEGMENT)));
        worker.pass(1);
        assert!(worker.wrong.is_some() && worker.clock > 0.0);
        let mut worker = Worker::new(true).unwrap();
        worker.pass(1);
        assert_eq!(worker.wrong, None);
    }
}
