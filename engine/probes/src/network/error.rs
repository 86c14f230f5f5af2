//! Why nothing could be sent, or what was wrong with what came back.

use std::io;

use engine_core::step::{Skip, SkipKind};

use crate::ProbeError;

/// What goes wrong on a channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkError {
    /// The system refused or failed a call.
    #[error("cannot {what}: {source}")]
    Call { what: &'static str, source: io::Error },
    /// An echo differs from its message.
    #[error("the echo of message {number} differs from what was sent: it has {got} bytes instead of {size}, or others")]
    Echo { number: u64, got: usize, size: usize },
    /// No datagram comes back at all.
    #[error("{lost} datagrams in a row had no echo within {seconds} s each: something on this machine drops them")]
    Silent { lost: u64, seconds: f64 },
    /// What arrived is not what was sent.
    #[error("stream {stream} holds other bytes in block {block} than were sent")]
    Content { stream: usize, block: u64 },
    /// The counts of both ends do not agree.
    #[error("{0}")]
    Count(String),
    /// A thread of the probe ended without a word.
    #[error("the {0} panicked")]
    Panicked(&'static str),
}

impl NetworkError {
    /// For `map_err`.
    pub(crate) fn call(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Call { what, source }
    }
}

impl From<NetworkError> for ProbeError {
    fn from(error: NetworkError) -> Self {
        let message = error.to_string();
        match &error {
            NetworkError::Call { source, .. } => match missing(source) {
                Some((kind, remedy)) => Skip::new(kind, message, remedy).into(),
                None => Self::failed(message),
            },
            NetworkError::Echo { .. } | NetworkError::Content { .. } | NetworkError::Count(_) => {
                Self::verification(message)
            }
            NetworkError::Silent { .. } | NetworkError::Panicked(_) => Self::failed(message),
        }
    }
}

/// Errors that say that this machine does not have or does not give what a channel needs, and what to do about it.
fn missing(error: &io::Error) -> Option<(SkipKind, &'static str)> {
    match error.raw_os_error()? {
        libc::EADDRNOTAVAIL => Some((
            SkipKind::Resource,
            "the address is not set up, or all ports are in use: wait a minute for those in TIME_WAIT, or widen \
             net.ipv4.ip_local_port_range",
        )),
        libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT | libc::ENETUNREACH => {
            Some((SkipKind::Platform, "choose another `family` or `transport`"))
        }
        libc::EPERM | libc::EACCES => {
            Some((SkipKind::Permission, "let the process open sockets on the loopback interface"))
        }
        libc::EMFILE | libc::ENFILE => Some((SkipKind::Resource, "raise the limit on open files (ulimit -n)")),
        libc::ENOBUFS | libc::ENOMEM => Some((SkipKind::Resource, "free memory, or send smaller messages")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::step::FailureKind;

    #[test]
    fn what_is_missing_is_a_skip_and_what_is_wrong_a_failure() {
        let call = |code| ProbeError::from(NetworkError::call("connect")(io::Error::from_raw_os_error(code)));
        for (code, kind) in [
            (libc::EADDRNOTAVAIL, SkipKind::Resource),
            (libc::EMFILE, SkipKind::Resource),
            (libc::EAFNOSUPPORT, SkipKind::Platform),
            (libc::EPERM, SkipKind::Permission),
        ] {
            assert!(matches!(call(code), ProbeError::Skip(skip) if skip.kind == kind && !skip.remedy.is_empty()));
        }
        assert!(matches!(call(libc::ECONNRESET), ProbeError::Failed(failure) if failure.kind == FailureKind::Probe));
        let wrong = NetworkError::Echo { number: 3, got: 1, size: 1 }.into();
        assert!(matches!(wrong, ProbeError::Failed(failure) if failure.kind == FailureKind::Verification));
    }
}
