//! `gpu.transfer`: how fast data gets to the device's memory and back.
//!
//! Method: `upload` and `download` are the device's own copies between its memory and a buffer in the host's, by the
//! slope of the wall clock between submissions of one and of twice as many copies: what the bus carries. `write` and
//! `fetch` are the whole way that programs go, through staging buffers: the host writes into the mapped buffer, submits
//! and waits; the device copies back, the buffer is mapped and the host reads every word.
//!
//! What would make the number wrong: data that did not arrive (what comes back is compared word by word with what was
//! sent, after the target was wiped); pages touched for the first time (every buffer was used before); a buffer for
//! uploads, which a driver may put into the device's own memory for the host to write through the bus: a copy from there
//! crosses no bus (an H100 would show 420 GB/s over a bus of 63), so `upload` copies from a buffer that the host reads,
//! and is not recorded where the device cannot; a device that shares the processor's memory, where nothing crosses a
//! bus (software devices are marked).

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;
use std::time::Duration;
use wgpu::{BufferUsages, MapMode};

use super::adapter::ADAPTER;
use super::check;
use super::device::{Gpu, bytes};
use super::pattern;
use super::stamps::{Pass, settle};
use super::windows::GRAIN;
use crate::harness::{Moment, Stopwatch, Target, calibrate};
use crate::{Context, Probe, ProbeError};

const SIZE: ParamDef = ParamDef {
    name: "size",
    kind: ParamKind::Size { min: 1_048_576.0, max: 1_073_741_824.0 },
    default: Some("64 MiB"),
    tiny: Some("1 MiB"),
    doc: "of the data that is carried at once",
};

const UPLOAD: MetricDef =
    MetricDef::rate("upload", Unit::BytesPerSecond, "copied by the device from a buffer in the host's memory");
const DOWNLOAD: MetricDef =
    MetricDef::rate("download", Unit::BytesPerSecond, "copied by the device to a buffer in the host's memory");
const WRITE: MetricDef = MetricDef::rate(
    "write",
    Unit::BytesPerSecond,
    "from the host's memory to the device's, by way of the staging buffer",
);
const FETCH: MetricDef =
    MetricDef::rate("fetch", Unit::BytesPerSecond, "from the device's memory until the host has read every word");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.transfer",
        summary: "Upload to and download from a graphics device through mapped staging buffers.",
        method: 1,
        about: "`upload` and `download` are the device's copies between a buffer in the host's memory and its own, by \
                the slope of the wall clock between submissions of one and of twice as many copies; `write` and \
                `fetch` are the whole way from and to the host's memory through staging buffers. The number is wrong \
                when data did not arrive, so what comes back is compared word by word, or when the driver keeps the \
                source of an upload on the device, so `upload` copies from a buffer that the host reads; on a device \
                that shares the processor's memory nothing crosses a bus.",
        params: &[SIZE, ADAPTER],
        metrics: &[WRITE, FETCH, UPLOAD, DOWNLOAD],
        round_seconds: 2.5,
        process: RoundProcess::Child,
        noise: OwnNoise::Crowd,
    },
    run,
};

/// The buffers on both sides of the bus.
struct Road<'g> {
    gpu: &'g Gpu,
    up: wgpu::Buffer,
    far: wgpu::Buffer,
    down: wgpu::Buffer,
    size: u64,
}

fn run(args: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let gpu = Gpu::open(args, cx)?;
    let size = args.whole(SIZE.name).min(gpu.limits.max_buffer_size) / GRAIN * GRAIN;
    let road = Road {
        up: gpu.buffer(size, BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC)?,
        far: gpu.buffer(size, BufferUsages::COPY_SRC | BufferUsages::COPY_DST)?,
        down: gpu.buffer(
            size,
            match gpu.copies_from_host() {
                true => BufferUsages::MAP_READ | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
                false => BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            },
        )?,
        gpu: &gpu,
        size,
    };
    let seed = pattern::mix(cx.seed as u32);
    let words: Vec<u32> = (0..(size / 4) as u32).map(|place| pattern::word(seed, place)).collect();
    let data = bytes(&words);

    let (mut writes, mut fetches) = (Vec::new(), Vec::new());
    // The first of each touches pages and compiles; it is checked, but does not count.
    for round in 0..if cx.tiny { 3 } else { 6 } {
        cx.check()?;
        road.wipe()?;
        let write = road.write(&data)?;
        let fetch = road.fetch(&words)?;
        if round > 0 {
            writes.push(size as f64 / write.as_secs_f64());
            fetches.push(size as f64 / fetch.as_secs_f64());
        }
    }
    cx.mark("clock", "wall");
    cx.record_all(&WRITE, &writes);
    cx.record_all(&FETCH, &fetches);
    if gpu.copies_from_host() {
        // The words are in `down` since the last fetch.
        road.clear(&road.far)?;
        let uploads = road.copies(cx, &road.down, &road.far)?;
        cx.record_all(&UPLOAD, &uploads);
        road.clear(&road.down)?;
    } else {
        cx.note("`upload` is not recorded: the driver lets no buffer in the host's memory be the source of a copy");
    }
    let downloads = road.copies(cx, &road.far, &road.down)?;
    cx.record_all(&DOWNLOAD, &downloads);
    road.compare(&words).map(|_| ())
}

