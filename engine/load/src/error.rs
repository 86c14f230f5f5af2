//! What can go wrong with a request, as classes that are counted, each with one example.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a request failed, or did not take place. The name is what reports print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The name has no address.
    Dns,
    /// Nobody listens there.
    Refused,
    /// No way to that host or network.
    Unreachable,
    /// The connection did not stand in time.
    ConnectTimeout,
    /// Connecting failed in another way.
    Connect,
    /// The encrypted channel could not be agreed on, or broke.
    Tls,
    /// The certificate does not prove what it should: unknown issuer, another name, expired.
    Certificate,
    /// The encrypted channel was not agreed on in time.
    TlsTimeout,
    /// The connection was reset before a byte of the answer.
    Reset,
    /// The connection was reset within the answer's head.
    ResetInHead,
    /// The connection was reset within the answer's body.
    ResetInBody,
    /// The connection was closed before a byte of the answer.
    Closed,
    /// The connection was closed within the answer's head.
    ClosedInHead,
    /// The connection was closed before the body was complete.
    ClosedInBody,
    /// No byte of the answer came in time.
    Timeout,
    /// The answer's head was not complete in time.
    TimeoutInHead,
    /// The answer's body was not complete in time.
    TimeoutInBody,
    /// The answer is not HTTP.
    Malformed,
    /// The framing contradicts itself: lengths that differ, a chunk size that is none.
    BadFraming,
    /// The answer's head is larger than allowed.
    HeadTooLarge,
    /// The answer's body is larger than allowed.
    BodyTooLarge,
    /// More bytes came than the answer announced.
    ExcessData,
    /// The other side breaks the protocol of WebSockets.
    WebSocket,
    /// The other side breaks HTTP/2, or ends it for a reason of its own.
    Http2,
    /// A status that the journey did not expect.
    Status(u16),
    /// A check of the journey was not met.
    Check,
    /// Too many redirects, or one that leads nowhere.
    Redirect,
    /// The journey failed by its own decision.
    Journey,
    /// An error in the journey's code: a field that is not there, a loop that never ends, too deep a nesting.
    Script,
    /// The journey's code panicked.
    Panic,
    /// The request is impossible: a bad address, a header that cannot be sent.
    Invalid,
    /// The host is not permitted.
    Denied,
    /// The generator has no descriptors left.
    Descriptors,
    /// The generator has no local ports left.
    Ports,
    /// The generator has no memory left, or no stack for another user.
    Memory,
    /// Cut off at the end of the load, not yet answered.
    CutOff,
}

impl ErrorClass {
    /// Whether the fault is the generator's own: then the run says nothing about the target.
    pub const fn is_generators(self) -> bool {
        matches!(self, Self::Descriptors | Self::Ports | Self::Memory)
    }

    /// Whether time ran out.
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout | Self::TlsTimeout | Self::Timeout | Self::TimeoutInHead | Self::TimeoutInBody
        )
    }

    /// The class of a failed `connect`.
    pub fn of_connect(errno: i32) -> Self {
        match errno {
            libc::ECONNREFUSED => Self::Refused,
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EHOSTDOWN => Self::Unreachable,
            libc::ETIMEDOUT => Self::ConnectTimeout,
            libc::EADDRNOTAVAIL | libc::EADDRINUSE => Self::Ports,
            libc::EMFILE | libc::ENFILE => Self::Descriptors,
            libc::ENOMEM | libc::ENOBUFS => Self::Memory,
            libc::ECONNRESET => Self::Reset,
            _ => Self::Connect,
        }
    }

    /// The class of a socket that cannot be made.
    pub fn of_socket(errno: i32) -> Self {
        match errno {
            libc::EMFILE | libc::ENFILE => Self::Descriptors,
            libc::EAFNOSUPPORT => Self::Unreachable,
            _ => Self::Memory,
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "name not found",
            Self::Refused => "connection refused",
            Self::Unreachable => "host unreachable",
            Self::ConnectTimeout => "connect timed out",
            Self::Connect => "connect failed",
            Self::Tls => "TLS failed",
            Self::Certificate => "certificate refused",
            Self::TlsTimeout => "TLS timed out",
            Self::Reset => "reset before the answer",
            Self::ResetInHead => "reset within the head",
            Self::ResetInBody => "reset within the body",
            Self::Closed => "closed before the answer",
            Self::ClosedInHead => "closed within the head",
            Self::ClosedInBody => "closed within the body",
            Self::Timeout => "timed out before the answer",
            Self::TimeoutInHead => "timed out within the head",
            Self::TimeoutInBody => "timed out within the body",
            Self::Malformed => "not HTTP",
            Self::BadFraming => "bad framing",
            Self::HeadTooLarge => "head too large",
            Self::BodyTooLarge => "body too large",
            Self::WebSocket => "bad WebSocket",
            Self::Http2 => "bad HTTP/2",
            Self::ExcessData => "more data than announced",
            Self::Status(code) => return write!(f, "status {code}"),
            Self::Check => "check failed",
            Self::Redirect => "bad redirect",
            Self::Journey => "journey failed",
            Self::Script => "script error",
            Self::Panic => "journey panicked",
            Self::Invalid => "invalid request",
            Self::Denied => "host not permitted",
            Self::Descriptors => "generator out of descriptors",
            Self::Ports => "generator out of ports",
            Self::Memory => "generator out of memory",
            Self::CutOff => "cut off at the end",
        })
    }
}

/// A failure with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {detail}")]
pub struct Failure {
    /// What kind.
    pub class: ErrorClass,
    /// This case, in words.
    pub detail: String,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: ErrorClass, detail: impl Into<String>) -> Self {
        Self { class, detail: detail.into() }
    }
}
