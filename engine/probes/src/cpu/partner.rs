//! A forked process that answers tokens, for `cpu.context_switch`.
#![expect(unsafe_code, reason = "fork, and what a child may call after it")]

use std::io;

use crate::kernel::token::{Ends, answer};

/// The other process; ended and reaped when dropped, in the order of the fields.
#[derive(Debug)]
pub(super) struct Partner {
    /// First, since the end of its pipe ends the child, which is then waited for.
    ends: Ends,
    _child: Child,
}

/// The number of a child; waited for when dropped.
#[derive(Debug)]
struct Child(libc::pid_t);

impl Partner {
    /// Forks it. It inherits the CPU to which the calling thread is pinned, and dies with that thread.
    pub(super) fn start() -> io::Result<Self> {
        let (ours, theirs) = Ends::pair()?;
        let (our_from, our_to) = ours.descriptors();
        let (from, to) = theirs.descriptors();
        // SAFETY: asks for our own number.
        let parent = unsafe { libc::getpid() };
        // SAFETY: between `fork` and `_exit` the child calls nothing but system calls on its own descriptors: it takes
        // no lock and allocates nothing, so it does not matter what other threads held when it was copied.
        let child = unsafe { libc::fork() };
        match child {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                // SAFETY: as said. Without our ends closed here, the child would never see the end of its pipe.
                unsafe {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    libc::close(our_from);
                    libc::close(our_to);
                    if libc::getppid() == parent {
                        let _ = answer(from, to, None);
                    }
                    libc::_exit(0)
                }
            }
            child => Ok(Self { ends: ours, _child: Child(child) }),
        }
    }

    /// Our ends of the pipes.
    pub(super) fn ends(&self) -> &Ends {
        &self.ends
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut status = 0;
        // SAFETY: waits for our own child, of which nobody else knows.
        while unsafe { libc::waitpid(self.0, &raw mut status, 0) } == -1
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_and_is_gone_afterwards() {
        let partner = Partner::start().unwrap();
        partner.ends().serve(5, 10, false).unwrap();
        let child = partner._child.0;
        drop(partner);
        // SAFETY: asks for a child of ours; it was reaped, so there is none of that number.
        assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) }, -1);
    }
}
