//! The caches as programs meet them: CPUs that share a last level and own equal private ones, each group once.
//!
//! A processor may have several groups (one for each complex of an EPYC, two on a processor with a stacked cache on
//! one of its dies), and one last level may serve unlike cores (performance and efficiency cores with private caches of
//! their own size). What is measured on one CPU holds for its group alone. All online CPUs are read, not the first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine_core::environment::Cache;
use engine_core::fact::Fact;

use super::tree::Tree;
use super::{cpu, cpu_list};

/// One data cache as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Bytes of one instance.
    pub bytes: u64,
    /// Lines of a set, where declared.
    pub ways: Option<u32>,
    /// CPUs that share the instance of the group's first CPU.
    pub shared: BTreeSet<u32>,
}

impl Level {
    /// How many of these CPUs share the instance; at least 1.
    #[must_use]
    pub fn sharers(&self, cpus: &[usize]) -> usize {
        let here = |cpu: &&usize| u32::try_from(**cpu).is_ok_and(|cpu| self.shared.contains(&cpu));
        cpus.iter().filter(here).count().max(1)
    }
}

/// CPUs that share a last-level cache and have equal private ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The CPUs.
    pub cpus: BTreeSet<u32>,
    /// Data caches from the first level up; empty where nothing is declared.
    pub levels: Vec<Level>,
}

impl Group {
    /// The CPUs as a list: `0-7,16-23`.
    #[must_use]
    pub fn name(&self) -> String {
        cpu_list::format(&self.cpus)
    }

    /// Declared bytes by level.
    #[must_use]
    pub fn sizes(&self) -> Vec<u64> {
        self.levels.iter().map(|level| level.bytes).collect()
    }

    /// The first CPU of the group that may be used.
    #[must_use]
    pub fn usable(&self, allowed: &[usize]) -> Option<usize> {
        allowed.iter().copied().find(|cpu| u32::try_from(*cpu).is_ok_and(|cpu| self.cpus.contains(&cpu)))
    }
}

/// All groups of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheMap {
    /// The groups, by their first CPU.
    pub groups: Vec<Group>,
    /// Whether third-level caches of unequal size are declared: a stacked cache on some dies only.
    pub asymmetric_l3: bool,
    /// What the driver for stacked caches prefers (`cache` or `frequency`), where there is one.
    pub x3d_mode: Option<String>,
}

impl CacheMap {
    /// The groups of which a CPU may be used, each with that CPU.
    #[must_use]
    pub fn usable(&self, allowed: &[usize]) -> Vec<(usize, &Group)> {
        self.groups.iter().filter_map(|group| Some((group.usable(allowed)?, group))).collect()
    }
}

/// The caches of this machine; no groups where nothing is declared.
#[must_use]
pub fn cache_map() -> CacheMap {
    map(&Tree::new(Path::new("/")))
}

/// Number of a level of data cache by its name: 1 for `L1d`, 3 for `L3`; nothing for caches of instructions.
fn level_of(name: &str) -> Option<usize> {
    name.strip_prefix('L')?.trim_end_matches('d').parse().ok()
}

pub(super) fn map(tree: &Tree) -> CacheMap {
    let online = cpu::online(tree, &tree.text("/proc/cpuinfo"));
    let x3d_mode = cpu::x3d_mode(tree).known().cloned();
    let (Fact::Known(online), Fact::Known(caches)) = (&online, cpu::caches(tree, &online)) else {
        return CacheMap { x3d_mode, ..CacheMap::default() };
    };
    // Levels of each CPU, ascending, with the CPUs that share them.
    let mut of: BTreeMap<u32, BTreeMap<usize, (&Cache, BTreeSet<u32>)>> = BTreeMap::new();
    for cache in &caches {
        let Some(level) = level_of(&cache.name) else { continue };
        for shared in cache.shared_cpu_lists.iter().filter_map(|list| cpu_list::parse(list)) {
            for cpu in shared.iter().filter(|cpu| online.contains(cpu)) {
                of.entry(*cpu).or_default().insert(level, (cache, shared.clone()));
            }
        }
    }
    let mut groups: Vec<(BTreeSet<u32>, Group)> = Vec::new();
    for (cpu, levels) in of {
        // A gap ends the list: what is declared beyond it cannot be told apart.
        let known: Vec<_> = (1..).map_while(|level| levels.get(&level)).collect();
        let declared: Vec<Level> = known
            .iter()
            .map(|(cache, shared)| Level { bytes: cache.size_bytes, ways: cache.ways, shared: shared.clone() })
            .collect();
        // Private last levels of cores that are alike make one group.
        let shared = known.get(2).map(|(_, shared)| shared.clone()).unwrap_or_default();
        let shape = |levels: &[Level]| levels.iter().map(|level| (level.bytes, level.ways)).collect::<Vec<_>>();
        let alike =
            |(last, group): &&mut (BTreeSet<u32>, Group)| *last == shared && shape(&group.levels) == shape(&declared);
        match groups.iter_mut().find(alike) {
            Some((_, group)) => {
                group.cpus.insert(cpu);
            }
            None => groups.push((shared, Group { cpus: BTreeSet::from([cpu]), levels: declared })),
        }
    }
    let third: BTreeSet<u64> = caches.iter().filter(|cache| cache.name == "L3").map(|cache| cache.size_bytes).collect();
    CacheMap { groups: groups.into_iter().map(|(_, group)| group).collect(), asymmetric_l3: third.len() > 1, x3d_mode }
}

#[cfg(test)]
#[path = "caches/tests.rs"]
mod tests;
