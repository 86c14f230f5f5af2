//! The machine over time.

use engine_core::host_sample::HostSample;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Join, finite};

/// The machine over one period. Shares are 0 to 1 of one CPU or of all; null where the system does not tell. Where periods
/// were joined, rates and shares are means over time, and `cpu_max`, `memory`, `hottest` and `own_memory` the largest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct HostPoint {
    /// End of the period, in seconds since the run's start.
    pub(crate) at: f64,
    /// Length of the period, in seconds.
    pub(crate) seconds: f64,
    /// Busy share of all CPUs.
    pub(crate) cpu: Option<f64>,
    /// The same, most of the periods that were joined.
    pub(crate) cpu_max: Option<f64>,
    /// Busy share of each CPU; null where there are more than 64, or periods were joined.
    pub(crate) cores: Option<Vec<f64>>,
    /// Share of memory in use.
    pub(crate) memory: Option<f64>,
    /// Bytes of swap in use.
    pub(crate) swap_bytes: u64,
    /// Bytes per second read from all disks.
    pub(crate) disk_read: Option<f64>,
    /// Bytes per second written to all disks.
    pub(crate) disk_write: Option<f64>,
    /// Bytes per second received by all interfaces but the loopback.
    pub(crate) network_received: Option<f64>,
    /// Bytes per second sent by all interfaces but the loopback.
    pub(crate) network_sent: Option<f64>,
    /// Bytes per second over the loopback interface.
    pub(crate) loopback: Option<f64>,
    /// Share of the period in which some task waited for a CPU.
    pub(crate) pressure_cpu: Option<f64>,
    /// Share of the period in which some task waited for I/O.
    pub(crate) pressure_io: Option<f64>,
    /// Share of the period in which some task waited for memory.
    pub(crate) pressure_memory: Option<f64>,
    /// The hottest sensor in degrees Celsius.
    pub(crate) hottest: Option<f64>,
    /// Mean clock of the CPUs, in hertz.
    pub(crate) frequency: Option<f64>,
    /// Power of the processors, in watts.
    pub(crate) power: Option<f64>,
    /// Load average of one minute.
    pub(crate) load: Option<f64>,
    /// CPU time of the engine over time: 1 is one whole CPU.
    pub(crate) own_cpu: Option<f64>,
    /// Bytes of memory that the engine holds.
    pub(crate) own_memory: u64,
}

impl HostPoint {
    /// A sample; `before` is when the sample before it was taken.
    pub(crate) fn of(sample: &HostSample, before: f64) -> Self {
        let some = |value: Option<f64>| value.and_then(finite);
        Self {
            at: finite(sample.at).unwrap_or(0.0),
            seconds: finite((sample.at - before).max(0.0)).unwrap_or(0.0),
            cpu: finite(sample.cpu),
            cpu_max: finite(sample.cpu),
            cores: (sample.cores.len() <= 64)
                .then(|| sample.cores.iter().map(|share| finite(*share).unwrap_or(0.0)).collect()),
            memory: finite(sample.memory()),
            swap_bytes: sample.swap_used,
            disk_read: some(sample.disk_read),
            disk_write: some(sample.disk_write),
            network_received: finite(sample.network_received),
            network_sent: finite(sample.network_sent),
            loopback: finite(sample.loopback),
            pressure_cpu: some(sample.pressure_cpu),
            pressure_io: some(sample.pressure_io),
            pressure_memory: some(sample.pressure_memory),
            hottest: some(sample.hottest()),
            frequency: some(sample.frequency),
            power: some(sample.power),
            load: some(sample.load),
            own_cpu: finite(sample.own_cpu),
            own_memory: sample.own_memory,
        }
    }

    /// Samples in order of time.
    pub(crate) fn all(samples: &[HostSample]) -> Vec<Self> {
        let mut before = 0.0;
        let point = |sample: &HostSample| {
            let point = Self::of(sample, before);
            before = sample.at;
            point
        };
        samples.iter().map(point).collect()
    }
}

impl Join for HostPoint {
    fn join(&mut self, next: &Self) {
        let all = self.seconds + next.seconds;
        let (mine, theirs) = if all > 0.0 { (self.seconds / all, next.seconds / all) } else { (0.5, 0.5) };
        let most = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        for (own, other) in [
            (&mut self.cpu, next.cpu),
            (&mut self.disk_read, next.disk_read),
            (&mut self.disk_write, next.disk_write),
            (&mut self.network_received, next.network_received),
            (&mut self.network_sent, next.network_sent),
            (&mut self.loopback, next.loopback),
            (&mut self.pressure_cpu, next.pressure_cpu),
            (&mut self.pressure_io, next.pressure_io),
            (&mut self.pressure_memory, next.pressure_memory),
            (&mut self.frequency, next.frequency),
            (&mut self.power, next.power),
            (&mut self.load, next.load),
            (&mut self.own_cpu, next.own_cpu),
        ] {
            *own = match (*own, other) {
                (Some(a), Some(b)) => Some(a * mine + b * theirs),
                (a, b) => a.or(b),
            };
        }
        self.cpu_max = most(self.cpu_max, next.cpu_max);
        self.memory = most(self.memory, next.memory);
        self.hottest = most(self.hottest, next.hottest);
        self.swap_bytes = self.swap_bytes.max(next.swap_bytes);
        self.own_memory = self.own_memory.max(next.own_memory);
        self.cores = None;
        self.at = next.at;
        self.seconds = all;
    }

    fn seconds(&self) -> f64 {
        self.seconds
    }

    fn fits(&self, _: &Self) -> bool {
        true
    }
}
