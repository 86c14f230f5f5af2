//! The environment record of a run: what the machine and its software were, so that two runs can be compared
//! honestly. Every leaf is a [`Fact`], so "unknown" is a value with a reason and never a guess or a gap.
//!
//! Sizes are in bytes and frequencies in MHz, as the field names say; they are part of the stored JSON. The list of
//! what to record is the union of what Phoronix Test Suite, SPDK's one-core-peak checklist, Google Benchmark and
//! clpeak record.

mod compare;
mod notable;
#[cfg(test)]
mod tests;

use crate::fact::Fact;
use serde::{Deserialize, Serialize};

pub use compare::{Class, Difference};

/// All that is known about where a run took place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Which machine it was.
    pub machine: Machine,
    /// The processor.
    pub cpu: Cpu,
    /// Kernel, distribution and the settings that change results.
    pub os: Os,
    /// What stands between us and the hardware.
    pub virtualization: Virtualization,
    /// The limits of our control group.
    pub cgroup: Cgroup,
    /// Main memory.
    pub memory: Memory,
    /// The storage beneath the folders that the run writes to.
    pub storage: Storage,
    /// Graphics and compute devices; empty when there is none.
    pub gpus: Fact<Vec<Gpu>>,
    /// Load and pressure around the run. Volatile.
    pub load: Load,
    /// Temperatures at the start. Volatile.
    pub temperatures: Fact<Vec<Temperature>>,
    /// Power supply and energy counters.
    pub power: Power,
    /// Versions of the tools, read only when asked for.
    pub toolchain: Toolchain,
    /// The engine itself.
    pub binary: Binary,
}

/// Which machine it was, without naming it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// A stable id that cannot be turned back into a serial number or a host name.
    pub id: Fact<String>,
    /// Vendor and product as the firmware names them.
    pub product: Fact<String>,
    /// The mainboard.
    pub board: Fact<String>,
    /// Firmware version and date.
    pub firmware: Fact<String>,
}

/// The processor as the system describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// Marketing name.
    pub model: Fact<String>,
    /// Vendor id such as `AuthenticAMD`.
    pub vendor: Fact<String>,
    /// CPUID family.
    pub family: Fact<u32>,
    /// CPUID model number.
    pub model_number: Fact<u32>,
    /// CPUID stepping.
    pub stepping: Fact<u32>,
    /// Microcode revision as printed by the kernel.
    pub microcode: Fact<String>,
    /// Packages.
    pub sockets: Fact<u32>,
    /// Cores, over all packages.
    pub physical_cores: Fact<u32>,
    /// Online hardware threads.
    pub logical_cpus: Fact<u32>,
    /// Hardware threads that this process may run on, by its affinity.
    pub allowed_count: Fact<u32>,
    /// The same as a list, e.g. `0-3,8-11`.
    pub allowed_cpus: Fact<String>,
    /// Simultaneous multithreading: `on`, `off`, `notsupported`, ...
    pub smt: Fact<String>,
    /// Kinds of core on a hybrid part; empty on others.
    pub core_types: Fact<Vec<CoreType>>,
    /// The CPUs that share each last-level cache.
    pub l3_groups: Fact<Vec<L3Group>>,
    /// Caches as declared; a virtual machine may own less.
    pub caches: Fact<Vec<Cache>>,
    /// Instruction set extensions that change results, sorted.
    pub isa: Fact<Vec<String>>,
    /// Frequency governor; several, joined by `, `, when the policies differ.
    pub governor: Fact<String>,
    /// Frequency driver.
    pub driver: Fact<String>,
    /// Energy-performance preference.
    pub energy_preference: Fact<String>,
    /// Whether boost clocks are allowed.
    pub boost: Fact<bool>,
    /// Lowest frequency of any policy.
    pub min_mhz: Fact<f64>,
    /// Highest frequency of any policy.
    pub max_mhz: Fact<f64>,
    /// Lowest of the upper limits that are set on the frequency policies now.
    pub limit_mhz: Fact<f64>,
    /// Mean frequency of the policies. Volatile.
    pub current_mhz: Fact<f64>,
    /// Time stamp counter flags, sorted.
    pub tsc: Fact<Vec<String>>,
    /// Mode of the 3D V-Cache driver: `cache` or `frequency`.
    pub x3d_mode: Fact<String>,
}

