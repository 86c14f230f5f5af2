//! Sockets without waiting: one trait, over io_uring where the kernel lets us and over epoll elsewhere.
//!
//! Both work by completion: an operation is started, and its end comes back as an [`Event`] from [`Driver::poll`]. The
//! driver owns descriptors and what is being sent, so nothing is freed while the kernel may still touch it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

mod address;
mod buffers;
mod epoll;
#[cfg(test)]
mod tests;
mod uring;

pub use epoll::Epoll;
pub use uring::Uring;

/// Which mechanism carried the traffic. Belongs to every result: they cost differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// `io_uring` with `SINGLE_ISSUER | DEFER_TASKRUN | COOP_TASKRUN`.
    IoUring,
    /// `io_uring` without those flags (a kernel before 6.1).
    PlainIoUring,
    /// `epoll`, where `io_uring` is refused.
    Epoll,
}

impl DriverKind {
    /// What results call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::PlainIoUring => "plain_io_uring",
            Self::Epoll => "epoll",
        }
    }
}

/// A socket within its driver.
pub type Key = usize;

/// What happened to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The connection stands, or failed with this error number.
    Connected(Result<(), i32>),
    /// All was sent, or sending failed with this error number.
    Sent(Result<(), i32>),
    /// Bytes arrived.
    Data(&'a [u8]),
    /// The other side sends no more (`Ok`), or receiving failed with this error number.
    End(Result<(), i32>),
    /// The socket is gone and its key free for others.
    Closed,
}

/// How long to wait for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: what has happened by now.
    No,
    /// At most so many nanoseconds.
    Nanos(u64),
}

/// Receives the events of one poll, with the time at which they were known.
pub type Handler<'a> = dyn FnMut(u64, Key, Event<'_>) + 'a;

/// Carries out what sockets are to do.
pub trait Driver {
    /// Which mechanism this is.
    fn kind(&self) -> DriverKind;

    /// Takes charge of a socket.
    fn adopt(&mut self, socket: OwnedFd) -> Key;

    /// Starts connecting; ends with [`Event::Connected`].
    fn connect(&mut self, key: Key, address: SocketAddr);

    /// Starts sending all of `bytes`, one message at a time for each socket. Gives whether [`Event::Sent`] will follow;
    /// where not, the socket can be taken to have taken the bytes already, and a failure shows when receiving.
    fn send(&mut self, key: Key, bytes: Rc<Vec<u8>>) -> bool;

    /// As [`Self::send`], but [`Event::Sent`] follows unless all of it was taken at once; for messages that follow each
    /// other without an answer in between. Also gives whether it follows.
    fn send_reported(&mut self, key: Key, bytes: Rc<Vec<u8>>) -> bool;

    /// Receives from now on: [`Event::Data`] as it comes, until [`Event::End`].
    fn receive(&mut self, key: Key);

    /// Ends all operations and the socket. Nothing but [`Event::Closed`] follows. A `hard` close sends a reset instead of
    /// the usual farewell, and leaves no port waiting.
    fn close(&mut self, key: Key, hard: bool);

    /// Submits what was started, waits, and hands over what happened.
    ///
    /// # Errors
    /// If the kernel refuses to wait: the loop cannot go on.
    fn poll(&mut self, wait: Wait, handler: &mut Handler<'_>) -> io::Result<()>;
}

/// What may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverChoice {
    /// `io_uring`, else `epoll`.
    #[default]
    Auto,
    /// `epoll`, to compare.
    Epoll,
}

/// The best driver that this machine allows, for about `sockets` sockets. Call it on the thread that will use it.
///
/// # Errors
/// If not even `epoll` can be had.
pub fn open(choice: DriverChoice, sockets: usize) -> io::Result<Box<dyn Driver>> {
    if choice == DriverChoice::Auto
        && let Ok(ring) = Uring::new(sockets)
    {
        return Ok(Box::new(ring));
    }
    Ok(Box::new(Epoll::new()?))
}

/// A TCP socket for `address`, with small writes sent at once.
///
/// # Errors
/// If descriptors or memory have run out: `EMFILE`, `ENFILE`, `ENOBUFS`.
pub fn tcp_socket(address: &SocketAddr, nonblocking: bool) -> io::Result<OwnedFd> {
    use std::os::fd::{AsRawFd, FromRawFd};
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let flags = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | if nonblocking { libc::SOCK_NONBLOCK } else { 0 };
    // SAFETY: plain arguments; the result is checked.
    let fd = unsafe { libc::socket(family, flags, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor just made that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let on: libc::c_int = 1;
    // SAFETY: the option's value is a local of the size that is passed. A refusal costs latency, not correctness.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        );
    }
    Ok(socket)
}

/// A UDP socket for `address`.
///
/// # Errors
/// As [`tcp_socket`].
pub fn udp_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: plain arguments; the result is checked.
    let fd = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor just made that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes the coming close send a reset.
fn reset_on_close(fd: libc::c_int) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: as in `tcp_socket`.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        );
    }
}
