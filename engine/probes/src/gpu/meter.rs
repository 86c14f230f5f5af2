//! Takes passes of one and of twice the work by both clocks.
//!
//! A pass is one submission; it lasts at least 10 ms (tiny 5 ms) at the smaller of its two sizes. Encoding is done
//! before the clock starts. What the library does in a submission, and the wake-up after it, is within the wall time
//! and falls out by the slope.

use std::ops::RangeInclusive;
use std::time::Duration;

use wgpu::{BufferUsages, ComputePass, PollType};

use super::device::Gpu;
use super::stamps::{Clock, Fault, Pair, Pass, Settled, Stamp, settle};
use crate::harness::{Moment, Stopwatch, Target, calibrate};
use crate::{Context, ProbeError};
use engine_core::metric::MetricDef;
use engine_core::unit::Unit;

/// Time by timestamps over time by the wall clock; what metered probes record beside their figure.
pub(super) const AGREEMENT: MetricDef =
    MetricDef::fact("agreement", Unit::Ratio, "time by the device's timestamps over time by the wall clock");

/// Puts so many units of work into a pass.
pub(super) type Work<'a> = dyn FnMut(&mut ComputePass<'_>, u64) + 'a;

/// Most dispatches of a pass: each takes memory until the pass is done.
const MOST_DISPATCHES: u64 = 1 << 15;

/// A first pass that lasts so many times longer than it must is long enough without its compilation too.
const LONG: f64 = 10.0;

/// How many pairs are taken, and how long they may take together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pairs: usize,
    /// Pairs that are taken even beyond the budget.
    fewest: usize,
    least: Duration,
    budget: Duration,
}

impl Plan {
    /// What counts.
    pub(super) fn counted(cx: &Context<'_>) -> Self {
        if cx.tiny {
            Self { pairs: 3, fewest: 3, least: Duration::from_millis(5), budget: Duration::from_millis(600) }
        } else {
            Self { pairs: 10, fewest: 3, least: Duration::from_millis(10), budget: Duration::from_millis(1_500) }
        }
    }

    /// One point of a curve.
    pub(super) fn curve(cx: &Context<'_>) -> Self {
        Self { pairs: if cx.tiny { 3 } else { 5 }, ..Self::counted(cx) }
    }

    /// A short look, to choose between variants or to show a difference.
    pub(super) fn look(cx: &Context<'_>) -> Self {
        let least = if cx.tiny { Duration::from_millis(1) } else { Duration::from_millis(5) };
        Self { pairs: 3, fewest: 1, least, budget: Duration::from_millis(if cx.tiny { 50 } else { 400 }) }
    }
}

/// Where timestamps are written, resolved and read.
struct Queries {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

/// Measures passes on one device.
pub(super) struct Meter<'g> {
    gpu: &'g Gpu,
    queries: Option<Queries>,
}

impl<'g> Meter<'g> {
    pub(super) fn new(gpu: &'g Gpu) -> Result<Self, ProbeError> {
        let queries = if gpu.has_timestamps() {
            let descriptor = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count: 2 };
            Some(Queries {
                set: gpu.device.create_query_set(&descriptor),
                resolved: gpu.buffer(16, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC)?,
                staging: gpu.buffer(16, BufferUsages::COPY_DST | BufferUsages::MAP_READ)?,
            })
        } else {
            None
        };
        gpu.faultless().map(|()| Self { gpu, queries })
    }

    /// A meter that goes by the wall clock alone.
    pub(super) const fn by_wall(gpu: &'g Gpu) -> Self {
        Self { gpu, queries: None }
    }

    /// Sizes a pass and takes its pairs. The first passes, which compile and place what they use, do not count.
    pub(super) fn take(&self, cx: &Context<'_>, plan: Plan, work: &mut Work<'_>) -> Result<Settled, ProbeError> {
        self.take_from(cx, plan, work, 1..=MOST_DISPATCHES)
    }

    /// As [`Self::take`]; sizing begins at the first of `sizes` and ends at the last.
    pub(super) fn take_from(
        &self,
        cx: &Context<'_>,
        plan: Plan,
        work: &mut Work<'_>,
        sizes: RangeInclusive<u64>,
    ) -> Result<Settled, ProbeError> {
        let first = self.pass(work, *sizes.start())?;
        if first.wall > LONG * plan.least.as_secs_f64() {
            return self.pairs(cx, plan, work, *sizes.start());
        }
        let target = Target { duration: plan.least, max_iterations: *sizes.end() };
        let units = calibrate(target, *sizes.start(), |units| {
            cx.check()?;
            self.pass(work, units).map(|pass| Duration::from_secs_f64(pass.wall))
        })?
        .iterations;
        self.pairs(cx, plan, work, units)
    }

    /// Takes the pairs of passes of `units` and twice as many.
    fn pairs(&self, cx: &Context<'_>, plan: Plan, work: &mut Work<'_>, units: u64) -> Result<Settled, ProbeError> {
        let mut pairs: Vec<Pair> = Vec::with_capacity(plan.pairs);
        let start = Moment::now();
        while pairs.len() < plan.pairs && (pairs.len() < plan.fewest || Moment::now().since(start) < plan.budget) {
            cx.check()?;
            pairs.push([self.pass(work, units)?, self.pass(work, 2 * units)?]);
        }
        Ok(settle(&pairs, units, f64::from(self.gpu.queue.get_timestamp_period()) * 1e-9))
    }

    /// One submission with so many units of work.
    pub(super) fn pass(&self, work: &mut Work<'_>, units: u64) -> Result<Pass, ProbeError> {
        let gpu = self.gpu;
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = self.queries.as_ref().map(|queries| wgpu::ComputePassTimestampWrites {
                query_set: &queries.set,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            });
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            work(&mut encoder.begin_compute_pass(&descriptor), units);
        }
        if let Some(queries) = &self.queries {
            encoder.resolve_query_set(&queries.set, 0..2, &queries.resolved, 0);
            encoder.copy_buffer_to_buffer(&queries.resolved, 0, &queries.staging, 0, 16);
        }
        let commands = encoder.finish();
        // What was written to buffers since the last submission is not the pass's.
        gpu.queue.submit([]);
        gpu.polled(gpu.device.poll(PollType::wait_indefinitely()).map(|_| ()))?;

        let watch = Stopwatch::start();
        let submission = gpu.queue.submit([commands]);
        let outcome = gpu.wait(submission);
        let wall = watch.stop().as_secs_f64();
        outcome?;
        let stamp = match &self.queries {
            None => None,
            Some(queries) => {
                let words = gpu.mapped(&queries.staging)?;
                let tick = |at: usize| u64::from(words[at]) | (u64::from(words[at + 1]) << 32);
                Some(Stamp { begin: tick(0), end: tick(2) })
            }
        };
        Ok(Pass { wall, stamp })
    }
}

/// Marks by which clock the round's figures are, notes why where it is the wall clock, and records the agreement.
pub(super) fn report(cx: &mut Context<'_>, settled: &Settled) {
    cx.mark("clock", settled.clock.name());
    if let Some(agreement) = settled.agreement {
        cx.record(&AGREEMENT, agreement);
    }
    match (settled.clock, settled.fault) {
        (Clock::Wall, Some(fault @ Fault::None)) => cx.note(format!("{fault}: the wall clock is used")),
        (Clock::Wall, Some(fault)) => cx.note(format!("flagged: {fault}; the wall clock is used")),
        _ => {}
    }
}