/// One kind of core of a hybrid processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoreType {
    /// `performance` or `efficiency`.
    pub name: String,
    /// CPU list.
    pub cpus: String,
}

/// The CPUs beneath one last-level cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct L3Group {
    /// CPU list.
    pub cpus: String,
    /// Declared size of this cache.
    pub size_bytes: u64,
}

/// All caches of one kind, size and shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// `L1d`, `L1i`, `L2`, `L3`, ...
    pub name: String,
    /// Size of one instance.
    pub size_bytes: u64,
    /// Line size, when declared.
    pub line_bytes: Option<u32>,
    /// Associativity, when declared.
    pub ways: Option<u32>,
    /// The CPUs that share each instance, one list an instance.
    pub shared_cpu_lists: Vec<String>,
}

/// Kernel, distribution and settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Os {
    /// `linux`, ...
    pub name: Fact<String>,
    /// Kernel release.
    pub kernel: Fact<String>,
    /// Kernel build string, with its preemption model.
    pub kernel_build: Fact<String>,
    /// Boot parameters that change results; others are not kept, they may hold secrets.
    pub cmdline: Fact<Vec<String>>,
    /// Distribution and version.
    pub distribution: Fact<String>,
    /// Instruction set architecture.
    pub arch: Fact<String>,
    /// The C library of this process and its version.
    pub libc: Fact<String>,
    /// Clock source in use.
    pub clock_source: Fact<String>,
    /// State of each CPU vulnerability and its mitigation.
    pub vulnerabilities: Fact<Vec<Vulnerability>>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub thp: Fact<String>,
    /// When the kernel compacts memory for them.
    pub thp_defrag: Fact<String>,
    /// Reserved huge pages of the default size.
    pub hugepages_total: Fact<u64>,
    /// Those free now. Volatile.
    pub hugepages_free: Fact<u64>,
    /// Default huge page size.
    pub hugepage_bytes: Fact<u64>,
    /// Memory nodes and their CPUs.
    pub numa_nodes: Fact<Vec<NumaNode>>,
    /// Automatic NUMA balancing.
    pub numa_balancing: Fact<bool>,
    /// Address space randomisation: 0 off, 1 partial, 2 full.
    pub aslr: Fact<u32>,
    /// Who may use performance counters.
    pub perf_event_paranoid: Fact<i32>,
    /// 0 allowed, 1 restricted, 2 off.
    pub io_uring_disabled: Fact<u32>,
    /// Soft limit of locked memory; null is no limit.
    pub memlock_bytes: Fact<Option<u64>>,
    /// Soft limit of open files; null is no limit.
    pub nofile: Fact<Option<u64>>,
    /// Swap space, zram included.
    pub swap_bytes: Fact<u64>,
    /// Whether some of it is compressed memory.
    pub zram: Fact<bool>,
    /// How eagerly the kernel swaps.
    pub swappiness: Fact<u32>,
}

/// One CPU vulnerability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// Name as the kernel gives it.
    pub name: String,
    /// Affected or not, and the mitigation.
    pub state: String,
}

/// One memory node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumaNode {
    /// Number of the node.
    pub node: u32,
    /// Its CPUs; empty for a node of memory only.
    pub cpus: String,
}

/// What stands between us and the hardware.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Virtualization {
    /// Name of the hypervisor; null on bare metal.
    pub hypervisor: Fact<Option<String>>,
    /// Kind of container; null outside one.
    pub container: Fact<Option<String>>,
}

/// The limits of our control group, the tightest on the way to its root.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cgroup {
    /// `1`, `2` or `hybrid`.
    pub version: Fact<String>,
    /// CPU time per time, in CPUs; null is no limit.
    pub cpu_quota: Fact<Option<f64>>,
    /// Memory limit; null is none.
    pub memory_limit_bytes: Fact<Option<u64>>,
    /// CPUs that the group may use; null is all.
    pub cpuset: Fact<Option<String>>,
    /// What the group holds, page cache included. Volatile.
    pub memory_used_bytes: Fact<u64>,
    /// How often the group ran into its memory limit. Volatile.
    pub memory_limit_hits: Fact<u64>,
    /// Processes of the group that were killed for want of memory. Volatile.
    pub oom_kills: Fact<u64>,
}

