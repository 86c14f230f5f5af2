//! Running cargo: started without a shell, in a process group of its own, with nothing on standard input; timed by the
//! tiny process that starts it, as `tool.command` does it; and gone with all that it started when the round ends early.
#![expect(unsafe_code, reason = "poll is a call into libc")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::environment::Environment;
use super::tree::{self, Sampler};
use crate::harness::clock::Moment;
use crate::tool::process::{Child, Ended, Order, above};
use crate::tool::tiny::{Kind, REPORT, Tiny, read_report};
use crate::{Context, ProbeError};

/// How often the memory of the build is looked at, and the round's deadline.
const LOOK_MS: i32 = 25;

/// One call of a program.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Where the program lies.
    pub(crate) program: PathBuf,
    /// Its arguments, without its name.
    pub(crate) arguments: Vec<OsString>,
    /// Where it works.
    pub(crate) folder: PathBuf,
    /// All of its environment.
    pub(crate) environment: Environment,
}

/// What one call cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// From just before the start to the end of waiting, in seconds.
    pub(crate) wall: f64,
    /// CPU time in user mode of all its processes, in seconds.
    pub(crate) user: f64,
    /// CPU time in the kernel, likewise.
    pub(crate) system: f64,
    /// Largest resident set of one of its processes, in bytes.
    pub(crate) peak_memory: Option<f64>,
    /// Most memory of all its processes at once, sampled, in bytes.
    pub(crate) tree_memory: Option<f64>,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// What it cost.
    pub(crate) cost: Cost,
    /// Whether it ended with exit code 0.
    pub(crate) success: bool,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) errors: String,
}

/// Starts programs.
#[derive(Debug)]
pub(crate) struct Runner {
    tiny: Option<Tiny>,
    logs: PathBuf,
}

impl Runner {
    /// A runner that keeps what programs say in `folder` while they run.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { tiny: Tiny::new(Kind::Launch, folder).ok(), logs: folder.to_owned() }
    }

    /// The program that starts another and reports on it; none where programs cannot be written.
    pub(crate) fn starter(&self) -> Option<&Path> {
        self.tiny.as_ref().map(Tiny::path)
    }

    /// Runs a call to its end. What it leaves running in its process group is ended.
    ///
    /// # Errors
    /// When it cannot be started, or the round is over first: then nothing of it is left.
    pub(crate) fn run(&self, call: &Call, cx: &Context<'_>) -> Result<Done, ProbeError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = |kind: &str| self.logs.join(format!("{kind}-{}-{number}", std::process::id()));
        let (output, errors) = (log("output"), log("errors"));
        let ended = self.start(call, &output, &errors, cx);
        let said = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (output_text, errors_text) = (said(&output), said(&errors));
        for path in [&output, &errors] {
            // The folder is removed by its owner in any case.
            let _ = fs::remove_file(path);
        }
        let (cost, status) = ended?;
        let cannot = |error| ProbeError::failed(format!("cannot read what `{}` said: {error}", name(call)));
        Ok(Done {
            cost,
            success: status == 0,
            output: output_text.map_err(cannot)?,
            errors: errors_text.map_err(cannot)?,
        })
    }

    fn start(&self, call: &Call, output: &Path, errors: &Path, cx: &Context<'_>) -> Result<(Cost, i32), ProbeError> {
        let cannot = |error: io::Error| ProbeError::failed(format!("cannot run `{}`: {error}", name(call)));
        let null = File::open("/dev/null").and_then(above).map_err(cannot)?;
        let output = File::create(output).and_then(above).map_err(cannot)?;
        let errors = File::create(errors).and_then(above).map_err(cannot)?;
        let (report, report_end) = io::pipe().map_err(cannot)?;
        let report_end = above(report_end).map_err(cannot)?;
        let mut files = vec![(null.as_raw_fd(), 0), (output.as_raw_fd(), 1), (errors.as_raw_fd(), 2)];
        let mut arguments = vec![call.program.clone().into_os_string()];
        arguments.extend(call.arguments.iter().cloned());
        let path = match &self.tiny {
            Some(tiny) => {
                files.push((report_end.as_raw_fd(), 3));
                arguments.splice(0..0, [OsString::from("launch"), call.program.clone().into_os_string()]);
                tiny.path()
            }
            None => &call.program,
        };
        let mut order = Order::new(path, &arguments, &files).map_err(cannot)?;
        order.environment(&call.environment.variables).map_err(cannot)?;
        order.folder(&call.folder).map_err(cannot)?;

        let start = Moment::now();
        let mut child = order.start().map_err(cannot)?;
        drop((report_end, output, errors));
        let mut sampler = Sampler::new(child.id());
        let Some(_) = &self.tiny else {
            wait(&child, &child.end().map_err(cannot)?, &mut sampler, cx)?;
            child.kill_group();
            let ended = child.wait().map_err(cannot)?;
            let wall = Moment::now().since(start).as_secs_f64();
            // Its peak may be this process's own, from before `exec`; and the sampler leaves out the root.
            let cost = Cost { peak_memory: None, tree_memory: None, ..cost(wall, &ended, &sampler) };
            return Ok((cost, ended.status));
        };
        let mut report = report;
        wait(&child, &OwnedFd::from(report.try_clone().map_err(cannot)?), &mut sampler, cx)?;
        // Before the wait: the group's number is its own only as long as its leader is not reaped.
        child.kill_group();
        let mut bytes = [0; REPORT];
        let count = report.read(&mut bytes).map_err(cannot)?;
        child.wait().map_err(cannot)?;
        match read_report(&bytes[..count]) {
            Some(report) if report.error == 0 => Ok((cost(report.wall, &report.ended, &sampler), report.ended.status)),
            Some(report) => Err(cannot(io::Error::from_raw_os_error(report.error))),
            None => Err(ProbeError::failed(format!("the process that started `{}` died with it", name(call)))),
        }
    }
}

/// Waits until `end` can be read or its other side is closed, and looks at the memory meanwhile.
fn wait(child: &Child, end: &OwnedFd, sampler: &mut Sampler, cx: &Context<'_>) -> Result<(), ProbeError> {
    loop {
        let mut waited = libc::pollfd { fd: end.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one writable entry.
        match unsafe { libc::poll(&raw mut waited, 1, LOOK_MS) } {
            0 => sampler.sample(),
            ready if ready > 0 => return Ok(()),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(ProbeError::failed(format!("cannot wait for a program: {error}")));
                }
            }
        }
        if let Err(over) = cx.check() {
            // A build script may have left the group; what is still below the child is found by its parents.
            let all = tree::below(child.id());
            child.kill_group();
            tree::end(&all);
            return Err(over);
        }
    }
}

fn cost(wall: f64, ended: &Ended, sampler: &Sampler) -> Cost {
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    let usage = &ended.usage;
    Cost {
        wall,
        user: seconds(usage.ru_utime),
        system: seconds(usage.ru_stime),
        peak_memory: Some(usage.ru_maxrss as f64 * 1024.0),
        tree_memory: sampler.peak().map(|bytes| bytes as f64),
    }
}

fn name(call: &Call) -> String {
    call.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
