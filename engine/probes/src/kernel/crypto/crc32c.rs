//! CRC-32C (RFC 3720, section 12.1): the `crc32` instruction takes eight bytes and three cycles, and one can start in each;
//! so three streams run side by side and are joined: the checksum of a text that is followed by so many zeros is a linear
//! map of the text's, which a table holds.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "instructions that not every processor has"))]

use super::Path;

/// The polynomial, the lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Bytes of a stream: a twelfth of what a pass works on, and so that little is left over.
const STREAM: usize = 1360;

/// The register after one more byte of zero, by the lowest byte of the register.
const BYTE: [u32; 256] = byte();

const fn byte() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut register = i as u32;
        let mut bit = 0;
        while bit < 8 {
            register = (register >> 1) ^ if register & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[i] = register;
        i += 1;
    }
    table
}

fn step(register: u32, byte: u8) -> u32 {
    (register >> 8) ^ BYTE[usize::from(register as u8 ^ byte)]
}

/// The map of the register over a stream of zeros, by its four bytes.
#[derive(Debug, Clone)]
pub struct Interleaved([[u32; 256]; 4]);

impl Interleaved {
    /// Makes the table: the map is known when it is known for each bit.
    #[must_use]
    pub fn new() -> Self {
        let bits: [u32; 32] = std::array::from_fn(|bit| (0..STREAM).fold(1 << bit, |register, _| step(register, 0)));
        let of = |part: usize, value: usize| {
            (0..8).filter(|bit| value >> bit & 1 == 1).fold(0, |sum, bit| sum ^ bits[8 * part + bit])
        };
        Self(std::array::from_fn(|part| std::array::from_fn(|value| of(part, value))))
    }

    /// The register after a stream of zeros.
    fn over_zeros(&self, register: u32) -> u32 {
        let bytes = register.to_le_bytes();
        bytes.iter().zip(&self.0).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    }

    /// The checksum of a text.
    #[must_use]
    pub fn checksum(&self, path: Path, text: &[u8]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if path == Path::Sse42 && path.is_available() {
            // SAFETY: the processor has the instruction.
            return !unsafe { self.sse42(text) };
        }
        let _ = path;
        !text.iter().fold(u32::MAX, |register, byte| step(register, *byte))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse4.2")]
    fn sse42(&self, text: &[u8]) -> u32 {
        use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};
        let mut register = u32::MAX;
        let mut triples = text.chunks_exact(3 * STREAM);
        for triple in &mut triples {
            let (one, rest) = triple.split_at(STREAM);
            let (two, three) = rest.split_at(STREAM);
            let mut sums = [u64::from(register), 0, 0];
            let words = one.as_chunks::<8>().0.iter().zip(two.as_chunks::<8>().0).zip(three.as_chunks::<8>().0);
            for ((a, b), c) in words {
                sums[0] = _mm_crc32_u64(sums[0], u64::from_le_bytes(*a));
                sums[1] = _mm_crc32_u64(sums[1], u64::from_le_bytes(*b));
                sums[2] = _mm_crc32_u64(sums[2], u64::from_le_bytes(*c));
            }
            let [one, two, three] = sums.map(|sum| sum as u32);
            register = self.over_zeros(self.over_zeros(one) ^ two) ^ three;
        }
        let (words, rest) = triples.remainder().as_chunks::<8>();
        let sum = words.iter().fold(u64::from(register), |sum, word| _mm_crc32_u64(sum, u64::from_le_bytes(*word)));
        rest.iter().fold(sum as u32, |sum, byte| _mm_crc32_u8(sum, *byte))
    }
}

impl Default for Interleaved {
    fn default() -> Self {
        Self::new()
    }
}

/// RFC 3720, appendix B.4: 32 bytes of zeros, of ones, ascending and descending; and the same behind a text so long that
/// the streams take part, against the portable sum.
pub(super) fn known_answers(path: Path) -> bool {
    let up: [u8; 32] = std::array::from_fn(|i| i as u8);
    let down: [u8; 32] = std::array::from_fn(|i| 31 - i as u8);
    let tables = Interleaved::new();
    let short = [([0; 32], 0x8a91_36aa), ([0xff; 32], 0x62a8_ab43), (up, 0x46dd_794e), (down, 0x113f_db5c)];
    let long = up.repeat(3 * STREAM * 2 / 32 + 1);
    short.iter().all(|(text, sum)| tables.checksum(path, text) == *sum)
        && tables.checksum(path, &long) == tables.checksum(Path::Portable, &long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_check_value() {
        for path in [Path::Portable, Path::Sse42] {
            assert_eq!(Interleaved::new().checksum(path, b"123456789"), 0xe306_9283);
            assert!(known_answers(path));
        }
    }

    proptest! {
        #[test]
        fn both_paths_agree(text in proptest::collection::vec(any::<u8>(), 0..12_000)) {
            let tables = Interleaved::new();
            prop_assert_eq!(tables.checksum(Path::Sse42, &text), tables.checksum(Path::Portable, &text));
        }
    }
}
