//! AES (FIPS 197): the cipher on independent blocks.
//!
//! The portable path follows the standard byte by byte and is not tuned: it makes the keys and checks the others.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "instructions that not every processor has"))]

use super::Path;

/// Bytes of a block.
const BLOCK: usize = 16;
/// The longest stride of a kernel; data comes in multiples of it.
pub(super) const STRIDE: usize = 512;
/// Round keys of the longest key.
const KEYS: usize = 15;

/// The substitution of a byte: its inverse in GF(2^8), then an affine map.
const SUBSTITUTE: [u8; 256] = substitute();

const fn substitute() -> [u8; 256] {
    let mut table = [0; 256];
    // `p` runs through all elements by powers of 3, `q` through their inverses.
    let (mut p, mut q) = (1u8, 1u8);
    loop {
        p ^= twice(p);
        q ^= q << 1;
        q ^= q << 2;
        q ^= q << 4;
        if q & 0x80 != 0 {
            q ^= 0x09;
        }
        let spread = q ^ q.rotate_left(1) ^ q.rotate_left(2) ^ q.rotate_left(3) ^ q.rotate_left(4);
        table[p as usize] = spread ^ 0x63;
        if p == 1 {
            break;
        }
    }
    table[0] = 0x63;
    table
}

const fn twice(x: u8) -> u8 {
    (x << 1) ^ if x & 0x80 == 0 { 0 } else { 0x1b }
}

/// The round keys, each four times over for the widest vectors.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct Schedule {
    keys: [[u8; 4 * BLOCK]; KEYS],
    rounds: usize,
}

impl Schedule {
    /// Expands a key of 16 or 32 bytes.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let words = key.len() / 4;
        let rounds = words + 6;
        let mut expanded: Vec<[u8; 4]> = key.as_chunks::<4>().0.to_vec();
        let mut constant = 1u8;
        for i in words..4 * (rounds + 1) {
            let mut word = expanded[i - 1];
            if i % words == 0 {
                word.rotate_left(1);
                word = word.map(|byte| SUBSTITUTE[usize::from(byte)]);
                word[0] ^= constant;
                constant = twice(constant);
            } else if words > 6 && i % words == 4 {
                word = word.map(|byte| SUBSTITUTE[usize::from(byte)]);
            }
            let before = expanded[i - words];
            expanded.push(std::array::from_fn(|byte| word[byte] ^ before[byte]));
        }
        let mut keys = [[0; 4 * BLOCK]; KEYS];
        for (key, words) in keys.iter_mut().zip(expanded.as_flattened().chunks_exact(BLOCK)) {
            key.chunks_exact_mut(BLOCK).for_each(|copy| copy.copy_from_slice(words));
        }
        Self { keys, rounds }
    }
}

/// Encrypts each block of `input` into `output`; both have the same length, a multiple of 512 bytes. The machine has the
/// path's instructions, or the portable path is taken.
pub fn encrypt(path: Path, schedule: &Schedule, input: &[u8], output: &mut [u8]) {
    assert!(input.len() == output.len() && input.len().is_multiple_of(STRIDE));
    #[cfg(target_arch = "x86_64")]
    if path.is_available() && !input.is_empty() {
        type Encrypt = unsafe fn(&Schedule, &[u8], &mut [u8]);
        let kernel: Option<Encrypt> = match (path, schedule.rounds) {
            (Path::AesNi, 10) => Some(x86::ni::<10>),
            (Path::AesNi, _) => Some(x86::ni::<14>),
            (Path::Vaes, 10) => Some(x86::vaes_10),
            (Path::Vaes, _) => Some(x86::vaes_14),
            (Path::VaesAvx512, 10) => Some(x86::wide_10),
            (Path::VaesAvx512, _) => Some(x86::wide_14),
            _ => None,
        };
        if let Some(kernel) = kernel {
            // SAFETY: the processor has the instructions; both slices have the same length, in whole strides.
            return unsafe { kernel(schedule, input, output) };
        }
    }
    let _ = path;
    for (from, to) in input.as_chunks::<BLOCK>().0.iter().zip(output.as_chunks_mut::<BLOCK>().0) {
        *to = portable(schedule, *from);
    }
}

