//! Reading what a child writes while waiting for its end, so that a full pipe never stops it.
#![expect(unsafe_code, reason = "poll and fcntl are calls into libc")]

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use super::process::above;
use crate::{Context, ProbeError};

/// As many of the last bytes of standard error as are kept.
const KEPT: usize = 4096;
/// As many of its last lines as are shown.
const SHOWN: usize = 20;
/// How long to wait before looking at the round's deadline.
const LOOK: Duration = Duration::from_millis(50);

/// Both ends of a pipe: ours, which never blocks, and the child's.
pub(crate) fn pipe() -> io::Result<(PipeReader, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: sets a flag of a descriptor that is open.
    match unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok((reader, above(writer)?)),
    }
}

/// The output of one child. What comes on standard output is dropped.
#[derive(Debug)]
pub(crate) struct Drain {
    errors: Option<PipeReader>,
    output: Option<PipeReader>,
    kept: Vec<u8>,
    chunk: Vec<u8>,
}

impl Drain {
    /// Reads standard error and, where it is piped, standard output.
    pub(crate) fn new(errors: PipeReader, output: Option<PipeReader>) -> Self {
        Self { errors: Some(errors), output, kept: Vec::with_capacity(2 * KEPT), chunk: vec![0; 65_536] }
    }

    /// Reads until `end` can be read or its other side is closed.
    ///
    /// # Errors
    /// [`ProbeError::Cancelled`] when the round's time is over first.
    pub(crate) fn until(&mut self, end: &OwnedFd, cx: &Context<'_>) -> Result<(), ProbeError> {
        loop {
            let number = |pipe: &Option<PipeReader>| pipe.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            let wanted = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            let mut waited = [wanted(end.as_raw_fd()), wanted(number(&self.errors)), wanted(number(&self.output))];
            let look = i32::try_from(LOOK.as_millis()).unwrap_or(i32::MAX);
            // SAFETY: the array is writable for its length; a negative descriptor in it is left out.
            let ready = unsafe { libc::poll(waited.as_mut_ptr(), waited.len() as libc::nfds_t, look) };
            if ready < 0 {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(ProbeError::failed(format!("cannot wait for a program: {error}")));
                }
            } else if waited[0].revents != 0 {
                return Ok(());
            } else if ready > 0 {
                self.take();
            }
            cx.check()?;
        }
    }

    /// Reads what is there now, at most one piece a pipe.
    fn take(&mut self) {
        if let Some(pipe) = &mut self.errors {
            match pipe.read(&mut self.chunk) {
                Ok(0) => self.errors = None,
                Ok(count) => {
                    self.kept.extend_from_slice(&self.chunk[..count]);
                    let surplus = self.kept.len().saturating_sub(KEPT);
                    self.kept.drain(..surplus);
                }
                Err(_) => {}
            }
        }
        if let Some(pipe) = &mut self.output
            && let Ok(0) = pipe.read(&mut self.chunk)
        {
            self.output = None;
        }
    }

    /// The last lines of standard error, once the child is gone.
    pub(crate) fn said(mut self) -> String {
        // A pipe holds 64 KiB, or 1 MiB where someone made it longer; a grandchild that goes on writing is left.
        for _ in 0..32 {
            self.take();
        }
        let text = String::from_utf8_lossy(&self.kept);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}
