//! How much of a file lies in the page cache: what a read would get without asking the device.
#![expect(unsafe_code, reason = "mapping a file and mincore are system calls")]

use std::fs::File;
use std::os::fd::AsRawFd;

/// The share of the first `length` bytes that is in memory now, 0 to 1; none where the system does not tell, as for a
/// block device or a file that this user may not write.
pub(crate) fn share(file: &File, length: u64) -> Option<f64> {
    let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
    // SAFETY: a fresh read-only mapping at an address of the kernel's choice; it is never read through.
    let map =
        unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if map == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: a plain question about the system.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let mut pages = vec![0_u8; length.div_ceil(page)];
    // SAFETY: the mapping has `length` bytes, and there is a byte for each of its pages.
    let told = unsafe { libc::mincore(map, length, pages.as_mut_ptr()) };
    // SAFETY: the mapping of this function, which nothing else refers to.
    unsafe { libc::munmap(map, length) };
    (told == 0).then(|| pages.iter().filter(|page| **page & 1 == 1).count() as f64 / pages.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_was_just_written_is_in_memory_and_what_is_forgotten_is_not() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; 1 << 20], 0).unwrap();
        assert_eq!(share(&file, 1 << 20), Some(1.0));
        file.sync_all().unwrap();
        crate::storage::beneath::forget(&file);
        // A file system in memory forgets nothing, and the kernel may keep what it likes.
        assert!(share(&file, 1 << 20).is_some_and(|share| (0.0..=1.0).contains(&share)));
        assert_eq!(share(&file, 0), None);
    }
}
