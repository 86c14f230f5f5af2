//! The layer of HTTP/1.1 over loopback: `POST` with a length, an answer with a length; on one connection that is kept, or
//! on a new one for each call.
//!
//! As much of HTTP as both sides need. A new connection is closed with a reset once its answer is there, so that
//! thousands of them leave no port in `TIME_WAIT`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::climb::{CallError, Rung};
use super::stream::STUCK;
use super::traffic::{Content, Handler};
use crate::ProbeError;
use crate::harness::clock::Moment;
use crate::network::channel::linger;
use crate::network::place::sit;

/// The longest head that is read.
const HEAD: usize = 8192;

/// A message of HTTP as it comes in: one at a time on a connection.
#[derive(Debug, Default)]
struct Incoming {
    bytes: Vec<u8>,
    filled: usize,
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Incoming {
    /// The next message: its first line's word `word` (0, 1, ..) and its body. Nothing at the end of the connection.
    fn read(&mut self, from: &mut impl Read, word: usize) -> io::Result<Option<(&str, &[u8])>> {
        self.filled = 0;
        let (head, length) = loop {
            if let Some(end) = find(&self.bytes[..self.filled], b"\r\n\r\n") {
                break (end, length(&self.bytes[..end])?);
            }
            if self.filled > HEAD {
                return Err(malformed("a head without end"));
            }
            match self.more(from)? {
                0 if self.filled == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        };
        let (start, end) = (head + 4, head + 4 + length);
        while self.filled < end {
            if self.more(from)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let line = std::str::from_utf8(&self.bytes[..head]).map_err(|_| malformed("a head that is no text"))?;
        let found = line.lines().next().and_then(|line| line.split(' ').nth(word)).unwrap_or("");
        Ok(Some((found, &self.bytes[start..end])))
    }

    fn more(&mut self, from: &mut impl Read) -> io::Result<usize> {
        if self.bytes.len() == self.filled {
            self.bytes.resize((2 * self.filled).max(65_536), 0);
        }
        loop {
            match from.read(&mut self.bytes[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.filled += count;
                    return Ok(count);
                }
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).take(HEAD).position(|window| window == wanted)
}

/// The declared length of a body.
fn length(head: &[u8]) -> io::Result<usize> {
    let text = std::str::from_utf8(head).map_err(|_| malformed("a head that is no text"))?;
    let field = text.split("\r\n").skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let length = field.and_then(|value| value.parse().ok()).ok_or_else(|| malformed("no length"))?;
    if length > 1 << 28 { Err(malformed("a body of more than 256 MiB")) } else { Ok(length) }
}

/// Appends a head and a body.
fn message(first: &str, body: &[u8], into: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    let _ = write!(into, "{first}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    into.extend_from_slice(body);
}

struct Client<'a> {
    content: &'a Content,
    address: SocketAddr,
    kept: Option<TcpStream>,
    keep: bool,
    first: String,
    question: Vec<u8>,
    request: Vec<u8>,
    answer: Incoming,
    /// Spent on making and ending connections since it was last asked.
    connecting: Duration,
}

impl Client<'_> {
    fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(STUCK))?;
        if !self.keep {
            linger(&socket)?;
        }
        Ok(socket)
    }

    fn call(&mut self, number: u64) -> Result<(), CallError> {
        let lost = |error: io::Error| CallError::Failed(format!("call {number}: {error}"));
        self.question.clear();
        self.request.clear();
        self.content.ask(number, &mut self.question);
        message(&self.first, &self.question, &mut self.request);
        let mut socket = match self.kept.take() {
            Some(socket) => socket,
            None => {
                let start = Moment::now();
                let socket = self.connect().map_err(lost)?;
                self.connecting += Moment::now().since(start);
                socket
            }
        };
        socket.write_all(&self.request).map_err(lost)?;
        let Some((status, body)) = self.answer.read(&mut socket, 1).map_err(lost)? else {
            return Err(CallError::Failed(format!("call {number}: closed without an answer")));
        };
        if status != "200" {
            return Err(ProbeError::failed(format!("call {number} was answered with status `{status}`")).into());
        }
        self.content.check(number, &self.question, body)?;
        if self.keep {
            self.kept = Some(socket);
        } else {
            let start = Moment::now();
            drop(socket);
            self.connecting += Moment::now().since(start);
        }
        Ok(())
    }
}

impl Rung for Client<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        (first..first + count).try_for_each(|number| self.call(number))
    }

    fn connecting(&mut self) -> Option<Duration> {
        let spent = std::mem::take(&mut self.connecting);
        (!self.keep).then_some(spent)
    }
}

/// Answers connections, one after the other, until it is told to stop by one more.
fn serve(listener: &TcpListener, handler: &Handler, stop: &AtomicBool) {
    let (mut incoming, mut body, mut out) = (Incoming::default(), Vec::new(), Vec::new());
    for socket in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut socket) = socket else { continue };
        if socket.set_nodelay(true).is_err() {
            continue;
        }
        // Errors and ends are the client's to report; the next connection may be good.
        while let Ok(Some((_, question))) = incoming.read(&mut socket, 0) {
            body.clear();
            out.clear();
            handler.handle(question, &mut body);
            message("HTTP/1.1 200 OK", &body, &mut out);
            if socket.write_all(&out).is_err() {
                break;
            }
        }
    }
}

/// Runs `climb` with a thread that answers, on its CPU; the thread has ended afterwards.
pub(crate) fn with(
    content: &Content,
    cpu: Option<usize>,
    keep: bool,
    climb: impl FnOnce(&mut dyn Rung) -> Result<(), ProbeError>,
) -> Result<(), ProbeError> {
    let cannot = |error: io::Error| ProbeError::failed(format!("cannot listen on loopback: {error}"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let (handler, stop) = (content.service(), AtomicBool::new(false));
    thread::scope(|scope| {
        let server = thread::Builder::new().spawn_scoped(scope, || {
            let _ = sit(cpu);
            serve(&listener, &handler, &stop);
        });
        server.map_err(|error| ProbeError::failed(format!("cannot start a thread: {error}")))?;
        let _stop = Stop { stop: &stop, address };
        let first = format!("POST /call HTTP/1.1\r\nHost: {address}");
        let (kept, question, request, answer) = (None, Vec::new(), Vec::new(), Incoming::default());
        let connecting = Duration::ZERO;
        climb(&mut Client { content, address, kept, keep, first, question, request, answer, connecting })
    })
}

/// Wakes the server once more when dropped, after the client's connections are closed.
struct Stop<'a> {
    stop: &'a AtomicBool,
    address: SocketAddr,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back_and_others_are_refused() {
        let mut bytes = Vec::new();
        message("POST /call HTTP/1.1\r\nHost: here", b"{\"a\":1}", &mut bytes);
        let mut incoming = Incoming::default();
        let read = incoming.read(&mut &bytes[..], 1).unwrap();
        assert_eq!(read, Some(("/call", &b"{\"a\":1}"[..])));
        assert_eq!(incoming.read(&mut &b""[..], 1).unwrap(), None);
        for wrong in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
            b"HTTP/1.1 200",
            &[b'x'; 20_000],
        ] {
            assert!(incoming.read(&mut &wrong[..], 1).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
