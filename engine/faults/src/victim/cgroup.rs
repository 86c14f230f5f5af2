//! The victim's cgroup: version 1 with its separate hierarchies, or version 2, whatever of it can be made here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::journal::{Entry, JournalError, Undo};

/// What a cgroup controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Memory.
    Memory,
    /// Stopping and going on.
    Freezer,
    /// Number of processes.
    Pids,
    /// Time of processors.
    Cpu,
}

impl Controller {
    const ALL: [Self; 4] = [Self::Memory, Self::Freezer, Self::Pids, Self::Cpu];

    const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Freezer => "freezer",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }

    /// The control file of versions 1 and 2 that says whether it is there.
    const fn file(self) -> [&'static str; 2] {
        match self {
            Self::Memory => ["memory.limit_in_bytes", "memory.max"],
            Self::Freezer => ["freezer.state", "cgroup.freeze"],
            Self::Pids => ["pids.max", "pids.max"],
            Self::Cpu => ["cpu.cfs_quota_us", "cpu.max"],
        }
    }
}

/// The victim's folders, one for each controller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// With whether it is of version 2: machines have both side by side.
    folders: BTreeMap<Controller, (PathBuf, bool)>,
}

impl Group {
    /// Makes what can be made; where nothing can, it is empty, and faults take other ways.
    pub(super) fn make(entry: &Entry, memory: Option<u64>) -> Result<Self, JournalError> {
        let mut group = Self::default();
        let name = entry.name("victim");
        for controller in Controller::ALL {
            let Some((parent, second)) = parent(controller) else { continue };
            let folder = parent.join(&name);
            if !folder.exists() {
                entry.will(Undo::RemoveCgroup { folder: folder.clone() })?;
                if std::fs::create_dir(&folder).is_err() {
                    continue;
                }
            }
            if folder.join(controller.file()[usize::from(second)]).exists() {
                group.folders.insert(controller, (folder, second));
            }
        }
        if let (Some(bytes), Some(file)) = (memory, group.memory_limit()) {
            // Refused only where the file is not ours to write; then there is no limit, and `limited` says so.
            let _ = std::fs::write(file, bytes.to_string());
        }
        Ok(group)
    }

    /// Where a process enters: one file a hierarchy.
    pub(super) fn tasks(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.folders.values().map(|(folder, _)| folder.join("cgroup.procs")).collect();
        files.dedup();
        files
    }

    /// The folder of a controller.
    #[must_use]
    pub fn folder(&self, controller: Controller) -> Option<&Path> {
        self.folders.get(&controller).map(|(folder, _)| folder.as_path())
    }

    /// The file of the memory limit.
    #[must_use]
    pub fn memory_limit(&self) -> Option<PathBuf> {
        Some(
            self.folder(Controller::Memory)?
                .join(Controller::Memory.file()[usize::from(self.second(Controller::Memory))]),
        )
    }

    /// Bytes in use.
    #[must_use]
    pub fn memory_used(&self) -> Option<u64> {
        let name = if self.second(Controller::Memory) { "memory.current" } else { "memory.usage_in_bytes" };
        std::fs::read_to_string(self.folder(Controller::Memory)?.join(name)).ok()?.trim().parse().ok()
    }

    /// How many of its processes the kernel has ended for want of memory; none where it does not tell.
    #[must_use]
    pub fn out_of_memory(&self) -> Option<u64> {
        let name = if self.second(Controller::Memory) { "memory.events" } else { "memory.oom_control" };
        let text = std::fs::read_to_string(self.folder(Controller::Memory)?.join(name)).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
    }

    fn second(&self, controller: Controller) -> bool {
        self.folders.get(&controller).is_some_and(|(_, second)| *second)
    }

    /// The version that a controller is of.
    #[must_use]
    pub fn version(&self, controller: Controller) -> u32 {
        if self.second(controller) { 2 } else { 1 }
    }
}

/// The cgroup of this process for a controller, where it can be written to, and whether it is of version 2. A controller
/// belongs to one version only; where version 1 has it, version 2 has not.
fn parent(controller: Controller) -> Option<(PathBuf, bool)> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    [false, true].into_iter().find_map(|second| Some((own_folder(&mounts, &own, controller, second)?, second)))
}

fn own_folder(mounts: &str, own: &str, controller: Controller, second: bool) -> Option<PathBuf> {
    let lists = |words: &str| words.split(',').any(|word| word == controller.name());
    let path = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let list = parts.next()?;
        (if second { list.is_empty() } else { lists(list) }).then(|| parts.next())?
    })?;
    for line in mounts.lines() {
        let Some((mount, rest)) = line.split_once(" - ") else { continue };
        let mut rest = rest.split(' ');
        let right = match rest.next() {
            Some("cgroup") => !second && rest.nth(1).is_some_and(lists),
            Some("cgroup2") => second,
            _ => false,
        };
        let mut fields = mount.split(' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else { continue };
        if !right {
            continue;
        }
        let inside = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path).trim_start_matches('/');
        let folder = Path::new(point).join(inside);
        if folder.is_dir() && rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).is_ok() {
            return Some(folder);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_found_in_the_version_that_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_str().unwrap();
        for name in ["memory/job", "unified/job"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mounts = format!(
            "30 25 0:26 / {at}/unified rw - cgroup2 cgroup2 rw\n31 25 0:27 / {at}/memory rw - cgroup cgroup rw,memory\n"
        );
        let own = "4:memory:/job\n0::/job\n";
        let found = |controller, second| own_folder(&mounts, own, controller, second);
        assert_eq!(found(Controller::Memory, false), Some(folder.path().join("memory/job")));
        assert_eq!(found(Controller::Freezer, false), None);
        assert_eq!(found(Controller::Freezer, true), Some(folder.path().join("unified/job")));
    }
}
