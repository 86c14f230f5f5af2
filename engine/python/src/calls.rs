//! How many calls have arrived.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

static CALLS: AtomicU64 = AtomicU64::new(0);

/// Counts a call made by a thread that is attached to the interpreter: no other one counts meanwhile, so a load and a
/// store are enough, and cheaper than an atomic addition.
#[inline(always)]
pub(crate) fn count() {
    CALLS.store(CALLS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Calls of all functions of this module since it was loaded, this one not among them.
#[pyfunction]
pub(crate) fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}
