//! SHA-256 (FIPS 180-4) of one message: every block waits for the one before.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "instructions that not every processor has"))]

use super::Path;

const BLOCK: usize = 64;
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
/// The first 32 bits of the fractions of the cube roots of the first 64 primes.
const ROUNDS: [u32; 64] = rounds();

const fn rounds() -> [u32; 64] {
    let mut constants = [0; 64];
    let (mut found, mut number) = (0, 2u128);
    while found < 64 {
        let mut factor = 2;
        while number % factor != 0 {
            factor += 1;
        }
        if factor == number {
            constants[found] = cube_root_fraction(number);
            found += 1;
        }
        number += 1;
    }
    constants
}

/// The fraction of the cube root, by 32 bits: the integer root of `number * 2^96`, modulo 2^32.
const fn cube_root_fraction(number: u128) -> u32 {
    let (target, mut root, mut bit) = (number << 96, 0u128, 1u128 << 35);
    while bit > 0 {
        let trial = root | bit;
        if trial * trial * trial <= target {
            root = trial;
        }
        bit >>= 1;
    }
    root as u32
}

/// The digest of a message.
#[must_use]
pub fn digest(path: Path, message: &[u8]) -> [u8; 32] {
    let mut state = START;
    let (blocks, rest) = message.as_chunks::<BLOCK>();
    compress(path, &mut state, blocks);
    // A one, zeros, and the length in bits in the last eight bytes.
    let mut tail = [[0; BLOCK]; 2];
    let flat = tail.as_flattened_mut();
    flat[..rest.len()].copy_from_slice(rest);
    flat[rest.len()] = 0x80;
    let blocks = if rest.len() < BLOCK - 8 { 1 } else { 2 };
    flat[BLOCK * blocks - 8..BLOCK * blocks].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
    compress(path, &mut state, &tail[..blocks]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

fn compress(path: Path, state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    #[cfg(target_arch = "x86_64")]
    if path == Path::ShaNi && path.is_available() {
        // SAFETY: the processor has the instructions.
        return unsafe { x86::compress(state, blocks) };
    }
    let _ = path;
    blocks.iter().for_each(|block| portable(state, block));
}

fn portable(state: &mut [u32; 8], block: &[u8; BLOCK]) {
    let mut words = [0u32; 64];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for i in 16..64 {
        let (x, y) = (words[i - 15], words[i - 2]);
        let low = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
        let high = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
        words[i] = words[i - 16].wrapping_add(low).wrapping_add(words[i - 7]).wrapping_add(high);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in words.into_iter().zip(ROUNDS) {
        let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let one = h.wrapping_add(sum).wrapping_add(choice).wrapping_add(constant).wrapping_add(word);
        let sum = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        (h, g, f, e) = (g, f, e, d.wrapping_add(one));
        (d, c, b, a) = (c, b, a, one.wrapping_add(sum).wrapping_add(majority));
    }
    for (word, more) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(more);
    }
}

/// The examples of FIPS 180-4: `abc` and the message of 448 bits.
pub(super) fn known_answers(path: Path) -> bool {
    const ANSWERS: [(&[u8], [u128; 2]); 2] = [
        (b"abc", [0xba78_16bf_8f01_cfea_4141_40de_5dae_2223, 0xb003_61a3_9617_7a9c_b410_ff61_f200_15ad]),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            [0x248d_6a61_d206_38b8_e5c0_2693_0c3e_6039, 0xa33c_e459_64ff_2167_f6ec_edd4_19db_06c1],
        ),
    ];
    ANSWERS
        .iter()
        .all(|(message, expected)| digest(path, message).as_slice() == expected.map(u128::to_be_bytes).as_flattened())
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, ROUNDS};
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
        _mm_storeu_si128,
    };

    /// # Safety
    /// The processor has the SHA extensions, SSSE3 and SSE4.1.
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) unsafe fn compress(state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
        // SAFETY: unaligned loads of 16 bytes, from the state, the constants and the blocks, all of them longer.
        let load = |from: *const u8| unsafe { _mm_loadu_si128(from.cast()) };
        let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        // The instructions want the words as (a, b, e, f) and (c, d, g, h), the highest first.
        let low = _mm_shuffle_epi32(load(state.as_ptr().cast()), 0xb1);
        let high = _mm_shuffle_epi32(load(state[4..].as_ptr().cast()), 0x1b);
        let mut abef = _mm_alignr_epi8(low, high, 8);
        let mut cdgh = _mm_blend_epi16(high, low, 0xf0);
        for block in blocks {
            let (before_abef, before_cdgh) = (abef, cdgh);
            let [mut a, mut b, mut c, mut d] =
                std::array::from_fn(|i| _mm_shuffle_epi8(load(block[16 * i..].as_ptr()), swap));
            let mut rounds = |words: __m128i, four: usize| {
                let sum = _mm_add_epi32(words, load(ROUNDS[4 * four..].as_ptr().cast()));
                cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
                abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            };
            // The next four words, from those of 16, 12, 8 and 4 rounds ago.
            let next = |oldest: __m128i, older: __m128i, newer: __m128i, newest: __m128i| {
                let sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, older), _mm_alignr_epi8(newest, newer, 4));
                _mm_sha256msg2_epu32(sum, newest)
            };
            // Names instead of an array: an array that is indexed in a loop would live in memory.
            rounds(a, 0);
            rounds(b, 1);
            rounds(c, 2);
            rounds(d, 3);
            for four in [4, 8, 12] {
                a = next(a, b, c, d);
                rounds(a, four);
                b = next(b, c, d, a);
                rounds(b, four + 1);
                c = next(c, d, a, b);
                rounds(c, four + 2);
                d = next(d, a, b, c);
                rounds(d, four + 3);
            }
            abef = _mm_add_epi32(abef, before_abef);
            cdgh = _mm_add_epi32(cdgh, before_cdgh);
        }
        let low = _mm_shuffle_epi32(abef, 0x1b);
        let high = _mm_shuffle_epi32(cdgh, 0xb1);
        let (abcd, efgh) = (_mm_blend_epi16(low, high, 0xf0), _mm_alignr_epi8(high, low, 8));
        // SAFETY: the state has eight words.
        unsafe {
            _mm_storeu_si128(state.as_mut_ptr().cast(), abcd);
            _mm_storeu_si128(state[4..].as_mut_ptr().cast(), efgh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn another_implementation_agrees_at_every_length() {
        assert_eq!((ROUNDS[0], ROUNDS[63]), (0x428a_2f98, 0xc671_78f2));
        let message: Vec<u8> = (0..400u32).map(|i| (i * 7 + 3) as u8).collect();
        for length in 0..message.len() {
            let expected = Sha256::digest(&message[..length]);
            for path in [Path::Portable, Path::ShaNi] {
                assert_eq!(digest(path, &message[..length]).as_slice(), &expected[..], "{path:?} {length}");
            }
        }
    }
}
