//! What lies beneath an open file: the file system, and the block device with its write cache.
#![expect(unsafe_code, reason = "fstatfs and posix_fadvise are calls into libc")]

use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What lies beneath a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beneath {
    /// What the file system keeps in memory only, or hides a device behind: its name. None for others.
    pub(crate) special: Option<&'static str>,
    /// Whether the file system lives in memory.
    pub(crate) in_memory: bool,
    /// Bytes that may still be written.
    pub(crate) free: u64,
    /// Name of the whole device, such as `nvme0n1`.
    pub(crate) device: Option<String>,
    /// What the kernel assumes of the device's cache: `write back` or `write through`.
    pub(crate) write_cache: Option<String>,
}

/// Magic numbers of file systems that are no plain ones on a device (`statfs(2)`), whether they live in memory, and
/// their names.
const SPECIAL: [(u32, bool, &str); 8] = [
    (0x0102_1994, true, "tmpfs"),
    (0x8584_58f6, true, "ramfs"),
    (0x794c_7630, false, "overlay"),
    (0x0000_6969, false, "nfs"),
    (0xff53_4d42, false, "cifs"),
    (0xfe53_4d42, false, "smb2"),
    (0x0102_1997, false, "9p"),
    (0x6573_5546, false, "fuse"),
];

impl Beneath {
    /// Reads what lies beneath `file`.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let mut stat = MaybeUninit::<libc::statfs>::zeroed();
        // SAFETY: the pointer is writable, and an all-zero statfs is a valid one.
        let stat = unsafe {
            match libc::fstatfs(file.as_raw_fd(), stat.as_mut_ptr()) {
                0 => stat.assume_init(),
                _ => return Err(io::Error::last_os_error()),
            }
        };
        // The magic number is 32 bits in a field of another width and sign.
        let special = SPECIAL.iter().find(|(magic, ..)| *magic == stat.f_type as u32);
        let device = file.metadata().ok().and_then(|meta| whole_device(Path::new("/sys"), meta.dev()));
        let write_cache = device.as_ref().and_then(|path| fs::read_to_string(path.join("queue/write_cache")).ok());
        Ok(Self {
            special: special.map(|(.., name)| *name),
            in_memory: special.is_some_and(|(_, in_memory, _)| *in_memory),
            free: (stat.f_bavail as u64).saturating_mul(stat.f_bsize as u64),
            device: device.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
            write_cache: write_cache.map(|text| text.trim().to_owned()),
        })
    }
}

/// Asks the kernel to drop what it keeps of the file in memory, so that the next read asks the device. Only a wish.
pub(crate) fn forget(file: &File) {
    // SAFETY: advice on a descriptor that is open; what it returns changes nothing.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
}

/// The folder in sysfs of the disk that has the device number; a partition's is its disk's.
fn whole_device(sys: &Path, number: u64) -> Option<PathBuf> {
    let name = format!("dev/block/{}:{}", libc::major(number), libc::minor(number));
    let path = sys.join(name).canonicalize().ok()?;
    path.ancestors().take(2).find(|folder| folder.join("queue").is_dir()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_leads_to_its_disk() {
        let sys = tempfile::tempdir().unwrap();
        let part = sys.path().join("devices/nvme0n1/nvme0n1p2");
        fs::create_dir_all(&part).unwrap();
        fs::create_dir_all(sys.path().join("devices/nvme0n1/queue")).unwrap();
        fs::create_dir_all(sys.path().join("dev/block")).unwrap();
        std::os::unix::fs::symlink(&part, sys.path().join("dev/block/259:3")).unwrap();
        let found = whole_device(sys.path(), libc::makedev(259, 3)).unwrap();
        assert!(found.ends_with("devices/nvme0n1"), "{found:?}");
        assert_eq!(whole_device(sys.path(), libc::makedev(259, 4)), None);
    }

    #[test]
    fn a_file_in_memory_is_told_from_one_on_disk() {
        if let Ok(file) = tempfile::tempfile_in("/dev/shm") {
            let beneath = Beneath::of(&file).unwrap();
            assert_eq!((beneath.special, beneath.in_memory), (Some("tmpfs"), true));
            assert_eq!(beneath.device, None);
        }
        let file = tempfile::tempfile().unwrap();
        assert!(Beneath::of(&file).unwrap().free > 0);
    }
}
