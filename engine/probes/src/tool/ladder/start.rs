//! The layers that start a program instead of talking to one.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use engine_core::step::{Skip, SkipKind};

use super::super::process::{Order, above, exit_code};
use super::super::tiny::{Kind, Tiny};
use super::climb::{CallError, Rung};
use crate::harness::{Buffer, Pages};
use crate::host::room;
use crate::{Context, ProbeError};

/// Starts of one program, one way.
pub(crate) struct Starts {
    order: Order,
    fork: bool,
    _null: OwnedFd,
    _tiny: Option<Tiny>,
    _ballast: Option<Buffer>,
}

impl Starts {
    /// `spawn` and `fork` of the smallest program, both also `_large`, with so many bytes resident; anything else is a
    /// shell.
    pub(crate) fn new(layer: &str, resident: u64, cx: &Context<'_>) -> Result<Self, ProbeError> {
        let cannot = |error: io::Error| ProbeError::failed(format!("cannot prepare `{layer}`: {error}"));
        let null = File::options().read(true).write(true).open("/dev/null").and_then(above).map_err(cannot)?;
        let files = [(null.as_raw_fd(), 0), (null.as_raw_fd(), 1), (null.as_raw_fd(), 2)];
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let (tiny, order) = if layer == "shell" {
            let shell = Path::new("/bin/sh").canonicalize().map_err(|error| {
                let reason = format!("there is no `/bin/sh`: {error}");
                Skip::new(SkipKind::Tool, reason, "install a shell")
            })?;
            (None, Order::new(&shell, &words(&["sh", "-c", ":"]), &files))
        } else {
            let tiny = Tiny::new(Kind::Exit, cx.scratch).map_err(|error| {
                let reason = format!("a program of the engine's own cannot be run: {error}");
                Skip::new(SkipKind::Platform, reason, "use a scratch folder that is not mounted `noexec`")
            })?;
            let order = Order::new(tiny.path(), &words(&["tiny"]), &files);
            (Some(tiny), order)
        };
        let ballast = if layer.ends_with("_large") { Some(ballast(resident)?) } else { None };
        let order = order.map_err(cannot)?;
        Ok(Self { order, fork: layer.starts_with("fork"), _null: null, _tiny: tiny, _ballast: ballast })
    }
}

impl Rung for Starts {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        for number in first..first + count {
            let failed = |error: io::Error| CallError::Failed(format!("start {number}: {error}"));
            let start = if self.fork { self.order.start_by_fork() } else { self.order.start() };
            let ended = start.and_then(|mut child| child.wait()).map_err(failed)?;
            match exit_code(ended.status) {
                0 => {}
                code => {
                    return Err(ProbeError::verification(format!("a program ended with {code} instead of 0")).into());
                }
            }
        }
        Ok(())
    }

    fn works(&self) -> bool {
        false
    }
}

/// Memory that lies in small pages, as a program's own would at the worst.
fn ballast(bytes: u64) -> Result<Buffer, ProbeError> {
    let available = room::available_memory().unwrap_or(u64::MAX);
    let size = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut buffer = Buffer::map(size, Pages::Small, available / 10 * 9).map_err(|error| {
        let reason = format!("the memory that this process should hold is not there: {error}");
        Skip::new(SkipKind::Resource, reason, "give a smaller `resident`, or free memory")
    })?;
    buffer.touch();
    Ok(buffer)
}
