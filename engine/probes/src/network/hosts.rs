//! Two processes that are two hosts: each in a network namespace of its own, joined by a veth pair.
//!
//! The first is forked from this process and the second from the first, because a user namespace can only be entered
//! by a process with one thread. Both are killed by the kernel when their parent goes, however it goes; their
//! namespaces, and with them the interfaces, go with them. Neither interface is ever in this process's network.
//!
//! A forked copy of a process with several threads may not wait for a lock that another thread held. So what runs in
//! the hosts allocates nothing: all that it needs is made before, and results are left in memory that is shared.
#![expect(unsafe_code, reason = "fork, unshare and shared memory are system calls")]

use std::ffi::CStr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::netlink::{self, Netlink, Shape};

/// Words of memory that this process and those forked from it all see.
#[derive(Debug)]
pub(crate) struct Board {
    words: NonNull<AtomicU64>,
    len: usize,
}

// SAFETY: the memory is only used as atomic words.
unsafe impl Sync for Board {}
// SAFETY: as above; nothing ties it to a thread.
unsafe impl Send for Board {}

impl Board {
    /// So many words, all zero.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let (size, protection) = (len.max(1) * size_of::<AtomicU64>(), libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: a new mapping at a place of the system's choice.
        let place = unsafe {
            libc::mmap(std::ptr::null_mut(), size, protection, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
        };
        let words = NonNull::new(place.cast()).filter(|_| place != libc::MAP_FAILED);
        words.map(|words| Self { words, len }).ok_or_else(io::Error::last_os_error)
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is of that length, aligned to a page, zeroed, and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.len) }
    }

    pub(crate) fn get(&self, at: usize) -> u64 {
        self.words().get(at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// Sets a word; one beyond the end is left out.
    pub(crate) fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.words().get(at) {
            word.store(value, Ordering::Release);
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.words.as_ptr().cast(), self.len.max(1) * size_of::<AtomicU64>()) };
    }
}

/// A forked process; killed and reaped when dropped before its end.
#[derive(Debug)]
pub(crate) struct Host {
    pid: libc::pid_t,
    status: Option<i32>,
}

impl Host {
    /// Forks a process that runs `body` and ends with the exit code 0 or 1. It is killed when the calling thread ends.
    pub(crate) fn fork(
        body: impl FnOnce(libc::pid_t) -> Result<(), Fault>,
        tell: impl FnOnce(Fault),
    ) -> io::Result<Self> {
        // SAFETY: takes nothing.
        let parent = unsafe { libc::getpid() };
        // SAFETY: the child runs only `body` and `tell`, which allocate nothing and take no lock, and leaves by `_exit`.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let outcome = catch_unwind(AssertUnwindSafe(|| body(parent)));
                let code = match outcome {
                    Ok(Ok(())) => 0,
                    Ok(Err(fault)) => {
                        tell(fault);
                        1
                    }
                    Err(_) => 101,
                };
                // SAFETY: ends the child without running anything of the parent's.
                unsafe { libc::_exit(code) }
            }
            pid => Ok(Self { pid, status: None }),
        }
    }

    /// Number of the process.
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// The wait status once the process has ended; `None` before, unless `patiently`.
    pub(crate) fn wait(&mut self, patiently: bool) -> io::Result<Option<i32>> {
        while self.status.is_none() {
            let mut status = 0;
            // SAFETY: waits for our own child, which is not reaped yet; the status is writable.
            match unsafe { libc::waitpid(self.pid, &raw mut status, if patiently { 0 } else { libc::WNOHANG }) } {
                0 => return Ok(None),
                -1 => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
                _ => self.status = Some(status),
            }
        }
        Ok(self.status)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.status.is_none() {
            // SAFETY: our own child, not yet reaped: the number is still its own.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            // Whatever it says, there is nothing more to do.
            let _ = self.wait(true);
        }
    }
}

/// What a host was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Step {
    /// Getting a network of its own.
    Separate = 1,
    /// Making the veth pair.
    Join,
    /// Giving it an address and taking it into use.
    Address,
    /// Limiting its rate.
    Shape,
    /// Connecting to the other host.
    Connect,
    /// Exchanging messages.
    Exchange,
    /// Sending or receiving the stream of blocks.
    Flow,
    /// Comparing what came.
    Compare,
    /// Waiting for the other host.
    Meet,
}

impl Step {
    /// All, by number from 1.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Separate, "get a network namespace"),
        (Self::Join, "make a veth pair"),
        (Self::Address, "give a veth interface an address"),
        (Self::Shape, "shape a veth interface with tbf"),
        (Self::Connect, "connect to the other host"),
        (Self::Exchange, "exchange messages with the other host"),
        (Self::Flow, "send to the other host"),
        (Self::Compare, "find the bytes that were sent"),
        (Self::Meet, "wait for the other host"),
    ];
}

/// What went wrong in a host: the step, and the system's error number, 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) step: Step,
    pub(crate) code: i32,
}

