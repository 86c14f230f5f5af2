//! Ways to have many requests under way at once, behind one trait: an io_uring, or the kernel's older asynchronous
//! interface (libaio). The third way, a pool of threads that read and write, has no queue and lies in `load/pool.rs`.

pub(crate) mod aio;
pub(crate) mod choice;
pub(crate) mod sandbox;
pub(crate) mod uring;

use std::io;

use crate::harness::{Buffer, Pages};

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads a block into the buffer.
    Read,
    /// Writes the buffer.
    Write,
    /// Nothing: what the interface itself costs.
    Nop,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) slot: u32,
    /// Which of the buffers it reads into or writes from.
    pub(crate) buffer: u32,
    pub(crate) kind: Kind,
    pub(crate) offset: u64,
}

/// The end of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) slot: u32,
    /// Bytes, or an error number below zero.
    pub(crate) result: i64,
}

/// What a queue is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Requests under way at once, at most.
    pub(crate) depth: u32,
    /// Bytes of each.
    pub(crate) block: u32,
    /// Buffers of one block each: at least one for each slot.
    pub(crate) buffers: u32,
    /// In which pages the buffers lie.
    pub(crate) pages: Pages,
}

impl Shape {
    /// Maps the buffers. They have no pages yet: to be touched, or registered, before anything is timed.
    fn map(&self) -> io::Result<Buffer> {
        let bytes = self.buffers as usize * self.block as usize;
        Buffer::map(bytes, self.pages, u64::MAX).map_err(io::Error::other)
    }
}

/// A queue of requests to one file, with buffers of one block each. Dropping it waits for what is under way, since the
/// kernel writes into the buffers until then.
pub(crate) trait Queue {
    /// Puts a request in; it is handed over at the next turn at the latest. The slot must be free.
    fn push(&mut self, request: Request) -> io::Result<()>;

    /// Hands over what was put in, and looks for no ends.
    fn submit(&mut self) -> io::Result<()>;

    /// Hands over what was put in, waits until at least `wait` requests have ended, and adds those that have to `done`,
    /// at most `most` of them.
    fn turn(&mut self, wait: u32, most: u32, done: &mut Vec<Done>) -> io::Result<()>;

    /// Requests that were put in and have not ended.
    fn under_way(&self) -> usize;

    /// The buffers, one block each. Those under way must be left alone.
    fn buffers(&mut self) -> &mut Buffer;
}

/// Waits for all that is under way.
pub(crate) fn drain(queue: &mut dyn Queue, done: &mut Vec<Done>) -> io::Result<()> {
    while queue.under_way() > 0 {
        queue.turn(1, u32::MAX, done)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
