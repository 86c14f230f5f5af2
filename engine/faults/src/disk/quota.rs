//! A project quota on a folder: the file system itself bounds what may be in it (`quotactl(2)`, `ioctl_xfs_fsgetxattr(2)`).
//!
//! For a full disk the bound is lowered to what is there; nothing is written. It binds nobody who may go beyond every
//! resource limit, so a privileged victim is started without that one capability. The numbers of our projects lie in a range
//! of their own, and one that is in use is never taken.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use super::{Disk, Offer};
use crate::journal::{Entry, Undo};

/// The system call that takes a descriptor in place of a device; since Linux 5.14, with one number everywhere.
const QUOTACTL_FD: libc::c_long = 443;

/// Quotas of projects, beside those of users (0) and groups (1).
const PROJECT: u32 = 2;

const GET_INFO: u32 = 0x0080_0005;
const GET: u32 = 0x0080_0007;
const SET: u32 = 0x0080_0008;

/// That the limits of blocks and of inodes are given.
const LIMITS: u32 = 1 | 4;

/// Blocks of limits, in bytes.
const BLOCK: u64 = 1024;

/// Reads and writes the attributes of a file (`linux/fs.h`).
const GET_ATTRIBUTES: libc::c_ulong = 0x801c_581f;
const SET_ATTRIBUTES: libc::c_ulong = 0x401c_5820;

/// What is made in the folder belongs to its project too.
const INHERIT: u32 = 0x200;

/// `struct fsxattr` of the kernel.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    flags: u32,
    extent: u32,
    extents: u32,
    project: u32,
    copy: u32,
    rest: [u8; 8],
}

/// Our range of projects: 2^16 numbers that begin with these bits.
const OURS: u32 = 0x4546;

/// Whether a project is one of ours.
pub(crate) const fn is_ours(project: u32) -> bool {
    project >> 16 == OURS
}

fn empty() -> libc::dqblk {
    // SAFETY: all zeroes is a valid set of numbers.
    unsafe { std::mem::zeroed() }
}

/// Asks about quotas where a folder lies, or changes them. `data` must be what the command reads or writes.
fn control<T>(folder: &Path, command: u32, project: u32, data: &mut T) -> std::io::Result<()> {
    let folder = File::open(folder)?;
    let command = (command << 8) | PROJECT;
    // SAFETY: the descriptor is open, and the pointer is to a live structure that the callers chose for the command.
    let done = unsafe { libc::syscall(QUOTACTL_FD, folder.as_raw_fd(), command, project, &raw mut *data) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Whether a folder's file system holds projects to limits, and whether we may set them.
pub(super) fn offer(folder: &Path) -> Offer {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (at, options) = mount_of(&mounts, folder).unwrap_or_default();
    on(folder).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EINVAL) => {
            format!("the file system at `{at}` has no project quotas, or the kernel is older than 5.14")
        }
        Some(libc::ESRCH) => format!("project quotas are off at `{at}`"),
        _ => format!("project quotas at `{at}`: {error}"),
    })?;
    if !options.split(',').any(|option| matches!(option, "prjquota" | "pquota")) {
        return Err(format!("at `{at}` projects are counted, but not held to limits"));
    }
    // Reading the limits of a project asks for the same privilege as setting them.
    match control(folder, GET, OURS << 16, &mut empty()) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Err(format!("may not set quotas: {error}")),
        _ => Ok(()),
    }
}

/// Where the file system of a folder is mounted, and with which options.
fn mount_of<'a>(mounts: &'a str, folder: &Path) -> Option<(String, &'a str)> {
    let found = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        folder.starts_with(&point).then(|| (point, rest.split(' ').nth(2).unwrap_or_default()))
    });
    // Of two at one place the later one is seen.
    found.max_by_key(|(point, _)| point.len())
}

/// An error where a folder's file system counts no projects.
fn on(folder: &Path) -> std::io::Result<()> {
    // `struct if_dqinfo`: two times of grace, flags, and what is valid.
    control(folder, GET_INFO, 0, &mut [0_u64; 3])
}

