//! An io_uring for reads and writes of one file, with the flags that this kernel takes.
#![expect(unsafe_code, reason = "the kernel reads and writes the buffers that requests name")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::{IoUring, opcode, types};

use super::{Done, Kind, Queue, Request, Shape};
use crate::harness::{Buffer, Pages};

/// What is asked of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Buffers pinned and mapped once, not for each request.
    pub(crate) buffers: bool,
    /// The file, and the ring itself, looked up once.
    pub(crate) files: bool,
    /// Completions handed over when asked for, not by interrupting (`SINGLE_ISSUER`, `DEFER_TASKRUN`, `COOP_TASKRUN`).
    pub(crate) deferred: bool,
    /// The device is asked, again and again, and does not interrupt.
    pub(crate) iopoll: bool,
    /// A thread of the kernel takes requests without a system call.
    pub(crate) sqpoll: bool,
}

impl Wishes {
    /// What costs least everywhere.
    pub(crate) const BEST: Self = Self { buffers: true, files: true, deferred: true, iopoll: false, sqpoll: false };
    /// A ring as the kernel makes it by default.
    pub(crate) const PLAIN: Self = Self { buffers: false, files: false, deferred: false, iopoll: false, sqpoll: false };
}

/// What came of the wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Obtained {
    /// Names of what was asked for.
    pub(crate) asked: Vec<&'static str>,
    /// Names of what is in effect.
    pub(crate) got: Vec<&'static str>,
    /// What is not, and why.
    pub(crate) missing: Vec<(&'static str, String)>,
}

impl Obtained {
    fn lacks(&mut self, name: &'static str, why: impl Into<String>) {
        self.missing.push((name, why.into()));
    }

    /// Whether an option is in effect.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.got.contains(&name)
    }

    /// For the report.
    pub(crate) fn describe(&self) -> String {
        let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(" ") };
        let missing: String = self.missing.iter().map(|(name, why)| format!("; without {name}: {why}")).collect();
        format!("flags asked for: {}; in effect: {}{missing}", list(&self.asked), list(&self.got))
    }
}

/// Flags by age, the newest first: a kernel that refuses a set is asked again without its newest.
const FLAGS: [(&str, u32); 4] =
    [("defer_taskrun", 1 << 13), ("single_issuer", 1 << 12), ("coop_taskrun", 1 << 8), ("cqsize", 1 << 3)];

/// A ring with its buffers.
pub(crate) struct Uring {
    ring: IoUring,
    buffers: Buffer,
    file: types::Fd,
    block: u32,
    fixed_buffers: bool,
    fixed_file: bool,
    /// Number of the ring among the registered descriptors of this thread.
    registered: Option<u32>,
    sqpoll: bool,
    under_way: usize,
    /// Put in, but not handed over.
    waiting: u32,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("block", &self.block).field("under_way", &self.under_way).finish_non_exhaustive()
    }
}

