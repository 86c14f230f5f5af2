//! Arrays that may be larger than one binding: they are bound in windows, and dispatched in two dimensions.

use wgpu::{BufferBinding, BufferUsages};

use super::device::Gpu;
use crate::ProbeError;

/// Arrays and windows are whole multiples of this, so that every kernel covers them without a rest.
pub(super) const GRAIN: u64 = 1 << 20;
/// Threads of a workgroup.
pub(super) const LANES: u32 = 256;
/// Workgroups in a row of a dispatch; every device allows twice as many.
pub(super) const ROW: u32 = 32_768;

/// An array of bytes on the device.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) buffer: wgpu::Buffer,
    pub(super) windows: Vec<Window>,
}

/// A part of an array that is bound at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Array {
    /// An array of `size` bytes, a multiple of [`GRAIN`].
    pub(super) fn new(gpu: &Gpu, size: u64) -> Result<Self, ProbeError> {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        Ok(Self {
            buffer: gpu.buffer(size, usage)?,
            windows: windows(size, gpu.limits.max_storage_buffer_binding_size),
        })
    }

    /// One window as a binding.
    pub(super) fn binding(&self, window: Window) -> BufferBinding<'_> {
        BufferBinding { buffer: &self.buffer, offset: window.offset, size: wgpu::BufferSize::new(window.size) }
    }
}

/// As few windows as `limit` allows, of whole grains, as equal as possible.
fn windows(size: u64, limit: u64) -> Vec<Window> {
    let most = (limit / GRAIN).max(1);
    let grains = size / GRAIN;
    let count = grains.div_ceil(most).max(1);
    let starts: Vec<u64> = (0..=count).map(|at| at * grains / count * GRAIN).collect();
    starts.windows(2).map(|two| Window { offset: two[0], size: two[1] - two[0] }).collect()
}

/// Columns and rows of a dispatch of so many workgroups.
pub(super) fn grid(groups: u32) -> (u32, u32) {
    (groups.min(ROW), groups.div_ceil(ROW))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_array_once_and_stay_below_the_limit() {
        for (size, limit) in
            [(1 << 30, 128 << 20), (1 << 30, 0x7fff_ffff), (GRAIN, 128 << 20), (777 * GRAIN, 100 << 20)]
        {
            let windows = windows(size, limit);
            assert_eq!(windows.iter().map(|window| window.size).sum::<u64>(), size);
            assert!(windows.iter().all(|window| window.size <= limit && window.size % GRAIN == 0 && window.size > 0));
            let mut end = 0;
            for window in &windows {
                assert_eq!(window.offset, end);
                end += window.size;
            }
        }
        assert_eq!(windows(1 << 30, 0x7fff_ffff).len(), 1);
        assert_eq!(windows(1 << 30, 128 << 20).len(), 8);
    }

    #[test]
    fn a_dispatch_covers_all_workgroups() {
        assert_eq!((grid(7), grid(ROW), grid(ROW + 1)), ((7, 1), (ROW, 1), (ROW, 2)));
    }
}
