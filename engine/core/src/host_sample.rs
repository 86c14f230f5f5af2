//! One reading of the system monitor.

use serde::{Deserialize, Serialize};

pub use crate::environment::Temperature;

/// The state of the machine over one period of the monitor. Rates and shares are means over that period; shares of
/// CPU time are 0 to 1 of one CPU (a core's, the own process's) or of all CPUs (the total). `None` where the system
/// does not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostSample {
    /// Seconds since the monitor started.
    pub at: f64,
    /// Busy share of all CPUs.
    pub cpu: f64,
    /// Busy share of each CPU.
    pub cores: Vec<f64>,
    /// Bytes of memory in use.
    pub memory_used: u64,
    /// Bytes that could be had without swapping.
    pub memory_available: u64,
    /// Bytes of memory in all.
    pub memory_total: u64,
    /// Bytes of swap in use.
    pub swap_used: u64,
    /// Bytes per second read from all disks.
    pub disk_read: Option<f64>,
    /// Bytes per second written to all disks.
    pub disk_write: Option<f64>,
    /// Bytes per second received by all interfaces but the loopback.
    pub network_received: f64,
    /// Bytes per second sent by all interfaces but the loopback.
    pub network_sent: f64,
    /// Bytes per second over the loopback interface.
    pub loopback: f64,
    /// Share of the period in which some task waited for a CPU.
    pub pressure_cpu: Option<f64>,
    /// Share of the period in which some task waited for I/O.
    pub pressure_io: Option<f64>,
    /// Share of the period in which some task waited for memory.
    pub pressure_memory: Option<f64>,
    /// Sensors; empty when there are none.
    pub temperatures: Vec<Temperature>,
    /// Mean clock of the CPUs, in hertz.
    pub frequency: Option<f64>,
    /// Power of the processors, in watts: all packages by their energy counters.
    pub power: Option<f64>,
    /// Load average of one minute.
    pub load: Option<f64>,
    /// Bytes of memory that this process holds.
    pub own_memory: u64,
    /// CPU time of this process and of all that it started, over time: 1 is one whole CPU.
    pub own_cpu: f64,
    /// CPU seconds that the monitor itself spent since the sample before.
    pub cost: f64,
}

impl HostSample {
    /// Share of memory in use, 0 to 1; zero when the total is not known.
    pub fn memory(&self) -> f64 {
        if self.memory_total == 0 { 0.0 } else { self.memory_used as f64 / self.memory_total as f64 }
    }

    /// The hottest sensor in degrees Celsius.
    pub fn hottest(&self) -> Option<f64> {
        self.temperatures.iter().map(|sensor| sensor.celsius).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_an_empty_sample_are_zero_and_not_nan() {
        assert_eq!(HostSample::default().memory(), 0.0);
        assert_eq!(HostSample::default().hottest(), None);
    }

    #[test]
    fn a_sample_of_an_earlier_version_still_reads() {
        let old: HostSample = serde_json::from_str(r#"{"at": 1.5, "cpu": 0.25, "cores": [0.25]}"#).unwrap();
        assert_eq!((old.at, old.frequency, old.power), (1.5, None, None));
    }

    #[test]
    fn the_hottest_sensor_wins() {
        let sensor = |celsius| Temperature { label: "x".into(), celsius };
        let sample = HostSample {
            temperatures: vec![sensor(40.0), sensor(71.5), sensor(-3.0)],
            memory_used: 3,
            memory_total: 4,
            ..HostSample::default()
        };
        assert_eq!((sample.hottest(), sample.memory()), (Some(71.5), 0.75));
    }
}
