//! A stream of blocks: what the sender stamps into them, and what the receiver checks and counts.
//!
//! A block begins with a stamp that says which block of which stream it is, and has another every 4 KiB. The receiver
//! checks every stamp of every block, however the bytes are cut on their way; of the first blocks, which come before
//! the timed part, it compares every byte.

use engine_core::stats::Stream;

/// Distance of the stamps within a block.
const PAGE: usize = 4096;
/// Bytes of a stamp.
const STAMP: usize = 8;
/// Blocks that are compared whole.
pub(crate) const WHOLE: u64 = 8;
/// The smallest block: a datagram has room for its stamp.
pub(crate) const LEAST: u64 = 64;
/// The largest block: its stamps are numbered by one byte.
pub(crate) const MOST: u64 = (PAGE * 256) as u64;

/// The content of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    base: Vec<u8>,
    key: u64,
}

impl Content {
    /// Content of blocks of `size` bytes, [`LEAST`] to [`MOST`].
    pub(crate) fn new(size: usize, seed: u64, stream: u64) -> Self {
        let mut random = Stream::new(seed, &[stream, size as u64]);
        let key = random.next_u64();
        let mut base = vec![0; size];
        for piece in base.chunks_mut(8) {
            piece.copy_from_slice(&random.next_u64().to_le_bytes()[..piece.len()]);
        }
        Self { base, key }
    }

    /// A block to be stamped again and again.
    pub(crate) fn block(&self) -> Vec<u8> {
        self.base.clone()
    }

    /// Bytes of a block.
    pub(crate) fn size(&self) -> usize {
        self.base.len()
    }

    /// Makes `block` the block of that number.
    #[inline]
    pub(crate) fn stamp(&self, number: u64, block: &mut [u8]) {
        for (page, piece) in block.chunks_mut(PAGE).enumerate() {
            if let Some(place) = piece.first_chunk_mut() {
                *place = self.mark(number, page);
            }
        }
    }

    fn mark(&self, number: u64, page: usize) -> [u8; STAMP] {
        (self.key ^ (number << 8 | page as u64)).to_le_bytes()
    }

    /// The number of the block that begins with these bytes, if it is one of ours.
    fn number(&self, bytes: &[u8]) -> Option<u64> {
        let word = u64::from_le_bytes(*bytes.first_chunk()?) ^ self.key;
        (word & 0xFF == 0).then_some(word >> 8)
    }

    /// Whether `bytes`, from `offset` on in block `number`, carry its stamps.
    #[inline]
    fn stamped(&self, number: u64, offset: usize, bytes: &[u8]) -> bool {
        let end = offset + bytes.len();
        (offset / PAGE..end.div_ceil(PAGE)).all(|page| {
            let at = page * PAGE;
            // A stamp may be cut by the bounds of what was received; the last page may have no room for one.
            let (from, to) = (at.max(offset), (at + STAMP).min(end));
            at + STAMP > self.base.len()
                || from >= to
                || bytes[from - offset..to - offset] == self.mark(number, page)[from - at..to - at]
        })
    }

    /// Whether `bytes`, from `offset` on in block `number`, are its bytes, each of them.
    fn whole(&self, number: u64, offset: usize, bytes: &[u8]) -> bool {
        let same = |(at, byte): (usize, &u8)| {
            let (page, within) = (at / PAGE, at % PAGE);
            let stamped = within < STAMP && (page * PAGE + STAMP) <= self.base.len();
            *byte == if stamped { self.mark(number, page)[within] } else { self.base[at] }
        };
        (offset..).zip(bytes).all(same)
    }

    #[inline]
    fn is(&self, number: u64, offset: usize, bytes: &[u8]) -> bool {
        self.stamped(number, offset, bytes) && (number >= WHOLE || self.whole(number, offset, bytes))
    }
}

/// The receiver's account of one stream.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    content: &'a Content,
    /// The block that the next byte belongs to, or that follows the last datagram.
    block: u64,
    offset: usize,
    /// Bytes whose stamps were right.
    pub(crate) verified: u64,
    /// Datagrams.
    pub(crate) blocks: u64,
    /// Datagrams that came after a later one.
    pub(crate) disordered: u64,
}

