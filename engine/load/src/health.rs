//! The generator watches itself: was it the bottleneck?

use serde::{Deserialize, Serialize};

use crate::outcome::{Doubt, Weight};
use crate::record::Row;

/// CPU use of a thread that sleeps when it has nothing to do, above which it was the bottleneck.
const BUSY: f64 = 0.95;

/// Lag is small when it is below this share of the median response time, or below [`SMALL_LAG`].
const LAG_SHARE: f64 = 0.10;

/// 1 ms, in nanoseconds: a wake-up on a machine with neighbours.
const SMALL_LAG: u64 = 1_000_000;

/// How the generator was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// CPU time of each thread, in seconds.
    pub cpu: Vec<f64>,
    /// How long the threads ran, in seconds.
    pub seconds: f64,
    /// Lag at the 50th and 99th percentile, in seconds.
    pub lag_p50: f64,
    /// See [`Self::lag_p50`].
    pub lag_p99: f64,
    /// Most connections open at the end of a second.
    pub connections: u64,
    /// Descriptors that the process may have.
    pub descriptors: u64,
    /// Local ports for connections to one address.
    pub ports: u64,
    /// Connections made in all; each that is closed by us holds its port for a minute.
    pub connected: u64,
    /// Share of time in which the hypervisor gave the processors to others.
    pub steal: f64,
    /// Largest resident memory of the process so far, in bytes.
    pub resident: u64,
}

impl Health {
    /// What speaks against a result.
    pub(crate) fn doubts(&self, requests: &Row, spinning: bool, open: bool) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut doubt = |weight, reason: String| doubts.push(Doubt { weight, reason });
        for error in requests.errors.iter().filter(|error| error.class.is_generators()) {
            doubt(Weight::Invalid, format!("{}, {} times: {}", error.class, error.count, error.example));
        }
        let median = requests.response.value_at_quantile(0.5).map_or(0, |value| value.floor());
        let limit = ((median as f64 * LAG_SHARE) as u64).max(SMALL_LAG) as f64 / 1e9;
        let busiest = self.cpu.iter().copied().fold(0.0, f64::max) / self.seconds.max(1e-9);
        if open && self.lag_p99 > limit {
            let busy = !spinning && busiest > BUSY;
            let weight = if busy { Weight::Invalid } else { Weight::Degraded };
            let why = if busy { "a thread of the generator had no CPU time left" } else { "the generator was late" };
            doubt(weight, format!("{why}: lag p99 {:.3} ms, allowed {:.3} ms", self.lag_p99 * 1e3, limit * 1e3));
        }
        if !open && !spinning && busiest > BUSY {
            doubt(
                Weight::Degraded,
                format!(
                    "a thread of the generator was busy {:.0} % of the time: more threads may send more",
                    busiest * 100.0
                ),
            );
        }
        if self.connected > self.ports * 4 / 5 {
            doubt(
                Weight::Degraded,
                format!(
                    "{} connections were made and {} local ports are there: closed ones hold theirs for a minute",
                    self.connected, self.ports
                ),
            );
        }
        if self.steal > 0.02 {
            doubt(Weight::Degraded, format!("{:.1} % of the time went to other machines (steal)", self.steal * 100.0));
        }
        doubts
    }
}

/// Bounds of this process and machine.
pub(crate) fn bounds() -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local of the right type.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let descriptors = if done == 0 { limit.rlim_cur } else { 1024 };
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let ends: Vec<u64> = range.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let ports = if let [low, high] = ends[..] { high.saturating_sub(low) + 1 } else { 28_232 };
    (descriptors, ports)
}

/// Largest resident memory of the process so far, in bytes.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Processor time of the machine so far: all, and what others took.
pub(crate) fn machine_time() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or("");
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    (ticks.iter().take(8).sum(), ticks.get(7).copied().unwrap_or(0))
}
