//! Sockets over `epoll`, where `io_uring` is refused: one system call more for each answer, the same events.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use slab::Slab;

use super::address::RawAddress;
use super::{Driver, DriverKind, Event, Handler, Key, Wait, reset_on_close};
use crate::clock;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

#[derive(Debug)]
struct Socket {
    fd: OwnedFd,
    connecting: bool,
    receiving: bool,
    sending: Option<Rc<Vec<u8>>>,
    sent: usize,
    /// What epoll watches it for; zero when it is not registered.
    watched: u32,
}

/// What is known without waiting.
#[derive(Debug, Clone, Copy)]
enum Ready {
    Connected(Key, Result<(), i32>),
    /// Sending failed.
    Sent(Key, i32),
    Closed(Key),
}

/// See the module.
#[derive(Debug)]
pub struct Epoll {
    epoll: OwnedFd,
    sockets: Slab<Option<Socket>>,
    ready: VecDeque<Ready>,
    chunk: Vec<u8>,
    fired: Vec<libc::epoll_event>,
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

impl Epoll {
    /// An empty set.
    ///
    /// # Errors
    /// If the kernel gives no descriptor.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain flag; the result is checked.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor just made that nobody else owns.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        let fired = vec![libc::epoll_event { events: 0, u64: 0 }; 256];
        Ok(Self { epoll, sockets: Slab::new(), ready: VecDeque::new(), chunk: vec![0; CHUNK], fired })
    }

    /// Tells epoll what the socket waits for now.
    fn watch(&mut self, key: Key) {
        let Some(Some(socket)) = self.sockets.get_mut(key) else { return };
        let mut wanted = 0;
        if socket.receiving {
            wanted |= libc::EPOLLIN as u32;
        }
        if socket.connecting || socket.sending.is_some() {
            wanted |= libc::EPOLLOUT as u32;
        }
        if wanted == socket.watched {
            return;
        }
        let operation = match (socket.watched, wanted) {
            (0, _) => libc::EPOLL_CTL_ADD,
            (_, 0) => libc::EPOLL_CTL_DEL,
            _ => libc::EPOLL_CTL_MOD,
        };
        let mut event = libc::epoll_event { events: wanted, u64: key as u64 };
        // SAFETY: both descriptors are open, and the event is a local that the call only reads.
        unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, socket.fd.as_raw_fd(), &raw mut event) };
        socket.watched = wanted;
    }

    /// Writes what the socket takes; whether that was all.
    fn write(&mut self, key: Key) -> bool {
        let Some(Some(socket)) = self.sockets.get_mut(key) else { return false };
        while let Some(bytes) = &socket.sending {
            let rest = &bytes[socket.sent..];
            // SAFETY: the slice is alive during the call.
            let done =
                unsafe { libc::send(socket.fd.as_raw_fd(), rest.as_ptr().cast(), rest.len(), libc::MSG_NOSIGNAL) };
            if done < 0 {
                match errno() {
                    libc::EAGAIN => return false,
                    libc::EINTR => {}
                    error => {
                        socket.sending = None;
                        self.ready.push_back(Ready::Sent(key, error));
                    }
                }
                continue;
            }
            socket.sent += done as usize;
            if socket.sent == bytes.len() {
                socket.sending = None;
                return true;
            }
        }
        false
    }

    /// Reads once; a full chunk is followed by the next event, as epoll is level-triggered here.
    fn read(&mut self, key: Key, stamp: u64, handler: &mut Handler<'_>) {
        let Some(Some(socket)) = self.sockets.get_mut(key) else { return };
        if !socket.receiving {
            return;
        }
        // SAFETY: the chunk is ours and as long as we say.
        let done = unsafe { libc::recv(socket.fd.as_raw_fd(), self.chunk.as_mut_ptr().cast(), self.chunk.len(), 0) };
        let event = match done {
            1.. => Event::Data(&self.chunk[..done as usize]),
            0 => Event::End(Ok(())),
            _ => match errno() {
                libc::EAGAIN | libc::EINTR => return,
                error => Event::End(Err(error)),
            },
        };
        if matches!(event, Event::End(_)) {
            socket.receiving = false;
        }
        handler(stamp, key, event);
        self.watch(key);
    }

    fn connected(&mut self, key: Key) {
        let Some(Some(socket)) = self.sockets.get_mut(key) else { return };
        socket.connecting = false;
        let error = error_of(socket.fd.as_raw_fd());
        self.ready.push_back(Ready::Connected(key, if error == 0 { Ok(()) } else { Err(error) }));
    }

    fn alive(&self, key: Key) -> bool {
        matches!(self.sockets.get(key), Some(Some(_)))
    }

    fn hand_over(&mut self, stamp: u64, handler: &mut Handler<'_>) {
        while let Some(ready) = self.ready.pop_front() {
            match ready {
                Ready::Connected(key, result) if self.alive(key) => handler(stamp, key, Event::Connected(result)),
                Ready::Sent(key, error) if self.alive(key) => handler(stamp, key, Event::Sent(Err(error))),
                Ready::Closed(key) => {
                    self.sockets.remove(key);
                    handler(stamp, key, Event::Closed);
                }
                _ => {}
            }
        }
    }
}

