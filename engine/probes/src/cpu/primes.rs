//! `cpu.primes`: how fast a core does integer work: a segmented sieve of Eratosthenes.
//!
//! Method: eight bits for 30 numbers (those that 2, 3 and 5 divide have none), the primes up to 61 laid as repeating
//! patterns, larger ones crossed off in segments of 16 KiB that lie in the first-level cache of every processor in use; so
//! memory plays no part, and loads, stores and branches do. Each thread sieves all numbers for itself: nothing is
//! shared, and more threads make more sieves, not a shorter one.
//!
//! What would make the number wrong: a sieve that skips work (so the count is compared with pi(n): the published
//! value where there is one, else Legendre's recurrence, which crosses nothing off); segments beyond the first-level
//! cache; passes below the clock's resolution (they last 20 ms); memory obtained within the time (it is obtained
//! before).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

use super::count::primes_up_to;
use crate::harness::{Team, passes};
use crate::kernel::sieve::{Sieve, known};
use crate::{Context, Probe, ProbeError};

const LIMIT: ParamDef = ParamDef {
    name: "limit",
    kind: ParamKind::Count { min: 2, max: 10_000_000_000 },
    default: Some("2000000"),
    tiny: Some("10000"),
    doc: "primes are counted up to this number",
};
const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads, each with a sieve of its own",
};

const TIME: MetricDef = MetricDef::floor("time", Unit::Seconds, "one sieve of all the numbers");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "numbers sieved a second, by all threads");

/// Bytes of a segment: half of the smallest first-level data cache in use.
pub(super) const SEGMENT: usize = 16 << 10;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.primes",
        summary: "Integer work in the first-level cache: a segmented sieve of Eratosthenes, checked against pi(n).",
        method: 2,
        about: "Counts the primes up to `limit` with eight bits for 30 numbers, in segments of 16 KiB; the primes up to \
                the root are found outside the time. Each thread sieves all numbers for itself, so `time` stays and \
                `rate` grows with threads. A pass lasts at least 20 ms. The count is compared with the published pi(n), or with Legendre's recurrence where none is \
                published. The number is wrong when work is skipped, which the count shows, or when a segment does \
                not fit the first-level cache.",
        params: &[LIMIT, THREADS],
        metrics: &[TIME, RATE],
        round_seconds: 0.3,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// A worker: its sieve, and what it counted last.
type Worker = (Sieve, u64);

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let limit = args.whole(LIMIT.name);
    let threads = args.threads(THREADS.name, cx.cores);
    let mut team: Team<Worker> = Team::new(threads, move |_| Ok((Sieve::new(limit, SEGMENT), 0)))?;
    passes::note_placement(cx, &team);

    let job = |sieves: u64| {
        move |_: usize, (sieve, count): &mut Worker| {
            for _ in 0..sieves {
                *count = sieve.count();
            }
        }
    };
    let taken = passes::take(cx, 1, |sieves| Ok(team.time(job(sieves))?.wall()))?;

    let right = known(limit).unwrap_or_else(|| primes_up_to(limit));
    for count in team.each(|_, (_, count)| *count)? {
        verify(limit, count, right)?;
    }
    let times: Vec<f64> = taken.seconds.iter().map(|seconds| seconds / taken.iterations as f64).collect();
    cx.record_all(&TIME, &times);
    cx.record_all(&RATE, &taken.rates(limit as f64 * threads as f64));
    Ok(())
}

fn verify(limit: u64, count: u64, right: u64) -> Result<(), ProbeError> {
    if count == right {
        return Ok(());
    }
    Err(ProbeError::verification(format!("the sieve counts {count} primes up to {limit}, and there are {right}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    fn times_and_rates_are_of_the_same_sieve() {
        let (records, notes) = round_within(&PROBE, &[("limit", "50001")], &[("time", 1e-8..0.1)]).unwrap();
        let (times, rates) = (values(&records, "time"), values(&records, "rate"));
        assert_eq!((times.len(), rates.len()), (3, 3));
        for (time, rate) in times.iter().zip(&rates) {
            // A number in less than 1 ps, or in more than 10 us, is none.
            assert!((10_000.0 * 1e-12..0.1).contains(time), "{time}");
            assert!((time * rate / 10_000.0 - 1.0).abs() < 1e-9, "the tiny limit is 10,000");
        }
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn more_threads_than_cpus_are_noted() {
        let (_, notes) = round(&PROBE, &[("threads", "3")]).unwrap();
        assert!(notes.iter().any(|note| note.contains("3 threads on the 2 CPUs")), "{notes:?}");
    }

    #[test]
    fn a_wrong_count_is_a_failure_of_the_check() {
        let error = verify(100, 24, 25).unwrap_err();
        assert_eq!(error.to_string(), "the sieve counts 24 primes up to 100, and there are 25");
        assert!(verify(100, 25, 25).is_ok());
    }
}
