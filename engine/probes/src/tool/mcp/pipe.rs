//! A running server: lines to its standard input, lines from its standard output, and what it says on standard error.
//!
//! Nothing here waits without a limit, nothing grows without one, and whatever happens the server's whole process group is
//! gone when the value is dropped. All pipes are non-blocking, so that a server that writes before it has read never stops
//! the side that writes.
#![expect(unsafe_code, reason = "ppoll, epoll and fcntl are calls into libc")]

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::process::{Child, Order, above, exit_code};

/// The longest message that is read, in bytes.
const LONGEST: usize = 64 << 20;
/// As much of standard error as is kept, and as many of its lines as are shown.
const KEPT: usize = 4096;
const SHOWN: usize = 5;
/// How long a server has to end by itself once its input is closed, and then after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);
/// How long a server whose output has ended may take to end itself: that says more than its silence.
const ENDING: Duration = Duration::from_secs(5);
/// How often a long wait looks whether the round goes on.
const LOOK: Duration = Duration::from_millis(50);

/// What is wrong with a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipeError {
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("the server {how}{said}")]
    Gone { how: String, said: String },
    #[error("the server was silent for {0} s: raise `timeout` if it needs longer{1}")]
    Silent(f64, String),
    #[error("the server sent a message of more than 64 MiB without an end: it floods its standard output")]
    Endless,
    #[error("cannot talk to the server: {0}")]
    Io(#[from] io::Error),
    #[error("interrupted")]
    Cancelled,
}

/// A server and its three pipes.
#[derive(Debug)]
pub(crate) struct Pipe {
    child: Child,
    end: OwnedFd,
    input: Option<PipeWriter>,
    output: PipeReader,
    errors: Option<PipeReader>,
    /// Watches both outputs, so that a wait costs one call whatever there is to watch; none where it cannot be had.
    watch: Option<OwnedFd>,
    coming: Vec<u8>,
    filled: usize,
    taken: usize,
    looked: usize,
    going: Vec<u8>,
    gone: usize,
    said: Vec<u8>,
}

impl Pipe {
    /// Starts a program found at `path` with `words`, the first of which is its name.
    pub(crate) fn start(path: &Path, words: &[OsString]) -> Result<Self, PipeError> {
        let start = |source| PipeError::Start { program: path.display().to_string(), source };
        let open = || -> io::Result<_> {
            let ((to_read, to_write), (from_read, from_write)) = (io::pipe()?, io::pipe()?);
            let (errors, errors_write) = io::pipe()?;
            for fd in [to_write.as_raw_fd(), from_read.as_raw_fd(), errors.as_raw_fd()] {
                unblock(fd)?;
            }
            Ok((above(to_read)?, to_write, from_read, above(from_write)?, errors, above(errors_write)?))
        };
        let (to_read, input, output, from_write, errors, errors_write) = open().map_err(start)?;
        let files = [(to_read.as_raw_fd(), 0), (from_write.as_raw_fd(), 1), (errors_write.as_raw_fd(), 2)];
        let child = Order::new(path, words, &files).and_then(|order| order.start()).map_err(start)?;
        let end = child.end().map_err(start)?;
        let watch = watch(&[output.as_raw_fd(), errors.as_raw_fd()]).ok();
        Ok(Self {
            child,
            end,
            input: Some(input),
            output,
            errors: Some(errors),
            watch,
            coming: vec![0; 1 << 16],
            filled: 0,
            taken: 0,
            looked: 0,
            going: Vec::new(),
            gone: 0,
            said: Vec::new(),
        })
    }

    /// Its process group.
    pub(crate) fn group(&self) -> i32 {
        self.child.id()
    }

    /// Sends as much as the server takes now, and the rest while something is waited for. `line` includes its end.
    pub(crate) fn send(&mut self, line: &[u8]) -> Result<(), PipeError> {
        if self.gone == self.going.len() {
            self.going.clear();
            self.gone = 0;
        }
        self.going.extend_from_slice(line);
        self.write()
    }

    /// Whether all that was sent is with the server or in its pipe.
    pub(crate) fn is_sent(&self) -> bool {
        self.gone == self.going.len()
    }

