//! The sieve of Eratosthenes in segments that fit the first-level cache: integer work, branches and short strides.
//!
//! A byte stands for 30 numbers (the `wheel`), the primes up to 61 are laid as repeating patterns, and each larger prime
//! crosses off its multiples, eight in a turn of the loop. What is left is counted, and the count has a known answer. All
//! memory is obtained and the primes up to the root are found before, so that a timed count allocates nothing.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a function for a wider processor is unsafe to call"))]

mod pattern;
mod wheel;

use pattern::Patterns;
use wheel::{RESIDUES, Stride};

/// pi(n), the number of primes up to n, for checks: the powers of ten and some sizes between (OEIS A006880).
const KNOWN: [(u64, u64); 14] = [
    (10, 4),
    (100, 25),
    (1_000, 168),
    (10_000, 1_229),
    (100_000, 9_592),
    (1_000_000, 78_498),
    (2_000_000, 148_933),
    (5_000_000, 348_513),
    (10_000_000, 664_579),
    (20_000_000, 1_270_607),
    (50_000_000, 3_001_134),
    (100_000_000, 5_761_455),
    (1_000_000_000, 50_847_534),
    (10_000_000_000, 455_052_511),
];

/// The number of primes up to `limit`, where this program knows it by heart.
#[must_use]
pub fn known(limit: u64) -> Option<u64> {
    KNOWN.iter().find(|(n, _)| *n == limit).map(|(_, count)| *count)
}

/// A sieve up to a fixed limit, with all its memory.
#[derive(Debug, Clone)]
pub struct Sieve {
    limit: u64,
    /// A byte for each 30 numbers of a segment; a bit that is set may be a prime.
    segment: Vec<u8>,
    patterns: Patterns,
    /// The primes beyond the patterns up to the root of the limit, by residue.
    strides: [Vec<Stride>; 8],
    /// Whether the processor counts bits and has vectors of 32 bytes.
    wide: bool,
}

impl Sieve {
    /// A sieve of the numbers up to `limit`, in segments of `segment_bytes` (rounded up to 256; half of the first-level
    /// data cache is good, and 16 KiB where it is unknown).
    #[must_use]
    pub fn new(limit: u64, segment_bytes: usize) -> Self {
        let mut strides: [Vec<Stride>; 8] = Default::default();
        for prime in small_primes(limit.isqrt()).into_iter().filter(|prime| *prime > pattern::LARGEST) {
            let stride = Stride::new(prime);
            strides[stride.class()].push(stride);
        }
        let length = segment_bytes.max(1).next_multiple_of(pattern::BLOCK);
        #[cfg(target_arch = "x86_64")]
        let wide = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt");
        #[cfg(not(target_arch = "x86_64"))]
        let wide = false;
        Self { limit, segment: vec![0; length], patterns: Patterns::new(), strides, wide }
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sieves all segments and counts the primes up to the limit. Every call does all the work.
    pub fn count(&mut self) -> u64 {
        for (class, strides) in self.strides.iter_mut().enumerate() {
            strides.iter_mut().for_each(|stride| stride.restart(class));
        }
        self.patterns.restart();
        // The primes of the wheel itself have no bit.
        let mut count = [2, 3, 5].into_iter().filter(|prime| *prime <= self.limit).count() as u64;
        let mut left = self.limit / 30 + 1;
        let mut first = true;
        while left > 0 {
            self.lay(first);
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.segment.len());
            let segment = &mut self.segment[..here];
            for (class, strides) in self.strides.iter_mut().enumerate() {
                wheel::cross(class, segment, strides);
            }
            left -= here as u64;
            if left == 0 {
                let rest = (self.limit % 30) as usize;
                let within = RESIDUES.iter().filter(|residue| **residue <= rest).count();
                segment[here - 1] &= ((1u16 << within) - 1) as u8;
            }
            count += self.ones(here);
            first = false;
        }
        count
    }

    /// Lays the patterns of the smallest primes.
    fn lay(&mut self, first: bool) {
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            #[target_feature(enable = "avx2")]
            fn wide(patterns: &mut Patterns, segment: &mut [u8], first: bool) {
                patterns.lay(segment, first);
            }
            // SAFETY: `wide` is only true where the processor has it.
            unsafe { wide(&mut self.patterns, &mut self.segment, first) };
            return;
        }
        self.patterns.lay(&mut self.segment, first);
    }

    /// Bits set in the first bytes of the segment.
    fn ones(&self, bytes: usize) -> u64 {
        let bytes = &self.segment[..bytes];
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            #[target_feature(enable = "popcnt")]
            fn wide(bytes: &[u8]) -> u64 {
                ones(bytes)
            }
            // SAFETY: as above.
            return unsafe { wide(bytes) };
        }
        ones(bytes)
    }
}

#[inline(always)]
fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// Odd primes up to `limit`, by the plain sieve.
fn small_primes(limit: u64) -> Vec<usize> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX) as usize;
    let mut crossed = vec![false; limit / 2 + 1];
    let mut primes = Vec::new();
    for number in (3..=limit).step_by(2) {
        if !crossed[number / 2] {
            primes.push(number);
            for multiple in (number * number..=limit).step_by(2 * number) {
                crossed[multiple / 2] = true;
            }
        }
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_gives_the_known_counts_again_and_again() {
        for (limit, count) in KNOWN.into_iter().take_while(|(limit, _)| *limit <= 10_000_000) {
            let mut sieve = Sieve::new(limit, 32 << 10);
            assert_eq!([sieve.count(), sieve.count()], [count, count], "up to {limit}");
            assert_eq!(known(limit), Some(count));
        }
        assert_eq!(known(11), None);
    }

    #[test]
    fn a_hundred_million() {
        assert_eq!(Sieve::new(100_000_000, 32 << 10).count(), 5_761_455);
    }

    #[test]
    fn small_limits_are_right_to_the_unit() {
        let mut primes = 0;
        for limit in 0..3_000u64 {
            primes += u64::from(limit >= 2 && (2..).take_while(|d| d * d <= limit).all(|d| limit % d != 0));
            assert_eq!(Sieve::new(limit, 8).count(), primes, "up to {limit}");
        }
    }

    proptest! {
        #[test]
        fn the_segment_does_not_change_the_count(limit in 0u64..300_000, bytes in 1usize..5_000) {
            prop_assert_eq!(Sieve::new(limit, bytes).count(), Sieve::new(limit, 1 << 20).count());
        }
    }
}
