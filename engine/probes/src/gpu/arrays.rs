//! The arrays of a measurement of bandwidth, its kernels bound to their windows, and the check of what they left.

use wgpu::{BufferBinding, BufferSize, BufferUsages};

use super::check::{self, SPAN, SPAN_BYTES};
use super::device::{Checks, Gpu};
use super::pattern;
use super::source::expand;
use super::windows::{Array, LANES, ROW, grid};
use crate::{Context, ProbeError};

/// The kernels, before variants are written in.
pub(super) const TEXT: &str = include_str!("kernel/bandwidth.wgsl");
/// A power of two, so that a triad has the same bits whether its multiplication and addition are fused or not.
const SCALE: f32 = 2.0;
/// Bytes of the sums over one span.
const SUMS: u64 = LANES as u64 * 4;

/// What one kernel is measured on.
pub(super) struct Set<'g> {
    gpu: &'g Gpu,
    kernel: &'g str,
    text: &'g str,
    size: u64,
    seeds: [u32; 2],
    source: Array,
    second: Option<Array>,
    target: Option<Array>,
    sums: wgpu::Buffer,
}

/// A kernel bound to all windows.
pub(super) struct Bound {
    pipeline: wgpu::ComputePipeline,
    groups: Vec<(wgpu::BindGroup, u32)>,
}

impl Bound {
    /// Goes over the whole array so many times.
    pub(super) fn put(&self, pass: &mut wgpu::ComputePass<'_>, units: u64) {
        pass.set_pipeline(&self.pipeline);
        for _ in 0..units {
            for (group, count) in &self.groups {
                let (columns, rows) = grid(*count);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(columns, rows, 1);
            }
        }
    }
}

/// Which kernel is bound to what.
struct Job<'a> {
    text: &'a str,
    entry: &'a str,
    loads: u32,
    checks: Checks,
    seed: u32,
    source: Option<&'a Array>,
    second: Option<&'a Array>,
    target: Option<&'a Array>,
}

impl<'g> Set<'g> {
    /// The arrays that `kernel` (of `text`) needs, each of `size` bytes, filled.
    pub(super) fn new(gpu: &'g Gpu, kernel: &'g str, size: u64, seed: u64, text: &'g str) -> Result<Self, ProbeError> {
        let array = |needed: bool| if needed { Array::new(gpu, size).map(Some) } else { Ok(None) };
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let sums = gpu.buffer(size / SPAN_BYTES * SUMS, usage)?;
        let low = seed as u32;
        let seeds = [pattern::mix(low), pattern::mix(low ^ 0x5555_5555)];
        let (second, target) = (array(kernel == "triad")?, array(kernel != "read")?);
        let set = Self { gpu, kernel, text, size, seeds, source: Array::new(gpu, size)?, second, target, sums };
        for (array, seed) in [(Some(&set.source), seeds[0]), (set.second.as_ref(), seeds[1])] {
            if array.is_some() {
                let job =
                    Job { entry: "fill", seed, source: None, second: None, target: array, ..set.job(1, Checks::Off) };
                set.once(Job { text: TEXT, ..job })?;
            }
        }
        Ok(set)
    }

    /// The measured kernel on its arrays, with so many vectors for each thread.
    pub(super) fn bind(&self, loads: u32, checks: Checks) -> Result<Bound, ProbeError> {
        self.bound(&self.job(loads, checks))
    }

    fn job(&self, loads: u32, checks: Checks) -> Job<'_> {
        let (text, entry) = (self.text, self.kernel);
        let (second, target) = (self.second.as_ref(), self.target.as_ref());
        Job { text, entry, loads, checks, seed: 0, source: Some(&self.source), second, target }
    }

    fn bound(&self, job: &Job<'_>) -> Result<Bound, ProbeError> {
        let gpu = self.gpu;
        let constants = [("LOADS", job.loads), ("LANES", LANES), ("ROW", ROW), ("SPAN", SPAN)];
        let text = format!("{}{}", pattern::WGSL, expand(job.text, &constants));
        let pipeline = gpu.kernel(&text, &format!("{}_array", job.entry), job.checks)?;
        let vectors = if job.entry == "read" { SPAN } else { LANES * job.loads };
        let mut groups = Vec::new();
        // All arrays have the same windows.
        for (at, &window) in self.source.windows.iter().enumerate() {
            let count = narrow(window.size / 16 / u64::from(vectors));
            let params = gpu.uniform(&[count, narrow(window.offset / 4), job.seed, SCALE.to_bits()])?;
            let mut bindings = vec![(0, params.as_entire_buffer_binding())];
            for (number, array) in [(1, job.source), (2, job.second), (3, job.target)] {
                bindings.extend(array.map(|array| (number, array.binding(array.windows[at]))));
            }
            if job.entry == "read" {
                let (offset, size) = (window.offset / SPAN_BYTES * SUMS, window.size / SPAN_BYTES * SUMS);
                bindings.push((4, BufferBinding { buffer: &self.sums, offset, size: BufferSize::new(size) }));
            }
            groups.push((gpu.bind(&pipeline, &bindings)?, count));
        }
        Ok(Bound { pipeline, groups })
    }

    /// Goes once over all windows, outside of any timing.
    fn once(&self, job: Job<'_>) -> Result<(), ProbeError> {
        let bound = self.bound(&job)?;
        self.gpu.run(|pass| bound.put(pass, 1))
    }

    /// Wipes what kernels write, so that only what comes after is checked.
    pub(super) fn clear(&self) -> Result<(), ProbeError> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.clear_buffer(&self.sums, 0, None);
        if let Some(target) = &self.target {
            encoder.clear_buffer(&target.buffer, 0, None);
        }
        let submission = self.gpu.queue.submit([encoder.finish()]);
        self.gpu.wait(submission)
    }

    /// Checks what the measured kernel left: a sum over every word, and blocks of its target in place.
    pub(super) fn verify(&self, cx: &Context<'_>) -> Result<(), ProbeError> {
        let [one, two] = self.seeds;
        if self.kernel != "triad" {
            return self.verify_with(cx, |place| pattern::word(one, place));
        }
        self.verify_with(cx, |place| {
            let [b, c] = [one, two].map(|seed| f32::from_bits(pattern::word(seed, place)));
            (b + SCALE * c).to_bits()
        })
    }

    fn verify_with(&self, cx: &Context<'_>, word: impl Fn(u32) -> u32 + Sync) -> Result<(), ProbeError> {
        cx.check()?;
        let (gpu, kernel) = (self.gpu, self.kernel);
        if let Some(target) = &self.target {
            for offset in check::blocks(self.size, cx.seed) {
                check::block(kernel, offset, &gpu.read(&target.buffer, offset, check::BLOCK)?, &word)?;
            }
            let job =
                Job { entry: "read", source: Some(target), second: None, target: None, ..self.job(4, Checks::Off) };
            self.once(Job { text: TEXT, ..job })?;
        }
        let found = gpu.read(&self.sums, 0, self.sums.size())?;
        check::compare(kernel, &found, &check::sums(self.size / 4, cx.cores, word))
    }
}

/// Numbers of words and workgroups of an array fit 32 bits: arrays have at most 8 GiB.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
