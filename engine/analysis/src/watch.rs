//! Live warnings while a run goes on: once when a limit has been crossed for a while, and again only after recovery.

use engine_core::host_sample::HostSample;
use engine_core::unit::Unit;

use crate::health::{Thresholds, used_by_others};

/// Samples in a row that it takes to warn, and to recover: one second of load is no news.
const IN_A_ROW: u32 = 3;

/// A value has recovered below this share of its limit; between the two nothing changes, so a value that hovers at the
/// limit warns once.
const RECOVERED: f64 = 0.9;

/// Watches the system monitor's samples.
#[derive(Debug, Clone)]
pub struct Watch {
    thresholds: Thresholds,
    cpu: Alarm,
    memory: Alarm,
}

impl Watch {
    /// A watch that has seen nothing yet.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, cpu: Alarm::default(), memory: Alarm::default() }
    }

    /// Takes a sample; a message when a limit has now been crossed for three samples in a row: CPU by processes other
    /// than our own, memory by all.
    pub fn observe(&mut self, sample: &HostSample) -> Option<String> {
        let share = |value| Unit::Ratio.format(value);
        let (cpu, memory) = (used_by_others(sample), sample.memory());
        let Thresholds { cpu_usage_warning: cpu_limit, memory_usage_warning: memory_limit, .. } = self.thresholds;
        let mut warnings = Vec::new();
        if self.cpu.rings(cpu, cpu_limit) {
            warnings.push(format!("other processes use {} of the CPUs (limit {})", share(cpu), share(cpu_limit)));
        }
        if self.memory.rings(memory, memory_limit) {
            warnings.push(format!("{} of memory is in use (limit {})", share(memory), share(memory_limit)));
        }
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }
}

/// One limit with hysteresis.
#[derive(Debug, Clone, Copy, Default)]
struct Alarm {
    ringing: bool,
    /// Samples in a row that speak for the other state.
    against: u32,
}

impl Alarm {
    /// Whether the alarm goes off with this value.
    fn rings(&mut self, value: f64, limit: f64) -> bool {
        let speaks_against = if self.ringing { value < RECOVERED * limit } else { value >= limit };
        self.against = if speaks_against { self.against + 1 } else { 0 };
        if self.against < IN_A_ROW {
            return false;
        }
        self.ringing = !self.ringing;
        self.against = 0;
        self.ringing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(cpu: f64, memory: u64) -> HostSample {
        HostSample { cpu, cores: vec![cpu], memory_used: memory, memory_total: 100, ..HostSample::default() }
    }

    fn warnings(values: &[f64]) -> Vec<usize> {
        let mut watch = Watch::new(Thresholds::default());
        values
            .iter()
            .enumerate()
            .filter(|(_, cpu)| watch.observe(&sample(**cpu, 10)).is_some())
            .map(|(i, _)| i)
            .collect()
    }

    #[test]
    fn it_warns_once_and_again_only_after_recovery() {
        assert_eq!(warnings(&[0.9, 0.9]), [0usize; 0], "two samples are no news");
        assert_eq!(warnings(&[0.9, 0.9, 0.5, 0.9, 0.9]), [0usize; 0], "not in a row");
        assert_eq!(warnings(&[0.9; 20]), [2]);
        assert_eq!(warnings(&[0.9, 0.9, 0.9, 0.75, 0.75, 0.75, 0.9, 0.9, 0.9]), [2], "0.75 is no recovery");
        assert_eq!(warnings(&[0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.9, 0.9, 0.9]), [2, 8]);
    }

    #[test]
    fn it_names_what_and_how_much() {
        let mut watch = Watch::new(Thresholds::default());
        let mut last = None;
        for _ in 0..3 {
            last = watch.observe(&sample(0.9, 80));
        }
        assert_eq!(
            last.as_deref(),
            Some("other processes use 90 % of the CPUs (limit 80 %); 80 % of memory is in use (limit 75 %)")
        );
        let own = HostSample { own_cpu: 0.9, ..sample(0.9, 10) };
        let mut watch = Watch::new(Thresholds::default());
        assert!((0..9).all(|_| watch.observe(&own).is_none()), "our own load is no news");
    }

    proptest! {
        #[test]
        fn between_two_warnings_lies_a_recovery(values in prop::collection::vec(0.0..1.0f64, 0..200)) {
            for pair in warnings(&values).windows(2) {
                let between = &values[pair[0] + 1..pair[1]];
                prop_assert!(between.windows(3).any(|three| three.iter().all(|value| *value < 0.72)));
            }
        }
    }
}