/// Bounds a folder that is empty. What undoes it is in the entry first.
pub(super) fn give(entry: &Entry, folder: &Path, size: u64) -> Result<Disk, String> {
    let text = |error: std::io::Error| error.to_string();
    let project = unused(folder, std::process::id()).ok_or("no project is unused")?;
    entry
        .will(Undo::RestoreQuota { folder: folder.to_owned(), project, blocks: 0, inodes: 0 })
        .map_err(|error| error.to_string())?;
    set(folder, project, size.div_ceil(BLOCK), 0).map_err(text)?;
    let file = File::open(folder).map_err(text)?;
    let mut attributes = Attributes::default();
    // SAFETY: the descriptor is open, and the pointer is to a live structure of the size that the number names.
    if unsafe { libc::ioctl(file.as_raw_fd(), GET_ATTRIBUTES, &raw mut attributes) } != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    attributes.project = project;
    attributes.flags |= INHERIT;
    // SAFETY: as before.
    if unsafe { libc::ioctl(file.as_raw_fd(), SET_ATTRIBUTES, &raw const attributes) } != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    Ok(Disk { path: folder.to_owned(), size, mechanism: "a project quota", project: Some(project) })
}

/// A project of our range that holds nothing and has no limits, looked for from a number on.
fn unused(folder: &Path, from: u32) -> Option<u32> {
    (0..64).map(|step| OURS << 16 | (from.wrapping_mul(64).wrapping_add(step) & 0xffff)).find(|project| {
        let mut now = empty();
        match control(folder, GET, *project, &mut now) {
            Ok(()) => now.dqb_curspace == 0 && now.dqb_curinodes == 0 && now.dqb_bhardlimit == 0,
            // XFS knows no project before it holds something.
            Err(error) => matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)),
        }
    })
}

/// Lowers the bound of a project to what it holds now.
///
/// # Errors
/// When the system refuses.
pub(crate) fn tighten(folder: &Path, project: u32) -> std::io::Result<()> {
    let mut now = empty();
    control(folder, GET, project, &mut now)?;
    // Nought would be no limit.
    set(folder, project, now.dqb_curspace.div_ceil(BLOCK).max(1), now.dqb_curinodes.max(1))
}

/// Sets a bound back where there are quotas; elsewhere there is nothing to set.
///
/// # Errors
/// When the system refuses.
pub(crate) fn restore(folder: &Path, project: u32, blocks: u64, inodes: u64) -> std::io::Result<()> {
    if on(folder).is_err() { Ok(()) } else { set(folder, project, blocks, inodes) }
}

/// Sets the bound of a project, in blocks of 1 KiB and in inodes; nought for none.
///
/// # Errors
/// When the system refuses.
fn set(folder: &Path, project: u32, blocks: u64, inodes: u64) -> std::io::Result<()> {
    let mut limits = empty();
    (limits.dqb_bhardlimit, limits.dqb_ihardlimit, limits.dqb_valid) = (blocks, inodes, LIMITS);
    control(folder, SET, project, &mut limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "20 1 8:1 / / rw - ext4 /dev/a rw,prjquota\n21 20 8:2 / /data rw - ext4 /dev/b rw\n\
                      22 20 8:3 / /with\\040space rw shared:1 - xfs /dev/c rw,attr2,prjquota\n23 20 8:4 / /data rw - xfs /dev/d rw,pqnoenforce\n";
        for (folder, point, options) in [
            ("/home", "/", "rw,prjquota"),
            ("/data/here", "/data", "rw,pqnoenforce"),
            ("/with space/a", "/with space", "rw,attr2,prjquota"),
            ("/database", "/", "rw,prjquota"),
        ] {
            assert_eq!(mount_of(mounts, Path::new(folder)), Some((point.to_owned(), options)), "{folder}");
        }
    }

    #[test]
    fn projects_of_others_are_never_ours() {
        assert!(is_ours(OURS << 16) && is_ours(OURS << 16 | 0xffff));
        assert!(!is_ours(0) && !is_ours(1000) && !is_ours((OURS + 1) << 16) && !is_ours(u32::MAX));
    }
}