impl Step {
    /// For `map_err`.
    pub(crate) fn fault(self) -> impl Fn(io::Error) -> Fault {
        move |error| Fault { step: self, code: error.raw_os_error().unwrap_or(0) }
    }
}

/// Has the kernel kill this process when its parent's thread ends.
pub(crate) fn end_with(parent: libc::pid_t) -> io::Result<()> {
    // SAFETY: plain numbers.
    let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong, 0, 0, 0) };
    // SAFETY: takes nothing. A parent that went before the call above has left this process to another.
    let alive = unsafe { libc::getppid() } == parent;
    match set {
        0 if alive => Ok(()),
        0 => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives this process a network of its own; where that is not allowed, in a user namespace of its own, in which it
/// is. Returns whether the second way was taken.
pub(crate) fn separate() -> io::Result<bool> {
    // SAFETY: plain flags; this process has one thread and shares nothing that depends on them.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNET) == 0 {
            return Ok(false);
        }
        match libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) {
            0 => Ok(true),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Gives up the rights of the administrator for those of user `id`, for good.
pub(crate) fn become_user(id: u32) -> io::Result<()> {
    // SAFETY: plain numbers; the raw calls change this process, which has one thread.
    unsafe {
        if libc::syscall(libc::SYS_setgroups, 0, 0) != 0
            || libc::syscall(libc::SYS_setresgid, id, id, id) != 0
            || libc::syscall(libc::SYS_setresuid, id, id, id) != 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Ties this process to a CPU; one that is refused does no harm to what is measured but its steadiness.
pub(crate) fn sit(cpu: Option<usize>) {
    if let Some(cpu) = cpu.filter(|cpu| *cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: an all-zero set is a valid one, and the number is within it.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
        }
    }
}

/// Bytes of the longest packet on the link.
pub(crate) const MTU: u32 = 1_500;
/// Bytes that Ethernet puts before a packet.
pub(crate) const ETHERNET: u32 = 14;

/// One side of the link between the hosts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) name: &'static CStr,
    pub(crate) address: [u8; 4],
}

/// Both sides, at addresses that are for private use.
pub(crate) const SIDES: [Side; 2] =
    [Side { name: c"engine0", address: [10, 77, 0, 1] }, Side { name: c"engine1", address: [10, 77, 0, 2] }];

/// Makes the pair: the first side here, the second in the network of process `other`.
pub(crate) fn join(other: libc::pid_t) -> Result<(), Fault> {
    let [here, there] = SIDES;
    Netlink::open().and_then(|netlink| netlink.join(here.name, there.name, other, MTU)).map_err(Step::Join.fault())
}

/// Takes one side into use, shaped where that is asked for.
pub(crate) fn take_up(side: Side, shape: Option<Shape>) -> Result<Netlink, Fault> {
    let failed = Step::Address.fault();
    let netlink = Netlink::open().map_err(&failed)?;
    let index = netlink::index(side.name).map_err(&failed)?;
    netlink.address(index, side.address, 30).map_err(&failed)?;
    if let Some(shape) = shape {
        netlink.shape(index, shape).map_err(Step::Shape.fault())?;
    }
    netlink.up(index).map_err(&failed)?;
    Ok(netlink)
}

/// Waits until the link carries traffic. A packet that is sent before is dropped, and tried again only a second later.
pub(crate) fn until_it_operates(netlink: &Netlink, side: Side, patience: Duration) -> Result<(), Fault> {
    const PAUSE: Duration = Duration::from_micros(200);
    let failed = Step::Address.fault();
    let index = netlink::index(side.name).map_err(&failed)?;
    let mut waited = Duration::ZERO;
    while !netlink.operates(index).map_err(&failed)? {
        if waited > patience {
            return Err(Fault { step: Step::Address, code: libc::ETIMEDOUT });
        }
        std::thread::sleep(PAUSE);
        waited += PAUSE;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_seen_by_a_forked_process() {
        let board = Board::new(3).unwrap();
        let mut host = Host::fork(
            |parent| {
                end_with(parent).map_err(Step::Meet.fault())?;
                board.set(1, 42);
                board.set(99, 1);
                Err(Fault { step: Step::Flow, code: 7 })
            },
            |fault| board.set(2, fault.code as u64),
        )
        .unwrap();
        assert_eq!(host.wait(true).unwrap().map(|status| libc::WEXITSTATUS(status)), Some(1));
        assert_eq!((board.get(0), board.get(1), board.get(2), board.get(99)), (0, 42, 7, 0));
    }

    #[test]
    fn a_process_that_is_not_waited_for_is_killed() {
        let forever = |_| loop {
            std::thread::sleep(Duration::from_secs(1));
        };
        let mut host = Host::fork(forever, |_| {}).unwrap();
        assert_eq!(host.wait(false).unwrap(), None);
        let pid = host.pid();
        drop(host);
        // SAFETY: signal 0 only asks whether the process exists.
        assert_eq!(unsafe { libc::kill(pid, 0) }, -1);
    }

    #[test]
    fn steps_are_found_by_their_numbers() {
        for (at, (step, _)) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, at + 1);
        }
    }
}
