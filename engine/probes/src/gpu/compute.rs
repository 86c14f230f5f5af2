//! `gpu.compute`: the rate of fused multiply-adds of a graphics device, in `f32` or `f16`.
//!
//! Method: as clpeak and mixbench: 8 independent chains of vectors of four in each thread, enough workgroups to fill
//! the device many times over, and as many steps as the host says. A step is `x = x*x + c`, which no compiler can
//! shorten: it is not linear, and with c = -1.8203125 every missing step or rounding shows in the end. An FMA counts two
//! operations. Time is as in `gpu.bandwidth`.
//!
//! What would make the number wrong: chains that are folded or dropped (the ends of all chains of all threads are
//! compared with the processor's, bit by bit; a device may fuse or not, but always alike); a device that was not full
//! (workgroups are added until a dispatch lasts 8 ms); a clock that had not risen (passes before do not count).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;
use wgpu::BufferUsages;

use super::adapter::ADAPTER;
use super::device::{Checks, Gpu};
use super::meter::{AGREEMENT, Meter, Plan, report};
use super::source::expand;
use super::windows::{LANES, ROW, grid};
use super::{half, pattern};
use crate::{Context, Probe, ProbeError};

const PRECISION: ParamDef = ParamDef {
    name: "precision",
    kind: ParamKind::Choice(&["f32", "f16"]),
    default: Some("f32"),
    tiny: None,
    doc: "width of the numbers; not every device offers `f16`",
};

const RATE: MetricDef = MetricDef::rate("rate", Unit::FlopsPerSecond, "operations of all threads; an FMA counts two");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.compute",
        summary: "Floating-point peak of a graphics device: independent fused multiply-adds, f32 or f16.",
        method: 1,
        about: "Each thread runs 8 independent chains of vectors of four through x = x*x + c, which is not linear and \
                cannot be shortened, as many steps as the host says; workgroups are added until a dispatch lasts \
                8 ms. A fused multiply-add counts two operations; tensor units take no part. Time is by the device's \
                timestamps, checked against the wall clock by slopes. The number is wrong when chains are folded or \
                dropped, so the ends of all chains of all threads are compared bit by bit with the processor's.",
        params: &[PRECISION, ADAPTER],
        metrics: &[RATE, AGREEMENT],
        round_seconds: 2.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

pub(super) const TEXT: &str = include_str!("kernel/compute.wgsl");
/// Independent vectors of four in a thread.
const CHAINS: u32 = 8;
/// Steps that are written out in the body of the loop.
const UNROLLED: u32 = 8;
/// Rounds of that loop.
const TRIPS: u32 = 128;
/// Threads with unlike starts.
const SEEDS: u32 = 64;
/// What is added in each step; exact in every type.
const BIAS: f32 = -1.8203125;
/// Most workgroups of a dispatch.
const MOST: u32 = ROW;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let gpu = Gpu::open(args, cx)?;
    measure(&gpu, args.text(PRECISION.name), TEXT, cx)
}

/// Measures the chains of `text`.
pub(super) fn measure(gpu: &Gpu, precision: &str, text: &str, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let half = precision == "f16";
    if half && !gpu.has_half() {
        let reason = "the device does not offer numbers of 16 bits to kernels";
        return Err(Skip::new(SkipKind::Hardware, reason, "use `precision: \"f32\"`").into());
    }
    let kernel = gpu.kernel(&source(text, half), "chains", Checks::Off)?;
    let params = gpu.uniform(&[TRIPS, BIAS.to_bits()])?;
    let ends = gpu.buffer(u64::from(MOST * LANES) * 4, BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
    let bindings = [(0, params.as_entire_buffer_binding()), (1, ends.as_entire_buffer_binding())];
    let group = gpu.bind(&kernel, &bindings)?;
    let put = |pass: &mut wgpu::ComputePass<'_>, units: u64, groups: u32| {
        let (columns, rows) = grid(groups);
        pass.set_pipeline(&kernel);
        pass.set_bind_group(0, &group, &[]);
        for _ in 0..units {
            pass.dispatch_workgroups(columns, rows, 1);
        }
    };
    let meter = Meter::new(gpu)?;
    let groups = fill(cx, gpu, &meter, put)?;
    let settled = meter.take(cx, Plan::counted(cx), &mut |pass, units| put(pass, units, groups))?;

    let found = gpu.read(&ends, 0, u64::from(groups * LANES) * 4)?;
    let how = verify(&found, half)?;
    cx.note(format!("{groups} workgroups of {LANES} threads; {how}"));
    report(cx, &settled);
    let operations = f64::from(groups * LANES) * f64::from(CHAINS * 4) * f64::from(TRIPS * UNROLLED) * 2.0;
    settled.seconds.iter().for_each(|seconds| cx.record(&RATE, operations / seconds));
    Ok(())
}

