//! The sieve of Eratosthenes in segments that fit the first-level cache: integer work, branches and short strides.
//!
//! Only odd numbers have a bit. Crossing off is one loop for each prime and segment; what is left is counted, and the
//! count has a known answer. All memory is obtained before the count, so that a timed count allocates nothing.

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
    /// One bit for each odd number of a segment; set means crossed off.
    segment: Vec<u64>,
    /// Odd primes up to the root of the limit.
    primes: Vec<u32>,
    /// For each of them, the bit of its next odd multiple, counted from the start of the segment.
    next: Vec<usize>,
}

impl Sieve {
    /// A sieve of the numbers up to `limit`, in segments of `segment_bytes` (rounded up to whole words; half of the
    /// first-level data cache is good, and 32 KiB where it is unknown).
    #[must_use]
    pub fn new(limit: u64, segment_bytes: usize) -> Self {
        let primes = small_primes(limit.isqrt());
        let next = vec![0; primes.len()];
        Self { limit, segment: vec![0; segment_bytes.div_ceil(8).max(1)], primes, next }
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sieves all segments and counts the primes up to the limit. Every call does all the work.
    pub fn count(&mut self) -> u64 {
        if self.limit < 2 {
            return 0;
        }
        for (next, &prime) in self.next.iter_mut().zip(&self.primes) {
            // Multiples below the square have a smaller factor. Bit `i` stands for `2i + 1`.
            *next = (u64::from(prime) * u64::from(prime) / 2) as usize;
        }
        let bits = self.segment.len() * 64;
        // Odd numbers from 1 to the limit. The 1 is counted in place of the 2.
        let mut left = self.limit.div_ceil(2);
        let mut count = 0;
        while left > 0 {
            self.segment.fill(0);
            self.cross(bits);
            let here = left.min(bits as u64);
            count += self.unmarked(here as usize);
            left -= here;
        }
        count
    }

    /// Crosses off one segment and moves all marks to the next.
    fn cross(&mut self, bits: usize) {
        for (next, &prime) in self.next.iter_mut().zip(&self.primes) {
            let mut bit = *next;
            while bit < bits {
                self.segment[bit / 64] |= 1 << (bit % 64);
                bit += prime as usize;
            }
            *next = bit - bits;
        }
    }

    /// Bits not set among the first `bits` of the segment.
    fn unmarked(&self, bits: usize) -> u64 {
        let whole = self.segment[..bits / 64].iter().map(|word| u64::from(word.count_zeros())).sum::<u64>();
        let rest = bits % 64;
        let last = if rest == 0 { 0 } else { (!self.segment[bits / 64] & ((1 << rest) - 1)).count_ones() };
        whole + u64::from(last)
    }
}

/// Odd primes up to `limit`, by the plain sieve.
fn small_primes(limit: u64) -> Vec<u32> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX) as usize;
    let mut crossed = vec![false; limit / 2 + 1];
    let mut primes = Vec::new();
    for number in (3..=limit).step_by(2) {
        if !crossed[number / 2] {
            primes.push(number as u32);
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
