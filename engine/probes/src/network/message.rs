//! What is sent: bytes drawn from the seed that differ in every message, so that an old, a foreign or a damaged one is
//! told from the right one at every byte.

use engine_core::stats::Stream;

/// Odd, so that even messages of one byte differ from their neighbours.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The messages of one conversation, all of one size. Neither writing nor comparing one allocates.
#[derive(Debug)]
pub(crate) struct Message {
    /// The bytes of message 0, filled up to whole words.
    base: Vec<[u8; 8]>,
    size: usize,
}

impl Message {
    pub(crate) fn new(size: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, &[size as u64]);
        Self { base: (0..size.div_ceil(8)).map(|_| stream.next_u64().to_le_bytes()).collect(), size }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Writes message `number`; `into` has the size of a message.
    pub(crate) fn write(&self, number: u64, into: &mut [u8]) {
        let shift = number.wrapping_mul(STEP);
        let (words, rest) = into.as_chunks_mut::<8>();
        for (word, base) in words.iter_mut().zip(&self.base) {
            *word = moved(*base, shift);
        }
        if let Some(base) = self.base.get(words.len()) {
            rest.copy_from_slice(&moved(*base, shift)[..rest.len()]);
        }
    }

    /// Whether `bytes` are message `number`, every one of them.
    pub(crate) fn is(&self, number: u64, bytes: &[u8]) -> bool {
        let shift = number.wrapping_mul(STEP);
        let (words, rest) = bytes.as_chunks::<8>();
        // All words are looked at: without an early end the loop runs as vectors.
        let differ = words.iter().zip(&self.base).fold(0, |differ, (word, base)| {
            differ | (u64::from_le_bytes(*word) ^ u64::from_le_bytes(moved(*base, shift)))
        });
        let tail = self.base.get(words.len()).map_or([0; 8], |base| moved(*base, shift));
        bytes.len() == self.size && differ == 0 && *rest == tail[..rest.len()]
    }
}

fn moved(base: [u8; 8], shift: u64) -> [u8; 8] {
    u64::from_le_bytes(base).wrapping_add(shift).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_from_all_others_at_every_byte() {
        for size in [1, 2, 7, 8, 9, 64, 1_001] {
            let message = Message::new(size, 5);
            let mut bytes = vec![0; size];
            for number in [0, 1, 2, 255, 256, 70_000] {
                message.write(number, &mut bytes);
                assert!(message.is(number, &bytes), "{size} {number}");
                assert!(!message.is(number + 1, &bytes) && !message.is(number.wrapping_sub(1), &bytes));
                assert!(size < 16 || !Message::new(size, 6).is(number, &bytes));
                for at in 0..size {
                    bytes[at] ^= 0x10;
                    assert!(!message.is(number, &bytes), "{size} {number}: byte {at}");
                    bytes[at] ^= 0x10;
                }
                assert!(!message.is(number, &bytes[1..]));
                assert!(!message.is(number, &[&bytes[..], &[0]].concat()));
            }
        }
    }
}
