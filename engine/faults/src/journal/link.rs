//! The owner's end of the line to its janitor.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use super::JournalError;
use super::janitor::{READY, Request};
use crate::launcher::Launcher;
use crate::process::Ident;

/// How long a janitor may take to come up, on a machine under stress.
const START: Duration = Duration::from_secs(20);

/// A running janitor. Closing the line makes it undo what is left of ours, and go.
#[derive(Debug)]
pub(super) struct Link {
    child: Child,
}

impl Link {
    /// Starts a janitor and waits until it says that nothing ends it any more but its work.
    pub(super) fn start(launcher: &Launcher, folder: &Path, owner: &Ident) -> Result<Self, JournalError> {
        let failed = |error: &dyn std::fmt::Display| JournalError::Janitor(error.to_string());
        let request = Request { folder: folder.to_owned(), owner: owner.clone() };
        let mut child = launcher.start("janitor", &request).map_err(|error| failed(&error))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take()
            && readable(output.as_raw_fd(), START)
        {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        if line.trim_end() == READY {
            return Ok(Self { child });
        }
        let _ = child.kill();
        let status = child.wait().map_err(|error| failed(&error))?;
        Err(failed(&format!("no word from it ({status})")))
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to look again. False when it is gone.
    pub(super) fn wake(&mut self) -> bool {
        let alive = matches!(self.child.try_wait(), Ok(None));
        alive && self.child.stdin.as_mut().is_some_and(|line| line.write_all(b"\n").is_ok())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits until a descriptor has something to read or its other end is gone.
pub(crate) fn readable(descriptor: std::os::fd::RawFd, longest: Duration) -> bool {
    let mut wanted = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    let millis = i32::try_from(longest.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer is to one live entry, and one is the count.
    unsafe { libc::poll(&raw mut wanted, 1, millis) > 0 }
}

/// Reads away what came on a descriptor; true at its end.
pub(crate) fn take(descriptor: std::os::fd::RawFd) -> bool {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is live and as long as said.
    let read = unsafe { libc::read(descriptor, buffer.as_mut_ptr().cast(), buffer.len()) };
    read == 0
}
