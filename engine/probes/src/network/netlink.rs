//! The few requests of rtnetlink (see `rtnetlink(7)`) that a link between two hosts needs: a veth pair, an address, a
//! shaped queue. A request is built in place and allocates nothing, so that a forked process may make it.
#![expect(unsafe_code, reason = "netlink is spoken over a socket that the standard library does not have")]

use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Kinds of attributes, by their numbers in the kernel's headers.
mod attribute {
    pub(super) const IFNAME: u16 = 3;
    pub(super) const MTU: u16 = 4;
    pub(super) const OPERSTATE: u16 = 16;
    pub(super) const LINKINFO: u16 = 18;
    pub(super) const NET_NS_PID: u16 = 19;
    pub(super) const INFO_KIND: u16 = 1;
    pub(super) const INFO_DATA: u16 = 2;
    pub(super) const VETH_PEER: u16 = 1;
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const LOCAL: u16 = 2;
    pub(super) const QUEUE_KIND: u16 = 1;
    pub(super) const QUEUE_OPTIONS: u16 = 2;
    pub(super) const TBF_PARAMETERS: u16 = 1;
    pub(super) const TBF_RATE64: u16 = 4;
    pub(super) const TBF_BURST: u16 = 6;
}

/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Longer than any request here.
const MOST: usize = 512;
/// The link is up.
const UP: u32 = 1;
/// The queue hangs directly on the device.
const ROOT: u32 = 0xFFFF_FFFF;
/// The rate of a queue counts whole Ethernet frames.
const ETHERNET: u8 = 1;

/// The state of a link that carries traffic (`IF_OPER_UP`).
const OPERATES: u8 = 6;
/// Size of `struct ifinfomsg`.
const LINK: usize = 16;

/// One request, under construction.
struct Request {
    bytes: [u8; MOST],
    len: usize,
}

impl Request {
    fn new(kind: u16, flags: i32, body: &[u8]) -> Self {
        let mut request = Self { bytes: [0; MOST], len: HEADER };
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
        request.bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        request.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        request.raw(body);
        request
    }

    /// Asks for no acknowledgement.
    fn quietly(&mut self) {
        self.bytes[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    }

    /// Appends bytes, filled up to a whole word. What does not fit is left out, and the kernel refuses the rest.
    fn raw(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end.next_multiple_of(4).min(MOST);
        }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let nest = self.open(kind);
        let end = self.len + value.len();
        self.raw(value);
        self.close_at(nest, end);
    }

    /// Begins an attribute that holds others; the place of its head.
    fn open(&mut self, kind: u16) -> usize {
        let at = self.len;
        let [low, high] = kind.to_ne_bytes();
        self.raw(&[0, 0, low, high]);
        at
    }

    fn close(&mut self, at: usize) {
        self.close_at(at, self.len);
    }

    /// Writes the length of the attribute at `at`, which does not count the fill behind it.
    fn close_at(&mut self, at: usize, end: usize) {
        let length = (end.saturating_sub(at) as u16).to_ne_bytes();
        if let Some(place) = self.bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&length);
        }
    }

    fn finished(&mut self) -> &[u8] {
        let length = self.len as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        &self.bytes[..self.len]
    }
}

/// How a link is shaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes a second on the wire.
    pub(crate) rate: u64,
    /// Bytes that may go at once.
    pub(crate) burst: u32,
    /// Bytes that may wait; more are dropped.
    pub(crate) limit: u32,
}

/// A conversation with the kernel about the network of the calling process.
#[derive(Debug)]
pub(crate) struct Netlink(std::fs::File);

