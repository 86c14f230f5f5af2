//! The wheel of 30: a byte stands for 30 numbers, a bit for each of the eight among them that 2, 3 and 5 do not divide.
//! Crossing off a prime visits eight multiples in each turn of the wheel, at distances and bits that depend on the
//! prime's residue alone: one loop is compiled for each residue, with its bits as constants.
#![expect(unsafe_code, reason = "the bounds of eight stores are checked once, for the last of them")]

/// Residues modulo 30 without a factor 2, 3 or 5; bit `k` of a byte stands for `RESIDUES[k]`.
pub(super) const RESIDUES: [usize; 8] = [1, 7, 11, 13, 17, 19, 23, 29];

/// For a prime `30a + RESIDUES[i]`: `EXTRA[i][k]` is the part of the byte of its multiple by `RESIDUES[k]` that does not
/// grow with `a`; the byte is `a * RESIDUES[k] + EXTRA[i][k]`.
const EXTRA: [[usize; 8]; 8] = extra();
/// What the multiple by `RESIDUES[k]` leaves of its byte: all bits but one.
const KEEP: [[u8; 8]; 8] = keep();

const fn extra() -> [[usize; 8]; 8] {
    let mut table = [[0; 8]; 8];
    let mut i = 0;
    while i < 64 {
        table[i / 8][i % 8] = RESIDUES[i / 8] * RESIDUES[i % 8] / 30;
        i += 1;
    }
    table
}

const fn keep() -> [[u8; 8]; 8] {
    let mut table = [[0; 8]; 8];
    let mut i = 0;
    while i < 64 {
        let residue = RESIDUES[i / 8] * RESIDUES[i % 8] % 30;
        let mut bit = 0;
        while RESIDUES[bit] != residue {
            bit += 1;
        }
        table[i / 8][i % 8] = !(1 << bit);
        i += 1;
    }
    table
}

/// A prime, and its next multiple to be crossed off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stride {
    prime: usize,
    /// Byte of the next multiple, from the start of the segment.
    at: usize,
    /// Which of the eight factors of a turn makes it.
    turn: usize,
}

impl Stride {
    /// A prime above 5, not yet started.
    pub(super) const fn new(prime: usize) -> Self {
        Self { prime, at: 0, turn: 0 }
    }

    /// Which of the eight loops is the prime's: the index of its residue.
    pub(super) fn class(self) -> usize {
        RESIDUES.iter().position(|residue| *residue == self.prime % 30).unwrap_or(0)
    }

    /// Starts at the prime's square: smaller multiples have a smaller factor.
    pub(super) fn restart(&mut self, class: usize) {
        self.at = self.prime * self.prime / 30;
        self.turn = class;
    }
}

/// Crosses off the multiples of one class' primes in a segment, and moves the primes to the next.
pub(super) fn cross(class: usize, segment: &mut [u8], strides: &mut [Stride]) {
    match class {
        0 => of_class::<0>(segment, strides),
        1 => of_class::<1>(segment, strides),
        2 => of_class::<2>(segment, strides),
        3 => of_class::<3>(segment, strides),
        4 => of_class::<4>(segment, strides),
        5 => of_class::<5>(segment, strides),
        6 => of_class::<6>(segment, strides),
        _ => of_class::<7>(segment, strides),
    }
}

fn of_class<const CLASS: usize>(segment: &mut [u8], strides: &mut [Stride]) {
    let (extra, keep) = (&EXTRA[CLASS], &KEEP[CLASS]);
    for stride in strides {
        let Stride { prime, mut at, mut turn } = *stride;
        let tens = prime / 30;
        // Bytes from the first multiple of a turn to each; the last is the farthest. The first has nothing extra.
        let to: [usize; 8] = std::array::from_fn(|k| tens * (RESIDUES[k] - 1) + extra[k]);
        while let Some(byte) = segment.get_mut(at) {
            if turn == 0 {
                while at + to[7] < segment.len() {
                    for k in 0..8 {
                        // SAFETY: `to[k]` is at most `to[7]`, so the byte lies before the one that was just compared.
                        unsafe { *segment.get_unchecked_mut(at + to[k]) &= keep[k] };
                    }
                    at += prime;
                }
                let Some(byte) = segment.get_mut(at) else { break };
                *byte &= keep[0];
            } else {
                *byte &= keep[turn];
            }
            at += if turn == 7 { prime - to[7] } else { to[turn + 1] - to[turn] };
            turn = (turn + 1) % 8;
        }
        stride.at = at - segment.len();
        stride.turn = turn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a bit.
    fn number(byte: usize, bit: usize) -> usize {
        30 * byte + RESIDUES[bit]
    }

    #[test]
    fn each_multiple_is_crossed_off_and_nothing_else() {
        for prime in [67, 71, 73, 79, 83, 89, 97, 101, 211, 1_009] {
            // Segments of unlike lengths, so that turns are cut everywhere.
            for length in [1, 7, 100, 1_000] {
                let mut stride = [Stride::new(prime)];
                let class = stride[0].class();
                stride[0].restart(class);
                for segment in 0..2_000 / length + 3 {
                    let mut bytes = vec![0xff; length];
                    cross(class, &mut bytes, &mut stride);
                    for (byte, bits) in bytes.iter().enumerate() {
                        for bit in 0..8 {
                            let n = number(segment * length + byte, bit);
                            let left = bits >> bit & 1 == 1;
                            assert_eq!(left, !n.is_multiple_of(prime) || n < prime * prime, "{prime}: {n}");
                        }
                    }
                }
            }
        }
    }
}