/// Main memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// All that the kernel manages.
    pub total_bytes: Fact<u64>,
    /// What could be had without swapping. Volatile.
    pub available_bytes: Fact<u64>,
    /// Modules as SMBIOS lists them; needs root.
    pub dimms: Fact<Vec<Dimm>>,
    /// Populated channels, when the firmware names them.
    pub channels: Fact<u32>,
}

/// One memory module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dimm {
    /// Slot name.
    pub locator: String,
    /// Bank or channel name.
    pub bank: String,
    /// Size of the module.
    pub size_bytes: u64,
    /// Configured speed in million transfers per second, when stated.
    pub speed_mts: Option<u32>,
    /// `DDR4`, `DDR5`, ...; a number when unnamed.
    pub technology: String,
}

/// The storage beneath the two folders that a run writes to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Storage {
    /// Where results go.
    pub results: Disk,
    /// Where test files go.
    pub scratch: Disk,
}

/// One folder's file system and the device beneath.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disk {
    /// File system type.
    pub filesystem: Fact<String>,
    /// Mount options of the mount and of the file system.
    pub mount_options: Fact<String>,
    /// Block device, the whole disk and not the partition.
    pub device: Fact<String>,
    /// Model name of the device.
    pub model: Fact<String>,
    /// Version of the device's own software.
    pub firmware: Fact<String>,
    /// PCIe link of an NVMe drive, now and at most.
    pub link: Fact<String>,
    /// I/O scheduler in use.
    pub scheduler: Fact<String>,
    /// `write back` or `write through`.
    pub write_cache: Fact<String>,
    /// Whether it is a spinning disk.
    pub rotational: Fact<bool>,
    /// Size of the device.
    pub size_bytes: Fact<u64>,
    /// Space left for us on the file system. Volatile.
    pub free_bytes: Fact<u64>,
}

/// One graphics or compute device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    /// Name, or vendor and device number where no driver gives a name.
    pub name: String,
    /// Kernel driver; unnamed when none is bound.
    pub driver: Option<String>,
    /// Driver version, when it tells.
    pub driver_version: Option<String>,
    /// Memory of its own, when the driver tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// Load around the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// At the start.
    pub before: LoadPoint,
    /// At the end.
    pub after: LoadPoint,
}

/// Load and pressure at one moment. Pressures are the share of the last ten seconds, 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadPoint {
    /// Load average of one minute.
    pub average_1: Fact<f64>,
    /// Of five minutes.
    pub average_5: Fact<f64>,
    /// Of fifteen minutes.
    pub average_15: Fact<f64>,
    /// Some task waited for a CPU.
    pub pressure_cpu: Fact<f64>,
    /// Some task waited for I/O.
    pub pressure_io: Fact<f64>,
    /// Some task waited for memory.
    pub pressure_memory: Fact<f64>,
}

/// One temperature sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// Chip and sensor, or thermal zone.
    pub label: String,
    /// Degrees Celsius.
    pub celsius: f64,
}

/// Power supply and energy counters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Power {
    /// `mains` or `battery`.
    pub source: Fact<String>,
    /// Whether there is a battery.
    pub battery: Fact<bool>,
    /// `Charging`, `Discharging`, `Full`, ... Volatile.
    pub battery_status: Fact<String>,
    /// Share of the battery that is left, 0 to 1. Volatile.
    pub battery_charge: Fact<f64>,
    /// Power that flows into or out of the battery, in watts. Volatile.
    pub battery_watts: Fact<f64>,
    /// RAPL domains; empty when there are none.
    pub rapl: Fact<Vec<String>>,
}

/// Versions as each tool prints them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Toolchain {
    /// `rustc --version`.
    pub rustc: Fact<String>,
    /// `cargo --version`.
    pub cargo: Fact<String>,
    /// First line of `cc --version`.
    pub cc: Fact<String>,
    /// `python3 --version`.
    pub python: Fact<String>,
    /// `git --version`.
    pub git: Fact<String>,
}

/// The engine itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Binary {
    /// Version of the engine.
    pub version: Fact<String>,
    /// SHA-256 of the executable file, in hexadecimal.
    pub sha256: Fact<String>,
    /// `debug` or `release`.
    pub profile: Fact<String>,
}
