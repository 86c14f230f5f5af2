//! A file system in a file, behind a loop device.
//!
//! The file is allocated before, so that the victim's disk cannot run out for want of the machine's; ext4 is made in it with
//! nothing held back for the privileged. The device lets go of the file by itself with its last user: when the engine is
//! killed between attaching and mounting, and when the mount is taken away.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Disk, Offer};
use crate::journal::{Entry, Undo};
use crate::process::MARK;

/// Gives the number of a free device (`linux/loop.h`).
const GET_FREE: libc::c_ulong = 0x4C82;

/// Attaches a file with all its settings at once; since Linux 5.8.
const CONFIGURE: libc::c_ulong = 0x4C0A;

/// The device lets go with its last user.
const AUTOCLEAR: u32 = 4;

/// Another one may take the free device first, so often.
const TRIES: usize = 16;

/// `struct loop_config` of the kernel, with the `loop_info64` inside; what is not set is zero.
#[repr(C)]
struct Config {
    file: u32,
    block: u32,
    /// Device, inode, device of the inode, offset, limit of size.
    places: [u64; 5],
    /// Number, kind and length of a key.
    numbers: [u32; 3],
    flags: u32,
    /// Name of the file, name and content of a key.
    names: [u8; 160],
    rest: [u64; 10],
}

const _: () = assert!(size_of::<Config>() == 304, "as the kernel has it");

/// Whether it can be had: a control device that opens, a program that makes ext4, and a kernel that reads it.
pub(super) fn offer() -> Offer {
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control");
    control.map_err(|error| format!("`/dev/loop-control`: {error}"))?;
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !known.lines().any(|line| line.split_ascii_whitespace().last() == Some("ext4")) {
        return Err("the kernel has no ext4".to_owned());
    }
    maker().map(drop).ok_or_else(|| "`mkfs.ext4` is not there".to_owned())
}

/// The program that makes the file system. It lies where users have no path to.
fn maker() -> Option<PathBuf> {
    let places = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/run/current-system/sw/bin"];
    places.into_iter().map(|folder| Path::new(folder).join("mkfs.ext4")).find(|file| file.is_file())
}

/// Makes and mounts one. That the mount is taken away is in the entry already.
pub(super) fn mount(entry: &Entry, folder: &Path, point: &Path, size: u64) -> Result<Disk, String> {
    let text = |error: std::io::Error| error.to_string();
    let image = folder.join("disk.img");
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&image).map_err(text)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)
        .map_err(|error| format!("{size} bytes for `{}`: {error}", image.display()))?;
    make(entry, &image)?;
    let device = attach(&file, &image)?;
    let name =
        |path: &Path| std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string());
    let (source, target) = (name(&device.path)?, name(point)?);
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    // SAFETY: all pointers are to C strings that live through the call; ext4 takes no options as none.
    let done = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), c"ext4".as_ptr(), flags, std::ptr::null()) };
    if done != 0 {
        return Err(format!("mounting `{}`: {}", device.path.display(), std::io::Error::last_os_error()));
    }
    std::fs::set_permissions(point, std::fs::Permissions::from_mode(0o777)).map_err(text)?;
    Ok(Disk { path: point.to_owned(), size, mechanism: "ext4 in a file behind a loop device", project: None })
}

/// Makes the file system. The program is ended with the entry, should the engine be gone meanwhile.
fn make(entry: &Entry, image: &Path) -> Result<(), String> {
    let program = maker().ok_or("`mkfs.ext4` is not there")?;
    let mark = entry.id();
    entry.will(Undo::KillMarked { mark: mark.clone() }).map_err(|error| error.to_string())?;
    // Nothing is given back to the file system below, and nothing is left for later.
    let options = ["-q", "-F", "-m", "0", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"];
    let mut command = Command::new(program);
    command.args(options).arg(image).env(MARK, mark).current_dir("/").stdin(Stdio::null());
    let made = command.output().map_err(|error| format!("`mkfs.ext4`: {error}"))?;
    if made.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&made.stderr);
    Err(format!("`mkfs.ext4`: {}", said.lines().last().unwrap_or("it failed without a word")))
}

/// A loop device that has the file, held open.
struct Device {
    path: PathBuf,
    _held: OwnedFd,
}

fn attach(file: &File, image: &Path) -> Result<Device, String> {
    let open = |path: &Path| {
        OpenOptions::new().read(true).write(true).open(path).map_err(|error| format!("`{}`: {error}", path.display()))
    };
    let control = open(Path::new("/dev/loop-control"))?;
    let mut config = Config {
        file: file.as_raw_fd().cast_unsigned(),
        block: 0,
        places: [0; 5],
        numbers: [0; 3],
        flags: AUTOCLEAR,
        names: [0; 160],
        rest: [0; 10],
    };
    // The name is for people who list the devices; its last byte ends it.
    let name = image.as_os_str().as_encoded_bytes();
    let length = name.len().min(63);
    config.names[..length].copy_from_slice(&name[..length]);
    for _ in 0..TRIES {
        // SAFETY: takes no argument, and gives a number.
        let number = unsafe { libc::ioctl(control.as_raw_fd(), GET_FREE) };
        if number < 0 {
            return Err(format!("no free loop device: {}", std::io::Error::last_os_error()));
        }
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = open(&path)?;
        // SAFETY: the pointer is to a live structure of the size that the kernel reads.
        if unsafe { libc::ioctl(device.as_raw_fd(), CONFIGURE, &raw const config) } == 0 {
            return Ok(Device { path, _held: device.into() });
        }
        let error = std::io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EBUSY) {
            return Err(format!("`{}` does not take the file: {error}", path.display()));
        }
    }
    Err("every free loop device was taken by somebody else".to_owned())
}
