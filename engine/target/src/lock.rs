//! Locking without a second failure: what a panicking task left behind is still counts and times.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, also after a panic elsewhere.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
