//! `gpu.launch`: how long the smallest kernel takes from its submission to the news that it is done.
//!
//! Method: one dispatch of one thread in a submission of its own, already encoded; the wall clock runs from before the
//! submission until the host knows that it is done. `latency` asks the device again and again, `wakeup` sleeps until
//! the driver wakes it. `dispatch` is what one more dispatch in the same submission takes, each waiting for the one
//! before, by the slope between passes of one and of twice as many. All is by the wall clock: it includes what the
//! library and the driver do on a submission, as every user of them pays that.
//!
//! What would make the number wrong: launches that did not happen (the kernel counts them, and the count is checked);
//! encoding within the time (it is done before); the first launches, which compile (not counted).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use std::time::{Duration, Instant};
use wgpu::{BufferUsages, PollType};

use super::adapter::ADAPTER;
use super::device::{Checks, Gpu};
use super::meter::{Meter, Plan};
use crate::harness::Stopwatch;
use crate::{Context, Probe, ProbeError};

const LAUNCHES: ParamDef = ParamDef {
    name: "launches",
    kind: ParamKind::Count { min: 1, max: 100_000 },
    default: Some("300"),
    tiny: Some("20"),
    doc: "round trips of each kind",
};

const LATENCY: MetricDef =
    MetricDef::cost("latency", Unit::Seconds, "from submission to the end as seen by a host that keeps asking");
const WAKEUP: MetricDef = MetricDef::cost("wakeup", Unit::Seconds, "the same for a host that sleeps until it is woken");
const DISPATCH: MetricDef =
    MetricDef::floor("dispatch", Unit::Seconds, "one more dispatch in a submission, after the one before");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.launch",
        summary: "Kernel launch latency of a graphics device: the round trip of an empty dispatch.",
        method: 1,
        about: "Submits one encoded dispatch of one thread and waits for it, by the wall clock: `latency` by asking \
                again and again, `wakeup` by sleeping. `dispatch` is what one more in the same submission takes. What \
                the library does on a submission is included. The number is wrong when launches did not happen, so \
                the kernel counts them and the count is checked.",
        params: &[LAUNCHES, ADAPTER],
        metrics: &[LATENCY, WAKEUP, DISPATCH],
        round_seconds: 1.0,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

const TEXT: &str = include_str!("kernel/launch.wgsl");
/// Round trips before those that count.
const WARM_UP: u64 = 10;

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let gpu = Gpu::open(args, cx)?;
    let kernel = gpu.kernel(TEXT, "once", Checks::Off)?;
    let count = gpu.buffer(4, BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
    let group = gpu.bind(&kernel, &[(0, count.as_entire_buffer_binding())])?;
    let mut launched = 0_u64;
    let mut put = |pass: &mut wgpu::ComputePass<'_>, units: u64| {
        pass.set_pipeline(&kernel);
        pass.set_bind_group(0, &group, &[]);
        (0..units).for_each(|_| pass.dispatch_workgroups(1, 1, 1));
        launched += units;
    };

    let launches = args.whole(LAUNCHES.name);
    let (mut asked, mut woken) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + launches {
        cx.check()?;
        let (ask, wake) = (trip(&gpu, &mut put, true)?, trip(&gpu, &mut put, false)?);
        if number >= WARM_UP {
            asked.push(ask.as_secs_f64());
            woken.push(wake.as_secs_f64());
        }
    }
    let meter = Meter::by_wall(&gpu);
    let settled = meter.take(cx, Plan::counted(cx), &mut put)?;
    verify(&gpu.read(&count, 0, 4)?, launched)?;
    cx.mark("clock", "wall");
    cx.record_all(&LATENCY, &asked);
    cx.record_all(&WAKEUP, &woken);
    cx.record_all(&DISPATCH, &settled.seconds);
    Ok(())
}

/// One round trip of one dispatch.
fn trip(
    gpu: &Gpu,
    put: &mut impl FnMut(&mut wgpu::ComputePass<'_>, u64),
    asking: bool,
) -> Result<Duration, ProbeError> {
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    put(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), 1);
    let commands = encoder.finish();
    let end = gpu.deadline();

    let watch = Stopwatch::start();
    let submission = gpu.queue.submit([commands]);
    let outcome = if asking {
        loop {
            match gpu.device.poll(PollType::Poll) {
                Ok(status) if status.is_queue_empty() => break Ok(()),
                Ok(_) if Instant::now() >= end => break Err(wgpu::PollError::Timeout),
                Ok(_) => std::hint::spin_loop(),
                Err(error) => break Err(error),
            }
        }
    } else {
        let timeout = Some(end.saturating_duration_since(Instant::now()));
        gpu.device.poll(PollType::Wait { submission_index: Some(submission), timeout }).map(|_| ())
    };
    let took = watch.stop();
    gpu.polled(outcome).map(|()| took)
}

/// Whether every launch was counted.
fn verify(found: &[u32], launched: u64) -> Result<(), ProbeError> {
    // The device counts in 32 bits.
    if found.first().copied() == Some(launched as u32) {
        return Ok(());
    }
    Err(ProbeError::verification(format!("the kernel counted {found:?} launches, not {launched}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_launch_is_seen() {
        assert!(verify(&[17], 17).is_ok() && verify(&[1], (1 << 32) + 1).is_ok());
        assert!(verify(&[16], 17).unwrap_err().to_string().contains("not 17"));
        assert!(verify(&[], 17).is_err());
    }
}
