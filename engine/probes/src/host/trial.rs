//! Trying a system call in a child process: some sandboxes do not refuse a call but kill the caller.
#![expect(unsafe_code, reason = "fork, and the system calls that are tried")]

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// The call succeeded.
    Works,
    /// The call was refused with this error number.
    Refused(i32),
    /// The caller was killed by this signal.
    Killed(i32),
    /// No child could be made.
    Untried,
}

/// Sets up a small ring.
pub(crate) fn io_uring() -> Trial {
    in_child(|| {
        // The parameters: 120 bytes in which zero is a valid value for every field.
        let mut params = [0_u64; 15];
        // SAFETY: the pointer is valid for the structure that the kernel reads and writes.
        unsafe { libc::syscall(libc::SYS_io_uring_setup, 2_u32, params.as_mut_ptr()) }
    })
}

/// Opens a counter of the instructions of the caller, in user mode.
pub(crate) fn perf_instructions() -> Trial {
    in_child(|| {
        // `perf_event_attr` of version 0, 64 bytes: type 0 (hardware), size, config 1 (instructions), and the flags
        // that leave out kernel and hypervisor.
        let attributes: [u64; 8] = [64 << 32, 1, 0, 0, 0, (1 << 5) | (1 << 6), 0, 0];
        // SAFETY: the pointer is valid for the size that the structure states.
        unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) }
    })
}

/// Makes a user and a network namespace.
pub(crate) fn namespaces() -> Trial {
    in_child(|| {
        // SAFETY: changes only the child, which ends right after.
        i64::from(unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) })
    })
}

/// Kills a process group that we made. Errors mean that it is gone.
pub(crate) fn kill_group(leader: u32) {
    if let Ok(group) = i32::try_from(leader)
        && group > 1
    {
        // SAFETY: no memory is involved; the group is that of a child not yet waited for, so its number is still its own.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// Runs a call in a child. `call` must be async-signal-safe: other threads may hold any lock at the fork.
fn in_child(call: fn() -> libc::c_long) -> Trial {
    // SAFETY: the child calls only `call`, which is async-signal-safe, and `_exit`.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Trial::Untried,
        0 => {
            let code = if call() < 0 { std::io::Error::last_os_error().raw_os_error().unwrap_or(255) } else { 0 };
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(code.clamp(0, 255)) }
        }
        pid => wait(pid),
    }
}

fn wait(pid: libc::pid_t) -> Trial {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is valid; the child is ours and not yet waited for.
        let done = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if done == pid {
            break;
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return Trial::Untried;
        }
    }
    if libc::WIFSIGNALED(status) {
        return Trial::Killed(libc::WTERMSIG(status));
    }
    match libc::WEXITSTATUS(status) {
        0 => Trial::Works,
        number => Trial::Refused(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_refusal_and_death_are_told_apart() {
        assert_eq!(in_child(|| 0), Trial::Works);
        // SAFETY: closing a descriptor that does not exist only fails.
        assert_eq!(in_child(|| unsafe { libc::close(-1) }.into()), Trial::Refused(libc::EBADF));
        let kill = || {
            // SAFETY: ends the child itself.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) }.into()
        };
        assert_eq!(in_child(kill), Trial::Killed(libc::SIGKILL));
    }
}
