//! Memory for kernels: mapped, untouched until its user writes to it, page-aligned, with inaccessible pages on either
//! side (but for pages of the reserve), in small or huge pages.
//!
//! Untouched matters because the kernel places a page where it is first touched (NUMA, and page faults must not fall
//! into a timed pass). The guard pages keep a kernel that runs too far from reading its neighbour, and keep the
//! mapping separate from others, so that what `/proc/self/smaps` says is about this buffer alone.
#![expect(unsafe_code, reason = "mapping memory and lending it as typed slices")]

use std::fs;
use std::io;
use std::ptr::NonNull;

/// Bytes of a huge page on x86-64 and on aarch64 with 4 KiB pages.
pub const HUGE_PAGE: usize = 2 << 20;
/// Bytes of the smallest page.
pub const PAGE: usize = 4096;

/// Which pages to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pages {
    /// What the machine gives without being asked, as `malloc` would get.
    #[default]
    System,
    /// Never huge (`MADV_NOHUGEPAGE`).
    Small,
    /// Huge where the kernel can (`MADV_HUGEPAGE`, the start aligned to 2 MiB).
    Huge,
    /// From the administrator's reserve (`MAP_HUGETLB`, `vm.nr_hugepages`) where it has enough, and then touched at
    /// once; else as `Huge`.
    Reserved,
}

impl Pages {
    fn is_huge(self) -> bool {
        matches!(self, Self::Huge | Self::Reserved)
    }
}