/// The error that a socket has pending.
fn error_of(fd: RawFd) -> i32 {
    let mut error: libc::c_int = 0;
    let mut len = size_of_val(&error) as libc::socklen_t;
    // SAFETY: value and length are locals of the right type.
    let done = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut error).cast(), &raw mut len) };
    if done < 0 { errno() } else { error }
}

impl Driver for Epoll {
    fn kind(&self) -> DriverKind {
        DriverKind::Epoll
    }

    fn adopt(&mut self, fd: OwnedFd) -> Key {
        // SAFETY: changing flags of a descriptor that is ours.
        unsafe {
            let flags = libc::fcntl(fd.as_raw_fd(), libc::F_GETFL);
            libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK);
        }
        let socket = Socket { fd, connecting: false, receiving: false, sending: None, sent: 0, watched: 0 };
        self.sockets.insert(Some(socket))
    }

    fn connect(&mut self, key: Key, address: SocketAddr) {
        let Some(Some(socket)) = self.sockets.get_mut(key) else { return };
        let (raw, len) = RawAddress::new(&address);
        // SAFETY: the address is a local of the length that is passed.
        let done = unsafe { libc::connect(socket.fd.as_raw_fd(), raw.as_ptr(), len) };
        if done == 0 {
            self.ready.push_back(Ready::Connected(key, Ok(())));
            return;
        }
        match errno() {
            libc::EINPROGRESS => {
                socket.connecting = true;
                self.watch(key);
            }
            error => self.ready.push_back(Ready::Connected(key, Err(error))),
        }
    }

    fn send(&mut self, key: Key, bytes: Rc<Vec<u8>>) -> bool {
        let Some(Some(socket)) = self.sockets.get_mut(key) else { return false };
        socket.sending = Some(bytes);
        socket.sent = 0;
        if self.write(key) {
            return false;
        }
        self.watch(key);
        true
    }

    fn send_reported(&mut self, key: Key, bytes: Rc<Vec<u8>>) -> bool {
        self.send(key, bytes)
    }

    fn receive(&mut self, key: Key) {
        if let Some(Some(socket)) = self.sockets.get_mut(key) {
            socket.receiving = true;
            self.watch(key);
        }
    }

    fn close(&mut self, key: Key, hard: bool) {
        let Some(socket) = self.sockets.get_mut(key).and_then(Option::take) else { return };
        if hard {
            reset_on_close(socket.fd.as_raw_fd());
        }
        // Dropping the descriptor takes it out of the set. Its key stays taken until `Closed` was seen.
        drop(socket);
        self.ready.push_back(Ready::Closed(key));
    }

    fn poll(&mut self, wait: Wait, handler: &mut Handler<'_>) -> io::Result<()> {
        let time = match wait {
            Wait::Nanos(nanos) if self.ready.is_empty() => nanos,
            _ => 0,
        };
        let time = libc::timespec {
            tv_sec: (time / 1_000_000_000) as libc::time_t,
            tv_nsec: (time % 1_000_000_000) as libc::c_long,
        };
        // SAFETY: the list is ours and as long as we say; the time is a local; no signal mask. `epoll_pwait2` because
        // `epoll_wait` knows whole milliseconds only.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.fired.as_mut_ptr(),
                self.fired.len() as libc::c_int,
                &raw const time,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        let count = match count {
            0.. => count as usize,
            _ if errno() == libc::EINTR => 0,
            _ if errno() == libc::ENOSYS => self.wait_in_milliseconds(&time)?,
            _ => return Err(io::Error::last_os_error()),
        };
        let stamp = clock::now();
        self.hand_over(stamp, handler);
        for at in 0..count {
            let libc::epoll_event { events, u64: key } = self.fired[at];
            let key = key as Key;
            let Some(Some(socket)) = self.sockets.get(key) else { continue };
            if socket.connecting {
                self.connected(key);
            } else if events & (libc::EPOLLOUT | libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0 && self.write(key) {
                handler(stamp, key, Event::Sent(Ok(())));
            }
            if events & (libc::EPOLLIN | libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0 {
                self.read(key, stamp, handler);
            }
            self.watch(key);
        }
        self.hand_over(stamp, handler);
        Ok(())
    }
}

impl Epoll {
    /// For kernels before 5.11.
    fn wait_in_milliseconds(&mut self, time: &libc::timespec) -> io::Result<usize> {
        let millis = time.tv_sec * 1000 + (time.tv_nsec + 999_999) / 1_000_000;
        let (list, len) = (self.fired.as_mut_ptr(), self.fired.len() as libc::c_int);
        // SAFETY: as above.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), list, len, millis.min(60_000) as libc::c_int) };
        match count {
            0.. => Ok(count as usize),
            _ if errno() == libc::EINTR => Ok(0),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
