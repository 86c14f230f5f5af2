//! Page faults of a thread: memory that is first touched, or moved, within a timed pass puts the kernel's work into it.
#![expect(unsafe_code, reason = "getrusage is a call into libc")]

/// Page faults of the calling thread so far, with and without reading from a disk.
#[must_use]
pub fn of_thread() -> u64 {
    // SAFETY: a plain structure of numbers, of which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is writable. The call fails only for an unknown `who`; then the count stays zero.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    let count = |faults: libc::c_long| u64::try_from(faults).unwrap_or(0);
    count(usage.ru_minflt) + count(usage.ru_majflt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::buffer::{Buffer, PAGE, Pages};

    #[test]
    fn each_first_touch_counts_and_the_second_does_not() {
        let mut buffer = Buffer::map(256 * PAGE, Pages::Small, u64::MAX).unwrap();
        let before = of_thread();
        buffer.touch();
        let first = of_thread();
        assert!(first - before >= 256, "{}", first - before);
        buffer.touch();
        assert!(of_thread() - first < 256);
    }
}
