//! Processor time, as the system counts it.
#![expect(unsafe_code, reason = "getrusage is a call into libc")]

use std::mem::MaybeUninit;

/// Processor seconds of the calling thread, in user and kernel.
pub(crate) fn by_thread() -> f64 {
    used(libc::RUSAGE_THREAD)
}

/// Processor seconds of the whole process, with the kernel's threads that work for it.
pub(crate) fn by_process() -> f64 {
    used(libc::RUSAGE_SELF)
}

fn used(whose: libc::c_int) -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the answer is writable, and an all-zero answer is a valid one.
    let usage = unsafe {
        libc::getrusage(whose, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_both_and_never_runs_backwards() {
        let (thread, process) = (by_thread(), by_process());
        let mut sum = 0_u64;
        while by_thread() < thread + 2e-3 {
            sum = (0..10_000_u64).fold(sum, |sum, at| std::hint::black_box(sum ^ at));
        }
        assert!(by_process() >= process + 1e-3, "{sum}");
    }
}
