//! Buffers that the kernel picks from when data arrive, so that idle connections hold none.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// Size of a buffer in bytes. A longer answer arrives in pieces.
pub(super) const BUFFER: usize = 8 * 1024;

const PAGE: usize = 4096;

/// A ring of buffers shared with the kernel.
pub(super) struct Buffers {
    entries: *mut BufRingEntry,
    bytes: *mut u8,
    count: u16,
    tail: u16,
}

/// The group's number within its ring.
pub(super) const GROUP: u16 = 0;

impl Buffers {
    /// Registers `count` buffers, a power of two.
    pub(super) fn new(ring: &IoUring, count: u16) -> io::Result<Self> {
        let mut buffers = Self {
            entries: zeroed(Self::entry_layout(count)).cast(),
            bytes: zeroed(Self::byte_layout(count)),
            count,
            tail: 0,
        };
        // SAFETY: the memory is page-aligned, has room for `count` entries, and lives until the ring is gone: the driver
        // drops its ring before its buffers.
        unsafe { ring.submitter().register_buf_ring_with_flags(buffers.entries as u64, count, GROUP, 0) }?;
        for id in 0..count {
            buffers.put(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    fn entry_layout(count: u16) -> Layout {
        Layout::from_size_align(usize::from(count) * size_of::<BufRingEntry>(), PAGE).expect("a small power of two")
    }

    fn byte_layout(count: u16) -> Layout {
        Layout::from_size_align(usize::from(count) * BUFFER, PAGE).expect("a small power of two")
    }

    /// The bytes that arrived in buffer `id`.
    pub(super) fn get(&self, id: u16, len: usize) -> &[u8] {
        debug_assert!(id < self.count && len <= BUFFER);
        // SAFETY: the kernel gave us the buffer with this id, filled so far, and leaves it alone until it is put back.
        // The memory was zeroed, so all of it is initialised.
        unsafe { std::slice::from_raw_parts(self.bytes.add(usize::from(id) * BUFFER), len) }
    }

    /// Gives buffer `id` back; the kernel sees it after [`Self::publish`].
    pub(super) fn put(&mut self, id: u16) {
        let at = usize::from(self.tail & (self.count - 1));
        // SAFETY: `at` is below `count`; the entry is not the kernel's until the tail has passed it. The first entry's
        // last field is the tail itself, which none of these calls writes.
        unsafe {
            let entry = &mut *self.entries.add(at);
            entry.set_addr(self.bytes.add(usize::from(id) * BUFFER) as u64);
            entry.set_len(BUFFER as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel all buffers that were put back.
    pub(super) fn publish(&self) {
        // SAFETY: the ring's base is valid; the kernel reads the tail at any time, hence the atomic store, which also
        // makes the entries before it visible.
        unsafe {
            let tail = BufRingEntry::tail(self.entries).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}

fn zeroed(layout: Layout) -> *mut u8 {
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: both were allocated with these layouts, and the ring that could write there is gone.
        unsafe {
            dealloc(self.entries.cast(), Self::entry_layout(self.count));
            dealloc(self.bytes, Self::byte_layout(self.count));
        }
    }
}
