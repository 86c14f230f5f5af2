//! Sockets that do not block, by the system calls that the standard library does not have.

use std::io::{Error, Result};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Begins a connection without waiting for it; it can be written to when it is made.
pub(super) fn connect(target: SocketAddr) -> Result<TcpStream> {
    let family = if target.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: plain numbers.
    let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    let done = match target {
        SocketAddr::V4(target) => {
            let address = libc::sockaddr_in {
                sin_family: family_of(libc::AF_INET),
                sin_port: target.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(target.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: the address lives through the call and has the size given.
            unsafe { libc::connect(fd, (&raw const address).cast(), size_of::<libc::sockaddr_in>() as libc::socklen_t) }
        }
        SocketAddr::V6(target) => {
            let address = libc::sockaddr_in6 {
                sin6_family: family_of(libc::AF_INET6),
                sin6_port: target.port().to_be(),
                sin6_flowinfo: target.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: target.ip().octets() },
                sin6_scope_id: target.scope_id(),
            };
            // SAFETY: the address lives through the call and has the size given.
            unsafe {
                libc::connect(fd, (&raw const address).cast(), size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    };
    let error = Error::last_os_error();
    if done != 0 && error.raw_os_error() != Some(libc::EINPROGRESS) {
        return Err(error);
    }
    let stream = TcpStream::from(owned);
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn family_of(family: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).unwrap_or_default()
}

/// Closing sends a reset instead of an end.
pub(super) fn reset_on_close(fd: RawFd) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the descriptor is open, and the option's value lives through the call and has the size given. That it fails
    // is possible only on a socket that is already gone.
    unsafe {
        let size = size_of::<libc::linger>() as libc::socklen_t;
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size);
    }
}

/// The error that a connection attempt ended with; none when it is made.
pub(super) fn failed(stream: &TcpStream) -> Option<Error> {
    stream.take_error().ok().flatten().or_else(|| {
        let peer = stream.peer_addr();
        peer.err().filter(|error| error.raw_os_error() != Some(libc::ENOTCONN))
    })
}

/// The descriptor.
pub(super) fn fd(stream: &TcpStream) -> RawFd {
    stream.as_raw_fd()
}
