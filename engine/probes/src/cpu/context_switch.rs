//! `cpu.context_switch`: what it costs to let another thread or process run on the same CPU.
//!
//! Method: lmbench's `lat_ctx` with no data: a token goes to and fro between two sides through two pipes. Both are
//! pinned to **one** CPU, so every hop is a switch; what a pipe itself costs (one write and one read in one thread) is
//! measured apart and subtracted. `latency` is between threads of one process, `process` between processes, which also
//! changes the address space, as `lat_ctx` has it. `cross_cpu` is a hop between two CPUs with nothing subtracted: it
//! wakes the other CPU instead of switching.
//!
//! What would make the number wrong: two sides on two CPUs, or no switches at all (the kernel's count of switches must
//! be one for each hop); a pipe's cost that was measured at another clock; a hop that did not happen (the token is
//! counted, on both sides).

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use super::partner::Partner;
use crate::harness::{Placement, Stopwatch, Team, Usage, pin, short};
use crate::kernel::token::Ends;
use crate::{Context, Probe, ProbeError};

const LATENCY: MetricDef =
    MetricDef::floor("latency", Unit::Seconds, "one switch between threads on one CPU, the pipe's cost subtracted");
const PROCESS: MetricDef =
    MetricDef::floor("process", Unit::Seconds, "one switch between processes on one CPU, the pipe's cost subtracted");
const PIPE: MetricDef = MetricDef::floor("pipe", Unit::Seconds, "one write and one read of a pipe, in one thread");
const HOP: MetricDef =
    MetricDef::floor("hop", Unit::Seconds, "the token's way to another thread on the same CPU, all included");
const CROSS_CPU: MetricDef =
    MetricDef::floor("cross_cpu", Unit::Seconds, "the token's way to a thread on another CPU, all included");

/// Round trips with which calibration begins.
const FIRST: u64 = 50;
/// Least share of hops that the kernel must have counted as switches.
const COUNTED: f64 = 0.98;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.context_switch",
        summary: "A context switch: a token through pipes between two threads, or processes, on one CPU.",
        method: 1,
        about: "As lmbench's `lat_ctx` with no data: a token goes to and fro through two pipes between two sides pinned \
                to one CPU, and what the pipe costs in one thread is subtracted; between threads, and between processes \
                as `lat_ctx` has it. `cross_cpu` is the hop to a thread on another CPU, nothing subtracted. The number \
                is wrong when the sides run on two CPUs or do not switch: the kernel must count a switch for each hop, \
                and the token is counted on both sides.",
        params: &[],
        metrics: &[LATENCY, PROCESS, PIPE, HOP, CROSS_CPU],
        round_seconds: 0.4,
        process: RoundProcess::Engine,
        noise: OwnNoise::Crowd,
    },
    run,
};

fn run(_: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let cpus = pin::allowed().unwrap_or_default();
    let Some(&cpu) = cpus.first() else {
        return Err(unpinned("the usable CPUs cannot be read"));
    };
    let pipe = alone(cx, cpu)?;
    let cost = best(&pipe);
    let hops = threads(cx, [cpu, cpu])?;
    let less = |hops: &[f64]| hops.iter().map(|hop| (hop - cost).max(0.0)).collect::<Vec<_>>();
    cx.record_all(&LATENCY, &less(&hops));
    match Team::on(&[cpu], |_| Ok((Partner::start()?, 0u32))) {
        Ok(team) => {
            let hops = process(cx, team)?;
            cx.record_all(&PROCESS, &less(&hops));
        }
        Err(error) => {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            cx.note(format!("`process` is not measured, a second process cannot be had: {reason}"));
        }
    }
    cx.record_all(&PIPE, &pipe);
    cx.record_all(&HOP, &hops);
    match cpus.get(1).filter(|_| cx.cores > 1) {
        Some(&other) => {
            let hops = threads(cx, [cpu, other])?;
            cx.record_all(&CROSS_CPU, &hops);
        }
        None => cx.note("one CPU: `cross_cpu` is not measured"),
    }
    Ok(())
}

/// Seconds of one write and one read of a pipe, without a switch.
fn alone(cx: &Context<'_>, cpu: usize) -> Result<Vec<f64>, ProbeError> {
    let mut team = Team::on(&[cpu], |_| Ok((Ends::ring()?, 0u32)))?;
    let taken = short::take(cx, FIRST, |trips| {
        let results = team.each(|_, (ends, token)| {
            let clock = Stopwatch::start();
            let outcome = ends.serve(*token, trips as u32, true);
            let took = clock.stop();
            *token = token.wrapping_add(trips as u32);
            outcome.map(|()| took)
        })?;
        results.into_iter().next().unwrap_or(Ok(Duration::ZERO)).map_err(|error| broken(&error))
    })?;
    Ok(taken.each())
}

