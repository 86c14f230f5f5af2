//! The layer of a child over two pipes: the engine's own server, which reads a line and writes a line.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::path::Path;

use engine_core::step::{Skip, SkipKind};

use super::super::lent;
use super::super::process::{Child, Order, above};
use super::climb::{CallError, Rung};
use super::stream::Lined;
use super::traffic::Content;
use crate::ProbeError;
use crate::network::place::{Places, sit};

/// A running server and both pipes. Its input is closed before it is killed, so that it ends by itself.
pub(crate) struct Piped<'a> {
    lines: Lined<'a, PipeReader, PipeWriter>,
    child: Child,
}

impl<'a> Piped<'a> {
    /// Starts the server on its CPU.
    pub(crate) fn start(content: &'a Content, places: &Places) -> Result<Self, ProbeError> {
        let word = if content.is_echo() { "echo" } else { "mcp" };
        let command = lent::server(word).ok_or_else(|| {
            let reason = "this program cannot be started as a server of its own";
            Skip::new(SkipKind::Platform, reason, "use the program `engine`")
        })?;
        let cannot = |error: io::Error| ProbeError::failed(format!("cannot start the server: {error}"));
        let (to_read, to_write) = io::pipe().map_err(cannot)?;
        let (from_read, from_write) = io::pipe().map_err(cannot)?;
        let null = std::fs::File::options().write(true).open("/dev/null").map_err(cannot)?;
        let (to_read, from_write, null) =
            (above(to_read).map_err(cannot)?, above(from_write).map_err(cannot)?, above(null).map_err(cannot)?);
        let files = [(to_read.as_raw_fd(), 0), (from_write.as_raw_fd(), 1), (null.as_raw_fd(), 2)];
        let order = Order::new(Path::new(&command[0]), &command, &files).map_err(cannot)?;
        // A child inherits its CPU.
        let _ = sit(places.server(0));
        let child = order.start();
        let _ = sit(places.client(0));
        let child = child.map_err(cannot)?;
        Ok(Self { lines: Lined::new(content, from_read, to_write), child })
    }
}

impl Rung for Piped<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        self.lines.pass(first, count)
    }

    fn group(&self) -> Option<i32> {
        Some(self.child.id())
    }
}
