//! Whether io_uring may be used here, found out by a child: some sandboxes end a process that so much as tries.
#![expect(unsafe_code, reason = "fork, and system calls that must not allocate")]

use std::io;

/// Why there is no ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("a process that sets one up is killed by signal {0} (a sandbox)")]
    Killed(i32),
    #[error("{} ({})", meaning(*.0), io::Error::from_raw_os_error(*.0))]
    Error(i32),
    #[error("it could not be tried out: {0}")]
    Untried(String),
}

fn meaning(error: i32) -> &'static str {
    match error {
        libc::ENOSYS => "this kernel has none",
        libc::EPERM | libc::EACCES => "the system refuses it; see `kernel.io_uring_disabled` and the container's rules",
        libc::ENOMEM => "there is no memory for it; see the limit on locked memory",
        libc::EINVAL => "this kernel's is too old",
        _ => "it cannot be set up",
    }
}

/// Sets up a small ring, enters it and registers with it, in a child, and tells how that went.
pub(crate) fn try_uring() -> Result<(), Refusal> {
    // SAFETY: the child of a process with threads may only do what is safe in a signal handler: plain system calls on
    // memory of its own stack, and `_exit`.
    let child = unsafe { libc::fork() };
    match child {
        -1 => return Err(Refusal::Untried(io::Error::last_os_error().to_string())),
        0 => {
            let error = attempt();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(error) }
        }
        _ => {}
    }
    let mut status = 0;
    loop {
        // SAFETY: waits for the child that was just made; the status is writable.
        if unsafe { libc::waitpid(child, &raw mut status, 0) } == child {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(Refusal::Untried(error.to_string()));
        }
    }
    match (libc::WIFSIGNALED(status), libc::WEXITSTATUS(status)) {
        (true, _) => Err(Refusal::Killed(libc::WTERMSIG(status))),
        (false, 0) => Ok(()),
        (false, error) => Err(Refusal::Error(error)),
    }
}

/// The three system calls; 0 or the number of the first error. No allocation, no lock.
fn attempt() -> i32 {
    const PARAMETERS: usize = 120;
    const REGISTER_PROBE: usize = 8;
    let mut parameters = [0_u64; PARAMETERS / 8];
    // An `io_uring_probe` with room for no operation.
    let mut probe = [0_u64; 2];
    // SAFETY: the parameters have the size that the kernel expects and are zero; the ring is used by nobody else.
    unsafe {
        let errno = || *libc::__errno_location();
        let ring = libc::syscall(libc::SYS_io_uring_setup, 4_u32, parameters.as_mut_ptr());
        if ring < 0 {
            return errno();
        }
        if libc::syscall(libc::SYS_io_uring_enter, ring, 0_u32, 0_u32, 0_u32, 0_usize, 0_usize) < 0 {
            return errno();
        }
        let registered = libc::syscall(libc::SYS_io_uring_register, ring, REGISTER_PROBE, probe.as_mut_ptr(), 0_u32);
        // Kernels before 5.6 do not know the request; only a refusal counts.
        if registered < 0 && matches!(errno(), libc::EPERM | libc::EACCES | libc::ENOSYS) {
            return errno();
        }
    }
    0
}
