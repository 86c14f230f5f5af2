//! The few facts that scripts ask for.

use super::tree::{Tree, kibibytes};
use super::trial::{self, Trial};
use super::{cgroup, cpu, cpu_list, supply};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a script can ask of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// CPUs that this process can use at once: its affinity, and the CPU quota of its control group rounded up. At
    /// least one.
    pub cores: u32,
    /// Bytes of memory that this process can use: what the machine has, or the limit of its control group.
    /// Zero when the system does not tell.
    pub memory: u64,
    /// Operating system: `linux`, ...
    pub os: &'static str,
    /// Architecture: `x86_64`, `aarch64`, ...
    pub arch: &'static str,
    has: BTreeSet<&'static str>,
}

impl Facts {
    /// Every name that [`Facts::has`] knows, sorted.
    pub const NAMES: &[&str] =
        &["battery", "cargo", "cc", "cgroup2", "git", "gpu", "hugepages", "io_uring", "perf", "psi", "python", "root"];

    /// Whether the host has something; `None` for a name that is not in [`Facts::NAMES`].
    pub fn has(&self, name: &str) -> Option<bool> {
        Self::NAMES.contains(&name).then(|| self.has.contains(name))
    }
}

/// Reads the facts of this machine; takes about a millisecond. `search` is the list of folders in which programs are
/// looked for, the value of `PATH`, which only the command line may read.
pub fn facts(search: &str) -> Facts {
    let tree = Tree::new(Path::new("/"));
    let cpuinfo = tree.text("/proc/cpuinfo");
    let meminfo = tree.text("/proc/meminfo");
    let limits = cgroup::read(&tree);
    let affinity = tree
        .text("/proc/self/status")
        .known()
        .and_then(|status| super::tree::member(status, "Cpus_allowed_list"))
        .and_then(cpu_list::parse);
    let online = cpu::online(&tree, &cpuinfo);
    let allowed = affinity.filter(|cpus| !cpus.is_empty()).or(online.known().cloned()).map_or(1, |cpus| cpus.len());
    let cores = usable(u32::try_from(allowed).unwrap_or(u32::MAX), limits.cpu_quota.copied().flatten());
    let total = meminfo.known().and_then(|text| kibibytes(text, "MemTotal")).unwrap_or(0);
    let memory = limits.memory_limit_bytes.copied().flatten().map_or(total, |limit| limit.min(total.max(1)));

    let mut has = BTreeSet::new();
    let mut set = |name, there: bool| {
        if there {
            has.insert(name);
        }
    };
    let python = ["python3", "python"].iter().any(|name| find(name, search).is_some());
    set("python", python);
    set("git", find("git", search).is_some());
    set("cargo", find("cargo", search).is_some());
    set("cc", find("cc", search).is_some());
    set("gpu", super::gpu::read(&tree).known().is_some_and(|gpus| !gpus.is_empty()));
    set("battery", supply::read(&tree).battery.copied() == Some(true));
    set("cgroup2", limits.version.as_deref() == Some("2"));
    set("psi", tree.text("/proc/pressure/cpu").is_known());
    set("hugepages", super::os::counted(&meminfo, "HugePages_Total").copied().is_some_and(|count| count > 0));
    set("io_uring", trial::io_uring() == Trial::Works);
    set("perf", trial::perf_instructions() == Trial::Works);
    set("root", super::live::is_root());
    Facts { cores, memory, os: std::env::consts::OS, arch: std::env::consts::ARCH, has }
}

/// A quota of 1.5 CPUs keeps two threads busy part of the time.
fn usable(allowed: u32, quota: Option<f64>) -> u32 {
    let quota = quota.filter(|quota| quota.is_finite() && *quota > 0.0).map_or(u32::MAX, |quota| quota.ceil() as u32);
    allowed.min(quota).max(1)
}

/// The place of an executable in a list of folders.
pub(crate) fn find(program: &str, search: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_program =
        |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    search.split(':').filter(|folder| !folder.is_empty()).map(|folder| Path::new(folder).join(program)).find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_binds_when_it_is_less() {
        assert_eq!(usable(8, None), 8);
        assert_eq!(usable(8, Some(1.5)), 2);
        assert_eq!(usable(2, Some(16.0)), 2);
        assert_eq!(usable(0, Some(f64::NAN)), 1);
    }

    #[test]
    fn this_machine_has_a_core_and_memory() {
        let facts = facts("/usr/bin:/bin");
        assert!(facts.cores >= 1 && facts.memory > 1 << 20, "{facts:?}");
        assert_eq!(facts.has("flux capacitor"), None);
        assert!(Facts::NAMES.iter().all(|name| facts.has(name).is_some()));
        assert!(Facts::NAMES.is_sorted());
    }

    #[test]
    fn only_executables_are_programs() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sh"), "").unwrap();
        let search = format!("{}::/usr/bin:/bin", folder.path().display());
        assert!(find("sh", &search).is_some_and(|path| !path.starts_with(folder.path())));
        assert_eq!(find("no-such-program-here", &search), None);
    }
}
