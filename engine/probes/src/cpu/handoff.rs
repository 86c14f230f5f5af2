//! `cpu.handoff`: how long a cache line takes from one CPU to another, for pairs of CPUs.
//!
//! Method: two threads, each pinned to its CPU, hand one word to each other: one stores the next number, the other
//! waits until it sees it. The time of a round trip over two is one hand-over, **one way**, as multichase's `pingpong`
//! and Chips and Cheese print it (other tools print the round trip); each pair counts with its best sample. All pairs of
//! the usable CPUs, up to a limit; beyond it as many of each relation (threads of one core, same L3, other L3, other
//! socket) as fit, the same in every round.
//!
//! What would make the number wrong: two threads on one CPU, which measure the scheduler (each says where it runs,
//! before and after, and anything but its own CPU is an error); a `pause` in the waiting loop; the time to start
//! threads; the mean instead of the best, which measures the neighbours.

use std::sync::Arc;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::{Placement, Team, pin};
use crate::host::pairs::{Pair, pairs};
use crate::kernel::handoff::{Ball, Method, Stalled};
use crate::{Context, Probe, ProbeError};

const METHOD: ParamDef = ParamDef {
    name: "method",
    kind: ParamKind::Choice(&["store", "compare_exchange"]),
    default: Some("store"),
    tiny: None,
    doc: "how the line is handed over: plain loads and stores, or by exchange",
};
const PAIRS: ParamDef = ParamDef {
    name: "pairs",
    kind: ParamKind::Count { min: 1, max: 100_000 },
    default: Some("120"),
    tiny: Some("3"),
    doc: "most pairs of CPUs; when there are more, some of each kind are taken",
};

const LATENCY: MetricDef =
    MetricDef::floor("latency", Unit::Seconds, "one-way hand-over of a line (round trip / 2), median over pairs");
const PAIR: MetricDef =
    MetricDef::floor("pair", Unit::Seconds, "one-way hand-over between two CPUs (round trip / 2), best sample");
const NEAREST: MetricDef = MetricDef::floor("nearest", Unit::Seconds, "one-way hand-over of the fastest pair");
const FARTHEST: MetricDef = MetricDef::floor("farthest", Unit::Seconds, "one-way hand-over of the slowest pair");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.handoff",
        summary: "Core to core: how long a cache line takes from one CPU to another, one way, for pairs of CPUs.",
        method: 1,
        about: "Two pinned threads hand a word to each other, as multichase's `pingpong -u` does; half a round trip is \
                one hand-over, one way (some tools print the round trip). Each pair counts with its best sample; the \
                primary number is the median over pairs. Beyond `pairs`, some of each kind (sibling threads, same L3, \
                other L3, other socket) stand for all. The number is wrong when both threads run on one CPU, so each \
                says where it is, before and after.",
        params: &[METHOD, PAIRS],
        metrics: &[LATENCY, PAIR, NEAREST, FARTHEST],
        round_seconds: 0.1,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let method = if args.text(METHOD.name) == "store" { Method::Store } else { Method::Exchange };
    let limit = usize::try_from(args.whole(PAIRS.name)).unwrap_or(usize::MAX);
    let cpus = pin::allowed().unwrap_or_default();
    if cpus.len() < 2 || cx.cores < 2 {
        let reason = "there is one CPU, so nothing can be handed from one to another";
        let remedy = "give the process more CPUs: a larger affinity mask, cpuset or CPU quota";
        return Err(Skip::new(SkipKind::Hardware, reason, remedy).into());
    }
    let (pairs, whole) = pairs(&cpus, limit);
    if !whole {
        let all = cpus.len() * (cpus.len() - 1) / 2;
        cx.note(format!("{} of the {all} pairs are measured, some of each kind: raise `pairs` for more", pairs.len()));
    }
    let mut times = Vec::with_capacity(pairs.len());
    for &pair in &pairs {
        times.push(one_way(cx, pair, method)?);
    }
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    cx.record(&LATENCY, (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0);
    cx.record(&NEAREST, sorted[0]);
    cx.record(&FARTHEST, sorted[sorted.len() - 1]);
    for (pair, time) in pairs.into_iter().zip(times) {
        let labels = [
            ("from", pair.from.to_string()),
            ("to", pair.to.to_string()),
            ("relation", pair.relation.name().to_owned()),
        ];
        cx.record_at(&PAIR, labels.into_iter().collect(), time);
    }
    Ok(())
}

