//! A client that sends one message at a time and waits for it to come back, and the server that sends it back.
//!
//! Every echo is compared with its message, byte for byte, outside the timed part. A datagram without an echo is
//! counted as lost, and another is sent; an echo that comes after its time is told from the one that is waited for.
//! Neither side allocates while it talks, so that both also run in a forked process.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::channel::End;
use super::error::NetworkError;
use super::message::Message;
use crate::harness::clock::Moment;

/// How long a client waits for the echo of a datagram before it counts it as lost.
pub(crate) const ANSWER: Duration = Duration::from_millis(200);
/// How long an idle server of datagrams sleeps before it looks whether it is still needed.
pub(crate) const IDLE: Duration = Duration::from_millis(20);
/// How long the ends of a stream wait for each other before they give up: far beyond any delay of a crowded machine.
pub(crate) const STUCK: Duration = Duration::from_secs(20);
/// So many datagrams without an echo in a row are no accident.
const SILENT: u64 = 10;

/// The asking side.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    message: &'a Message,
    datagrams: bool,
    out: Vec<u8>,
    back: Vec<u8>,
    /// Number of the next message.
    next: u64,
    /// Messages whose echo may still come.
    missing: [Option<u64>; SILENT as usize],
    row: u64,
    lost: u64,
    late: u64,
}

impl<'a> Client<'a> {
    pub(crate) fn new(message: &'a Message, datagrams: bool) -> Self {
        let size = message.size();
        Self {
            message,
            datagrams,
            out: vec![0; size],
            // A datagram that came back longer must not look right because its end was cut off.
            back: vec![0; size + usize::from(datagrams)],
            next: 0,
            missing: [None; SILENT as usize],
            row: 0,
            lost: 0,
            late: 0,
        }
    }

    /// Messages sent.
    pub(crate) fn sent(&self) -> u64 {
        self.next
    }

    /// Messages without an echo in time.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Echoes that came too late.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    /// One round trip. `None` when the message was lost, or when another's late echo was in the way.
    pub(crate) fn ask(&mut self, over: &End) -> Result<Option<Duration>, NetworkError> {
        let number = self.next;
        self.next += 1;
        self.message.write(number, &mut self.out);
        let start = Moment::now();
        let sent = over.send(&self.out);
        let mut received = sent.and_then(|()| self.receive(over));
        let end = Moment::now();

        let mut clean = true;
        loop {
            match received {
                Ok(got) if self.message.is(number, &self.back[..got]) => {
                    self.row = 0;
                    return Ok(clean.then(|| end.since(start)));
                }
                Ok(got) => match self.overdue(got) {
                    Some(slot) => {
                        self.missing[slot] = None;
                        self.late += 1;
                        clean = false;
                        received = self.receive(over);
                    }
                    None => return Err(NetworkError::Echo { number, got, size: self.message.size() }),
                },
                Err(error) if self.datagrams && is_timeout(&error) => {
                    self.missing[(self.lost % SILENT) as usize] = Some(number);
                    self.lost += 1;
                    self.row += 1;
                    if self.row >= SILENT {
                        return Err(NetworkError::Silent { lost: self.row, seconds: ANSWER.as_secs_f64() });
                    }
                    return Ok(None);
                }
                Err(source) => return Err(NetworkError::Call { what: "exchange messages", source }),
            }
        }
    }

    fn receive(&mut self, over: &End) -> io::Result<usize> {
        if self.datagrams {
            return over.receive(&mut self.back);
        }
        match over.receive_all(&mut self.back)? {
            true => Ok(self.back.len()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whose echo it is, when it is that of a message which was given up.
    fn overdue(&self, got: usize) -> Option<usize> {
        let is = |number: &Option<u64>| number.is_some_and(|number| self.message.is(number, &self.back[..got]));
        self.missing.iter().position(is)
    }
}

/// The answering side: sends back all that comes, until the stream ends, or until it is to stop. `buffer` holds one
/// message. `meddle` sees each message before it is sent back and says whether it is: the place for planted faults.
pub(crate) fn serve(
    end: &End,
    buffer: &mut [u8],
    datagrams: bool,
    stop: &AtomicBool,
    mut meddle: impl FnMut(u64, &mut [u8]) -> bool,
) -> io::Result<u64> {
    let mut served = 0;
    loop {
        let got = if datagrams {
            match end.receive(buffer) {
                Ok(got) => got,
                Err(error) if is_timeout(&error) && !stop.load(Ordering::Relaxed) => continue,
                // What a socket says whose other end is gone does not matter any more.
                Err(_) if stop.load(Ordering::Relaxed) => return Ok(served),
                Err(error) => return Err(error),
            }
        } else if end.receive_all(buffer)? {
            buffer.len()
        } else {
            return Ok(served);
        };
        if meddle(served, &mut buffer[..got]) {
            end.send(&buffer[..got])?;
        }
        served += 1;
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
