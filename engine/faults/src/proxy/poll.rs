//! `epoll`, as little as the proxy needs.

use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// A set of descriptors.
#[derive(Debug)]
pub(super) struct Poll {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poll {
    pub(super) fn new() -> Result<Self> {
        // SAFETY: a plain number.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; 256] })
    }

    pub(super) fn add(&self, fd: RawFd, key: u64, interest: Interest) -> Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, key, interest)
    }

    pub(super) fn change(&self, fd: RawFd, key: u64, interest: Interest) -> Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, key, interest)
    }

    /// A descriptor whose both ways are over would be told for ever.
    pub(super) fn forget(&self, fd: RawFd) {
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, Interest::default());
    }

    fn control(&self, what: libc::c_int, fd: RawFd, key: u64, interest: Interest) -> Result<()> {
        let bits = if interest.read { libc::EPOLLIN } else { 0 } | if interest.write { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event { events: bits.cast_unsigned(), u64: key };
        // SAFETY: both descriptors are open, and the event lives through the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    }

    /// Waits until something is ready or the time is over; gives the keys with whether the other side is gone.
    pub(super) fn wait(&mut self, longest: Option<Duration>) -> Vec<(u64, bool)> {
        // Rounded up: waking before the time would turn in circles until it is there.
        let millis = longest.map_or(-1, |time| i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        let room = i32::try_from(self.events.len()).unwrap_or(1);
        // SAFETY: the buffer is live and has room for as many events as said.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), room, millis) };
        let gone = (libc::EPOLLERR | libc::EPOLLHUP).cast_unsigned();
        let count = usize::try_from(count).unwrap_or(0);
        self.events[..count].iter().map(|event| (event.u64, event.events & gone != 0)).collect()
    }
}
