//! The frame of a record: 16 bytes before its body, all numbers little-endian: mark (4), length of the body (4), checksum of
//! the body (4), checksum of the twelve bytes before (4).
//!
//! Both checksums (CRC-32) begin with the file's own random number and the record's offset, so bytes are a record only at
//! the place where they were written: neither a body that holds a copy of a log nor a block of an older file is taken for
//! one.

/// Bytes before a body.
pub(crate) const FRAME: usize = 16;
/// The longest body.
pub(crate) const MOST: usize = 64 << 20;
/// What a record begins with.
pub(crate) const MARK: [u8; 4] = [0xb1, 0xd5, 0x7a, 0x9c];

/// A checksum at a place.
fn sum(nonce: u64, offset: u64, bytes: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    let mut place = [0; 16];
    place[..8].copy_from_slice(&nonce.to_le_bytes());
    place[8..].copy_from_slice(&offset.to_le_bytes());
    hasher.update(&place);
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

/// Fills in the frame of `record`, whose body stands behind 16 bytes.
pub(crate) fn seal(record: &mut [u8], nonce: u64, offset: u64) {
    let (frame, body) = record.split_at_mut(FRAME);
    frame[..4].copy_from_slice(&MARK);
    frame[4..8].copy_from_slice(&(body.len() as u32).to_le_bytes());
    frame[8..12].copy_from_slice(&sum(nonce, offset, body));
    let sum = sum(nonce, offset, &frame[..12]);
    frame[12..].copy_from_slice(&sum);
}

/// A frame that was read and is sound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// Length of the body.
    pub(crate) length: usize,
    sum: [u8; 4],
}

impl Frame {
    /// Reads a frame; `None` when the bytes are none of this place.
    pub(crate) fn read(frame: &[u8; FRAME], nonce: u64, offset: u64) -> Option<Self> {
        let length = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]) as usize;
        let sound = frame.starts_with(&MARK) && length <= MOST && frame[12..] == sum(nonce, offset, &frame[..12]);
        sound.then(|| Self { length, sum: [frame[8], frame[9], frame[10], frame[11]] })
    }

    /// Whether the body is the one that was written.
    pub(crate) fn holds(self, body: &[u8], nonce: u64, offset: u64) -> bool {
        self.sum == sum(nonce, offset, body)
    }
}
