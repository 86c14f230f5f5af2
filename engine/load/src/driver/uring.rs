//! Sockets over `io_uring`: multishot receive into shared buffers, and the three flags that save a third of the cost
//! (`SINGLE_ISSUER | DEFER_TASKRUN | COOP_TASKRUN`: completions are worked off when we ask, not by interrupting us).

use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use slab::Slab;

use super::address::RawAddress;
use super::buffers::{Buffers, GROUP};
use super::{Driver, DriverKind, Event, Handler, Key, Wait, reset_on_close};
use crate::clock;

const CONNECT: u64 = 0;
const SEND: u64 = 1;
const RECEIVE: u64 = 2;
const CANCEL: u64 = 3;
/// A short send, which says nothing when it went well.
const QUIET: u64 = 4;

/// Bits of an operation's code below the socket's key.
const BITS: u32 = 3;

/// A send up to this size fits into the buffer of a socket that has nothing else to send, so it ends while it is
/// submitted. Its completion would only wake us once more for each request, which costs as much as a twentieth of it.
const SHORT: usize = 4096;

/// Submissions between two system calls; more are submitted early.
const ENTRIES: u32 = 2048;

struct Socket {
    fd: OwnedFd,
    /// Operations that the kernel has not ended yet; the socket is closed only at zero.
    pending: u32,
    closing: bool,
    address: Option<Box<RawAddress>>,
    sending: Option<Rc<Vec<u8>>>,
    sent: usize,
    /// The last short message: held until the next, long after the kernel has copied it.
    short: Option<Rc<Vec<u8>>>,
}

/// See the module.
pub struct Uring {
    /// Dropped before the buffers that it may write to.
    ring: ManuallyDrop<IoUring>,
    buffers: ManuallyDrop<Buffers>,
    sockets: Slab<Socket>,
    /// Sockets that are closed as soon as the present events are worked off.
    closable: Vec<Key>,
    /// Submissions that did not fit.
    overflow: VecDeque<squeue::Entry>,
    kind: DriverKind,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("kind", &self.kind).field("sockets", &self.sockets.len()).finish_non_exhaustive()
    }
}

impl Uring {
    /// A ring for about `sockets` sockets, to be used by this thread alone.
    ///
    /// # Errors
    /// If the kernel refuses `io_uring` (containers often do) or is older than 5.19.
    pub fn new(sockets: usize) -> io::Result<Self> {
        let completions = (sockets.next_power_of_two() as u32 * 2).clamp(2 * ENTRIES, 65_536);
        let (ring, kind) = match IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(completions)
            .build(ENTRIES)
        {
            Ok(ring) => (ring, DriverKind::IoUring),
            Err(_) => (IoUring::builder().setup_cqsize(completions).build(ENTRIES)?, DriverKind::PlainIoUring),
        };
        // Spares looking up the ring's descriptor at each call; older kernels do without.
        let _ = ring.submitter().register_ring_fd();
        let count = sockets.next_power_of_two().clamp(64, 1024) as u16;
        let buffers = Buffers::new(&ring, count)?;
        Ok(Self {
            ring: ManuallyDrop::new(ring),
            buffers: ManuallyDrop::new(buffers),
            sockets: Slab::new(),
            closable: Vec::new(),
            overflow: VecDeque::new(),
            kind,
        })
    }

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: what entries point to (addresses, bytes to send, buffers) is held by `self` until their completion.
        let full = !self.overflow.is_empty() || unsafe { self.ring.submission().push(&entry) }.is_err();
        if full {
            self.overflow.push_back(entry);
        }
    }

    fn start(&mut self, key: Key, operation: u64, entry: squeue::Entry) {
        self.sockets[key].pending += 1;
        self.push(entry.user_data((key as u64) << BITS | operation));
    }

    fn start_send(&mut self, key: Key) {
        let socket = &self.sockets[key];
        let Some(bytes) = &socket.sending else { return };
        let rest = &bytes[socket.sent..];
        let entry = opcode::Send::new(Fd(socket.fd.as_raw_fd()), rest.as_ptr(), rest.len() as u32)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build();
        self.start(key, SEND, entry);
    }

    fn start_receive(&mut self, key: Key) {
        let entry = opcode::RecvMulti::new(Fd(self.sockets[key].fd.as_raw_fd()), GROUP).build();
        self.start(key, RECEIVE, entry);
    }

    /// Moves what did not fit into the queue, submitting in between.
    fn drain_overflow(&mut self) -> io::Result<()> {
        while let Some(entry) = self.overflow.front() {
            // SAFETY: as in `push`.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                self.overflow.pop_front();
            } else {
                self.ring.submit()?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let done = match wait {
            Wait::No => {
                // Completions are worked off only by a call; a flag in shared memory tells whether there are any.
                let submission = self.ring.submission();
                let idle = submission.is_empty() && !submission.taskrun() && self.kind == DriverKind::IoUring;
                drop(submission);
                if idle { Ok(0) } else { self.ring.submit() }
            }
            Wait::Nanos(nanos) => {
                let time = Timespec::new().sec(nanos / 1_000_000_000).nsec((nanos % 1_000_000_000) as u32);
                self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time))
            }
        };
        match done {
            Ok(_) => Ok(()),
            // ETIME: nothing came in time. EBUSY: completions must be taken first, which is what follows.
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// One completion.
    fn complete(&mut self, stamp: u64, entry: &cqueue::Entry, handler: &mut Handler<'_>) {
        let (key, operation) = ((entry.user_data() >> BITS) as Key, entry.user_data() & ((1 << BITS) - 1));
        if matches!(operation, CANCEL | QUIET) {
            return;
        }
        let (result, flags) = (entry.result(), entry.flags());
        let more = cqueue::more(flags);
        let socket = &mut self.sockets[key];
        if !more {
            socket.pending -= 1;
        }
        let closing = socket.closing;
        match operation {
            CONNECT => {
                socket.address = None;
                if !closing {
                    handler(stamp, key, Event::Connected(if result < 0 { Err(-result) } else { Ok(()) }));
                }
            }
            SEND => {
                socket.sent += result.max(0) as usize;
                let whole = socket.sending.as_ref().is_none_or(|bytes| socket.sent >= bytes.len());
                if result > 0 && !whole && !closing {
                    self.start_send(key);
                } else {
                    socket.sending = None;
                    if !closing {
                        let error = if result < 0 { -result } else { libc::EPIPE };
                        handler(stamp, key, Event::Sent(if result >= 0 && whole { Ok(()) } else { Err(error) }));
                    }
                }
            }
            _ => {
                if let Some(id) = cqueue::buffer_select(flags) {
                    if !closing {
                        handler(stamp, key, Event::Data(self.buffers.get(id, result.max(0) as usize)));
                    }
                    self.buffers.put(id);
                    self.buffers.publish();
                }
                if !closing && !more {
                    // Ended after data or for want of buffers: go on. Else it is the end.
                    if result > 0 || result == -libc::ENOBUFS {
                        self.start_receive(key);
                    } else {
                        handler(stamp, key, Event::End(if result < 0 { Err(-result) } else { Ok(()) }));
                    }
                }
            }
        }
        let socket = &self.sockets[key];
        if socket.closing && socket.pending == 0 {
            self.closable.push(key);
        }
    }
}

