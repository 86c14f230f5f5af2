//! What measures this machine: one file a probe, and the facts about the host.
pub mod anam;
pub mod build;
pub mod cache;
pub mod cpu;
pub mod ffi;
pub mod gpu;
pub mod harness;
pub mod host;
pub mod htm;
pub mod kernel;
pub mod memory;
pub mod nam;
pub mod network;
pub mod probe;
pub mod registry;
pub mod storage;
pub mod tool;

pub use probe::{Context, Probe, ProbeError};
