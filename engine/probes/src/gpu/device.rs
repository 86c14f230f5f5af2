//! An opened device: its buffers, kernels and read-backs. The first error of the driver is kept and ends the round.

#![expect(unsafe_code, reason = "measured kernels run without the library's added checks")]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use engine_core::args::Args;
use engine_core::step::{Skip, SkipKind};
use wgpu::{BufferUsages, Features, MapMode, PollType};

use super::adapter::{self, ADAPTER, Found};
use crate::{Context, ProbeError};

/// A device that takes work. A clone is another handle of the same one.
#[derive(Clone)]
pub(super) struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    /// Whether it is a program on the processor.
    pub(super) software: bool,
    /// Bytes of device memory, where the driver tells.
    pub(super) memory: Option<u64>,
    features: Features,
    faults: Arc<Mutex<Option<ProbeError>>>,
    deadline: Instant,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("software", &self.software).field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// Which checks the library adds to a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    /// None: the kernel as it is written.
    Off,
    /// Bounds of every access and of every loop, as in a browser.
    On,
}

impl Gpu {
    /// Opens the device that the option names, and marks what the round records with its name.
    pub(super) fn open(args: &Args, cx: &mut Context<'_>) -> Result<Self, ProbeError> {
        let found = adapter::choose(adapter::all()?, args.text(ADAPTER.name))?;
        let Found { adapter, info, memory } = found;
        let (limits, offered) = (adapter.limits(), adapter.features());
        let features =
            offered & (Features::TIMESTAMP_QUERY | Features::SHADER_F16 | Features::MAPPABLE_PRIMARY_BUFFERS);
        let descriptor = wgpu::DeviceDescriptor {
            label: None,
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = adapter::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            Skip::new(SkipKind::Hardware, format!("`{}` cannot be opened: {error}", info.name), "choose another device")
        })?;
        let software = adapter::is_software(&info);
        cx.mark("device", info.name.as_str());
        cx.mark("software", if software { "true" } else { "false" });
        cx.note(format!("device `{}`, driver {} {}", info.name, info.driver, info.driver_info));
        if software {
            cx.note("a software device, a program on the processor: never rank it with real ones");
        }
        let faults = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let first = &mut *keep.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(of_driver(&error));
        }));
        Ok(Self { device, queue, limits, software, memory, features, faults, deadline: cx.deadline() })
    }

    /// The first error that the driver or the library reported.
    pub(super) fn faultless(&self) -> Result<(), ProbeError> {
        let first = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        first.map_or(Ok(()), Err)
    }

    /// When the round has to end.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether passes can have timestamps.
    pub(super) fn has_timestamps(&self) -> bool {
        self.features.contains(Features::TIMESTAMP_QUERY)
    }

    /// Whether kernels can have numbers of 16 bits.
    pub(super) fn has_half(&self) -> bool {
        self.features.contains(Features::SHADER_F16)
    }

    /// Whether a buffer that the host reads may also be copied from: only such a one surely lies in the host's memory.
    pub(super) fn copies_from_host(&self) -> bool {
        self.features.contains(Features::MAPPABLE_PRIMARY_BUFFERS)
    }

    /// A buffer; its content is zero.
    pub(super) fn buffer(&self, size: u64, usage: BufferUsages) -> Result<wgpu::Buffer, ProbeError> {
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        self.faultless().map(|()| buffer)
    }

    /// A buffer of the given words that kernels can read as a uniform.
    pub(super) fn uniform(&self, words: &[u32]) -> Result<wgpu::Buffer, ProbeError> {
        let bytes = bytes(words);
        // Rounded up to what a structure of uniforms takes.
        let size = (bytes.len() as u64).next_multiple_of(16);
        let buffer = self.buffer(size, BufferUsages::UNIFORM | BufferUsages::COPY_DST)?;
        self.queue.write_buffer(&buffer, 0, &bytes);
        self.faultless().map(|()| buffer)
    }

    /// A kernel from its text; the layout of its bindings is what it uses.
    pub(super) fn kernel(&self, text: &str, entry: &str, checks: Checks) -> Result<wgpu::ComputePipeline, ProbeError> {
        let source = wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(text.into()) };
        let module = match checks {
            Checks::On => self.device.create_shader_module(source),
            // SAFETY: our kernels stay within the buffers that they are given (the dispatch covers whole windows, or
            // they return first), and every loop ends at a count from the host.
            Checks::Off => unsafe {
                self.device.create_shader_module_trusted(source, wgpu::ShaderRuntimeChecks::unchecked())
            },
        };
        let kernel = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        });
        self.faultless().map(|()| kernel)
    }

    /// Binds buffers, whole or in part, to the numbers that a kernel uses.
    pub(super) fn bind(
        &self,
        kernel: &wgpu::ComputePipeline,
        bindings: &[(u32, wgpu::BufferBinding<'_>)],
    ) -> Result<wgpu::BindGroup, ProbeError> {
        let mut entries = Vec::new();
        for (binding, buffer) in bindings {
            let resource = wgpu::BindingResource::Buffer(buffer.clone());
            entries.push(wgpu::BindGroupEntry { binding: *binding, resource });
        }
        let layout = kernel.get_bind_group_layout(0);
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &entries,
        });
        self.faultless().map(|()| group)
    }

    /// One pass with the given work, waited for.
    pub(super) fn run(&self, work: impl FnOnce(&mut wgpu::ComputePass<'_>)) -> Result<(), ProbeError> {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        work(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        let submission = self.queue.submit([encoder.finish()]);
        self.wait(submission)
    }

    /// Sleeps until a submission is done, at most until the round's time is over.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), ProbeError> {
        let timeout = Some(self.deadline.saturating_duration_since(Instant::now()));
        let outcome = self.device.poll(PollType::Wait { submission_index: Some(submission), timeout });
        self.polled(outcome.map(|_| ()))
    }

    /// What a poll that waited comes to.
    pub(super) fn polled(&self, outcome: Result<(), wgpu::PollError>) -> Result<(), ProbeError> {
        self.faultless()?;
        outcome.map_err(|error| match error {
            wgpu::PollError::Timeout => ProbeError::Cancelled,
            other => ProbeError::failed(format!("the device cannot be waited for: {other}")),
        })
    }

    /// Waits until a buffer is mapped for reading, or for writing.
    pub(super) fn map(&self, buffer: &wgpu::Buffer, mode: MapMode) -> Result<(), ProbeError> {
        let state = Arc::new(Mutex::new(None));
        let told = Arc::clone(&state);
        buffer.map_async(mode, .., move |outcome| *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome));
        let timeout = Some(self.deadline.saturating_duration_since(Instant::now()));
        self.polled(self.device.poll(PollType::Wait { submission_index: None, timeout }).map(|_| ()))?;
        match state.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(ProbeError::failed(format!("a buffer cannot be mapped: {error}"))),
            None => Err(ProbeError::failed("a buffer was not mapped although the device is idle")),
        }
    }

    /// The content of a part of a buffer (usage `COPY_SRC`), as words.
    pub(super) fn read(&self, buffer: &wgpu::Buffer, offset: u64, size: u64) -> Result<Vec<u32>, ProbeError> {
        let staging = self.buffer(size, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, size);
        let submission = self.queue.submit([encoder.finish()]);
        self.wait(submission)?;
        self.mapped(&staging)
    }

    /// The content of a buffer that can be mapped, as words.
    pub(super) fn mapped(&self, staging: &wgpu::Buffer) -> Result<Vec<u32>, ProbeError> {
        self.map(staging, MapMode::Read)?;
        let view = staging.get_mapped_range(..);
        let view = view.map_err(|error| ProbeError::failed(format!("a mapped buffer cannot be read: {error}")))?;
        let words = view.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        drop(view);
        staging.unmap();
        Ok(words)
    }
}

/// Words as the device sees them.
pub(super) fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Memory that runs out is a skip; all else is a failure.
fn of_driver(error: &wgpu::Error) -> ProbeError {
    match error {
        wgpu::Error::OutOfMemory { .. } => Skip::new(
            SkipKind::Resource,
            "the device has not enough memory",
            "choose a smaller size, or another device",
        )
        .into(),
        other => ProbeError::failed(format!("the device refuses: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_runs_out_is_a_skip_and_what_the_library_refuses_a_failure() {
        let skip = of_driver(&wgpu::Error::OutOfMemory { source: "full".into() });
        assert!(matches!(skip, ProbeError::Skip(skip) if skip.kind == SkipKind::Resource));
        let refused = wgpu::Error::Validation { source: "x".into(), description: "no such binding".to_owned() };
        assert!(matches!(of_driver(&refused), ProbeError::Failed(failure) if failure.message.contains("binding")));
    }

    #[test]
    fn words_are_little_endian() {
        assert_eq!(bytes(&[0x0102_0304, 5]), [4, 3, 2, 1, 5, 0, 0, 0]);
    }
}
