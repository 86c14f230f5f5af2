//! What the smallest primes leave, as patterns that repeat: instead of crossing off every multiple of 7 to 61, seven
//! short tables are laid over each other.

use super::wheel::RESIDUES;

/// The primes of each pattern. A pattern repeats after as many bytes as their product.
const PRIMES: [&[usize]; 7] = [&[7, 11, 13], &[17, 19], &[23, 29], &[31, 37], &[41, 43], &[47, 53], &[59, 61]];
/// The largest prime that the patterns cross off.
pub(super) const LARGEST: usize = 61;
/// Bytes that are laid at a time; every pattern is longer.
pub(super) const BLOCK: usize = 256;
/// The first bytes as they must be: the patterns cross off their own primes too, and 1 is not prime.
const HEAD: [u8; 3] = head();

const fn head() -> [u8; 3] {
    let mut bytes = [0; 3];
    let mut number = 7;
    while number < 90 {
        let mut factor = 2;
        while factor * factor <= number && number % factor != 0 {
            factor += 1;
        }
        let mut bit = 0;
        while bit < 8 {
            if factor * factor > number && number % 30 == RESIDUES[bit] {
                bytes[number / 30] |= 1 << bit;
            }
            bit += 1;
        }
        number += 1;
    }
    bytes
}

/// The patterns, each with a block more than its period, and where in it the next block begins.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    tables: [Vec<u8>; 7],
    at: [usize; 7],
}

impl Patterns {
    pub(super) fn new() -> Self {
        let tables = PRIMES.map(|primes| {
            let period: usize = primes.iter().product();
            let of = |byte: usize| {
                let left =
                    |bit: &usize| primes.iter().all(|prime| !(30 * byte + RESIDUES[*bit]).is_multiple_of(*prime));
                (0..8).filter(left).fold(0, |bits, bit| bits | 1 << bit)
            };
            (0..period + BLOCK).map(of).collect()
        });
        Self { tables, at: [0; 7] }
    }

    /// Goes back to the number 0.
    pub(super) fn restart(&mut self) {
        self.at = [0; 7];
    }

    /// Fills a segment, whose length is a multiple of [`BLOCK`], with what the small primes leave.
    #[inline(always)]
    pub(super) fn lay(&mut self, segment: &mut [u8], first: bool) {
        let Self { tables: [a, b, c, d, e, f, g], at } = self;
        for block in segment.chunks_exact_mut(BLOCK) {
            let (a, b, c, d) = (&a[at[0]..][..BLOCK], &b[at[1]..][..BLOCK], &c[at[2]..][..BLOCK], &d[at[3]..][..BLOCK]);
            let (e, f, g) = (&e[at[4]..][..BLOCK], &f[at[5]..][..BLOCK], &g[at[6]..][..BLOCK]);
            for i in 0..BLOCK {
                block[i] = a[i] & b[i] & c[i] & d[i] & e[i] & f[i] & g[i];
            }
            for (at, primes) in at.iter_mut().zip(PRIMES) {
                let period = primes.iter().product::<usize>();
                *at += BLOCK;
                if *at >= period {
                    *at -= period;
                }
            }
        }
        if first {
            segment[..HEAD.len()].copy_from_slice(&HEAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_has_no_small_factor() {
        let mut patterns = Patterns::new();
        let mut bytes = vec![0; 40 * BLOCK];
        let (one, two) = bytes.split_at_mut(4 * BLOCK);
        patterns.lay(one, true);
        patterns.lay(two, false);
        for (byte, bits) in bytes.iter().enumerate() {
            for (bit, residue) in RESIDUES.iter().enumerate() {
                let number = 30 * byte + residue;
                let prime =
                    (2..=LARGEST).all(|factor| !number.is_multiple_of(factor) || number == factor) && number != 1;
                assert_eq!(bits >> bit & 1 == 1, prime, "{number}");
            }
        }
    }
}
