//! The sum of a matrix that is stored by rows, taken by columns and by rows.

use super::Pair;
use crate::harness::opaque::black_box;
use crate::kernel::random::SplitMix;

/// A matrix of 64-bit numbers.
#[derive(Debug)]
pub struct Traversal {
    words: Vec<u64>,
    rows: usize,
    columns: usize,
}

impl Traversal {
    /// A nearly square matrix of about so many bytes, with rows of whole lines whose number is odd: a column of a
    /// power-of-two matrix would besides compete for a single set.
    #[must_use]
    pub fn new(bytes: usize, seed: u64) -> Self {
        let side = ((bytes / 8) as f64).sqrt();
        let lines = (side / 8.0).round() as usize | 1;
        let (columns, rows) = (lines * 8, ((bytes / 8) / (lines * 8)).max(1));
        let mut random = SplitMix::new(seed);
        Self { words: (0..rows * columns).map(|_| random.bits()).collect(), rows, columns }
    }
}

impl Pair for Traversal {
    fn blocks(&self) -> Vec<usize> {
        vec![self.columns * 8]
    }

    fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    fn elements(&self) -> u64 {
        self.words.len() as u64
    }

    fn plain(&mut self) -> u64 {
        let words = black_box(&*self.words);
        let mut sum = 0u64;
        for column in 0..self.columns {
            for row in 0..self.rows {
                sum = sum.wrapping_add(words[row * self.columns + column]);
            }
        }
        sum
    }

    fn better(&mut self, _: usize) -> u64 {
        let words = black_box(&*self.words);
        let mut sum = 0u64;
        for row in 0..self.rows {
            for column in 0..self.columns {
                sum = sum.wrapping_add(words[row * self.columns + column]);
            }
        }
        sum
    }
}