/// Seconds of one hop between two threads, pinned to these CPUs.
fn threads(cx: &Context<'_>, cpus: [usize; 2]) -> Result<Vec<f64>, ProbeError> {
    let (one, two) = Ends::pair().map_err(|error| broken(&error))?;
    let ends = Arc::new(Mutex::new([Some(one), Some(two)]));
    let mut team = Team::on(&cpus, move |side| {
        let mut ends = ends.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Side { ends: ends[side].take(), token: 0, outcome: Ok(()), usage: Usage::default() })
    })?;
    if let Some(Placement::Unpinned(reason)) =
        team.placement().iter().find(|place| matches!(place, Placement::Unpinned(_)))
    {
        return Err(unpinned(reason));
    }
    let one_cpu = cpus[0] == cpus[1];
    let taken = short::take(cx, FIRST, |trips| {
        let lap = team.time(|side, state| state.go(side, trips as u32))?;
        let done = team.each(|_, state| (std::mem::replace(&mut state.outcome, Ok(())), state.usage))?;
        let mut switches = 0;
        for (outcome, usage) in done {
            outcome.map_err(|error| broken(&error))?;
            switches += usage.switches();
        }
        if one_cpu {
            check(2 * trips, switches)?;
        }
        Ok(lap.workers[0].took())
    })?;
    Ok(taken.each().into_iter().map(|trip| trip / 2.0).collect())
}

/// One of two threads.
struct Side {
    ends: Option<Ends>,
    token: u32,
    outcome: io::Result<()>,
    usage: Usage,
}

impl Side {
    fn go(&mut self, side: usize, trips: u32) {
        let before = Usage::of_thread();
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.outcome = self.ends.as_ref().ok_or_else(closed).and_then(|ends| match side {
            0 => ends.serve(self.token, trips, false),
            _ => ends.answer(trips),
        });
        self.usage = Usage::of_thread().since(before);
        self.token = self.token.wrapping_add(2 * trips);
        if self.outcome.is_err() {
            // The other side then sees the end of its pipe and does not wait for ever.
            self.ends = None;
        }
    }
}

/// Seconds of one hop between this process and a forked one on the same CPU.
fn process(cx: &Context<'_>, mut team: Team<(Partner, u32)>) -> Result<Vec<f64>, ProbeError> {
    let taken = short::take(cx, FIRST, |trips| {
        let results = team.each(|_, (partner, token)| {
            let before = Usage::of_thread();
            let clock = Stopwatch::start();
            let outcome = partner.ends().serve(*token, trips as u32, false);
            let took = clock.stop();
            *token = token.wrapping_add(2 * trips as u32);
            outcome.map(|()| (took, Usage::of_thread().since(before).switches()))
        })?;
        let first = results.into_iter().next().unwrap_or(Ok((Duration::ZERO, 0)));
        let (took, switches) = first.map_err(|error| broken(&error))?;
        // This side alone is counted: it leaves the CPU once a round trip.
        check(trips, switches)?;
        Ok(took)
    })?;
    Ok(taken.each().into_iter().map(|trip| trip / 2.0).collect())
}

/// Whether the kernel counted a switch for each hop.
fn check(hops: u64, switches: u64) -> Result<(), ProbeError> {
    if switches as f64 >= COUNTED * hops as f64 {
        return Ok(());
    }
    Err(ProbeError::verification(format!("{hops} hops on one CPU made {switches} switches: they were not switches")))
}

fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn unpinned(reason: &str) -> ProbeError {
    let remedy = "allow `sched_setaffinity`, or give the process a CPU set that does not change";
    Skip::new(SkipKind::Permission, format!("threads cannot be pinned to one CPU: {reason}"), remedy).into()
}

fn broken(error: &io::Error) -> ProbeError {
    ProbeError::failed(format!("the token did not come back: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_on, values};

    #[test]
    fn every_kind_of_hop_takes_time() {
        let (records, _) = round(&PROBE, &[]).unwrap();
        for metric in ["process", "pipe", "hop"] {
            let times = values(&records, metric);
            assert!(!times.is_empty() && times.iter().all(|time| (1e-8..1.0).contains(time)), "{metric}: {times:?}");
        }
        let several = pin::allowed().unwrap().len() > 1;
        assert_eq!(values(&records, "cross_cpu").is_empty(), !several);
        let switch = values(&records, "latency");
        assert!(switch.iter().zip(values(&records, "hop")).all(|(less, whole)| *less < whole));
    }

    #[test]
    fn one_cpu_has_no_other() {
        let (records, notes) = round_on(1, &PROBE, &[]).unwrap();
        assert!(values(&records, "cross_cpu").is_empty());
        assert!(notes.iter().any(|note| note.contains("`cross_cpu` is not measured")), "{notes:?}");
    }

    /// The planted fault: the token never leaves its thread, so nothing is switched.
    #[test]
    fn hops_without_switches_are_flagged() {
        let before = Usage::of_thread();
        Ends::ring().unwrap().serve(0, 10_000, true).unwrap();
        let switches = Usage::of_thread().since(before).switches();
        let error = check(10_000, switches).unwrap_err();
        assert!(error.to_string().contains("they were not switches"), "{error}");
        assert!(check(1_000, 1_000).is_ok() && check(1_000, 900).is_err());
    }

    #[test]
    fn a_side_that_fails_frees_the_other() {
        let (one, two) = Ends::pair().unwrap();
        let mut first = Side { ends: Some(one), token: 0, outcome: Ok(()), usage: Usage::default() };
        let mut second = Side { ends: Some(two), token: 0, outcome: Ok(()), usage: Usage::default() };
        std::thread::scope(|scope| {
            // The first wants more answers than the second gives, then the second leaves.
            scope.spawn(|| first.go(0, 5));
            scope.spawn(|| {
                second.go(1, 3);
                second.ends = None;
            });
        });
        assert!(first.outcome.is_err() && first.ends.is_none() && second.outcome.is_ok());
    }
}
