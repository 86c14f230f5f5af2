//! `cpu.arithmetic`: what one instruction takes, and how many of it a core starts: integer addition, multiplication and
//! division, and the square root.
//!
//! Method: chains in registers, in assembly, as lmbench's `lat_ops` and clpeak have them in C: a single chain in which each
//! operation waits for the one before gives the latency, eight chains side by side the throughput. Beside it the clock is
//! measured by a chain of additions, so that the latency is known in cycles too.
//!
//! What would make the number wrong: chains folded into a formula or moved out of the loop (assembly; every end is
//! checked, and twice the steps must take twice the time); operands that make a division short (63 bits by 32, and 31 by 16;
//! small quotients are faster on most cores); a root of 1, which is a special case (the exponent is set back in time);
//! another clock while the chain ran than beside it.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::passes::{self, short};
use crate::harness::{Stopwatch, Team, proportion, sentinel};
use crate::kernel::arithmetic::{Chains, Number, Operation};
use crate::{Context, Probe, ProbeError};

const OPERATION: ParamDef = ParamDef {
    name: "operation",
    kind: ParamKind::Choice(&["each", "add", "multiply", "divide", "sqrt"]),
    default: Some("each"),
    tiny: None,
    doc: "integer `add`, `multiply` and `divide` (u64 and u32), `sqrt` (f64 and f32), or `each` of them",
};

const LATENCY: MetricDef = MetricDef::floor("latency", Unit::Seconds, "an operation that waits for the one before");
const RATE: MetricDef = MetricDef::rate("rate", Unit::PerSecond, "operations that do not wait for each other");
const CYCLES: MetricDef = MetricDef::floor("cycles", Unit::Count, "the latency in cycles of the measured clock");

/// Turns of the loop with which calibration begins.
const FIRST: u64 = 16;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.arithmetic",
        summary: "Latency and throughput of integer add, multiply and divide, and of the square root.",
        method: 1,
        about: "One chain of dependent operations in registers gives `latency` (and `cycles`, with the clock that a chain \
                of additions shows beside it); eight chains side by side give `rate`. In assembly, the best of the passes, \
                labelled `operation` and `type`. Dividends have 63 (31) bits, divisors and quotients half of them. The \
                number is wrong when chains are folded, which the checked ends and a test with twice the work show, or \
                when the clock changes between the chain and the additions.",
        params: &[OPERATION],
        metrics: &[LATENCY, RATE, CYCLES],
        round_seconds: 0.6,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let asked = args.text(OPERATION.name);
    // One worker, tied to a CPU.
    let mut team = Team::new(1, |_| Ok(()))?;
    for operation in Operation::ALL.into_iter().filter(|operation| asked == "each" || asked == operation.name()) {
        for number in operation.numbers() {
            let labels = Labels::new().with("operation", operation.name()).with("type", number.name());
            let (one, eight) = (chains(operation, number, false)?, chains(operation, number, true)?);
            let before = clock(&mut team)?;
            let seconds = per_operation(cx, &mut team, &one)?;
            let hertz = before.max(clock(&mut team)?);
            let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
            cx.record_with(LATENCY.metric(), labels.clone(), &seconds);
            cx.record_at(&CYCLES, labels.clone(), best * hertz);
            let seconds = per_operation(cx, &mut team, &eight)?;
            let rates: Vec<f64> = seconds.iter().map(|seconds| 1.0 / seconds).collect();
            cx.record_with(RATE.metric(), labels, &rates);
        }
    }
    Ok(())
}

fn chains(operation: Operation, number: Number, side_by_side: bool) -> Result<Chains, ProbeError> {
    Chains::new(operation, number, side_by_side).ok_or_else(|| {
        let reason = "the chains are written for x86-64 only";
        Skip::new(SkipKind::Platform, reason, "run it on an x86-64 machine, or leave this probe out").into()
    })
}

/// The clock now, in hertz, on the worker's CPU.
fn clock(team: &mut Team<()>) -> Result<f64, ProbeError> {
    Ok(team.each(|_, ()| sentinel::beat().best_hz)?.into_iter().fold(0.0, f64::max))
}

/// Seconds of an operation, by passes.
fn per_operation(cx: &Context<'_>, team: &mut Team<()>, chains: &Chains) -> Result<Vec<f64>, ProbeError> {
    let mut pass = |turns: u64| {
        let outcomes = team.each(|_, ()| {
            let watch = Stopwatch::start();
            let outcome = chains.run(turns);
            let took = watch.stop();
            outcome.map(|()| took)
        })?;
        let took = outcomes.into_iter().next().unwrap_or(Ok(std::time::Duration::ZERO));
        took.map_err(|wrong| ProbeError::verification(wrong.to_string()))
    };
    let taken = passes::take_of(cx, short(cx.tiny), FIRST, &mut pass)?;
    proportion::check(taken.iterations.div_ceil(4), pass)?;
    let operations = chains.operations(taken.iterations) as f64;
    Ok(taken.seconds.iter().map(|seconds| seconds / operations).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, round_within, values};

    #[test]
    fn each_operation_has_a_latency_and_a_rate() {
        match round_within(&PROBE, &[], &[("latency", 1e-11..1e-5)]) {
            Ok((records, notes)) => {
                for metric in ["latency", "rate", "cycles"] {
                    let labels: Vec<_> = records.iter().filter(|r| r.metric.id == metric).map(|r| &r.labels).collect();
                    assert_eq!(labels.len(), 8);
                    assert_eq!(labels[4].get("operation").zip(labels[4].get("type")), Some(("divide", "u64")));
                }
                // Nothing is below a tenth of a cycle at 10 GHz or above a thousand at 100 MHz.
                assert!(values(&records, "latency").iter().all(|seconds| (1e-11..1e-5).contains(seconds)));
                assert!(notes.is_empty());
            }
            Err(ProbeError::Skip(skip)) => assert!(!cfg!(target_arch = "x86_64") && !skip.remedy.is_empty()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn one_operation_alone_can_be_asked_for() {
        if let Ok((records, _)) = round(&PROBE, &[("operation", "sqrt")]) {
            assert!(records.iter().all(|record| record.labels.get("operation") == Some("sqrt")));
            assert_eq!(records.len(), 6);
        }
    }
}
