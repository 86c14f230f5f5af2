//! Two connected ends on this machine: TCP, UDP, Unix sockets and pipes. Ports are given by the system, and addresses
//! are those of the loopback interface.
//!
//! No call waits for ever: sockets have time-outs, and an end that is dropped ends the other's waiting.
#![expect(unsafe_code, reason = "some options of descriptors have no safe call")]

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use super::error::NetworkError;
use crate::harness::clock::Moment;

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TCP without Nagle's delay.
    Tcp,
    /// UDP between connected sockets.
    Udp,
    /// A Unix stream socket.
    Unix,
    /// A Unix datagram socket.
    UnixDatagram,
    /// A pipe in each direction.
    Pipe,
}

/// The most that one UDP datagram carries over IPv4.
pub(crate) const UDP_MOST: usize = 65_507;

impl Transport {
    const ALL: [(&'static str, Self); 5] = [
        ("tcp", Self::Tcp),
        ("udp", Self::Udp),
        ("unix", Self::Unix),
        ("unix_datagram", Self::UnixDatagram),
        ("pipe", Self::Pipe),
    ];

    pub(crate) fn from_name(name: &str) -> Self {
        Self::ALL.iter().find(|(known, _)| *known == name).map_or(Self::Tcp, |(_, transport)| *transport)
    }

    /// Whether messages keep their bounds, and may be lost.
    pub(crate) fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::UnixDatagram)
    }
}

/// Which loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// 127.0.0.1
    V4,
    /// `::1`
    V6,
}

impl Family {
    pub(crate) fn from_name(name: &str) -> Self {
        if name == "ipv6" { Self::V6 } else { Self::V4 }
    }

    /// The loopback address with a port of the system's choice.
    pub(crate) fn any_port(self) -> SocketAddr {
        let address = match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Self::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        SocketAddr::new(address, 0)
    }
}

/// How an end waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// In the kernel, asleep.
    Block,
    /// By trying again and again.
    Spin {
        /// Whether the other end needs this CPU to get on.
        shared: bool,
    },
}

/// One end. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct End {
    input: File,
    output: File,
    wait: Wait,
    patience: Duration,
}

impl End {
    fn new(input: OwnedFd, output: OwnedFd, wait: Wait, patience: Duration) -> Result<Self, NetworkError> {
        let (input, output) = (File::from(input), File::from(output));
        if wait != Wait::Block {
            for file in [&input, &output] {
                let on: libc::c_int = 1;
                // SAFETY: the descriptor is open, and the request reads one int.
                if unsafe { libc::ioctl(file.as_raw_fd(), libc::FIONBIO, &raw const on) } != 0 {
                    return Err(NetworkError::Call { what: "poll a channel", source: io::Error::last_os_error() });
                }
            }
        }
        Ok(Self { input, output, wait, patience })
    }

    /// An end of one descriptor for both directions, whose time-outs are set.
    pub(crate) fn of_socket(socket: impl Into<OwnedFd>, wait: Wait, patience: Duration) -> Result<Self, NetworkError> {
        let input = socket.into();
        let output = input.try_clone().map_err(NetworkError::call("copy a descriptor"))?;
        Self::new(input, output, wait, patience)
    }

    /// Receives what is there, at most a buffer full; 0 at the end of a stream. [`ErrorKind::WouldBlock`] when nothing
    /// came in time.
    #[inline]
    pub(crate) fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        self.patiently(|| (&self.input).read(into))
    }

    /// Receives a buffer full. False when the stream was at its end before the first byte.
    #[inline]
    pub(crate) fn receive_all(&self, into: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < into.len() {
            match self.receive(&mut into[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                got => filled += got,
            }
        }
        Ok(true)
    }

    /// Sends all of it.
    #[inline]
    pub(crate) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.patiently(|| (&self.output).write(bytes))?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Has the kernel wait until so many bytes are there, or the stream ends, before it wakes who receives. Only for
    /// stream sockets.
    pub(crate) fn wake_at(&self, bytes: usize) -> io::Result<()> {
        let least = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        set_option(&self.input, libc::SOL_SOCKET, libc::SO_RCVLOWAT, &least)
    }

    #[inline]
    fn patiently(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match call() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.wait != Wait::Block => {
                    return self.spin(call);
                }
                outcome => return outcome,
            }
        }
    }

    fn spin(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        let start = Moment::now();
        let mut turns = 0u32;
        loop {
            match call() {
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
                    turns = turns.wrapping_add(1);
                    if turns.is_multiple_of(1_024) && Moment::now().since(start) > self.patience {
                        return Err(ErrorKind::WouldBlock.into());
                    }
                    if self.wait == (Wait::Spin { shared: true }) || turns.is_multiple_of(1_024) {
                        std::thread::yield_now();
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

/// Two connected ends. Each waits at most its patience for the other; pipes wait until the other end is dropped.
pub(crate) fn pair(
    transport: Transport,
    family: Family,
    wait: Wait,
    [first, second]: [Duration; 2],
) -> Result<(End, End), NetworkError> {
    macro_rules! ends {
        ($one:expr, $other:expr) => {{
            for (socket, patience) in [(&$one, first), (&$other, second)] {
                socket.set_read_timeout(Some(patience)).map_err(NetworkError::call("set a time-out"))?;
                socket.set_write_timeout(Some(patience)).map_err(NetworkError::call("set a time-out"))?;
            }
            Ok((End::of_socket($one, wait, first)?, End::of_socket($other, wait, second)?))
        }};
    }
    match transport {
        Transport::Tcp => {
            let (one, other) = tcp(family)?;
            ends!(one, other)
        }
        Transport::Udp => {
            let bind = || UdpSocket::bind(family.any_port()).map_err(NetworkError::call("open a UDP socket"));
            let (one, other) = (bind()?, bind()?);
            // Connected both ways, neither takes a stranger's datagram.
            for (from, to) in [(&one, &other), (&other, &one)] {
                to.local_addr().and_then(|to| from.connect(to)).map_err(NetworkError::call("connect UDP sockets"))?;
            }
            ends!(one, other)
        }
        Transport::Unix => {
            let (one, other) = UnixStream::pair().map_err(NetworkError::call("open Unix sockets"))?;
            ends!(one, other)
        }
        Transport::UnixDatagram => {
            let (one, other) = UnixDatagram::pair().map_err(NetworkError::call("open Unix sockets"))?;
            ends!(one, other)
        }
        Transport::Pipe => {
            let open = || io::pipe().map_err(NetworkError::call("open a pipe"));
            let ((there_out, there_in), (back_out, back_in)) = (open()?, open()?);
            let one = End::new(back_out.into(), there_in.into(), wait, first)?;
            Ok((one, End::new(there_out.into(), back_in.into(), wait, second)?))
        }
    }
}

/// Lets the close of an open socket reset its connection, so that no TIME_WAIT is left.
pub(crate) fn linger(socket: &impl AsRawFd) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 })
}

/// Limits what a socket may have on its way; the kernel doubles the number for its own needs.
pub(crate) fn send_buffer(socket: &impl AsRawFd, bytes: u32) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, &bytes)
}