impl Driver for Uring {
    fn kind(&self) -> DriverKind {
        self.kind
    }

    fn adopt(&mut self, fd: OwnedFd) -> Key {
        self.sockets.insert(Socket {
            fd,
            pending: 0,
            closing: false,
            address: None,
            sending: None,
            sent: 0,
            short: None,
        })
    }

    fn connect(&mut self, key: Key, address: SocketAddr) {
        let (raw, len) = RawAddress::new(&address);
        let socket = &mut self.sockets[key];
        let raw = socket.address.insert(Box::new(raw));
        let entry = opcode::Connect::new(Fd(socket.fd.as_raw_fd()), raw.as_ptr(), len).build();
        self.start(key, CONNECT, entry);
    }

    fn send(&mut self, key: Key, bytes: Rc<Vec<u8>>) -> bool {
        if bytes.len() > SHORT {
            return self.send_reported(key, bytes);
        }
        let socket = &mut self.sockets[key];
        let bytes = socket.short.insert(bytes);
        let entry = opcode::Send::new(Fd(socket.fd.as_raw_fd()), bytes.as_ptr(), bytes.len() as u32)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data((key as u64) << BITS | QUIET);
        self.push(entry);
        false
    }

    fn send_reported(&mut self, key: Key, bytes: Rc<Vec<u8>>) -> bool {
        let socket = &mut self.sockets[key];
        socket.sending = Some(bytes);
        socket.sent = 0;
        self.start_send(key);
        true
    }

    fn receive(&mut self, key: Key) {
        self.start_receive(key);
    }

    fn close(&mut self, key: Key, hard: bool) {
        let Some(socket) = self.sockets.get_mut(key).filter(|socket| !socket.closing) else { return };
        socket.closing = true;
        let fd = socket.fd.as_raw_fd();
        if hard {
            reset_on_close(fd);
        }
        if socket.pending == 0 {
            self.closable.push(key);
        } else {
            let all = opcode::AsyncCancel2::new(CancelBuilder::fd(Fd(fd)).all()).build();
            self.push(all.user_data((key as u64) << BITS | CANCEL));
        }
    }

    fn poll(&mut self, wait: Wait, handler: &mut Handler<'_>) -> io::Result<()> {
        self.drain_overflow()?;
        let wait = if self.closable.is_empty() { wait } else { Wait::No };
        self.enter(wait)?;
        let stamp = clock::now();
        // Entries are copied out in small lots, as working one off may start another operation.
        let mut lot: [Option<cqueue::Entry>; 32] = [const { None }; 32];
        loop {
            let mut count = 0;
            {
                let mut completion = self.ring.completion();
                while count < lot.len() {
                    let Some(entry) = completion.next() else { break };
                    lot[count] = Some(entry);
                    count += 1;
                }
            }
            for entry in lot[..count].iter_mut().filter_map(Option::take) {
                self.complete(stamp, &entry, handler);
            }
            if count < lot.len() {
                break;
            }
        }
        // What was pushed since may name these sockets and their bytes: they go only when the kernel has seen it all.
        if self.overflow.is_empty() && self.ring.submission().is_empty() {
            while let Some(key) = self.closable.pop() {
                drop(self.sockets.remove(key));
                handler(stamp, key, Event::Closed);
            }
        }
        Ok(())
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        // What is still being sent must outlive the operations: shut the sockets, end the operations, wait for them.
        let keys: Vec<Key> = self.sockets.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, false);
        }
        let deadline = clock::now() + 1_000_000_000;
        while !self.sockets.is_empty() && clock::now() < deadline {
            if self.poll(Wait::Nanos(10_000_000), &mut |_, _, _| ()).is_err() {
                break;
            }
        }
        if !self.sockets.is_empty() {
            // Never seen: rather leak than free what the kernel may still read or write.
            std::mem::forget(std::mem::take(&mut self.sockets));
            return;
        }
        // SAFETY: each is dropped once, here, the ring first; neither is used afterwards.
        unsafe {
            ManuallyDrop::drop(&mut self.ring);
            ManuallyDrop::drop(&mut self.buffers);
        }
    }
}
