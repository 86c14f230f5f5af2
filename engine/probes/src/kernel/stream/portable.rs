//! The kernels in plain Rust, for processors without kernels of their own. Non-temporal stores are not to be had.
#![expect(unsafe_code, reason = "passes take pointers, as those in assembly do")]

use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::{Pass, Store};
use crate::harness::opaque::clobber;
use crate::kernel::isa::Isa;

/// The four passes, in STREAM's order.
pub(super) fn passes(isa: Isa, store: Store) -> Option<[Pass; 4]> {
    (isa == Isa::Scalar && store == Store::Plain).then_some([copy, scale, add, triad])
}

unsafe fn copy(to: *mut f64, one: *const f64, _: *const f64, n: usize, _: f64) {
    // SAFETY: the caller vouches for pointers and lengths (see `Pass`).
    let (to, one) = unsafe { (from_raw_parts_mut(to, n), from_raw_parts(one, n)) };
    // Small opaque pieces: a whole loop would become a call to memcpy, which may store past the caches.
    for (to, one) in to.chunks_exact_mut(super::GRAIN).zip(one.chunks_exact(super::GRAIN)) {
        for (to, one) in to.iter_mut().zip(one) {
            *to = *one;
        }
        clobber();
    }
}

unsafe fn scale(to: *mut f64, one: *const f64, _: *const f64, n: usize, scalar: f64) {
    // SAFETY: as for `copy`.
    let (to, one) = unsafe { (from_raw_parts_mut(to, n), from_raw_parts(one, n)) };
    for (to, one) in to.iter_mut().zip(one) {
        *to = *one * scalar;
    }
    clobber();
}

unsafe fn add(to: *mut f64, one: *const f64, two: *const f64, n: usize, _: f64) {
    // SAFETY: as for `copy`.
    let (to, one, two) = unsafe { (from_raw_parts_mut(to, n), from_raw_parts(one, n), from_raw_parts(two, n)) };
    for ((to, one), two) in to.iter_mut().zip(one).zip(two) {
        *to = *one + *two;
    }
    clobber();
}

unsafe fn triad(to: *mut f64, one: *const f64, two: *const f64, n: usize, scalar: f64) {
    // SAFETY: as for `copy`.
    let (to, one, two) = unsafe { (from_raw_parts_mut(to, n), from_raw_parts(one, n), from_raw_parts(two, n)) };
    for ((to, one), two) in to.iter_mut().zip(one).zip(two) {
        *to = *one + *two * scalar;
    }
    clobber();
}