impl Uring {
    /// A ring for requests to `file`, which must stay open as long as the ring. What
    /// is not to be had is left out, and named; must be used by the thread that made it.
    pub(crate) fn open(file: &File, shape: Shape, wishes: Wishes) -> io::Result<(Self, Obtained)> {
        let mut obtained = Obtained::default();
        let mut wishes = wishes;
        loop {
            let mut uring = Self::set_up(file, shape, wishes, &mut obtained)?;
            // The first read tells what setting up does not: IOPOLL is refused only by it.
            match uring.first_read() {
                Ok(()) => return Ok((uring, obtained)),
                Err(error) if wishes.iopoll => {
                    wishes.iopoll = false;
                    obtained = Obtained::default();
                    obtained.asked.push("iopoll");
                    obtained.lacks("iopoll", iopoll_reason(&error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn set_up(file: &File, shape: Shape, wishes: Wishes, obtained: &mut Obtained) -> io::Result<Self> {
        let (ring, entries) = ring(shape.depth, wishes, obtained)?;
        if entries < shape.depth {
            obtained.lacks("all entries", format!("there was memory for {entries} only"));
        }
        let buffers = shape.map()?;
        let mut uring = Self {
            ring,
            buffers,
            file: types::Fd(file.as_raw_fd()),
            block: shape.block,
            fixed_buffers: false,
            fixed_file: false,
            registered: None,
            sqpoll: wishes.sqpoll && obtained.has("sqpoll"),
            under_way: 0,
            waiting: 0,
        };
        uring.register(wishes, obtained);
        // Registering gives the buffers their pages; without it they come now, and not while time is taken.
        if !uring.fixed_buffers {
            uring.buffers.touch();
        }
        Ok(uring)
    }

    /// Registers what is asked for; a refusal costs speed and nothing else.
    fn register(&mut self, wishes: Wishes, obtained: &mut Obtained) {
        if wishes.buffers {
            obtained.asked.push("registered_buffers");
            let all = libc::iovec { iov_base: self.buffers.as_mut_ptr().cast(), iov_len: self.buffers.len() };
            // SAFETY: the buffers live as long as the ring, which is dropped before them.
            match unsafe { self.ring.submitter().register_buffers(&[all]) } {
                Ok(()) => {
                    self.fixed_buffers = true;
                    obtained.got.push("registered_buffers");
                }
                Err(error) => obtained.lacks("registered_buffers", memory_reason(&error)),
            }
        }
        if wishes.files {
            obtained.asked.push("registered_files");
            match self.ring.submitter().register_files(&[self.file.0]) {
                Ok(()) => {
                    self.fixed_file = true;
                    obtained.got.push("registered_files");
                }
                Err(error) => obtained.lacks("registered_files", error.to_string()),
            }
            self.registered = register_ring(self.ring.as_raw_fd());
            // Since Linux 5.18; nobody misses it in an older one.
            obtained.got.extend(self.registered.map(|_| "registered_ring"));
        }
    }

    fn first_read(&mut self) -> io::Result<()> {
        let mut done = Vec::with_capacity(1);
        self.push(Request { slot: 0, buffer: 0, kind: Kind::Read, offset: 0 })?;
        while done.is_empty() {
            self.turn(1, 1, &mut done)?;
        }
        match i32::try_from(done[0].result) {
            Ok(error) if error < 0 => Err(io::Error::from_raw_os_error(-error)),
            _ => Ok(()),
        }
    }

    fn entry(&mut self, request: Request) -> io_uring::squeue::Entry {
        let (block, offset) = (self.block, request.offset);
        let at = request.buffer as usize * block as usize;
        // SAFETY: the buffer is one of those that were mapped.
        let buffer = unsafe { self.buffers.as_mut_ptr().add(at) };
        // The operations are types of their own, and so are the two ways to name the file.
        macro_rules! entry {
            ($operation:ident $(, $index:literal)?) => {
                if self.fixed_file {
                    opcode::$operation::new(types::Fixed(0), buffer, block $(, $index)?).offset(offset).build()
                } else {
                    opcode::$operation::new(self.file, buffer, block $(, $index)?).offset(offset).build()
                }
            };
        }
        match (request.kind, self.fixed_buffers) {
            (Kind::Nop, _) => opcode::Nop::new().build(),
            (Kind::Read, true) => entry!(ReadFixed, 0),
            (Kind::Read, false) => entry!(Read),
            (Kind::Write, true) => entry!(WriteFixed, 0),
            (Kind::Write, false) => entry!(Write),
        }
        .user_data(u64::from(request.slot))
    }

    /// One `io_uring_enter`: hands over what waits, and waits for `wait` completions.
    fn enter(&mut self, wait: u32) -> io::Result<()> {
        const GETEVENTS: u32 = 1;
        const SQ_WAKEUP: u32 = 1 << 1;
        const REGISTERED_RING: u32 = 1 << 4;
        let mut flags = GETEVENTS;
        if self.sqpoll {
            if self.ring.submission().need_wakeup() {
                flags |= SQ_WAKEUP;
            } else if wait == 0 {
                self.waiting = 0;
                return Ok(());
            }
        }
        let ring = match self.registered {
            Some(index) => {
                flags |= REGISTERED_RING;
                index as RawFd
            }
            None => self.ring.as_raw_fd(),
        };
        // SAFETY: the ring is set up, and every request that it holds names memory that lives until it has ended.
        let handed = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, ring, self.waiting, wait, flags, std::ptr::null::<u8>(), 0_usize)
        };
        if let Ok(handed) = u32::try_from(handed) {
            self.waiting = if self.sqpoll { 0 } else { self.waiting.saturating_sub(handed) };
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // Interrupted, or the kernel wants completions to be taken first: the next turn comes.
            Some(libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
            _ => Err(error),
        }
    }
}

impl Queue for Uring {
    #[inline]
    fn push(&mut self, request: Request) -> io::Result<()> {
        let entry = self.entry(request);
        // SAFETY: the entry names a buffer that lives until the request has ended: `drop` waits for it.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            // Fewer entries than slots.
            self.enter(0)?;
        }
        self.waiting += 1;
        self.under_way += 1;
        Ok(())
    }

    #[inline]
    fn submit(&mut self) -> io::Result<()> {
        self.enter(0)
    }

    #[inline]
    fn turn(&mut self, wait: u32, most: u32, done: &mut Vec<Done>) -> io::Result<()> {
        if self.waiting > 0 || self.ring.completion().is_empty() {
            self.enter(wait)?;
        }
        let mut missing = wait.min(most) as usize;
        loop {
            let before = done.len();
            for end in self.ring.completion().take(most as usize) {
                done.push(Done { slot: end.user_data() as u32, result: i64::from(end.result()) });
            }
            let got = done.len() - before;
            self.under_way -= got;
            missing = missing.saturating_sub(got);
            if missing == 0 {
                return Ok(());
            }
            self.enter(missing as u32)?;
        }
    }

    fn under_way(&self) -> usize {
        self.under_way
    }

    fn buffers(&mut self) -> &mut Buffer {
        &mut self.buffers
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        // The kernel writes into the buffers until the last request has ended. An error ends the waiting: then the
        // buffers are given up rather than unmapped under a request.
        let mut done = Vec::new();
        if super::drain(self, &mut done).is_err() {
            let buffers = Buffer::map(1, Pages::System, u64::MAX);
            if let Ok(other) = buffers {
                std::mem::forget(std::mem::replace(&mut self.buffers, other));
            }
        }
    }
}

/// A ring with all flags that the kernel takes, the newest given up first, and half the entries where memory is short.
fn ring(depth: u32, wishes: Wishes, obtained: &mut Obtained) -> io::Result<(IoUring, u32)> {
    // SQPOLL has its own thread, for which the other two mean nothing and are refused.
    let wanted: Vec<(&'static str, u32)> = FLAGS
        .into_iter()
        .filter(|(name, _)| match *name {
            "cqsize" => true,
            "single_issuer" => wishes.deferred,
            _ => wishes.deferred && !wishes.sqpoll,
        })
        .collect();
    let mut polls: Vec<(&'static str, bool)> = vec![("iopoll", wishes.iopoll), ("sqpoll", wishes.sqpoll)];
    polls.retain(|(_, wanted)| *wanted);
    obtained.asked.extend(polls.iter().map(|(name, _)| *name).chain(wanted.iter().map(|(name, _)| *name)));

    let (mut entries, mut first) = (depth, 0);
    loop {
        let kept = &wanted[first..];
        let mut builder = IoUring::builder();
        for (name, _) in kept {
            match *name {
                "defer_taskrun" => builder.setup_defer_taskrun(),
                "single_issuer" => builder.setup_single_issuer(),
                "coop_taskrun" => builder.setup_coop_taskrun(),
                _ => builder.setup_cqsize(depth.max(entries)),
            };
        }
        for (name, _) in &polls {
            match *name {
                "iopoll" => builder.setup_iopoll(),
                _ => builder.setup_sqpoll(50),
            };
        }
        match builder.build(entries) {
            Ok(ring) => {
                obtained.got.extend(polls.iter().map(|(name, _)| *name).chain(kept.iter().map(|(name, _)| *name)));
                return Ok((ring, entries));
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOMEM) if entries > 1 && entries * 4 > depth => entries /= 2,
                Some(libc::EINVAL) if first < wanted.len() => {
                    obtained.lacks(wanted[first].0, "this kernel does not know it (EINVAL)");
                    first += 1;
                }
                Some(_) if !polls.is_empty() => {
                    obtained.missing.clear();
                    obtained.lacks(polls.remove(polls.len() - 1).0, error.to_string());
                    first = 0;
                }
                _ => return Err(error),
            },
        }
    }
}

/// Saves the kernel the look-up of the ring's descriptor at each call; none before Linux 5.18.
fn register_ring(ring: RawFd) -> Option<u32> {
    #[repr(C)]
    struct Update {
        offset: u32,
        reserved: u32,
        data: u64,
    }
    const REGISTER_RING_FDS: usize = 20;
    let mut update = Update { offset: u32::MAX, reserved: 0, data: ring as u64 };
    // SAFETY: the request is an `io_uring_rsrc_update` that lives during the call.
    let done = unsafe { libc::syscall(libc::SYS_io_uring_register, ring, REGISTER_RING_FDS, &raw mut update, 1_u32) };
    (done == 1).then_some(update.offset)
}

fn iopoll_reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => "the device has no queues that are polled (EOPNOTSUPP)".to_owned(),
        _ => error.to_string(),
    }
}

fn memory_reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOMEM) => "more than may be locked in memory (ENOMEM; see `ulimit -l`)".to_owned(),
        _ => error.to_string(),
    }
}
