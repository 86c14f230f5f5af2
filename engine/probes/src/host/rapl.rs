//! Energy counters of the processor (RAPL), as the kernel's power capping framework shows them: one folder a domain,
//! `energy_uj` in microjoules, which starts again from zero beyond `max_energy_range_uj`. AMD parts are shown under the
//! same names. Since kernel 5.10 only root may read the counters (CVE-2020-8694).
//!
//! What would make the power wrong: a counter that wraps twice between two readings (at 250 W a counter of 65 kJ lasts
//! four minutes), a package that is counted by two interfaces, and the domains of cores or graphics, which are part of
//! their package and must not be added to it.

use super::tree::Tree;
use engine_core::fact::Fact;

const CAPS: &str = "/sys/class/powercap";

/// One domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    /// `package-0`, `core`, `dram`, `psys`, ...
    pub(crate) name: String,
    /// The file of its counter.
    pub(crate) counter: String,
    /// From where on the counter starts again.
    pub(crate) range: u64,
    /// Whether it lies within no other domain.
    top: bool,
}

/// The names of all domains; empty when there are none.
pub(crate) fn names(tree: &Tree) -> Fact<Vec<String>> {
    if !tree.exists("/sys/class") {
        return Fact::unknown("no `/sys/class`");
    }
    Fact::Known(domains(tree).into_iter().map(|domain| domain.name).collect())
}

/// Every domain.
pub(crate) fn domains(tree: &Tree) -> Vec<Domain> {
    let folders = tree.names(CAPS).known().cloned().unwrap_or_default();
    let domain = |folder: &String| {
        let (_, numbers) = folder.split_once(':')?;
        let name = tree.line(&format!("{CAPS}/{folder}/name")).known().cloned()?;
        let range = tree.value(&format!("{CAPS}/{folder}/max_energy_range_uj")).copied().unwrap_or(u64::MAX);
        // The same package once more, through another interface.
        let again = folder.contains("mmio");
        let top = !numbers.contains(':') && !again;
        Some(Domain { name, counter: format!("{CAPS}/{folder}/energy_uj"), range, top })
    };
    folders.iter().filter_map(domain).collect()
}

/// The domains that together are the processors: the packages, else the whole platform.
pub(crate) fn packages(tree: &Tree) -> Vec<Domain> {
    let top: Vec<Domain> = domains(tree).into_iter().filter(|domain| domain.top).collect();
    let (packages, others): (Vec<Domain>, Vec<Domain>) =
        top.into_iter().partition(|domain| domain.name.starts_with("package"));
    // `psys` contains the packages.
    if packages.is_empty() { others.into_iter().take(1).collect() } else { packages }
}

/// Microjoules between two readings of a counter that starts again beyond `range`.
pub(crate) fn spent(before: u64, after: u64, range: u64) -> u64 {
    if after >= before { after - before } else { range.saturating_sub(before).saturating_add(after) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_starts_again_goes_on() {
        assert_eq!(spent(100, 400, 1000), 300);
        assert_eq!(spent(900, 50, 1000), 150);
        assert_eq!(spent(0, 0, 1000), 0);
        assert_eq!(spent(u64::MAX, 0, 1000), 0, "a range below the counter is nonsense and no energy");
        assert_eq!(spent(5, 4, u64::MAX), u64::MAX - 1);
    }
}
