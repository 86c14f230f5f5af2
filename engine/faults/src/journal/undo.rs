//! The actions that undo. Each is idempotent: what is already undone is no problem. Each can only hit what is ours: a
//! process by its name for ever, a path by the prefix that all our names have.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::disk::{is_our_project, restore_quota};
use crate::process::{Ident, Stat, all, end_all, marked};

/// Every file, folder, mount point and cgroup that we make is named so, or lies in one that is.
pub const PREFIX: &str = "engine-fault-";

/// How long ended processes may take to go.
const GRACE: Duration = Duration::from_millis(1500);

/// An action that undoes a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Kill a process and those of the session that it leads.
    Kill {
        /// The process.
        process: Ident,
    },
    /// Kill everything that has a mark in its environment.
    KillMarked {
        /// The mark.
        mark: String,
    },
    /// Kill everything in a cgroup.
    KillCgroup {
        /// The cgroup's folder.
        folder: PathBuf,
    },
    /// Let a stopped process go on.
    Continue {
        /// The process.
        process: Ident,
    },
    /// Let a frozen cgroup go on.
    Thaw {
        /// The folder in the freezer's hierarchy (version 1), or of the cgroup (version 2).
        folder: PathBuf,
    },
    /// Remove a file.
    RemoveFile {
        /// The file.
        path: PathBuf,
    },
    /// Remove a folder with all that is in it, unless something is mounted there.
    RemoveFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Take a mount away.
    Unmount {
        /// The mount point.
        path: PathBuf,
    },
    /// Remove a cgroup; what lives in it is killed.
    RemoveCgroup {
        /// The cgroup's folder.
        folder: PathBuf,
    },
    /// Give a process its limit back.
    RestoreLimit {
        /// The process.
        process: Ident,
        /// Which limit.
        limit: Limit,
        /// The soft limit; none for unlimited.
        soft: Option<u64>,
        /// The hard limit; none for unlimited.
        hard: Option<u64>,
    },
    /// Let a process run again where it could.
    RestoreAffinity {
        /// The process.
        process: Ident,
        /// The processors, by number.
        processors: Vec<usize>,
    },
    /// Set the quota of a project of ours; none where its folder is gone.
    RestoreQuota {
        /// The folder that it bounds.
        folder: PathBuf,
        /// The project.
        project: u32,
        /// Blocks of 1 KiB; nought for no limit.
        blocks: u64,
        /// Inodes; nought for no limit.
        inodes: u64,
    },
    /// Write a control file of a cgroup of ours.
    RestoreControl {
        /// The file.
        path: PathBuf,
        /// What it said.
        content: String,
    },
}

/// The limits of a process that faults change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Address space.
    AddressSpace,
    /// Size of a file.
    FileSize,
    /// Open descriptors.
    Descriptors,
    /// Processes of the user.
    Processes,
}

impl Limit {
    /// As the system calls it.
    #[must_use]
    pub const fn resource(self) -> Resource {
        match self {
            Self::AddressSpace => Resource::As,
            Self::FileSize => Resource::Fsize,
            Self::Descriptors => Resource::Nofile,
            Self::Processes => Resource::Nproc,
        }
    }
}

/// A limit of another process as it is now; none when the process is gone or not ours to ask.
#[must_use]
pub fn limit(process: &Ident, resource: Resource) -> Option<Rlimit> {
    let text = std::fs::read_to_string(format!("/proc/{}/limits", process.pid)).ok()?;
    process.stat()?;
    let name = match resource {
        Resource::As => "Max address space",
        Resource::Fsize => "Max file size",
        Resource::Nofile => "Max open files",
        Resource::Nproc => "Max processes",
        _ => return None,
    };
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let mut values = line.split_ascii_whitespace().map(|value| value.parse().ok());
    Some(Rlimit { current: values.next()?, maximum: values.next()? })
}

/// Whether a path is one of ours: absolute, without `..`, and with a part that has the prefix.
#[must_use]
pub fn is_ours(path: &Path) -> bool {
    let straight = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let named = |part: Component<'_>| part.as_os_str().to_str().is_some_and(|name| name.starts_with(PREFIX));
    path.is_absolute() && straight && path.components().any(named)
}