/// Seconds of one hand-over between two CPUs: the best of several samples.
fn one_way(cx: &Context<'_>, pair: Pair, method: Method) -> Result<f64, ProbeError> {
    let (trips, samples, target) =
        if cx.tiny { (200, 2, Duration::ZERO) } else { (1_000, 6, Duration::from_millis(2)) };
    let ball = Arc::new(Ball::default());
    let mut team: Team<Result<(), Stalled>> = Team::on(&[pair.from, pair.to], |_| Ok(Ok(())))?;
    if let Some(Placement::Unpinned(reason)) =
        team.placement().iter().find(|place| matches!(place, Placement::Unpinned(_)))
    {
        let remedy = "allow `sched_setaffinity`, or give the process a CPU set that does not change";
        return Err(Skip::new(SkipKind::Permission, format!("threads cannot be pinned: {reason}"), remedy).into());
    }
    apart(pair, &team.each(|_, _| pin::current())?)?;
    let mut pass = |trips: u64| -> Result<f64, ProbeError> {
        cx.check()?;
        let from = ball.count();
        let lap = team.time(|side, outcome| {
            *outcome = if side == 0 { ball.serve(method, from, trips) } else { ball.answer(method, from, trips) };
        })?;
        for outcome in team.each(|_, outcome| *outcome)? {
            outcome.map_err(|stalled| ProbeError::failed(format!("CPUs {} and {}: {stalled}", pair.from, pair.to)))?;
        }
        if ball.count() != from + 2 * trips {
            return Err(ProbeError::verification(format!("{trips} round trips left the count at {}", ball.count())));
        }
        // The side that began has waited for every answer.
        Ok(lap.workers[0].took().as_secs_f64() / (2 * trips) as f64)
    };
    // The first pass warms up and tells how many round trips fill a sample.
    let first = pass(trips)?;
    let trips = trips.max((target.as_secs_f64() / (2.0 * first)) as u64);
    let mut best = f64::INFINITY;
    for _ in 0..samples {
        best = best.min(pass(trips)?);
    }
    apart(pair, &team.each(|_, _| pin::current())?)?;
    Ok(best)
}

/// Whether both threads run where they should. Where the system does not tell, the pinning that it accepted counts.
fn apart(pair: Pair, seen: &[Option<usize>]) -> Result<(), ProbeError> {
    if pair.from == pair.to {
        let message = format!("both threads run on CPU {}: this is the scheduler's time, not a hand-over", pair.from);
        return Err(ProbeError::verification(message));
    }
    for (&seen, wanted) in seen.iter().zip([pair.from, pair.to]) {
        if let Some(seen) = seen
            && seen != wanted
        {
            return Err(ProbeError::verification(format!("a thread pinned to CPU {wanted} runs on CPU {seen}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_on, values};
    use crate::host::pairs::Relation;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    #[test]
    fn every_pair_has_a_possible_time() {
        if pin::allowed().unwrap().len() < 2 {
            return;
        }
        for method in ["store", "compare_exchange"] {
            let (records, _) = round(&PROBE, &[("method", method)]).unwrap();
            // Light crosses a chip in a tenth of a nanosecond; with the scheduler in between it takes milliseconds.
            let times = values(&records, "pair");
            assert!(!times.is_empty() && times.iter().all(|time| (1e-10..1.0).contains(time)), "{times:?}");
            let middle = values(&records, "latency")[0];
            assert!(values(&records, "nearest")[0] <= middle && middle <= values(&records, "farthest")[0]);
            let pair = records.iter().find(|record| record.metric.id == "pair").unwrap();
            assert_ne!(pair.labels.get("from"), pair.labels.get("to"));
        }
    }

    #[test]
    fn one_cpu_is_a_skip_with_its_remedy() {
        let Err(ProbeError::Skip(skip)) = round_on(1, &PROBE, &[]) else { panic!("no skip") };
        assert!(skip.kind == SkipKind::Hardware && skip.remedy.contains("more CPUs"), "{skip:?}");
    }

    /// The planted fault: two threads that share a CPU.
    #[test]
    fn two_threads_on_one_cpu_are_flagged() {
        let cancel = AtomicBool::new(false);
        let cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 0, true);
        let cpu = pin::allowed().unwrap()[0];
        let pair = Pair { from: cpu, to: cpu, relation: Relation::Unknown };
        let error = one_way(&cx, pair, Method::Store).unwrap_err();
        assert!(error.to_string().contains("both threads run on CPU"), "{error}");
    }

    #[test]
    fn a_thread_that_is_elsewhere_is_flagged() {
        let pair = Pair { from: 2, to: 5, relation: Relation::Unknown };
        assert_eq!(apart(pair, &[Some(2), Some(5)]), Ok(()));
        assert_eq!(apart(pair, &[None, None]), Ok(()));
        // Both threads on CPU 2, whatever they were pinned to.
        let error = apart(pair, &[Some(2), Some(2)]).unwrap_err();
        assert!(error.to_string().contains("pinned to CPU 5 runs on CPU 2"), "{error}");
    }
}