impl Road<'_> {
    /// Clears the targets, so that old data is not taken for new.
    fn wipe(&self) -> Result<(), ProbeError> {
        self.clear(&self.far)?;
        self.clear(&self.down)
    }

    fn clear(&self, buffer: &wgpu::Buffer) -> Result<(), ProbeError> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.clear_buffer(buffer, 0, None);
        let submission = self.gpu.queue.submit([encoder.finish()]);
        self.gpu.wait(submission)
    }

    /// Copies between two buffers, so many times; what the submission and its end took.
    fn copy(&self, from: &wgpu::Buffer, to: &wgpu::Buffer, times: u64) -> Result<Duration, ProbeError> {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        (0..times).for_each(|_| encoder.copy_buffer_to_buffer(from, 0, to, 0, self.size));
        let commands = encoder.finish();
        let watch = Stopwatch::start();
        let submission = self.gpu.queue.submit([commands]);
        let outcome = self.gpu.wait(submission);
        let took = watch.stop();
        outcome.map(|()| took)
    }

    /// From the host's memory to the device's.
    fn write(&self, data: &[u8]) -> Result<Duration, ProbeError> {
        let wrong =
            |error: wgpu::MapRangeError| ProbeError::failed(format!("a mapped buffer cannot be written: {error}"));
        self.gpu.map(&self.up, MapMode::Write)?;
        let mut view = self.up.get_mapped_range_mut(..).map_err(wrong)?;
        let start = Moment::now();
        view.copy_from_slice(data);
        drop(view);
        self.up.unmap();
        let written = Moment::now().since(start);
        Ok(written + self.copy(&self.up, &self.far, 1)?)
    }

    /// From the device's memory until every word was compared with what was sent.
    fn fetch(&self, words: &[u32]) -> Result<Duration, ProbeError> {
        Ok(self.copy(&self.far, &self.down, 1)? + self.compare(words)?)
    }

    /// Maps what the device copied last and compares every word with what was sent.
    fn compare(&self, words: &[u32]) -> Result<Duration, ProbeError> {
        let start = Moment::now();
        self.gpu.map(&self.down, MapMode::Read)?;
        let view = self.down.get_mapped_range(..);
        let view = view.map_err(|error| ProbeError::failed(format!("a mapped buffer cannot be read: {error}")))?;
        let arrived = arrived(&view, words);
        let took = Moment::now().since(start);
        let found: Vec<u32> = if arrived { Vec::new() } else { as_words(&view).collect() };
        drop(view);
        self.down.unmap();
        if arrived { Ok(took) } else { check::same("words that came back", &found, words).map(|()| took) }
    }

    /// Rates of the device's copies.
    fn copies(&self, cx: &Context<'_>, from: &wgpu::Buffer, to: &wgpu::Buffer) -> Result<Vec<f64>, ProbeError> {
        let duration = Duration::from_millis(if cx.tiny { 1 } else { 10 });
        let target = Target { duration, max_iterations: 1 << 20 };
        self.copy(from, to, 1)?;
        let times = calibrate(target, 1, |times| {
            cx.check()?;
            self.copy(from, to, times)
        })?
        .iterations;
        let mut pairs = Vec::new();
        for _ in 0..if cx.tiny { 3 } else { 10 } {
            cx.check()?;
            let pass =
                |times: u64| self.copy(from, to, times).map(|took| Pass { wall: took.as_secs_f64(), stamp: None });
            pairs.push([pass(times)?, pass(2 * times)?]);
        }
        Ok(settle(&pairs, times, 0.0).seconds.iter().map(|seconds| self.size as f64 / seconds).collect())
    }
}

fn as_words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// Whether all words arrived: reads each of them.
fn arrived(bytes: &[u8], words: &[u32]) -> bool {
    bytes.len() == 4 * words.len()
        && as_words(bytes).zip(words).fold(0, |wrong, (one, other)| wrong | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lost_bit_is_seen() {
        let words: Vec<u32> = (0..1000).map(|place| pattern::word(3, place)).collect();
        let mut data = bytes(&words);
        assert!(arrived(&data, &words));
        assert!(!arrived(&data[4..], &words));
        data[3_999] ^= 0x80;
        assert!(!arrived(&data, &words));
    }
}
