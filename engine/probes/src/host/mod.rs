//! The host: its facts, what disturbs a sample, what happens in the background, the code under test, and what this
//! machine can and cannot measure.
//!
//! Facts are read from `/proc`, `/sys` and `/etc` under a root folder, so that a recorded tree reads like a machine;
//! only a few need a system call and are unknown in a recorded tree.

pub mod allocator;
pub mod caches;
mod cgroup;
mod code;
mod collect;
mod cpu;
pub(crate) mod cpu_list;
mod cpufreq;
pub mod doctor;
mod facts;
mod gpu;
mod hwmon;
mod live;
mod load;
mod machine;
mod memory;
pub mod monitor;
mod mounts;
pub mod nominal;
mod os;
pub mod pairs;
pub(crate) mod pcie;
mod program;
mod rapl;
#[cfg(test)]
mod recorded;
pub mod room;
mod sensors;
pub mod smbios;
mod storage;
mod supply;
mod toolchain;
pub(crate) mod tree;
pub(crate) mod trial;
mod virtualization;
pub mod watcher;
pub mod witness;

pub use code::code_under_test;
pub use collect::{Options, binary, collect, load_now};
pub use facts::{Facts, facts};
pub use machine::machine_id;
pub use monitor::{Monitor, MonitorSummary};
pub use program::ProgramError;
pub use toolchain::toolchain;
pub use watcher::{Watch, Watcher};
pub use witness::Witness;