/// Why there is no buffer.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// Nothing was asked for.
    #[error("a buffer of 0 bytes is asked for, give a size of at least 1 byte")]
    Empty,
    /// More is asked for than the caller allows.
    #[error("a buffer of {asked} bytes is more than the {available} bytes available, choose a smaller size")]
    TooLarge {
        /// Bytes asked for.
        asked: usize,
        /// Bytes the caller found to be available.
        available: u64,
    },
    /// The kernel refused.
    #[error("the system refuses a buffer of {asked} bytes, choose a smaller size or raise the memory limit")]
    Refused {
        /// Bytes asked for.
        asked: usize,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What the kernel gave, from `/proc/self/smaps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obtained {
    /// Bytes that lie in memory now.
    pub resident: u64,
    /// Bytes of them in huge pages.
    pub huge: u64,
}

/// Types of which every pattern of bits is a value, so that mapped zeroes and any bytes may be read as them.
pub trait Plain: Copy + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! plain {
    ($($type:ty)*) => { $(impl sealed::Sealed for $type {} impl Plain for $type {})* };
}
plain!(u8 u32 u64 usize f32 f64);

/// Mapped memory, all zero and untouched when new; unmapped when dropped.
#[derive(Debug)]
pub struct Buffer {
    start: NonNull<u8>,
    len: usize,
    mapping: NonNull<u8>,
    mapped: usize,
}

// SAFETY: the mapping belongs to this value alone and is bound to no thread.
unsafe impl Send for Buffer {}
// SAFETY: a shared reference only lends shared slices.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Maps `bytes`, rounded up to whole pages, without touching them. `available` is the memory that may be used, as
    /// the caller found it (the least of MemAvailable and what the cgroup leaves); `u64::MAX` where it is unknown.
    ///
    /// # Errors
    /// When nothing or more than `available` is asked for, or the kernel refuses. Refused advice on huge pages is no
    /// error: [`Buffer::obtained`] tells what came.
    pub fn map(bytes: usize, pages: Pages, available: u64) -> Result<Self, BufferError> {
        if bytes == 0 {
            return Err(BufferError::Empty);
        }
        if bytes as u64 > available {
            return Err(BufferError::TooLarge { asked: bytes, available });
        }
        let refused = |source| BufferError::Refused { asked: bytes, source };
        let align = if pages.is_huge() { HUGE_PAGE } else { page_size() };
        let overflow = || refused(io::Error::from_raw_os_error(libc::ENOMEM));
        let len = bytes.checked_next_multiple_of(align).ok_or_else(overflow)?;
        if pages == Pages::Reserved
            && let Some(buffer) = Self::reserved(len)
        {
            return Ok(buffer);
        }
        let mapped = len.checked_add(2 * align).ok_or_else(overflow)?;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let address = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(std::ptr::null_mut(), mapped, libc::PROT_NONE, flags, -1, 0)
        };
        if address == libc::MAP_FAILED {
            return Err(refused(io::Error::last_os_error()));
        }
        let mapping = NonNull::new(address.cast::<u8>()).ok_or_else(overflow)?;
        // At least one inaccessible page stays before the start, and one after the end.
        let lead = (mapping.as_ptr() as usize + page_size()).next_multiple_of(align) - mapping.as_ptr() as usize;
        // SAFETY: `lead` is at most `align` plus a page rounded to `align`, hence inside the mapping.
        let start = unsafe { mapping.add(lead) };
        let buffer = Self { start, len, mapping, mapped };
        // SAFETY: `start` and `len` are whole pages inside the mapping, which nothing else uses.
        if unsafe { libc::mprotect(start.as_ptr().cast(), len, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
            return Err(refused(io::Error::last_os_error()));
        }
        let advice = match pages {
            Pages::System => None,
            Pages::Small => Some(libc::MADV_NOHUGEPAGE),
            Pages::Huge | Pages::Reserved => Some(libc::MADV_HUGEPAGE),
        };
        if let Some(advice) = advice {
            // SAFETY: the range is this mapping's own; advice on huge pages does not change its content.
            unsafe { libc::madvise(start.as_ptr().cast(), len, advice) };
        }
        Ok(buffer)
    }

    /// Huge pages of the administrator's reserve, touched already, where it has enough. Without guard pages: such a
    /// mapping lies where the kernel likes.
    fn reserved(len: usize) -> Option<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB | libc::MAP_HUGE_2MB;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let address = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, -1, 0) };
        let start = NonNull::new(address.cast::<u8>()).filter(|_| address != libc::MAP_FAILED)?;
        let buffer = Self { start, len, mapping: start, mapped: len };
        // A container may be allowed none of what is set aside, and its first touch would end the process (SIGBUS):
        // this way the kernel says so. It can since Linux 5.14, before which there are no such buffers.
        // SAFETY: the range is this mapping's own, and new.
        let populated = unsafe { libc::madvise(address, len, libc::MADV_POPULATE_WRITE) };
        (populated == 0).then_some(buffer)
    }

    /// Usable bytes: what was asked for, rounded up to whole pages.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a buffer is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// First byte, aligned to a page. Valid for reads and writes of [`Buffer::len`] bytes as long as the buffer lives.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// First byte, aligned to a page, for reading.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    /// `count` values from `offset` bytes on.
    ///
    /// # Panics
    /// When the range does not lie in the buffer or `offset` is not aligned for `T`.
    #[must_use]
    pub fn slice<T: Plain>(&self, offset: usize, count: usize) -> &[T] {
        let first = self.first::<T>(offset, count);
        // SAFETY: `first` checked range and alignment; every pattern of bits is a `T`, and `&self` forbids writers.
        unsafe { std::slice::from_raw_parts(first, count) }
    }

    /// `count` values from `offset` bytes on, for writing.
    ///
    /// # Panics
    /// When the range does not lie in the buffer or `offset` is not aligned for `T`.
    pub fn slice_mut<T: Plain>(&mut self, offset: usize, count: usize) -> &mut [T] {
        let first = self.first::<T>(offset, count);
        // SAFETY: as for `slice`; `&mut self` forbids any other user.
        unsafe { std::slice::from_raw_parts_mut(first, count) }
    }

    fn first<T: Plain>(&self, offset: usize, count: usize) -> *mut T {
        let end = count.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(offset));
        assert!(end.is_some_and(|end| end <= self.len), "{count} values at byte {offset} exceed {} bytes", self.len);
        assert_eq!(offset % align_of::<T>(), 0, "byte {offset} is not aligned");
        // SAFETY: `offset` is at most `len`, as just checked.
        unsafe { self.start.as_ptr().add(offset).cast() }
    }

    /// Writes to each page, so that no page fault is left for a timed pass. To be called by the thread that will use
    /// the buffer: the kernel places a page near its first toucher.
    pub fn touch(&mut self) {
        for offset in (0..self.len).step_by(PAGE) {
            // SAFETY: `offset` is inside the buffer; volatile, since nobody reads the value.
            unsafe { self.start.as_ptr().add(offset).write_volatile(0) };
        }
    }

    /// What of the buffer is in memory and in huge pages; nothing where the system does not tell.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        let start = self.start.as_ptr() as u64;
        sum_smaps(&fs::read_to_string("/proc/self/smaps").ok()?, start, start + self.len as u64)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `mapping` and `mapped` are those of the one mmap, and no slice outlives the value.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapped) };
    }
}

/// Bytes of the system's base page; a power of two.
pub(crate) fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(PAGE).max(PAGE)
}

/// Sums resident and huge bytes of the mappings that lie wholly in `start..end`.
fn sum_smaps(smaps: &str, start: u64, end: u64) -> Option<Obtained> {
    let mut found = None;
    let mut inside = false;
    for line in smaps.lines() {
        if let Some((from, to)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-'))
            && let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16))
        {
            inside = from >= start && to <= end;
            if inside {
                found.get_or_insert(Obtained { resident: 0, huge: 0 });
            }
        } else if inside
            && let Some(obtained) = &mut found
            && let Some((key, value)) = line.split_once(':')
        {
            let bytes = || value.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024;
            match key {
                "Rss" => obtained.resident += bytes(),
                "AnonHugePages" => obtained.huge += bytes(),
                // Not part of what the kernel calls resident.
                "Private_Hugetlb" => {
                    obtained.resident += bytes();
                    obtained.huge += bytes();
                }
                _ => {}
            }
        }
    }
    found
}

/// Byte offsets of `count` arrays of `bytes` each in one buffer, and the buffer's size. Each array starts on a cache
/// line but at another offset in its page: equal page offsets make loads wait for stores that only look like theirs.
#[must_use]
pub fn staggered(count: usize, bytes: usize) -> (Vec<usize>, usize) {
    // 17 lines: no multiple of it up to 60 arrays comes back to the same line of a page, nor a neighbouring one.
    const STAGGER: usize = 17 * 64;
    let room = bytes.next_multiple_of(PAGE);
    let offsets = (0..count).map(|i| i * room + i * STAGGER).collect();
    (offsets, count * (room + STAGGER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_buffer_is_aligned_zero_and_untouched() {
        let mut buffer = Buffer::map(1 << 20, Pages::Small, u64::MAX).unwrap();
        assert_eq!(buffer.as_ptr() as usize % PAGE, 0);
        assert_eq!(buffer.obtained().unwrap(), Obtained { resident: 0, huge: 0 });
        buffer.slice_mut::<f64>(PAGE, 1)[0] = 1.5;
        assert_eq!(buffer.obtained().unwrap().resident, page_size() as u64);
        assert_eq!(buffer.slice::<f64>(PAGE, 2), [1.5, 0.0]);
        buffer.touch();
        assert_eq!(buffer.obtained().unwrap(), Obtained { resident: 1 << 20, huge: 0 });
    }

    #[test]
    fn huge_pages_are_aligned_and_what_came_is_told() {
        let mut buffer = Buffer::map(3 * HUGE_PAGE - 1, Pages::Huge, u64::MAX).unwrap();
        assert_eq!((buffer.len(), buffer.as_ptr() as usize % HUGE_PAGE), (3 * HUGE_PAGE, 0));
        buffer.touch();
        let obtained = buffer.obtained().unwrap();
        assert!(
            obtained.resident == buffer.len() as u64 && obtained.huge.is_multiple_of(HUGE_PAGE as u64),
            "{obtained:?}"
        );
    }

    #[test]
    fn a_reserve_is_taken_where_there_is_one_and_huge_pages_else() {
        let mut buffer = Buffer::map(3 * HUGE_PAGE - 1, Pages::Reserved, u64::MAX).unwrap();
        assert_eq!((buffer.len(), buffer.as_ptr() as usize % HUGE_PAGE), (3 * HUGE_PAGE, 0));
        buffer.touch();
        let last = buffer.len() - 8;
        buffer.slice_mut::<u64>(last, 1)[0] = 9;
        assert_eq!((buffer.slice::<u64>(0, 1)[0], buffer.slice::<u64>(last, 1)[0]), (0, 9));
        let obtained = buffer.obtained().unwrap();
        assert!(
            obtained.resident == buffer.len() as u64 && obtained.huge.is_multiple_of(HUGE_PAGE as u64),
            "{obtained:?}"
        );
        // More than any reserve: it comes from elsewhere, untouched.
        let large = Buffer::map(1 << 40, Pages::Reserved, u64::MAX).unwrap();
        assert_eq!(large.obtained().unwrap(), Obtained { resident: 0, huge: 0 });
    }

    #[test]
    fn too_much_is_refused_before_it_is_tried() {
        let error = Buffer::map(2 << 20, Pages::System, 1 << 20).unwrap_err();
        assert!(matches!(error, BufferError::TooLarge { asked: 0x20_0000, available: 0x10_0000 }));
        assert!(matches!(Buffer::map(0, Pages::System, 9).unwrap_err(), BufferError::Empty));
    }

    #[test]
    fn what_no_machine_has_is_an_error_not_a_crash() {
        for bytes in [usize::MAX, usize::MAX / 2] {
            assert!(matches!(Buffer::map(bytes, Pages::Huge, u64::MAX), Err(BufferError::Refused { .. })));
        }
    }

    #[test]
    #[should_panic(expected = "exceed")]
    fn a_slice_beyond_the_end_panics() {
        let buffer = Buffer::map(PAGE, Pages::System, u64::MAX).unwrap();
        let _ = buffer.slice::<u64>(0, buffer.len() / 8 + 1);
    }

    #[test]
    fn smaps_counts_only_this_range() {
        let smaps = "1000-2000 rw-p 0 0:0 0 [heap]\nRss: 4 kB\nAnonHugePages: 0 kB\n\
            200000-600000 rw-p 0 0:0 0\nSize: 4096 kB\nRss:    3000 kB\nAnonHugePages:  2048 kB\n\
            600000-700000 ---p 0 0:0 0\nRss: 9 kB\n\
            a00000-c00000 rw-p 0 0:0 0\nRss: 0 kB\nAnonHugePages: 0 kB\nPrivate_Hugetlb: 2048 kB\n";
        assert_eq!(sum_smaps(smaps, 0x20_0000, 0x60_0000), Some(Obtained { resident: 3_072_000, huge: 2_097_152 }));
        assert_eq!(sum_smaps(smaps, 0x80_0000, 0x90_0000), None);
        assert_eq!(sum_smaps(smaps, 0xa0_0000, 0xc0_0000), Some(Obtained { resident: 2 << 20, huge: 2 << 20 }));
    }

    #[test]
    fn staggered_arrays_do_not_overlap_or_alias() {
        let (offsets, total) = staggered(4, 10_000);
        for (i, first) in offsets.iter().enumerate() {
            assert!(first % 64 == 0 && first + 10_000 <= total);
            for second in &offsets[i + 1..] {
                assert!(first + 10_000 <= *second);
                assert!((second - first) % PAGE >= 64 && (first.abs_diff(*second)) % PAGE <= PAGE - 64);
            }
        }
    }
}
