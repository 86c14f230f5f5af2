//! Overlaps by bit-sliced counting.
//!
//! Each input has a row of bits, one a column: whether the column's synapse to the input is connected. The overlap of
//! all columns is the sum of the active inputs' rows, bit by bit. It is taken 512 columns at a time with carry-save
//! adders (Harley and Seal; Mula, Kurz and Lemire, 2018): eight rows become one bit each of ones, twos, fours and eights,
//! so that an addition costs a few logical operations for 512 columns. A connection that is made or lost is one flipped
//! bit; nothing is inserted, moved or rebuilt.

/// Words of a block of columns.
const BLOCK: usize = 8;
/// Bits of a count: 65,535 active inputs at most.
const SLICES: usize = 16;

type Block = [u64; BLOCK];

/// Connections of all inputs to all columns.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    bits: Vec<u64>,
    blocks: usize,
}

impl Rows {
    pub(super) fn new(inputs: u32, columns: u32) -> Self {
        let blocks = (columns as usize).div_ceil(BLOCK * 64);
        Self { bits: vec![0; inputs as usize * blocks * BLOCK], blocks }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bits.capacity() * 8
    }

    /// Makes or breaks a connection.
    pub(super) fn flip(&mut self, input: u32, column: u32) {
        let word = input as usize * self.blocks * BLOCK + (column / 64) as usize;
        self.bits[word] ^= 1 << (column % 64);
    }

    /// Counts, for every column, the connected synapses to the inputs in `on`. `counts` has one number a column.
    pub(super) fn count(&self, on: &[u32], counts: &mut [u16]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe { self.count_avx2(on, counts) };
            return;
        }
        self.count_plain(on, counts);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn count_avx2(&self, on: &[u32], counts: &mut [u16]) {
        self.count_plain(on, counts);
    }

    #[inline(always)]
    fn count_plain(&self, on: &[u32], counts: &mut [u16]) {
        for (block, counts) in counts.chunks_mut(BLOCK * 64).enumerate() {
            let (slices, used) = self.sum(on, block);
            spread(&slices[..used], counts);
        }
    }

    fn row(&self, input: u32, block: usize) -> &Block {
        let at = (input as usize * self.blocks + block) * BLOCK;
        self.bits[at..].first_chunk().expect("rows are whole blocks")
    }

    /// The sums of one block of columns as slices of bits, and how many slices can be other than 0.
    #[inline(always)]
    fn sum(&self, on: &[u32], block: usize) -> ([Block; SLICES], usize) {
        let mut slices = [[0; BLOCK]; SLICES];
        let used = (usize::BITS - on.len().leading_zeros()).max(1) as usize;
        let (mut ones, mut twos, mut fours) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        let eights = on.chunks_exact(8);
        let rest = eights.remainder();
        for inputs in eights {
            let row = |at: usize| self.row(inputs[at], block);
            let two_a = add(&mut ones, row(0), row(1));
            let two_b = add(&mut ones, row(2), row(3));
            let four_a = add(&mut twos, &two_a, &two_b);
            let two_a = add(&mut ones, row(4), row(5));
            let two_b = add(&mut ones, row(6), row(7));
            let four_b = add(&mut twos, &two_a, &two_b);
            let carry = add(&mut fours, &four_a, &four_b);
            ripple(&mut slices[3..], carry);
        }
        (slices[0], slices[1], slices[2]) = (ones, twos, fours);
        for &input in rest {
            ripple(&mut slices, *self.row(input, block));
        }
        (slices, used.min(SLICES))
    }
}

/// Adds two rows to a slice of bits and gives the carry.
#[inline(always)]
fn add(sum: &mut Block, a: &Block, b: &Block) -> Block {
    let mut carry = [0; BLOCK];
    for at in 0..BLOCK {
        let both = sum[at] ^ a[at];
        carry[at] = (sum[at] & a[at]) | (both & b[at]);
        sum[at] = both ^ b[at];
    }
    carry
}

/// Adds a carry to the slices above.
#[inline(always)]
fn ripple(slices: &mut [Block], mut carry: Block) {
    for slice in slices {
        let mut left = 0;
        for at in 0..BLOCK {
            let next = slice[at] & carry[at];
            slice[at] ^= carry[at];
            carry[at] = next;
            left |= next;
        }
        if left == 0 {
            return;
        }
    }
}

/// Slices of bits as numbers, one a column.
#[inline(always)]
fn spread(slices: &[Block], counts: &mut [u16]) {
    for (byte, counts) in counts.chunks_mut(8).enumerate() {
        let (mut low, mut high) = (0_u64, 0_u64);
        for (weight, slice) in slices.iter().enumerate() {
            let bits = SPREAD[usize::from((slice[byte / 8] >> (byte % 8 * 8)) as u8)];
            if weight < 8 {
                low |= bits << weight;
            } else {
                high |= bits << (weight - 8);
            }
        }
        let (low, high) = (low.to_le_bytes(), high.to_le_bytes());
        for ((count, low), high) in counts.iter_mut().zip(low).zip(high) {
            *count = u16::from_le_bytes([low, high]);
        }
    }
}

/// The bits of a byte as the lowest bits of eight bytes.
static SPREAD: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte] |= ((byte as u64 >> bit) & 1) << (bit * 8);
            bit += 1;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn counts_are_those_of_plain_loops() {
        let mut random = Random::new(3);
        for (inputs, columns) in [(1, 1), (40, 100), (300, 513), (700, 2_048)] {
            let mut rows = Rows::new(inputs, columns);
            let mut plain = vec![false; (inputs * columns) as usize];
            for _ in 0..inputs * columns {
                let (input, column) = (random.below(inputs), random.below(columns));
                rows.flip(input, column);
                plain[(input * columns + column) as usize] ^= true;
            }
            for active in [0, 1, 7, 8, 9, 30, 255, 256, 600] {
                let on = random.sample(inputs, active);
                let expected: Vec<u16> = (0..columns)
                    .map(|column| on.iter().filter(|&&input| plain[(input * columns + column) as usize]).count() as u16)
                    .collect();
                let mut counts = vec![9; columns as usize];
                rows.count(&on, &mut counts);
                assert_eq!(counts, expected, "{inputs} x {columns}, {active} on");
                rows.count_plain(&on, &mut counts);
                assert_eq!(counts, expected, "plain");
            }
        }
    }

    #[test]
    fn many_ones_carry_far() {
        let mut rows = Rows::new(5_000, 3);
        (0..5_000).for_each(|input| rows.flip(input, 1));
        let mut counts = [0; 3];
        rows.count(&(0..5_000).collect::<Vec<u32>>(), &mut counts);
        assert_eq!(counts, [0, 5_000, 0]);
    }
}