impl Undo {
    /// Refuses an action that could hit what is not ours; asked before it is written and again before it is done.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        let refused = |reason| Err(JournalError::Foreign(self.to_string(), reason));
        match self {
            Self::Kill { process } if process.pid <= 1 || process.start == 0 => refused("no process of ours"),
            Self::KillMarked { mark } if mark.is_empty() || mark.contains('\0') => refused("no mark"),
            Self::RemoveFile { path } | Self::RemoveFolder { path } | Self::Unmount { path } if !is_ours(path) => {
                refused("the name is none of ours")
            }
            Self::KillCgroup { folder } | Self::RemoveCgroup { folder } | Self::Thaw { folder } if !is_ours(folder) => {
                refused("the name is none of ours")
            }
            Self::RestoreControl { path, .. } | Self::RestoreQuota { folder: path, .. } if !is_ours(path) => {
                refused("the name is none of ours")
            }
            Self::RestoreQuota { project, .. } if !is_our_project(*project) => refused("the project is none of ours"),
            _ => Ok(()),
        }
    }

    /// Does it. What is already so is fine.
    pub(super) fn apply(&self) -> Result<(), String> {
        self.check().map_err(|error| error.to_string())?;
        let text = |error: std::io::Error| error.to_string();
        match self {
            Self::Kill { process } => kill(process),
            Self::KillMarked { mark } => left(&end_all(GRACE, || marked(mark))),
            Self::KillCgroup { folder } => left(&end_all(GRACE, || members(folder))),
            Self::Continue { process } => process.signal(Signal::CONT).map(drop).map_err(text),
            Self::Thaw { folder } => thaw(folder).map_err(text),
            Self::RemoveFile { path } => gone(std::fs::remove_file(path)).map_err(text),
            Self::RemoveFolder { path } => {
                if mounted_below(path) {
                    return Err("something is still mounted there".to_owned());
                }
                gone(std::fs::remove_dir_all(path)).map_err(text)
            }
            Self::Unmount { path } => unmount(path).map_err(text),
            Self::RemoveCgroup { folder } => remove_cgroup(folder),
            Self::RestoreLimit { process, limit, soft, hard } => match (process.stat(), process.id()) {
                (Some(_), Some(pid)) => {
                    let old = Rlimit { current: *soft, maximum: *hard };
                    match rustix::process::prlimit(Some(pid), limit.resource(), old) {
                        Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
                        Err(error) => Err(error.to_string()),
                    }
                }
                _ => Ok(()),
            },
            Self::RestoreAffinity { process, processors } => match process.stat() {
                Some(_) => super::bind(process.pid, processors).map_err(text),
                None => Ok(()),
            },
            Self::RestoreQuota { folder, project, blocks, inodes } => {
                quota(folder, *project, (*blocks, *inodes)).map_err(text)
            }
            Self::RestoreControl { path, content } => gone(std::fs::write(path, content)).map_err(text),
        }
    }
}

impl std::fmt::Display for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kill { process } => write!(f, "kill process {}", process.pid),
            Self::KillMarked { mark } => write!(f, "kill what is marked {mark}"),
            Self::KillCgroup { folder } => write!(f, "kill what is in {}", folder.display()),
            Self::Continue { process } => write!(f, "continue process {}", process.pid),
            Self::Thaw { folder } => write!(f, "thaw {}", folder.display()),
            Self::RemoveFile { path } | Self::RemoveFolder { path } => write!(f, "remove {}", path.display()),
            Self::Unmount { path } => write!(f, "unmount {}", path.display()),
            Self::RemoveCgroup { folder } => write!(f, "remove cgroup {}", folder.display()),
            Self::RestoreLimit { process, limit, .. } => write!(f, "restore {limit:?} of process {}", process.pid),
            Self::RestoreAffinity { process, .. } => write!(f, "restore the processors of process {}", process.pid),
            Self::RestoreQuota { project, .. } => write!(f, "restore the quota of project {project}"),
            Self::RestoreControl { path, .. } => write!(f, "restore {}", path.display()),
        }
    }
}

/// Not being there is what is wanted.
fn gone(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        // A control file of a cgroup that is being removed.
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        other => other,
    }
}

fn left(living: &[Ident]) -> Result<(), String> {
    let pids: Vec<String> = living.iter().map(|ident| ident.pid.to_string()).collect();
    if pids.is_empty() { Ok(()) } else { Err(format!("still there: {}", pids.join(" "))) }
}

/// The leader, and what is left of its session. A session's number is not given away while one of its members lives, and
/// a member is never older than its leader.
fn kill(process: &Ident) -> Result<(), String> {
    if process.boot != crate::process::boot() {
        return Ok(());
    }
    let of_session = |stat: &Stat| stat.session == process.pid && stat.start >= process.start;
    // Another process with the leader's number means that the whole session is gone.
    let reused = || Stat::of(process.pid).is_some_and(|stat| stat.start != process.start);
    left(&end_all(GRACE, || {
        if reused() {
            return Vec::new();
        }
        all().into_iter().filter(|stat| stat.pid == process.pid || of_session(stat)).collect()
    }))
}

