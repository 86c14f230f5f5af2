//! First touches of pages, one access each, so that the kernel's work is all that takes time.
#![expect(unsafe_code, reason = "mapping a file, and one volatile access a page")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use crate::harness::Buffer;

/// Writes one byte at every `step` bytes of the buffer, and says how many.
pub fn touch(buffer: &mut Buffer, step: usize) -> u64 {
    let (start, end) = (buffer.as_mut_ptr(), buffer.len());
    let mut touched = 0;
    for at in (0..end).step_by(step.max(1)) {
        // SAFETY: inside the buffer, which is lent to us alone; volatile, since nobody reads it.
        unsafe { start.add(at).write_volatile(1) };
        touched += 1;
    }
    touched
}

/// A file's first bytes, mapped for reading; none of its pages is mapped before it is touched.
#[derive(Debug)]
pub struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and is bound to no thread.
unsafe impl Send for Mapped {}

impl Mapped {
    /// Maps the first `len` bytes of `file`, which must have as many.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(file: &File, len: usize) -> io::Result<Self> {
        // SAFETY: a fresh mapping at an address of the kernel's choice touches no memory of ours.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0) };
        match NonNull::new(address.cast::<u8>()) {
            Some(start) if address != libc::MAP_FAILED => Ok(Self { start, len }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Reads one byte at every `step` bytes, and says how many.
    #[must_use]
    pub fn touch(&self, step: usize) -> u64 {
        let mut touched = 0;
        for at in (0..self.len).step_by(step.max(1)) {
            // SAFETY: inside the mapping, and inside the file, which is as long.
            unsafe { self.start.add(at).read_volatile() };
            touched += 1;
        }
        touched
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the one mapping, unmapped once.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Pages, Usage};

    #[test]
    fn every_page_is_touched_once() {
        let mut buffer = Buffer::map(40 * 4096, Pages::Small, u64::MAX).unwrap();
        let step = crate::harness::buffer::page_size();
        let before = Usage::of_thread();
        let touched = touch(&mut buffer, step);
        let faults = Usage::of_thread().since(before).minor_faults;
        assert!(touched == (buffer.len() / step) as u64 && faults >= touched, "{faults} faults, {touched} pages");
        let before = Usage::of_thread();
        touch(&mut buffer, step);
        assert!(Usage::of_thread().since(before).minor_faults < touched, "no page faults twice");
    }

    #[test]
    fn a_mapped_file_is_read() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &[7; 10_000]).unwrap();
        assert_eq!(Mapped::new(&file, 10_000).unwrap().touch(4096), 3);
        assert!(Mapped::new(&file, 0).is_err());
    }
}
