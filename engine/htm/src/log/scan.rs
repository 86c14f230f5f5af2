//! Reading a log from front to back, and finding the next sound record behind a damaged place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::header::HEADER;
use super::record::{FRAME, Frame, MARK};

/// Bytes read at once.
const WINDOW: usize = 1 << 20;

/// What is found at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A sound record; its body was put into the buffer.
    Record {
        /// Where it begins.
        at: u64,
    },
    /// A place that is no sound record; sound ones follow from `to`, or it is the end of the file.
    Damage(Damage),
}

/// A place that is no sound record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Its first byte.
    pub from: u64,
    /// The first byte behind it.
    pub to: u64,
    /// What is wrong.
    pub what: &'static str,
    /// Whether the file simply ends within a record whose beginning is sound: what an interrupted write leaves.
    pub unfinished: bool,
    /// Whether nothing sound follows.
    pub last: bool,
}

/// A reader that knows where it is.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    file: &'a File,
    nonce: u64,
    length: u64,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Scan<'a> {
    /// From the first record.
    pub(crate) fn new(file: &'a File, nonce: u64) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, nonce, length, at: HEADER.min(length), window: Vec::new(), window_at: 0 })
    }

    /// The next thing, or `None` at the end of the file. A record's body is put into `body`.
    pub(crate) fn next(&mut self, body: &mut Vec<u8>) -> io::Result<Option<Found>> {
        let at = self.at;
        if at >= self.length {
            return Ok(None);
        }
        let (what, unfinished) = match self.record(at, body)? {
            Ok(()) => {
                self.at += (FRAME + body.len()) as u64;
                return Ok(Some(Found::Record { at }));
            }
            Err(wrong) => wrong,
        };
        let next = self.resync(at + 1, body)?;
        self.at = next.unwrap_or(self.length);
        let (to, last) = (self.at, next.is_none());
        Ok(Some(Found::Damage(Damage { from: at, to, what, unfinished: unfinished && last, last })))
    }

    /// Reads the record at a place into `body`; or says what is wrong with it, and whether it just ends too early.
    fn record(&mut self, at: u64, body: &mut Vec<u8>) -> io::Result<Result<(), (&'static str, bool)>> {
        let left = self.length - at;
        let mut frame = [0; FRAME];
        if left < FRAME as u64 {
            let start = self.bytes(at, left as usize)?;
            let begun = start.iter().zip(&MARK).all(|(is, wanted)| is == wanted);
            return Ok(Err(("the file ends within the frame of a record", begun)));
        }
        frame.copy_from_slice(self.bytes(at, FRAME)?);
        let Some(frame) = Frame::read(&frame, self.nonce, at) else {
            return Ok(Err(("no frame of a record, or a damaged one", false)));
        };
        if left - (FRAME as u64) < frame.length as u64 {
            return Ok(Err(("the file ends within the body of a record", true)));
        }
        body.clear();
        body.extend_from_slice(self.bytes(at + FRAME as u64, frame.length)?);
        Ok(if frame.holds(body, self.nonce, at) { Ok(()) } else { Err(("the body of a record is damaged", false)) })
    }

    /// The place of the first sound record from a place on.
    fn resync(&mut self, from: u64, body: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let mut at = from;
        while at + FRAME as u64 <= self.length {
            let window = self.bytes(at, WINDOW.min((self.length - at) as usize))?;
            let Some(place) = window.windows(MARK.len()).position(|bytes| bytes == MARK) else {
                // A mark may lie across the end of the window.
                at += (window.len() - MARK.len() + 1) as u64;
                continue;
            };
            at += place as u64;
            if at + FRAME as u64 <= self.length && self.record(at, body)?.is_ok() {
                return Ok(Some(at));
            }
            at += 1;
        }
        Ok(None)
    }

    /// So many bytes from a place; they lie within the file.
    fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let held = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + count as u64 > held {
            let size = count.max(WINDOW).min((self.length - at) as usize);
            self.window.resize(size, 0);
            self.window_at = at;
            self.file.read_exact_at(&mut self.window, at)?;
        }
        let first = (at - self.window_at) as usize;
        Ok(&self.window[first..first + count])
    }
}