    fn write(&mut self) -> Result<(), PipeError> {
        while self.gone < self.going.len() {
            let Some(input) = &mut self.input else { return Ok(()) };
            match input.write(&self.going[self.gone..]) {
                Ok(count) => self.gone += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Its output may still hold an answer, and its end says more than a broken pipe.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.input = None;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// A line that is there already, without its end.
    pub(crate) fn take(&mut self) -> Option<&[u8]> {
        let from = self.taken + self.looked;
        match self.coming[from..self.filled].iter().position(|byte| *byte == b'\n') {
            Some(at) => {
                let line = self.taken..from + at;
                self.taken = line.end + 1;
                self.looked = 0;
                Some(&self.coming[line])
            }
            None => {
                self.looked = self.filled - self.taken;
                None
            }
        }
    }

    /// Reads and writes what there is until a line is whole (true) or `until` has come (false).
    pub(crate) fn wait(&mut self, until: Instant, go_on: &dyn Fn() -> bool) -> Result<bool, PipeError> {
        loop {
            if self.coming[self.taken + self.looked..self.filled].contains(&b'\n') {
                return Ok(true);
            }
            self.looked = self.filled - self.taken;
            let left = until.saturating_duration_since(Instant::now());
            if !self.poll(left.min(LOOK))? {
                if !go_on() {
                    return Err(PipeError::Cancelled);
                }
                if left.is_zero() {
                    return Ok(false);
                }
            }
        }
    }

    /// Moves bytes for at most so long; false when nothing happened.
    fn poll(&mut self, wait: Duration) -> Result<bool, PipeError> {
        if self.is_sent()
            && let Some(watch) = &self.watch
        {
            match wait_for(watch, wait) {
                Ok([output, errors]) => {
                    if errors {
                        self.listen();
                    }
                    if output {
                        self.read()?;
                    }
                    return Ok(output || errors);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
                // A sandbox may refuse the newer call.
                Err(_) => self.watch = None,
            }
        }
        let writing = if self.is_sent() { -1 } else { self.input.as_ref().map_or(-1, AsRawFd::as_raw_fd) };
        let entry = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut waited = [
            entry(self.output.as_raw_fd(), libc::POLLIN),
            entry(self.errors.as_ref().map_or(-1, AsRawFd::as_raw_fd), libc::POLLIN),
            entry(writing, libc::POLLOUT),
        ];
        let time = libc::timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        // SAFETY: the array is writable for its length, the time is readable; a negative descriptor is left out.
        let ready = unsafe { libc::ppoll(waited.as_mut_ptr(), 3, &raw const time, std::ptr::null()) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error.into()) };
        }
        if waited[1].revents != 0 {
            self.listen();
        }
        if waited[2].revents != 0 {
            self.write()?;
        }
        if waited[0].revents != 0 {
            self.read()?;
        }
        Ok(ready > 0)
    }

    fn read(&mut self) -> Result<(), PipeError> {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, 0);
        } else if self.filled == self.coming.len() {
            if self.taken > 0 {
                self.coming.copy_within(self.taken..self.filled, 0);
                (self.taken, self.filled) = (0, self.filled - self.taken);
            } else if self.filled >= LONGEST {
                return Err(PipeError::Endless);
            } else {
                self.coming.resize(2 * self.filled, 0);
            }
        }
        match self.output.read(&mut self.coming[self.filled..]) {
            Ok(0) => Err(self.departed()),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the end of what comes on standard error.
    fn listen(&mut self) {
        let mut chunk = [0; KEPT];
        let Some(errors) = &mut self.errors else { return };
        match errors.read(&mut chunk) {
            Ok(0) => self.errors = None,
            Ok(count) => {
                self.said.extend_from_slice(&chunk[..count]);
                let surplus = self.said.len().saturating_sub(KEPT);
                self.said.drain(..surplus);
            }
            Err(_) => {}
        }
    }

    /// Why its output has ended.
    fn departed(&mut self) -> PipeError {
        let how = if self.ended(ENDING) {
            match self.child.wait() {
                Ok(ended) if libc::WIFSIGNALED(ended.status) => {
                    format!("was killed by signal {}", libc::WTERMSIG(ended.status))
                }
                Ok(ended) => format!("ended with exit code {}", exit_code(ended.status)),
                Err(error) => format!("is gone: {error}"),
            }
        } else {
            "closed its standard output".to_owned()
        };
        PipeError::Gone { how, said: self.last_words() }
    }

    /// The last lines of standard error, as the end of a message.
    pub(crate) fn last_words(&mut self) -> String {
        for _ in 0..32 {
            self.listen();
        }
        let text = String::from_utf8_lossy(&self.said);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        if shown.is_empty() { String::new() } else { format!("; it said:\n{shown}") }
    }

    /// Whether it ends within `time`.
    fn ended(&self, time: Duration) -> bool {
        let mut waited = libc::pollfd { fd: self.end.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one writable entry.
        unsafe { libc::poll(&raw mut waited, 1, time.as_millis() as libc::c_int) > 0 }
    }
}

impl Drop for Pipe {
    /// As the protocol asks: close the input and wait, then ask, then end. The group goes in any case.
    fn drop(&mut self) {
        self.input = None;
        if !self.ended(GRACE) {
            self.child.ask_group();
            self.ended(GRACE);
        }
        self.child.kill_group();
    }
}

/// A descriptor that watches two others for bytes to read. A closed one leaves it by itself.
fn watch(files: &[i32; 2]) -> io::Result<OwnedFd> {
    // SAFETY: makes a descriptor, which nobody else owns.
    let watch = match unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } {
        -1 => return Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => unsafe { OwnedFd::from_raw_fd(fd) },
    };
    for (number, file) in files.iter().enumerate() {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number as u64 };
        // SAFETY: all descriptors are open, the event is readable.
        if unsafe { libc::epoll_ctl(watch.as_raw_fd(), libc::EPOLL_CTL_ADD, *file, &raw mut event) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(watch)
}

/// Which of the two have something to read, or an end, after at most so long.
fn wait_for(watch: &OwnedFd, wait: Duration) -> io::Result<[bool; 2]> {
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 2];
    let time = libc::timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
    // SAFETY: the events are writable for their number, the time is readable, no signal mask is given.
    let ready = unsafe {
        let none = std::ptr::null::<libc::sigset_t>();
        libc::syscall(libc::SYS_epoll_pwait2, watch.as_raw_fd(), events.as_mut_ptr(), 2, &raw const time, none, 8_usize)
    };
    let ready = usize::try_from(ready).map_err(|_| io::Error::last_os_error())?;
    let mut found = [false; 2];
    events[..ready].iter().for_each(|event| found[usize::from({ event.u64 } == 1)] = true);
    Ok(found)
}

fn unblock(fd: i32) -> io::Result<()> {
    // SAFETY: sets a flag of a descriptor that is open.
    match unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
