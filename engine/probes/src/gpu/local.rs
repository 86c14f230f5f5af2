//! `gpu.local`: the bandwidth of workgroup memory (`shared` in CUDA, `local` in OpenCL).
//!
//! Method: as clpeak: each thread of a workgroup reads vectors of four words from 16 KiB that its workgroup shares,
//! neighbours at neighbouring places, so that no two meet in a bank. The place changes with every trip by a step from
//! the host, so that no load can be moved out of the loop. Only the reads of the loop are counted.
//!
//! What would make the number wrong: loads that the compiler moves or drops (the sum of every thread is compared with
//! the processor's); additions that take longer than the loads (one for each word: the memory is the slower on every
//! device known); a device that was not full (workgroups are added until a dispatch lasts 8 ms). A software device
//! keeps this memory in its caches.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use wgpu::BufferUsages;

use super::adapter::ADAPTER;
use super::check;
use super::compute::fill;
use super::device::{Checks, Gpu};
use super::meter::{AGREEMENT, Meter, Plan, report};
use super::pattern;
use super::source::expand;
use super::windows::{LANES, ROW, grid};
use crate::{Context, Probe, ProbeError};

const RATE: MetricDef = MetricDef::rate("rate", Unit::BytesPerSecond, "bytes that all workgroups read, a second");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.local",
        summary: "Bandwidth of the memory that a workgroup of a graphics device shares.",
        method: 1,
        about: "Each thread reads vectors of four words from 16 KiB that its workgroup shares, without conflicts of \
                banks, at places that change with every trip; workgroups are added until a dispatch lasts 8 ms. Time \
                is by the device's timestamps, checked against the wall clock by slopes. The number is wrong when \
                loads are moved out of the loop or dropped, so the sum of every thread is checked; a software device \
                keeps this memory in the processor's caches.",
        params: &[ADAPTER],
        metrics: &[RATE, AGREEMENT],
        round_seconds: 2.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

pub(super) const TEXT: &str = include_str!("kernel/local.wgsl");
/// Vectors of four words that a workgroup shares: 16 KiB, which every device has.
const PLACES: u32 = 1024;
/// Loads that are written out in the body of the loop.
const LOADS: u32 = 8;
/// Rounds of that loop.
const TRIPS: u32 = 256;
/// By how much the place moves with each.
const STRIDE: u32 = 37;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let gpu = Gpu::open(args, cx)?;
    measure(&gpu, TEXT, cx)
}

/// Measures the reads of `text`.
pub(super) fn measure(gpu: &Gpu, text: &str, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let constants = [("PLACES", PLACES), ("LOADS", LOADS), ("LANES", LANES), ("ROW", ROW)];
    let text = format!("{}{}", pattern::WGSL, expand(text, &constants));
    let kernel = gpu.kernel(&text, "reads", Checks::Off)?;
    let params = gpu.uniform(&[TRIPS, STRIDE])?;
    let sums = gpu.buffer(u64::from(ROW * LANES) * 4, BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
    let bindings = [(0, params.as_entire_buffer_binding()), (1, sums.as_entire_buffer_binding())];
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

    let found = gpu.read(&sums, 0, u64::from(groups * LANES) * 4)?;
    verify(&found)?;
    cx.note(format!("{groups} workgroups of {LANES} threads"));
    report(cx, &settled);
    let bytes = f64::from(groups * LANES) * f64::from(TRIPS * LOADS) * 16.0;
    settled.seconds.iter().for_each(|seconds| cx.record(&RATE, bytes / seconds));
    Ok(())
}

/// Compares the sums of all threads.
fn verify(found: &[u32]) -> Result<(), ProbeError> {
    let one: Vec<u32> = (0..LANES).map(|lane| expected(lane, TRIPS).to_bits()).collect();
    check::same("sums of workgroup memory", found, &one.repeat(found.len() / one.len()))
}

/// The sum of one thread.
fn expected(lane: u32, trips: u32) -> f32 {
    let content = |place: u32| {
        let bits = pattern::mix(place);
        (0..4).map(|part| (bits >> (4 * part)) & 15).sum::<u32>()
    };
    let places = |trip: u32| {
        let base = lane ^ (trip.wrapping_mul(STRIDE) & (PLACES - 1));
        (0..LOADS).map(move |load| base ^ (load * (PLACES / LOADS)))
    };
    // Far below 2^24: exact.
    (0..trips).flat_map(places).map(content).sum::<u32>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_trip_and_a_wrong_thread_are_seen() {
        let ends = |trips: u32| (0..LANES).map(|lane| expected(lane, trips).to_bits()).collect::<Vec<u32>>();
        assert!(verify(&ends(TRIPS).repeat(3)).is_ok());
        for trips in [0, TRIPS - 1, TRIPS + 1] {
            assert!(verify(&ends(trips)).unwrap_err().to_string().contains("256 of 256"), "{trips}");
        }
        let mut one = ends(TRIPS).repeat(2);
        one[300] += 1;
        assert!(verify(&one).unwrap_err().to_string().contains("1 of 512"));
    }

    #[test]
    fn a_row_of_lanes_reads_every_bank_once() {
        for turn in [0, 37, 511, 1023] {
            for load in 0..LOADS {
                for row in (0..LANES).step_by(8) {
                    let banks: std::collections::BTreeSet<u32> =
                        (row..row + 8).map(|lane| (lane ^ turn ^ (load * (PLACES / LOADS))) % 8).collect();
                    assert_eq!(banks.len(), 8);
                }
            }
        }
    }
}
