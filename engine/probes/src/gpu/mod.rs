//! Graphics and compute devices, through Vulkan. Every probe runs in a child process: a driver may crash or hang, and
//! then ends that child only. The loader is opened at run time, so that the binary starts where there is none.
//!
//! What all share: `adapter` finds and chooses the device, `device` opens it, `meter` takes the passes, `stamps` judges
//! the device's clock against the wall clock, `pattern` is the content of all buffers, `source` the kernels as text.
//! No other part of the program knows `wgpu`.

mod adapter;
mod arrays;
pub mod bandwidth;
mod check;
pub mod compute;
mod device;
pub mod devices;
mod half;
pub mod latency;
pub mod launch;
pub mod local;
mod meter;
mod pattern;
mod source;
mod stamps;
pub mod transfer;
mod windows;

#[cfg(test)]
mod tests;
