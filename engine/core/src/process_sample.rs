//! What a watched process did over one period, and what its own counters said.

use serde::{Deserialize, Serialize};

use crate::series::Labels;
use crate::unit::Unit;

/// A process to be watched, with all its descendants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// One process.
    Pid(u32),
    /// All processes of this name, whenever they start: so also one that is restarted.
    Name(String),
}

/// The state of a watched process over one period. Rates and shares are means over that period. `None` where the system
/// does not tell, which for descriptors and bytes is so for the processes of other users, and where there is no process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessSample {
    /// What the scenario calls it.
    pub name: String,
    /// Seconds since watching began.
    pub at: f64,
    /// Length of the period, in seconds.
    pub seconds: f64,
    /// Processes at its end: the watched one and its descendants. Zero when it has died.
    pub processes: u32,
    /// CPU time over time: 1 is one whole CPU. Includes descendants that came and went, once their parents have taken
    /// note of their end.
    pub cpu: Option<f64>,
    /// Resident memory in bytes. Pages that several of them share count for each.
    pub rss: Option<u64>,
    /// Open descriptors.
    pub fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Context switches a second, voluntary and involuntary, of threads alive at both ends or born between.
    pub switches: Option<f64>,
    /// Bytes a second that had to be fetched from storage.
    pub read: Option<f64>,
    /// Bytes a second that are to be written to storage.
    pub written: Option<f64>,
    /// The target's own counters, if they were read since the last sample.
    pub counters: Vec<Counter>,
    /// Why they could not be read, if that was tried since the last sample.
    pub counters_error: Option<String>,
}

/// One of a target's own counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    /// Its name; the path to a number in JSON, joined by dots.
    pub name: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// What it showed.
    pub value: f64,
}

/// What processes are measured by: metric, unit, and a line for people.
pub const PROCESS_METRICS: [(&str, Unit, &str); 7] = [
    ("cpu", Unit::Ratio, "CPU time of the process over time; 1 is one whole CPU"),
    ("rss", Unit::Bytes, "Resident memory of the process"),
    ("fds", Unit::Count, "Open descriptors of the process"),
    ("threads", Unit::Count, "Threads of the process"),
    ("switches", Unit::PerSecond, "Context switches of the process"),
    ("read", Unit::BytesPerSecond, "Bytes that the process fetched from storage"),
    ("written", Unit::BytesPerSecond, "Bytes that the process gave to storage"),
];

impl ProcessSample {
    /// The values of [`PROCESS_METRICS`], in that order.
    pub fn values(&self) -> [Option<f64>; 7] {
        let count = |value: Option<u64>| value.map(|value| value as f64);
        [self.cpu, count(self.rss), count(self.fds), count(self.threads), self.switches, self.read, self.written]
    }

    /// CPU seconds used in the period.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.cpu.map(|share| share * self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_with_little_in_it_still_reads() {
        let sample: ProcessSample = serde_json::from_str(r#"{"name": "shop", "cpu": 0.5, "seconds": 2.0}"#).unwrap();
        assert_eq!((sample.cpu_seconds(), sample.rss), (Some(1.0), None));
        assert_eq!(sample.values().len(), PROCESS_METRICS.len());
    }
}
