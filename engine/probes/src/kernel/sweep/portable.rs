//! The kernels in plain Rust, for processors without kernels of their own.
#![expect(unsafe_code, reason = "passes take pointers, as those in assembly do")]

use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::{LANES, Pass};
use crate::harness::opaque::clobber;
use crate::kernel::isa::Isa;

/// Read, write and copy.
pub(super) fn passes(isa: Isa) -> Option<[Pass; 3]> {
    (isa == Isa::Scalar).then_some([read, write, copy])
}

unsafe fn read(from: *const u8, _: *mut u8, bytes: usize, sums: &mut [u64; LANES]) {
    // SAFETY: the caller vouches for pointers and lengths (see `Pass`).
    let words = unsafe { from_raw_parts(from.cast::<u64>(), bytes / 8) };
    for chunk in words.chunks_exact(LANES) {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*word);
        }
    }
    clobber();
}

unsafe fn write(_: *const u8, to: *mut u8, bytes: usize, sums: &mut [u64; LANES]) {
    // SAFETY: as for `read`.
    let words = unsafe { from_raw_parts_mut(to.cast::<u64>(), bytes / 8) };
    // Small opaque pieces: a whole loop would become a call to memset, which may store past the caches.
    for chunk in words.chunks_exact_mut(LANES) {
        chunk.fill(sums[0]);
        clobber();
    }
}

unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize, _: &mut [u64; LANES]) {
    // SAFETY: as for `read`; the caller vouches that the two do not overlap.
    let (from, to) =
        unsafe { (from_raw_parts(from.cast::<u64>(), bytes / 8), from_raw_parts_mut(to.cast::<u64>(), bytes / 8)) };
    for (to, from) in to.chunks_exact_mut(LANES).zip(from.chunks_exact(LANES)) {
        to.copy_from_slice(from);
        clobber();
    }
}
