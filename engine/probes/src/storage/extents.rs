//! Whether a file is really on its device: every byte in an extent that was written. A hole, or an extent that is only
//! reserved, is read as zeroes without asking the device: "completely fake (very high) IOPS".
#![expect(unsafe_code, reason = "FIEMAP and lseek are calls into the kernel")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Why a file is no measure of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwritten {
    #[error("no data from byte {0} on (a hole)")]
    Hole(u64),
    #[error("the space from byte {0} on is reserved but was never written (an unwritten extent)")]
    Reserved(u64),
}

/// How the file lies on its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Pieces; none where the file system only tells where its holes are.
    pub(crate) extents: Option<u64>,
    /// Whether the file system stores it compressed or encrypted.
    pub(crate) encoded: bool,
}

/// One extent, as `FIEMAP` gives it (`linux/fiemap.h`).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    reserved_too: [u32; 3],
}

const BATCH: usize = 128;

/// The request, with room for the answer.
#[repr(C)]
#[derive(Debug)]
struct Request {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [Extent; BATCH],
}

/// `_IOWR('f', 11, struct fiemap)` where directions are coded as on x86 and arm; others answer ENOTTY, and the holes
/// are asked for in another way.
const FS_IOC_FIEMAP: u64 = 0xc020_660b;
const FIEMAP_FLAG_SYNC: u32 = 1;
const LAST: u32 = 0x1;
const ENCODED: u32 = 0x8;
const UNWRITTEN: u32 = 0x800;

/// Looks at the first `length` bytes. `Ok(Err(..))` when some of them were never written.
///
/// # Errors
/// What the file system says when it tells neither extents nor holes.
pub(crate) fn check(file: &File, length: u64) -> io::Result<Result<Layout, Unwritten>> {
    let mut at = 0;
    let mut layout = Layout { extents: Some(0), encoded: false };
    let mut request = Box::new(Request {
        start: 0,
        length,
        flags: FIEMAP_FLAG_SYNC,
        mapped: 0,
        count: BATCH as u32,
        reserved: 0,
        extents: [Extent::default(); BATCH],
    });
    while at < length {
        (request.start, request.length, request.mapped) = (at, length - at, 0);
        // SAFETY: the request is a `struct fiemap` followed by room for the number of extents that it names.
        if unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP as _, &raw mut *request) } != 0 {
            return holes(file, length);
        }
        let found = &request.extents[..(request.mapped as usize).min(BATCH)];
        match walk(found, &mut at, length, &mut layout) {
            Ok(true) => {}
            Ok(false) if at >= length => {}
            Ok(false) => return Ok(Err(Unwritten::Hole(at))),
            Err(unwritten) => return Ok(Err(unwritten)),
        }
    }
    Ok(Ok(layout))
}

/// Goes on from byte `at` over the extents of one answer; whether more are to be asked for.
fn walk(extents: &[Extent], at: &mut u64, length: u64, layout: &mut Layout) -> Result<bool, Unwritten> {
    let mut more = !extents.is_empty();
    for extent in extents {
        if *at >= length {
            return Ok(false);
        }
        if extent.logical > *at {
            return Err(Unwritten::Hole(*at));
        }
        if extent.flags & UNWRITTEN != 0 {
            return Err(Unwritten::Reserved(extent.logical.max(*at)));
        }
        layout.encoded |= extent.flags & ENCODED != 0;
        layout.extents = layout.extents.map(|extents| extents + 1);
        *at = (*at).max(extent.logical.saturating_add(extent.length));
        more &= extent.flags & LAST == 0;
    }
    Ok(more)
}

/// Where there is no FIEMAP: the next hole. What is reserved counts as a hole on the file systems that keep track.
fn holes(file: &File, length: u64) -> io::Result<Result<Layout, Unwritten>> {
    // SAFETY: moves the file's offset, which nobody here uses.
    let hole = unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_HOLE) };
    match u64::try_from(hole) {
        Ok(hole) if hole < length => Ok(Err(Unwritten::Hole(hole))),
        Ok(_) => Ok(Ok(Layout { extents: None, encoded: false })),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_file_that_was_written_passes() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; MIB as usize], 0).unwrap();
        assert!(check(&file, MIB).unwrap().is_ok());
    }

    #[test]
    fn a_hole_is_found_where_it_begins() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![7; MIB as usize], 0).unwrap();
        file.set_len(3 * MIB).unwrap();
        assert_eq!(check(&file, 3 * MIB).unwrap(), Err(Unwritten::Hole(MIB)));
        file.write_all_at(&vec![7; MIB as usize], 2 * MIB).unwrap();
        assert_eq!(check(&file, 3 * MIB).unwrap(), Err(Unwritten::Hole(MIB)));
        assert!(check(&file, MIB).unwrap().is_ok(), "what is not asked for does not matter");
    }

    #[test]
    fn space_that_is_only_reserved_is_found() {
        let file = tempfile::tempfile().unwrap();
        // SAFETY: reserves space in a file of our own.
        let reserved = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, 4 * MIB as i64) };
        if reserved != 0 {
            return; // The file system cannot, so there is nothing to find.
        }
        file.write_all_at(&vec![7; MIB as usize], 0).unwrap();
        file.sync_all().unwrap();
        let found = check(&file, 4 * MIB).unwrap();
        assert!(matches!(found, Err(Unwritten::Reserved(at) | Unwritten::Hole(at)) if at == MIB), "{found:?}");
    }

    #[test]
    fn answers_in_several_pieces_are_joined() {
        let extent = |logical, length, flags| Extent { logical, length, flags, ..Extent::default() };
        let mut layout = Layout { extents: Some(0), encoded: false };
        let mut at = 0;
        assert_eq!(walk(&[extent(0, 10, 0), extent(10, 5, ENCODED)], &mut at, 30, &mut layout), Ok(true));
        assert_eq!(walk(&[extent(15, 20, LAST)], &mut at, 30, &mut layout), Ok(false));
        assert_eq!((at, layout), (35, Layout { extents: Some(3), encoded: true }));
        assert_eq!(walk(&[extent(40, 1, 0)], &mut at, 50, &mut layout), Err(Unwritten::Hole(35)));
        assert_eq!(walk(&[extent(30, 9, UNWRITTEN)], &mut at, 50, &mut layout), Err(Unwritten::Reserved(35)));
        assert_eq!(walk(&[], &mut at, 50, &mut layout), Ok(false));
    }
}