/// Adds workgroups until a dispatch lasts 8 ms (tiny 1 ms), or there are as many as may be; before that, a real device
/// works for a while, as its clock rises with the load and a slow one would look full too early.
pub(super) fn fill(
    cx: &Context<'_>,
    gpu: &Gpu,
    meter: &Meter<'_>,
    put: impl Fn(&mut wgpu::ComputePass<'_>, u64, u32),
) -> Result<u32, ProbeError> {
    let (goal, warm) = if cx.tiny { (1e-3, 0.0) } else { (8e-3, if gpu.software { 0.0 } else { 0.3 }) };
    let grow = |goal: f64| {
        let mut groups = 16;
        meter.pass(&mut |pass, units| put(pass, units, groups), 1)?;
        while groups < MOST && meter.pass(&mut |pass, units| put(pass, units, groups), 1)?.wall < goal {
            cx.check()?;
            groups *= 2;
        }
        Ok::<u32, ProbeError>(groups)
    };
    let groups = grow(goal)?;
    let mut worked = 0.0;
    while worked < warm {
        cx.check()?;
        worked += meter.pass(&mut |pass, units| put(pass, units, groups), 1)?.wall.max(1e-4);
    }
    if warm > 0.0 { grow(goal) } else { Ok(groups) }
}

fn source(text: &str, half: bool) -> String {
    let steps = "#each CHAINS x{k} = fma(x{k}, x{k}, bias);\n".repeat(UNROLLED as usize);
    let text = text.replace("STEPS", &steps).replace("REAL", if half { "f16" } else { "f32" });
    let constants = [("CHAINS", CHAINS), ("LANES", LANES), ("SEEDS", SEEDS), ("ROW", ROW)];
    let first = if half { "enable f16;\n" } else { "" };
    format!("{first}{}{}", pattern::WGSL, expand(&text, &constants))
}

/// Compares the ends of all threads, and says how the device multiplies and adds.
pub(super) fn verify(found: &[u32], half: bool) -> Result<&'static str, ProbeError> {
    let fused = expected(TRIPS * UNROLLED, half, true);
    let apart = expected(TRIPS * UNROLLED, half, false);
    let wrong = |ends: &[u32]| found.iter().zip(ends.iter().cycle()).filter(|(one, other)| one != other).count();
    match (wrong(&fused), wrong(&apart)) {
        (0, _) => Ok("fused multiply-adds"),
        (_, 0) => Ok("multiplications and additions, none fused"),
        (one, other) => {
            let message = format!(
                "{} of {} threads ended with wrong numbers: the chains were changed",
                one.min(other),
                found.len()
            );
            Err(ProbeError::verification(message))
        }
    }
}

/// The ends of the threads with unlike starts, after so many steps.
fn expected(steps: u32, half: bool, fused: bool) -> Vec<u32> {
    (0..SEEDS)
        .map(|seed| {
            (0..4 * CHAINS).fold(0_u32, |mixed, chain| {
                mixed.wrapping_mul(31).wrapping_add(end(seed * 4 * CHAINS + chain, steps, half, fused))
            })
        })
        .collect()
}

/// The end of one chain, as the bits of an `f32`.
fn end(chain: u32, steps: u32, half: bool, fused: bool) -> u32 {
    let start = f64::from(pattern::mix(chain) >> 22) / 1024.0;
    if half {
        let bias = f64::from(BIAS);
        // Products and sums of halves of this size are exact in `f64`, so each is rounded once.
        let step = |x: f64| half::round(if fused { x * x } else { half::round(x * x) } + bias);
        let end = (0..steps).fold(start, |x, _| step(x));
        return (end as f32).to_bits();
    }
    let step = |x: f32| if fused { x.mul_add(x, BIAS) } else { x * x + BIAS };
    (0..steps).fold(start as f32, |x, _| step(x)).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends of four workgroups.
    fn ends(steps: u32, half: bool, fused: bool) -> Vec<u32> {
        expected(steps, half, fused).repeat(16)
    }

    #[test]
    fn a_device_may_fuse_or_not_but_must_do_every_step() {
        for half in [false, true] {
            assert_eq!(verify(&ends(1024, half, true), half), Ok("fused multiply-adds"));
            assert!(verify(&ends(1024, half, false), half).unwrap().contains("none fused"), "{half}");
            for steps in [0, 1, 512, 1016, 1023, 1025, 2048] {
                let told = verify(&ends(steps, half, true), half).unwrap_err().to_string();
                assert!(told.contains("of 1024 threads"), "half {half}, {steps} steps: {told}");
            }
        }
    }

    #[test]
    fn one_wrong_thread_is_seen() {
        let mut found = ends(1024, false, true);
        found[777] ^= 1;
        assert!(verify(&found, false).unwrap_err().to_string().contains("1 of 1024 threads"));
    }

    #[test]
    fn chains_stay_lively() {
        // Neither fixed points nor numbers that grow: those would be other work than it looks like.
        for chain in 0..SEEDS * 4 * CHAINS {
            let late: std::collections::BTreeSet<u32> = (1000..1024).map(|n| end(chain, n, false, true)).collect();
            assert!(late.len() > 8 && late.iter().all(|&bits| f32::from_bits(bits).abs() <= 2.0), "chain {chain}");
        }
    }
}