fn portable(schedule: &Schedule, mut block: [u8; BLOCK]) -> [u8; BLOCK] {
    let add = |block: [u8; BLOCK], round: usize| std::array::from_fn(|i| block[i] ^ schedule.keys[round][i]);
    block = add(block, 0);
    for round in 1..=schedule.rounds {
        // Substitution, and the shift of the rows; columns are four bytes each.
        let shifted: [u8; BLOCK] = std::array::from_fn(|i| SUBSTITUTE[usize::from(block[(i + 4 * (i % 4)) % BLOCK])]);
        block = shifted;
        if round < schedule.rounds {
            for column in block.as_chunks_mut::<4>().0 {
                let [a, b, c, d] = *column;
                let all = a ^ b ^ c ^ d;
                *column =
                    [a ^ all ^ twice(a ^ b), b ^ all ^ twice(b ^ c), c ^ all ^ twice(c ^ d), d ^ all ^ twice(d ^ a)];
            }
        }
        block = add(block, round);
    }
    block
}

/// Appendices C.1 and C.3 of FIPS 197, in every block of a stride.
pub(super) fn known_answer(path: Path, key_bytes: u8) -> bool {
    let key: Vec<u8> = (0..key_bytes).collect();
    let plain: [u8; BLOCK] = std::array::from_fn(|i| 0x11 * i as u8);
    let expected: u128 = match key_bytes {
        16 => 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a,
        _ => 0x8ea2_b7ca_5167_45bf_eafc_4990_4b49_6089,
    };
    let mut output = [0; STRIDE];
    encrypt(path, &Schedule::new(&key), &plain.repeat(STRIDE / BLOCK), &mut output);
    output.as_chunks::<BLOCK>().0.iter().all(|block| *block == expected.to_be_bytes())
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, STRIDE, Schedule};
    use std::arch::x86_64::{
        __m128i, _mm_aesenc_si128, _mm_aesenclast_si128, _mm_loadu_si128, _mm_storeu_si128, _mm_xor_si128,
    };

    /// Eight blocks at a time: the latency of a round is four cycles, and two start in each.
    ///
    /// # Safety
    /// The processor has AES-NI; both slices have the same length, a multiple of eight blocks.
    #[target_feature(enable = "aes")]
    pub(super) unsafe fn ni<const ROUNDS: usize>(schedule: &Schedule, input: &[u8], output: &mut [u8]) {
        const SIDE: usize = 8;
        // SAFETY: unaligned loads from within arrays and slices of at least 16 bytes each.
        let load = |bytes: &[u8]| unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        let key = |round: usize| load(&schedule.keys[round]);
        for (from, to) in input.chunks_exact(SIDE * BLOCK).zip(output.chunks_exact_mut(SIDE * BLOCK)) {
            let mut blocks: [__m128i; SIDE] = std::array::from_fn(|i| _mm_xor_si128(load(&from[i * BLOCK..]), key(0)));
            for round in 1..ROUNDS {
                let key = key(round);
                for block in &mut blocks {
                    *block = _mm_aesenc_si128(*block, key);
                }
            }
            let last = key(ROUNDS);
            for (block, to) in blocks.into_iter().zip(to.chunks_exact_mut(BLOCK)) {
                // SAFETY: `to` has 16 bytes.
                unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_aesenclast_si128(block, last)) };
            }
        }
    }

    /// Eight vectors at a time, in assembly: the intrinsics are younger than the oldest compiler that we build with.
    macro_rules! vaes {
        ($name:ident, $v:literal, $bytes:literal, $mov:literal, $xor:literal, $middle:literal, $last:literal) => {
            /// # Safety
            /// The processor has VAES and the vectors; both slices have the same length, a multiple of 512 bytes.
            pub(super) unsafe fn $name(schedule: &Schedule, input: &[u8], output: &mut [u8]) {
                const { assert!(STRIDE % (8 * $bytes) == 0) };
                // SAFETY: reads and writes eight vectors from `at` on while `at` is below the length, which is a multiple
                // of them and not zero; the keys lie 64 bytes apart. The ABI clobber declares every vector register.
                unsafe {
                    std::arch::asm!(
                        ".p2align 6",
                        "2:",
                        concat!($mov, " ", $v, "8, [rdx]"),
                        concat!(".irp r,0,1,2,3,4,5,6,7\n", $mov, " ", $v, "\\r, [rdi + rcx + \\r*", $bytes, "]\n.endr"),
                        concat!(".irp r,0,1,2,3,4,5,6,7\n", $xor, " ", $v, "\\r, ", $v, "\\r, ", $v, "8\n.endr"),
                        concat!(
                            ".irp k,", $middle, "\n", $mov, " ", $v, "8, [rdx + 64*\\k]\n",
                            ".irp r,0,1,2,3,4,5,6,7\nvaesenc ", $v, "\\r, ", $v, "\\r, ", $v, "8\n.endr\n.endr"
                        ),
                        concat!($mov, " ", $v, "8, [rdx + 64*", $last, "]"),
                        concat!(".irp r,0,1,2,3,4,5,6,7\nvaesenclast ", $v, "\\r, ", $v, "\\r, ", $v, "8\n.endr"),
                        concat!(".irp r,0,1,2,3,4,5,6,7\n", $mov, " [rsi + rcx + \\r*", $bytes, "], ", $v, "\\r\n.endr"),
                        concat!("add rcx, 8*", $bytes),
                        "cmp rcx, r8",
                        "jb 2b",
                        "vzeroupper",
                        in("rdi") input.as_ptr(),
                        in("rsi") output.as_mut_ptr(),
                        in("rdx") schedule.keys.as_ptr(),
                        inout("rcx") 0usize => _,
                        in("r8") input.len(),
                        clobber_abi("sysv64"),
                        options(nostack),
                    );
                }
            }
        };
    }

    vaes!(vaes_10, "ymm", 32, "vmovdqu", "vpxor", "1,2,3,4,5,6,7,8,9", "10");
    vaes!(vaes_14, "ymm", 32, "vmovdqu", "vpxor", "1,2,3,4,5,6,7,8,9,10,11,12,13", "14");
    vaes!(wide_10, "zmm", 64, "vmovdqu64", "vpxorq", "1,2,3,4,5,6,7,8,9", "10");
    vaes!(wide_14, "zmm", 64, "vmovdqu64", "vpxorq", "1,2,3,4,5,6,7,8,9,10,11,12,13", "14");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_expands_as_published() {
        // FIPS 197, appendices A.1 and A.3: the last words.
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        assert_eq!(Schedule::new(&key).keys[10][12..16], [0xb6, 0x63, 0x0c, 0xa6]);
        let halves = [0x603d_eb10_15ca_71be_2b73_aef0_857d_7781_u128, 0x1f35_2c07_3b61_08d7_2d98_10a3_0914_dff4];
        let schedule = Schedule::new(halves.map(u128::to_be_bytes).as_flattened());
        assert_eq!((schedule.rounds, &schedule.keys[14][12..16]), (14, &[0x70, 0x6c, 0x63, 0x1e][..]));
        assert_eq!((SUBSTITUTE[0], SUBSTITUTE[0x53], SUBSTITUTE[0xff]), (0x63, 0xed, 0x16));
    }

    #[test]
    fn another_key_gives_another_answer() {
        let (mut one, mut two) = ([0; STRIDE], [0; STRIDE]);
        encrypt(Path::Portable, &Schedule::new(&[0; 16]), &[0; STRIDE], &mut one);
        encrypt(Path::Portable, &Schedule::new(&[1; 16]), &[0; STRIDE], &mut two);
        assert_ne!(one, two);
        // The first block of many published tests: the key and the text of zeros.
        assert_eq!(one[..4], [0x66, 0xe9, 0x4b, 0xd4]);
    }
}
