//! How the processor's clock is driven: the policies of cpufreq (kernel documentation, "CPU Performance Scaling").
//! Its files are in kHz. `scaling_cur_freq` is what the driver believes; on x86 with its counters that is the mean clock
//! of the last tick, elsewhere it may be the one that was asked for.

use super::tree::Tree;
use engine_core::fact::Fact;
use std::collections::BTreeSet;

const BASE: &str = "/sys/devices/system/cpu";

/// What the policies say. Several values that differ are joined by `, `.
#[derive(Debug, Clone)]
pub(crate) struct Clocking {
    pub(crate) governor: Fact<String>,
    pub(crate) driver: Fact<String>,
    pub(crate) energy_preference: Fact<String>,
    pub(crate) boost: Fact<bool>,
    /// Lowest frequency of any policy's hardware.
    pub(crate) min_mhz: Fact<f64>,
    /// Highest frequency of any policy's hardware.
    pub(crate) max_mhz: Fact<f64>,
    /// Lowest of the upper limits that are set now.
    pub(crate) limit_mhz: Fact<f64>,
    /// Mean over the policies, now.
    pub(crate) current_mhz: Fact<f64>,
}

/// Reads all policies.
pub(crate) fn read(tree: &Tree) -> Clocking {
    let policies = policies(tree);
    let chosen = |file: &str, choose: fn(f64, f64) -> f64| {
        frequencies(tree, &policies, file)
            .and_then(|found| Fact::or_unknown(found.into_iter().reduce(choose), format!("no policy has `{file}`")))
    };
    Clocking {
        governor: distinct(tree, &policies, "scaling_governor"),
        driver: distinct(tree, &policies, "scaling_driver"),
        energy_preference: distinct(tree, &policies, "energy_performance_preference"),
        boost: boost(tree),
        min_mhz: chosen("cpuinfo_min_freq", f64::min),
        max_mhz: chosen("cpuinfo_max_freq", f64::max),
        limit_mhz: chosen("scaling_max_freq", f64::min),
        current_mhz: frequencies(tree, &policies, "scaling_cur_freq").and_then(|found| {
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            Fact::or_unknown(Some(mean).filter(|mean| mean.is_finite()), "no policy has `scaling_cur_freq`")
        }),
    }
}

/// The files that tell the clock of each policy now.
pub(crate) fn current_files(tree: &Tree) -> Vec<String> {
    let names = policies(tree).known().cloned().unwrap_or_default();
    names.iter().map(|policy| format!("{BASE}/cpufreq/{policy}/scaling_cur_freq")).collect()
}

fn policies(tree: &Tree) -> Fact<Vec<String>> {
    let folder = format!("{BASE}/cpufreq");
    tree.names(&folder).and_then(|names| {
        let policies: Vec<_> = names.into_iter().filter(|name| name.starts_with("policy")).collect();
        Fact::or_unknown(Some(policies).filter(|found| !found.is_empty()), format!("no frequency policy in `{folder}`"))
    })
}

/// The distinct values of a file of all policies.
fn distinct(tree: &Tree, policies: &Fact<Vec<String>>, file: &str) -> Fact<String> {
    policies.clone().and_then(|policies| {
        let mut values = BTreeSet::new();
        for policy in policies {
            match tree.line(&format!("{BASE}/cpufreq/{policy}/{file}")) {
                Fact::Known(value) => values.insert(value),
                Fact::Unknown(reason) => return Fact::Unknown(reason),
            };
        }
        Fact::Known(values.into_iter().collect::<Vec<_>>().join(", "))
    })
}

/// A frequency of every policy that has it, in MHz. Policies of offline CPUs have none.
fn frequencies(tree: &Tree, policies: &Fact<Vec<String>>, file: &str) -> Fact<Vec<f64>> {
    policies.clone().map(|policies| {
        let read = |policy: &String| tree.value::<u64>(&format!("{BASE}/cpufreq/{policy}/{file}")).copied();
        policies.iter().filter_map(read).map(|khz| khz as f64 / 1000.0).collect()
    })
}

fn boost(tree: &Tree) -> Fact<bool> {
    let boost = tree.switch(&format!("{BASE}/cpufreq/boost"));
    if boost.is_known() {
        return boost;
    }
    let no_turbo = tree.switch(&format!("{BASE}/intel_pstate/no_turbo"));
    if no_turbo.is_known() { no_turbo.map(|off| !off) } else { boost }
}
