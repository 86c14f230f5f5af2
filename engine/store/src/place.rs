//! Where the file lies. A write-ahead log needs shared memory that all its readers really share, which network file
//! systems do not give.

use std::path::Path;

use crate::error::Error;

/// File systems whose shared memory is not shared between machines.
const NETWORK: &[&str] = &["nfs", "nfs4", "9p", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "ncpfs"];

/// Refuses a network file system. Where the system does not tell, nothing is refused.
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(folder), Ok(mounts)) = (folder.canonicalize(), std::fs::read_to_string("/proc/self/mountinfo")) else {
        return Ok(());
    };
    match file_system(&mounts, &folder) {
        Some(kind) if NETWORK.contains(&kind) => {
            Err(Error::Unsafe { path: path.to_owned(), detail: format!("a network file system ({kind})") })
        }
        _ => Ok(()),
    }
}

/// Whether a folder lies in memory, where no disk can hold up a write.
pub(crate) fn in_memory(folder: &Path) -> bool {
    let (Ok(folder), Ok(mounts)) = (folder.canonicalize(), std::fs::read_to_string("/proc/self/mountinfo")) else {
        return false;
    };
    matches!(file_system(&mounts, &folder), Some("tmpfs" | "ramfs"))
}

/// The file system of a folder: that of the longest mount point above it, the last one where several cover each other.
fn file_system<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((mount, kind)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (mount.split(' ').nth(4), kind.split(' ').next()) else { continue };
        let point = point.replace("\\040", " ");
        if folder.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /mnt/c rw - 9p C: rw
31 22 0:31 / /home/the\\040lab rw - nfs4 server:/lab rw
32 31 0:32 / /home/the\\040lab/scratch rw - xfs /dev/vdb rw";

    #[test]
    fn the_nearest_mount_decides() {
        assert_eq!(file_system(MOUNTS, Path::new("/srv/x")), Some("ext4"));
        assert_eq!(file_system(MOUNTS, Path::new("/mnt/c/x")), Some("9p"));
        assert_eq!(file_system(MOUNTS, Path::new("/mnt/cc")), Some("ext4"));
        assert_eq!(file_system(MOUNTS, Path::new("/home/the lab")), Some("nfs4"));
        assert_eq!(file_system(MOUNTS, Path::new("/home/the lab/scratch/a")), Some("xfs"));
    }
}