/// The processes in a cgroup.
pub(crate) fn members(folder: &Path) -> Vec<Stat> {
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Stat::of).collect()
}

fn thaw(folder: &Path) -> std::io::Result<()> {
    let second = folder.join("cgroup.freeze");
    if second.exists() {
        gone(std::fs::write(second, "0"))
    } else {
        gone(write_existing(&folder.join("freezer.state"), "THAWED"))
    }
}

/// Like `write`, but never makes a file.
fn write_existing(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

fn remove_cgroup(folder: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Ok(());
    }
    // A frozen task does not die.
    let _ = thaw(folder);
    left(&end_all(GRACE, || members(folder)))?;
    // The kernel lets go of the last task a little after it is gone.
    for _ in 0..100 {
        match gone(std::fs::remove_dir(folder)) {
            Ok(()) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("the kernel keeps it busy".to_owned())
}

/// A folder that is gone needs no bound, and its project must not keep one. The file system is asked by what is left above.
fn quota(folder: &Path, project: u32, limits: (u64, u64)) -> std::io::Result<()> {
    let (blocks, inodes) = if folder.is_dir() { limits } else { (0, 0) };
    let there = folder.ancestors().find(|place| place.is_dir());
    there.map_or(Ok(()), |there| restore_quota(there, project, blocks, inodes))
}

fn unmount(path: &Path) -> std::io::Result<()> {
    if !mount_points().iter().any(|point| point == path) {
        return Ok(());
    }
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).map_err(std::io::Error::other)?;
    // SAFETY: the pointer is to a C string that lives through the call.
    match unsafe { libc::umount2(name.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) } {
        0 => Ok(()),
        _ => match std::io::Error::last_os_error() {
            // No longer mounted, or no longer there.
            error if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => Ok(()),
            error => Err(error),
        },
    }
}

fn mounted_below(path: &Path) -> bool {
    mount_points().iter().any(|point| point.starts_with(path))
}

/// Where something is mounted.
pub(crate) fn mount_points() -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let point = |line: &str| line.split(' ').nth(4).map(|point| PathBuf::from(point.replace("\\040", " ")));
    text.lines().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_touched() {
        for (path, ours) in [
            ("/tmp/engine-fault-1", true),
            ("/tmp/engine-fault-1/data/x", true),
            ("/tmp/engine-fault-1/../../home", false),
            ("/home/engine", false),
            ("tmp/engine-fault-1", false),
            ("/", false),
        ] {
            assert_eq!(is_ours(Path::new(path)), ours, "{path}");
            let undo = Undo::RemoveFolder { path: path.into() };
            assert_eq!(undo.check().is_ok(), ours, "{path}");
        }
        let init = Ident { pid: 1, start: 5, boot: String::new() };
        assert!(Undo::Kill { process: init }.check().is_err());
        assert!(Undo::KillMarked { mark: String::new() }.check().is_err());
        let quota = |folder: &str, project| Undo::RestoreQuota { folder: folder.into(), project, blocks: 1, inodes: 1 };
        assert!(quota("/tmp/engine-fault-1", 0x4546_0001).check().is_ok());
        assert!(quota("/tmp/engine-fault-1", 1000).check().is_err() && quota("/home", 0x4546_0001).check().is_err());
        assert!(Undo::RemoveCgroup { folder: "/sys/fs/cgroup/memory".into() }.check().is_err());
    }

    #[test]
    fn undoing_what_is_undone_is_no_problem() {
        let gone = Ident { pid: 4_000_000, start: 7, boot: crate::process::boot() };
        let path = PathBuf::from("/tmp/engine-fault-of-nobody");
        for undo in [
            Undo::Kill { process: gone.clone() },
            Undo::KillMarked { mark: "nobody".to_owned() },
            Undo::KillCgroup { folder: path.clone() },
            Undo::Continue { process: gone.clone() },
            Undo::Thaw { folder: path.clone() },
            Undo::RemoveFile { path: path.clone() },
            Undo::RemoveFolder { path: path.clone() },
            Undo::Unmount { path: path.clone() },
            Undo::RemoveCgroup { folder: path.clone() },
            Undo::RestoreLimit { process: gone.clone(), limit: Limit::Descriptors, soft: Some(9), hard: None },
            Undo::RestoreAffinity { process: gone, processors: vec![0] },
            Undo::RestoreQuota { folder: path, project: 0x4546_0001, blocks: 9, inodes: 9 },
        ] {
            undo.apply().unwrap();
        }
    }
}