/// The block in which something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) u64);

impl<'a> Account<'a> {
    pub(crate) fn new(content: &'a Content) -> Self {
        Self { content, block: 0, offset: 0, verified: 0, blocks: 0, disordered: 0 }
    }

    /// Whether the blocks before that number have come, or were lost.
    #[inline]
    pub(crate) fn reached(&self, block: u64) -> bool {
        self.block >= block
    }

    /// Takes the next bytes of a stream.
    #[inline]
    pub(crate) fn bytes(&mut self, mut bytes: &[u8]) -> Result<(), Wrong> {
        while !bytes.is_empty() {
            let (here, rest) = bytes.split_at(bytes.len().min(self.content.base.len() - self.offset));
            if !self.content.is(self.block, self.offset, here) {
                return Err(Wrong(self.block));
            }
            self.verified += here.len() as u64;
            self.offset += here.len();
            if self.offset == self.content.base.len() {
                (self.block, self.offset) = (self.block + 1, 0);
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Takes a datagram, of which some before may be missing.
    #[inline]
    pub(crate) fn datagram(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let number = self.content.number(bytes).filter(|_| bytes.len() == self.content.base.len());
        let number = number.ok_or(Wrong(self.block))?;
        if !self.content.is(number, 0, bytes) {
            return Err(Wrong(number));
        }
        if number < self.block {
            self.disordered += 1;
        } else {
            self.block = number + 1;
        }
        self.blocks += 1;
        self.verified += bytes.len() as u64;
        Ok(())
    }
}

/// Bytes by the window of time in which they came.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    /// Start of the first window, on the clock of all probes.
    start: u64,
    width: u64,
    bytes: Vec<u64>,
    /// Bytes of all time, before, within and after the windows.
    pub(crate) total: u64,
}

impl Windows {
    /// `count` windows of `width` nanoseconds, from `start` on.
    pub(crate) fn new(start: u64, width: u64, count: usize) -> Self {
        Self { start, width: width.max(1), bytes: vec![0; count], total: 0 }
    }

    /// Moves the windows.
    #[inline]
    pub(crate) fn start_at(&mut self, start: u64) {
        self.start = start;
    }

    /// Counts bytes that came just now.
    #[inline]
    pub(crate) fn count(&mut self, now: u64, bytes: usize) {
        self.total += bytes as u64;
        if now >= self.start
            && let Some(window) = self.bytes.get_mut(((now - self.start) / self.width) as usize)
        {
            *window += bytes as u64;
        }
    }

    /// Bytes a second in each window, over several receivers with equal windows.
    pub(crate) fn rates(all: &[Self]) -> Vec<f64> {
        let Some(first) = all.first() else { return Vec::new() };
        let seconds = first.width as f64 * 1e-9;
        (0..first.bytes.len())
            .map(|window| all.iter().map(|windows| windows.bytes[window]).sum::<u64>() as f64 / seconds)
            .collect()
    }
}

/// Whether both ends of a stream agree: what was counted is what was verified, and for a stream, what was sent.
/// The datagrams that were lost, or what is wrong.
pub(crate) fn audit(
    stream: usize,
    (sent_blocks, sent_bytes): (u64, u64),
    counted: u64,
    account: &Account<'_>,
    datagrams: bool,
) -> Result<u64, String> {
    let verified = account.verified;
    if counted != verified {
        return Err(format!(
            "stream {stream}: {counted} bytes are counted, but {verified} bytes came to the receiver: what lies in \
             buffers is not received"
        ));
    }
    match datagrams {
        true if account.blocks > sent_blocks => {
            Err(format!("stream {stream}: {} datagrams came of {sent_blocks} that were sent", account.blocks))
        }
        true => Ok(sent_blocks - account.blocks),
        false if sent_bytes != verified => {
            Err(format!("stream {stream}: {sent_bytes} bytes were sent, and {verified} received after draining"))
        }
        false => Ok(0),
    }
}

#[cfg(test)]
mod tests;
