//! A Poisson process of unit rate with random access: point `i` without the points before it.
//!
//! Summing gaps from the start would make a jump into a long schedule cost millions of draws. Instead the points are
//! drawn from coarse to fine. Gaps come in blocks of [`BLOCK`]; the total of `m` blocks is Gamma(m `BLOCK`). Spans of
//! 1, 1, 2, 4, 8, .. blocks get their totals directly, and a span's total is divided between its halves by the ratio
//! Beta(a, a), which is independent of the total; the same holds for the gaps in a block, which are exponentials scaled
//! to the block's total. So the gaps are independent exponentials, exactly. Each draw has a stream keyed by its place in
//! this tree: any point costs O(log i) draws, and is the same for everyone who asks.

use crate::stats::Stream;

/// Gaps in a block.
pub(super) const BLOCK: u64 = 256;

/// The points `start + 1 ..= start + BLOCK` of the process, that is the arrivals of one block.
pub(super) type Points = [f64; BLOCK as usize];

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Walk {
    seed: u64,
}

/// Parts of the keys, so that no two kinds of draw share a stream.
const SPAN: u64 = 1;
const SPLIT: u64 = 2;
const GAPS: u64 = 3;

impl Walk {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    fn stream(&self, kind: u64, size: u64, place: u64) -> Stream {
        Stream::new(self.seed, &[Stream::key_of("arrivals"), kind, size, place])
    }

    /// Total of span `k` (0: block 0; k: the blocks 2^(k-1) .. 2^k).
    fn span(&self, k: u64) -> f64 {
        let blocks = if k == 0 { 1 } else { 1 << (k - 1) };
        self.stream(SPAN, k, 0).gamma((blocks * BLOCK) as f64)
    }

    /// Sum of all gaps before `block`.
    fn start(&self, block: u64) -> f64 {
        if block == 0 {
            return 0.0;
        }
        // Block b >= 1 lies in span k with 2^(k-1) <= b < 2^k.
        let k = u64::from(64 - block.leading_zeros());
        let mut sum = (0..k).fold(0.0, |sum, span| sum + self.span(span));
        let mut size = 1_u64 << (k - 1);
        let mut first = size;
        if block == first {
            return sum;
        }
        let mut total = self.span(k);
        // Descend to the half that holds the block, adding what lies left of it.
        while size > 1 {
            size /= 2;
            let mut stream = self.stream(SPLIT, size, first);
            let shape = (size * BLOCK) as f64;
            let (left, right) = (stream.gamma(shape), stream.gamma(shape));
            let left = total * (left / (left + right));
            if block >= first + size {
                sum += left;
                total -= left;
                first += size;
            } else {
                total = left;
            }
            if block == first {
                break;
            }
        }
        sum
    }

    /// The points of a block, in rising order.
    pub(super) fn block(&self, block: u64) -> Points {
        let mut stream = self.stream(GAPS, 0, block);
        let mut points = [0.0; BLOCK as usize];
        let mut sum = 0.0;
        for point in &mut points {
            sum += stream.exponential();
            *point = sum;
        }
        let (start, end) = (self.start(block), self.start(block + 1));
        for point in &mut points {
            // Of the last one the ratio is 1, so blocks join exactly.
            *point = start + (end - start) * (*point / sum);
        }
        points
    }

    /// The point of arrival `index`.
    pub(super) fn point(&self, index: u64) -> f64 {
        self.block(index / BLOCK)[(index % BLOCK) as usize]
    }

    /// How many points lie below `mass`.
    pub(super) fn count_below(&self, mass: f64) -> u64 {
        // 2^52 points are 52 days at the highest rate; past that, doubles no longer tell neighbours apart.
        let (mut low, mut high) = (0_u64, (1 << 52) / BLOCK);
        // The last block that starts below: its start is known to be below, the next one's is not.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.start(middle) < mass { low = middle } else { high = middle }
        }
        low * BLOCK + self.block(low).partition_point(|point| *point < mass) as u64
    }
}