impl Netlink {
    pub(crate) fn open() -> io::Result<Self> {
        // SAFETY: the call takes no pointers; its result is checked before it is owned.
        let socket = unsafe {
            match libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE) {
                -1 => return Err(io::Error::last_os_error()),
                socket => OwnedFd::from_raw_fd(socket),
            }
        };
        let patience = libc::timeval { tv_sec: 10, tv_usec: 0 };
        let size = size_of::<libc::timeval>() as libc::socklen_t;
        // SAFETY: the descriptor is open, and the option is readable for the size given.
        unsafe {
            let option = (&raw const patience).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO, option, size);
        }
        Ok(Self(socket.into()))
    }

    fn ask(&self, mut request: Request) -> io::Result<()> {
        (&self.0).write_all(request.finished())?;
        let mut answer = [0_u8; 4 * MOST];
        let got = (&self.0).read(&mut answer)?;
        let kind = answer[4..6].first_chunk().map(|bytes| u16::from_ne_bytes(*bytes));
        let code = answer[HEADER..HEADER + 4].first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
        match (kind, code) {
            _ if got < HEADER + 4 => Err(io::ErrorKind::UnexpectedEof.into()),
            (Some(kind), Some(0)) if i32::from(kind) == libc::NLMSG_ERROR => Ok(()),
            (Some(kind), Some(code)) if i32::from(kind) == libc::NLMSG_ERROR => {
                Err(io::Error::from_raw_os_error(-code))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Makes two interfaces that are joined: `here`, and `there` in the network of process `pid`. Their numbers differ,
    /// by which the kernel knows that news of one is urgent to the other; where they are alike, it may wait a second.
    pub(crate) fn join(&self, here: &CStr, there: &CStr, pid: i32, mtu: u32) -> io::Result<()> {
        let mut request = Request::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &link(100, 0));
        request.attribute(attribute::IFNAME, here.to_bytes_with_nul());
        request.attribute(attribute::MTU, &mtu.to_ne_bytes());
        let info = request.open(attribute::LINKINFO);
        request.attribute(attribute::INFO_KIND, b"veth");
        let data = request.open(attribute::INFO_DATA);
        let peer = request.open(attribute::VETH_PEER);
        request.raw(&link(200, 0));
        request.attribute(attribute::IFNAME, there.to_bytes_with_nul());
        request.attribute(attribute::MTU, &mtu.to_ne_bytes());
        request.attribute(attribute::NET_NS_PID, &pid.to_ne_bytes());
        request.close(peer);
        request.close(data);
        request.close(info);
        self.ask(request)
    }

    /// Whether an interface carries traffic: both ends are up, and the kernel has put its queue to work. The kernel
    /// does both under the lock under which it answers.
    pub(crate) fn operates(&self, index: u32) -> io::Result<bool> {
        let mut request = Request::new(libc::RTM_GETLINK, 0, &link(index, 0));
        request.quietly();
        (&self.0).write_all(request.finished())?;
        // Without the acknowledgement that other requests ask for, there is one answer: the link, or an error.
        let mut answer = [0; 32 * MOST];
        let got = (&self.0).read(&mut answer)?;
        operstate(&answer[..got]).map(|state| state == OPERATES).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Takes an interface into use.
    pub(crate) fn up(&self, index: u32) -> io::Result<()> {
        self.ask(Request::new(libc::RTM_NEWLINK, 0, &link(index, UP)))
    }

    /// Gives an interface an IPv4 address in a network of that many bits.
    pub(crate) fn address(&self, index: u32, address: [u8; 4], bits: u8) -> io::Result<()> {
        let [a, b, c, d] = index.to_ne_bytes();
        let body = [libc::AF_INET as u8, bits, 0, 0, a, b, c, d];
        let mut request = Request::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body);
        request.attribute(attribute::LOCAL, &address);
        request.attribute(attribute::ADDRESS, &address);
        self.ask(request)
    }

    /// Shapes what an interface sends with a token bucket (`tc-tbf(8)`).
    pub(crate) fn shape(&self, index: u32, shape: Shape) -> io::Result<()> {
        // struct tcmsg: family and padding, interface, handle, parent, info.
        let mut body = [0; 20];
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8..12].copy_from_slice(&0x0001_0000_u32.to_ne_bytes());
        body[12..16].copy_from_slice(&ROOT.to_ne_bytes());
        // struct tc_tbf_qopt: two rates of 12 bytes, of which the second stays zero, then limit, buffer and mtu. The
        // buffer is given as bytes, in an attribute of its own, and not in the scheduler's ticks.
        let mut parameters = [0; 36];
        parameters[1] = ETHERNET;
        parameters[8..12].copy_from_slice(&u32::try_from(shape.rate).unwrap_or(u32::MAX).to_ne_bytes());
        parameters[24..28].copy_from_slice(&shape.limit.to_ne_bytes());
        let mut request = Request::new(libc::RTM_NEWQDISC, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, &body);
        request.attribute(attribute::QUEUE_KIND, b"tbf\0");
        let options = request.open(attribute::QUEUE_OPTIONS);
        request.attribute(attribute::TBF_PARAMETERS, &parameters);
        request.attribute(attribute::TBF_BURST, &shape.burst.to_ne_bytes());
        request.attribute(attribute::TBF_RATE64, &shape.rate.to_ne_bytes());
        request.close(options);
        self.ask(request)
    }
}

