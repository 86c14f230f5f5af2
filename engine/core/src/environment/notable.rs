//! Which differences of two environments are worth a notice: those that may change any number of a run, while the code
//! stays the same.

use super::{Class, Difference, Environment};

/// Fields beside those that define the environment class. The kernel's patch level and the microcode bring mitigations;
/// they split no class, but people must know.
const NOTABLE: &[&str] = &[
    "cpu.microcode",
    "cpu.smt",
    "cpu.boost",
    "cpu.driver",
    "cpu.energy_preference",
    "cpu.limit_mhz",
    "machine.firmware",
    "os.kernel",
    "os.libc",
    "os.clock_source",
    "os.vulnerabilities",
    "os.thp",
    "virtualization.container",
    "gpus",
];

impl Environment {
    /// The differences that may change any number, those that make runs unlike first. A field that only one of the two
    /// knows is none.
    #[must_use]
    pub fn notable(&self, other: &Self) -> Vec<Difference> {
        let known = |text: &str| !text.starts_with("unknown (");
        let mut found: Vec<Difference> = self
            .differences(other)
            .into_iter()
            .filter(|one| known(&one.a) && known(&one.b))
            .filter(|one| one.severity == Class::Unlike || NOTABLE.contains(&one.field.as_str()))
            .collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.severity));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;

    #[test]
    fn a_kernel_update_is_notable_and_a_used_disk_is_not() {
        let mut before = Environment::default();
        before.os.kernel = Fact::Known("6.1.10".to_owned());
        before.cpu.model = Fact::Known("A".to_owned());
        before.os.swappiness = Fact::Known(60);
        let mut after = before.clone();
        after.os.swappiness = Fact::Known(10);
        assert!(before.notable(&after).is_empty());
        after.os.kernel = Fact::Known("6.1.11".to_owned());
        after.cpu.model = Fact::Known("B".to_owned());
        let fields: Vec<String> = before.notable(&after).into_iter().map(|one| one.field).collect();
        assert_eq!(fields, ["cpu.model", "os.kernel"], "what makes runs unlike stands first");
        after.os.kernel = Fact::unknown("not readable");
        assert_eq!(before.notable(&after).len(), 1, "what is unknown has not changed");
    }
}
