//! Timing one command, from just before its start to the end of waiting for it.
//!
//! The clock does not run in this process but in a tiny one ([`super::tiny::Kind::Launch`]) that starts the command
//! and waits for it. Peak memory asks for that: Linux counts what a process had mapped *before* `exec` into its peak,
//! and after a `vfork` that is the memory of its parent. Started from an engine that holds 1 GiB of buffers, `true`
//! would need 1 GiB. It also keeps the size of this process out of the time.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::drain::{Drain, pipe};
use super::process::{Ended, Order, above, exit_code};
use super::tiny::{Kind, REPORT, Tiny, read_report};
use crate::harness::clock::Moment;
use crate::{Context, ProbeError};

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    /// Where the program lies.
    pub(crate) program: PathBuf,
    /// Its name as it was typed, then its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Working folder; this process's when empty.
    pub(crate) folder: PathBuf,
    /// Standard input.
    pub(crate) input: PathBuf,
    /// Whether standard output is a pipe that is read, instead of `/dev/null`.
    pub(crate) piped: bool,
}

/// What one run used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Usage {
    /// From just before the start to the end of waiting, in seconds.
    pub(crate) wall: f64,
    /// CPU time in user mode, in seconds, of the program and of the children that it waited for.
    pub(crate) user: f64,
    /// CPU time in the kernel, likewise.
    pub(crate) system: f64,
    /// Largest resident set of one of these processes, in bytes; none where it cannot be told from this process's.
    pub(crate) peak_memory: Option<f64>,
    /// Page faults, those that read from disk included.
    pub(crate) page_faults: f64,
    /// The raw wait status.
    pub(crate) status: i32,
    /// Last lines of standard error.
    pub(crate) said: String,
}

/// Runs commands, one after the other.
#[derive(Debug)]
pub(crate) struct Launcher {
    tiny: Option<Tiny>,
}

impl Launcher {
    /// Writes the tiny program into `folder`. Where the machine does not allow that, this process keeps the clock,
    /// and [`Launcher::is_apart`] says so.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { tiny: Tiny::new(Kind::Launch, folder).ok() }
    }

    /// A launcher that keeps the clock in this process.
    #[cfg(test)]
    pub(crate) fn direct() -> Self {
        Self { tiny: None }
    }

    /// Whether commands are started by a process of its own.
    pub(crate) fn is_apart(&self) -> bool {
        self.tiny.is_some()
    }

    /// Runs a command once. What it leaves running in its process group is ended.
    ///
    /// # Errors
    /// When it cannot be started, dies without a trace, or the round's time is over; then nothing of it is left.
    pub(crate) fn run(&self, command: &Command, cx: &Context<'_>) -> Result<Usage, ProbeError> {
        let name = command.arguments.first().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let cannot = |error: io::Error| ProbeError::failed(format!("cannot run `{name}`: {error}"));
        let input = open(&command.input, File::options().read(true))?;
        let null = open(Path::new("/dev/null"), File::options().write(true))?;
        let (errors, errors_end) = pipe().map_err(cannot)?;
        let (output, output_end) =
            if command.piped { pipe().map(|(r, w)| (Some(r), w)).map_err(cannot)? } else { (None, null) };
        let (mut report, report_end) = pipe().map_err(cannot)?;
        let mut files = vec![(input.as_raw_fd(), 0), (output_end.as_raw_fd(), 1), (errors_end.as_raw_fd(), 2)];
        let mut arguments = command.arguments.clone();
        let path = match &self.tiny {
            Some(tiny) => {
                files.push((report_end.as_raw_fd(), 3));
                arguments.splice(0..0, [OsString::from("launch"), command.program.clone().into_os_string()]);
                tiny.path()
            }
            None => &command.program,
        };
        let mut order = Order::new(path, &arguments, &files).map_err(cannot)?;
        if !command.folder.as_os_str().is_empty() {
            order.folder(&command.folder).map_err(cannot)?;
        }
        let mut drain = Drain::new(errors, output);

        let start = Moment::now();
        let mut child = order.start().map_err(cannot)?;
        if self.tiny.is_none() {
            drain.until(&child.end().map_err(cannot)?, cx)?;
            child.kill_group();
            let ended = child.wait().map_err(cannot)?;
            let wall = Moment::now().since(start).as_secs_f64();
            let own = own_peak();
            let mut usage = Usage::new(wall, &ended, drain.said());
            usage.peak_memory = usage.peak_memory.filter(|peak| own.is_some_and(|own| *peak > own));
            return Ok(usage);
        }
        drop((report_end, errors_end, output_end));
        let waiting = report.try_clone().map_err(cannot)?;
        drain.until(&OwnedFd::from(waiting), cx)?;
        // Before the wait: the group's number is its own only as long as its leader is not reaped.
        child.kill_group();
        let mut bytes = [0; REPORT];
        // Written at once or, when the starter died, not at all.
        let count = report.read(&mut bytes).map_err(cannot)?;
        let ended = child.wait().map_err(cannot)?;
        let said = drain.said();
        match read_report(&bytes[..count]) {
            Some(report) if report.error == 0 => Ok(Usage::new(report.wall, &report.ended, said)),
            Some(report) => Err(cannot(io::Error::from_raw_os_error(report.error))),
            None => Err(ProbeError::failed(format!(
                "`{name}` took the process that started it down with it (exit code {}): does it kill its group?",
                exit_code(ended.status)
            ))),
        }
    }
}

impl Usage {
    fn new(wall: f64, ended: &Ended, said: String) -> Self {
        let usage = &ended.usage;
        Self {
            wall,
            user: seconds(usage.ru_utime),
            system: seconds(usage.ru_stime),
            peak_memory: Some(usage.ru_maxrss as f64 * 1024.0),
            page_faults: (usage.ru_minflt + usage.ru_majflt) as f64,
            status: ended.status,
            said,
        }
    }
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 * 1e-6
}

/// This process's peak of memory so far, in bytes.
fn own_peak() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}

fn open(path: &Path, options: &OpenOptions) -> Result<OwnedFd, ProbeError> {
    let opened = options.open(path).and_then(above);
    opened.map_err(|error| ProbeError::failed(format!("cannot open `{}`: {error}", path.display())))
}