/// The state that a description of a link tells.
fn operstate(answer: &[u8]) -> Option<u8> {
    let half = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes));
    let mut rest =
        answer.get(4..6).and_then(half).filter(|kind| *kind == libc::RTM_NEWLINK).and(answer.get(HEADER + LINK..))?;
    loop {
        let (length, kind) = (usize::from(half(rest)?), half(rest.get(2..)?)?);
        match kind {
            attribute::OPERSTATE => return rest.get(4).copied(),
            _ if length < 4 => return None,
            _ => rest = rest.get(length.next_multiple_of(4)..)?,
        }
    }
}

/// `struct ifinfomsg`: family and type of any, the interface, and the flags that change.
fn link(index: u32, flags: u32) -> [u8; 16] {
    let mut body = [0; 16];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    body[8..12].copy_from_slice(&flags.to_ne_bytes());
    body[12..16].copy_from_slice(&flags.to_ne_bytes());
    body
}

/// The number of an interface of the calling process's network.
pub(crate) fn index(name: &CStr) -> io::Result<u32> {
    // SAFETY: the name ends with a zero.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_kernels_form() {
        let mut request = Request::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE, &link(7, UP));
        request.attribute(attribute::IFNAME, b"ab\0");
        let info = request.open(attribute::LINKINFO);
        request.attribute(attribute::INFO_KIND, b"veth");
        request.close(info);
        let bytes = request.finished();
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE) as u16;
        let mut wanted = Vec::new();
        wanted.extend_from_slice(&52_u32.to_ne_bytes());
        wanted.extend_from_slice(&libc::RTM_NEWLINK.to_ne_bytes());
        wanted.extend_from_slice(&flags.to_ne_bytes());
        wanted.extend_from_slice(&[0; 12]);
        wanted.extend_from_slice(&7_u32.to_ne_bytes());
        wanted.extend_from_slice(&UP.to_ne_bytes());
        wanted.extend_from_slice(&UP.to_ne_bytes());
        // The name's length does not count its fill; the outer attribute's counts all that is within.
        for half in [7_u16, attribute::IFNAME] {
            wanted.extend_from_slice(&half.to_ne_bytes());
        }
        wanted.extend_from_slice(b"ab\0\0");
        for half in [12_u16, attribute::LINKINFO, 8, attribute::INFO_KIND] {
            wanted.extend_from_slice(&half.to_ne_bytes());
        }
        wanted.extend_from_slice(b"veth");
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn a_request_that_is_too_long_does_not_write_past_its_end() {
        let mut request = Request::new(libc::RTM_NEWLINK, 0, &[]);
        for _ in 0..100 {
            request.attribute(attribute::IFNAME, &[1; 16]);
        }
        assert!(request.finished().len() <= MOST);
    }

    #[test]
    fn the_kernel_says_what_is_wrong() {
        let netlink = Netlink::open().unwrap();
        // No machine has this interface; without the right to change any, that comes first.
        let error = netlink.up(0x7FFF_FFF0).unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EPERM)), "{error}");
        assert_eq!(index(c"lo").unwrap(), 1);
        assert!(index(c"no-such").is_err());
        // The loopback interface has no such state of its own.
        assert!(!netlink.operates(1).unwrap());
        assert!(netlink.operates(0x7FFF_FFF0).is_err());
        assert_eq!(netlink.up(0x7FFF_FFF0).unwrap_err().raw_os_error(), error.raw_os_error());
    }
}
