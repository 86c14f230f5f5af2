//! The layer of Unix stream sockets: a line there, a line back, to another thread of this process.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::climb::{CallError, Rung};
use super::traffic::{Content, Handler, Line};
use crate::ProbeError;
use crate::network::place::sit;

/// The longest wait for the other side.
pub(crate) const STUCK: Duration = Duration::from_secs(20);

/// Asks over one stream and reads the answer from it or from another.
pub(crate) struct Lined<'a, R, W> {
    pub(crate) content: &'a Content,
    pub(crate) from: R,
    pub(crate) to: W,
    pub(crate) question: Vec<u8>,
    pub(crate) line: Line,
}

impl<'a, R: Read, W: Write> Lined<'a, R, W> {
    pub(crate) fn new(content: &'a Content, from: R, to: W) -> Self {
        Self { content, from, to, question: Vec::new(), line: Line::default() }
    }
}

impl<R: Read, W: Write> Rung for Lined<'_, R, W> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        for number in first..first + count {
            self.question.clear();
            self.content.ask(number, &mut self.question);
            self.question.push(b'\n');
            let lost =
                |error: io::Error| ProbeError::failed(format!("the other side of call {number} is gone: {error}"));
            self.to.write_all(&self.question).map_err(lost)?;
            let answer = self.line.read(&mut self.from).map_err(lost)?;
            self.content.check(number, &self.question[..self.question.len() - 1], answer)?;
        }
        Ok(())
    }
}

/// Answers lines until the stream ends.
pub(crate) fn answer(stream: &UnixStream, handler: &Handler) {
    let (mut line, mut answer) = (Line::default(), Vec::new());
    let (mut from, mut to) = (stream, stream);
    // An end or an error on one side shows on the other.
    while let Ok(message) = line.read(&mut from) {
        answer.clear();
        handler.handle(message, &mut answer);
        answer.push(b'\n');
        if to.write_all(&answer).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Runs `climb` with a thread that answers, on its CPU; the thread has ended afterwards.
pub(crate) fn with(
    content: &Content,
    cpu: Option<usize>,
    climb: impl FnOnce(&mut dyn Rung) -> Result<(), ProbeError>,
) -> Result<(), ProbeError> {
    let cannot = |error: io::Error| ProbeError::failed(format!("cannot open Unix sockets: {error}"));
    let (ours, theirs) = UnixStream::pair().map_err(cannot)?;
    ours.set_read_timeout(Some(STUCK)).map_err(cannot)?;
    ours.set_write_timeout(Some(STUCK)).map_err(cannot)?;
    let handler = content.service();
    thread::scope(|scope| {
        let server = thread::Builder::new().spawn_scoped(scope, || {
            let _ = sit(cpu);
            answer(&theirs, &handler);
        });
        server.map_err(|error| ProbeError::failed(format!("cannot start a thread: {error}")))?;
        // Whatever becomes of the client, its end closes the stream, and the server sees that.
        let _closed = Closed(&ours);
        climb(&mut Lined::new(content, &ours, &ours))
    })
}

struct Closed<'a>(&'a UnixStream);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
