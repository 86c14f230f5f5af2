//! Which CPUs this thread may run on, and tying it to one of them.
#![expect(unsafe_code, reason = "affinity is a system call")]

use std::io;

/// CPUs that one word of the kernel's mask holds.
const BITS: usize = u64::BITS as usize;

/// The CPUs the calling thread may run on, ascending: what cpusets, containers and `taskset` leave of the machine.
///
/// # Errors
/// What the kernel says; a sandbox may refuse the call.
pub fn allowed() -> io::Result<Vec<usize>> {
    // The mask must be as long as the kernel's own, which only trying tells: 1024 CPUs, then up to 65,536.
    let mut words = 16;
    loop {
        let mut mask = vec![0u64; words];
        // SAFETY: `mask` is writable for the length given, and a kernel mask is plain bits of any length.
        let result = unsafe { libc::sched_getaffinity(0, words * size_of::<u64>(), mask.as_mut_ptr().cast()) };
        if result == 0 {
            return Ok((0..words * BITS).filter(|cpu| mask[cpu / BITS] >> (cpu % BITS) & 1 == 1).collect());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINVAL) || words >= 1024 {
            return Err(error);
        }
        words *= 2;
    }
}

/// Ties the calling thread to one CPU.
///
/// # Errors
/// What the kernel says: the CPU is not among the allowed ones, or a sandbox refuses the call.
pub fn pin_current(cpu: usize) -> io::Result<()> {
    let mut mask = vec![0u64; (cpu / BITS + 1).max(16)];
    mask[cpu / BITS] = 1 << (cpu % BITS);
    // SAFETY: `mask` is readable for the length given.
    match unsafe { libc::sched_setaffinity(0, mask.len() * size_of::<u64>(), mask.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The CPU on which the calling thread runs at this moment; `None` where the system does not tell.
#[must_use]
pub fn current() -> Option<usize> {
    // SAFETY: asks the kernel or the vDSO; nothing is passed.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_only_run_there() {
        let cpus = allowed().unwrap();
        assert!(!cpus.is_empty());
        let last = cpus[cpus.len() - 1];
        let pinned = move || pin_current(last).and_then(|()| Ok((allowed()?, current())));
        let (seen, here) = std::thread::spawn(pinned).join().unwrap().unwrap();
        assert_eq!((seen, here), (vec![last], Some(last)));
        assert_eq!(allowed().unwrap(), cpus, "other threads keep theirs");
    }

    #[test]
    fn a_cpu_that_does_not_exist_is_an_error() {
        assert!(std::thread::spawn(|| pin_current(60_000)).join().unwrap().is_err());
    }
}
