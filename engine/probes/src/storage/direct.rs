//! The way past the page cache: `O_DIRECT`, and what it asks of offsets and lengths.
#![expect(unsafe_code, reason = "fcntl and statx are calls into libc")]

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use super::file::own_link;
use crate::harness::{Buffer, Pages};

/// What every device that we know of is content with.
const USUAL: u64 = 4096;

/// Opens the file once more, past the page cache, and reads a block that way; or says why that does not work.
pub(crate) fn open(file: &File, write: bool) -> Result<File, String> {
    let again = OpenOptions::new().read(true).write(write).custom_flags(libc::O_DIRECT).open(own_link(file));
    let direct = match again {
        // Without /proc the flag is set on the descriptor that there is.
        Err(error) if error.kind() == io::ErrorKind::NotFound => set(file),
        other => other,
    };
    let direct = direct.map_err(|error| reason(&error))?;
    let mut block = Buffer::map(USUAL as usize, Pages::System, u64::MAX).map_err(|error| error.to_string())?;
    match direct.read_at(block.slice_mut(0, USUAL as usize), 0) {
        Ok(_) => Ok(direct),
        Err(error) => Err(reason(&error)),
    }
}

fn set(file: &File) -> io::Result<File> {
    // SAFETY: reads and sets flags of a descriptor that is open.
    let set = unsafe {
        let flags = libc::fcntl(file.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags | libc::O_DIRECT)
    };
    if set == 0 { file.try_clone() } else { Err(io::Error::last_os_error()) }
}

fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EINVAL) => "the file system has no direct I/O (O_DIRECT gives EINVAL)".to_owned(),
        _ => format!("direct I/O is refused: {error}"),
    }
}

/// Multiple of which offsets and lengths must be: as the file system tells, else as trying shows.
pub(crate) fn alignment(direct: &File) -> u64 {
    told(direct).unwrap_or_else(|| {
        let Ok(mut block) = Buffer::map(USUAL as usize, Pages::System, u64::MAX) else { return USUAL };
        if direct.read_at(block.slice_mut(0, 512), 512).is_ok() { 512 } else { USUAL }
    })
}

/// `STATX_DIOALIGN`, since Linux 6.1.
fn told(file: &File) -> Option<u64> {
    const HERE: &CStr = c"";
    let mut answer = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path ends with a zero, the answer is writable, and an all-zero answer is a valid one.
    let answer = unsafe {
        let wanted = libc::STATX_DIOALIGN;
        match libc::statx(file.as_raw_fd(), HERE.as_ptr(), libc::AT_EMPTY_PATH, wanted, answer.as_mut_ptr()) {
            0 => answer.assume_init(),
            _ => return None,
        }
    };
    let told = answer.stx_mask & libc::STATX_DIOALIGN != 0;
    told.then_some(u64::from(answer.stx_dio_offset_align)).filter(|align| *align > 0)
}

/// Whether the descriptor really goes past the page cache: what was asked for can be lost on the way.
pub(crate) fn is_direct(file: &File) -> bool {
    // SAFETY: reads flags of a descriptor that is open.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    flags >= 0 && flags & libc::O_DIRECT != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_file_says_so_and_has_an_alignment() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[7; 8192], 0).unwrap();
        assert!(!is_direct(&file));
        match open(&file, true) {
            Ok(direct) => {
                assert!(is_direct(&direct) && !is_direct(&file));
                assert!(alignment(&direct).is_power_of_two());
            }
            Err(reason) => assert!(reason.contains("direct I/O"), "{reason}"),
        }
    }
}