/// Sets an option whose value is a plain C type.
fn set_option<T: Copy>(socket: &impl AsRawFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the value is readable for the size given; a descriptor that is no socket is an error.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The most bytes that one packet of a connection carries.
pub(crate) fn segment(socket: &TcpStream) -> io::Result<u32> {
    let (mut bytes, mut size) = (0_u32, size_of::<u32>() as libc::socklen_t);
    let option = (&raw mut bytes).cast();
    // SAFETY: the descriptor is open, and the option is writable for the size given.
    match unsafe { libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_MAXSEG, option, &raw mut size) } {
        0 => Ok(bytes),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Two connected TCP sockets without Nagle's delay.
fn tcp(family: Family) -> Result<(TcpStream, TcpStream), NetworkError> {
    let call = NetworkError::call;
    let listener = TcpListener::bind(family.any_port()).map_err(call("listen on a TCP port"))?;
    let address = listener.local_addr().map_err(call("listen on a TCP port"))?;
    let one = TcpStream::connect(address).map_err(call("connect by TCP"))?;
    let here = one.local_addr().map_err(call("connect by TCP"))?;
    // Another program may have found the port in between.
    let other = loop {
        let (other, peer) = listener.accept().map_err(call("accept by TCP"))?;
        if peer == here {
            break other;
        }
    };
    for socket in [&one, &other] {
        socket.set_nodelay(true).map_err(call("set TCP_NODELAY"))?;
    }
    Ok((one, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: [Duration; 2] = [Duration::from_millis(20); 2];
    const LATE: [Duration; 2] = [Duration::from_secs(30); 2];

    #[test]
    fn bytes_go_both_ways_and_an_end_ends_the_other() {
        for (name, transport) in Transport::ALL {
            for wait in [Wait::Block, Wait::Spin { shared: false }, Wait::Spin { shared: true }] {
                assert_eq!(Transport::from_name(name), transport);
                let (one, other) = pair(transport, Family::V4, wait, LATE).unwrap();
                let mut bytes = [0; 4];
                one.send(b"ping").unwrap();
                assert!(other.receive_all(&mut bytes).unwrap() && bytes == *b"ping", "{name}");
                other.send(b"pong").unwrap();
                assert!(one.receive_all(&mut bytes).unwrap() && bytes == *b"pong", "{name}");
                if !transport.is_datagram() {
                    one.send(b"pi").unwrap();
                    drop(one);
                    assert_eq!(other.receive_all(&mut bytes).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{name}");
                    assert!(!other.receive_all(&mut bytes).unwrap(), "{name}");
                }
            }
        }
    }

    #[test]
    fn who_waits_for_a_block_is_woken_by_the_block_or_by_the_end() {
        for transport in [Transport::Tcp, Transport::Unix] {
            let (one, other) = pair(transport, Family::V4, Wait::Block, LATE).unwrap();
            other.wake_at(4).unwrap();
            let mut bytes = [0; 8];
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for byte in [b"a", b"b", b"c", b"d", b"e"] {
                        one.send(byte).unwrap();
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    drop(one);
                });
                assert!(other.receive(&mut bytes).unwrap() >= 4 && bytes[..4] == *b"abcd");
                while other.receive(&mut bytes).unwrap() > 0 {}
            });
        }
        let (pipe, _other) = pair(Transport::Pipe, Family::V4, Wait::Block, LATE).unwrap();
        assert!(pipe.wake_at(4).is_err());
    }

    #[test]
    fn nobody_waits_for_ever() {
        for (name, transport) in Transport::ALL {
            for wait in [Wait::Block, Wait::Spin { shared: false }] {
                if transport != Transport::Pipe || wait != Wait::Block {
                    let (one, _other) = pair(transport, Family::V4, wait, SOON).unwrap();
                    assert_eq!(one.receive(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock, "{name} {wait:?}");
                }
            }
        }
    }

    #[test]
    fn both_families_have_a_loopback_address() {
        for family in [Family::V4, Family::V6] {
            match pair(Transport::Tcp, family, Wait::Block, LATE) {
                Ok((one, other)) => {
                    one.send(b"x").unwrap();
                    assert_eq!(other.receive(&mut [0; 2]).unwrap(), 1);
                }
                // A machine without IPv6 says so.
                Err(error) => assert!(family == Family::V6, "{error}"),
            }
        }
    }
}
