//! The sum of one field of all records: records of eight fields side by side, and a column for each field.

use super::Pair;
use crate::harness::opaque::black_box;
use crate::kernel::random::SplitMix;

const FIELDS: usize = 8;

/// The same records in both layouts.
#[derive(Debug)]
pub struct Records {
    structs: Vec<[u64; FIELDS]>,
    columns: [Vec<u64>; FIELDS],
}

impl Records {
    /// Records of about so many bytes in each layout.
    #[must_use]
    pub fn new(bytes: usize, seed: u64) -> Self {
        let count = (bytes / (FIELDS * 8)).max(1);
        let mut random = SplitMix::new(seed);
        let structs: Vec<[u64; FIELDS]> = (0..count).map(|_| std::array::from_fn(|_| random.bits())).collect();
        let columns = std::array::from_fn(|field| structs.iter().map(|record| record[field]).collect());
        Self { structs, columns }
    }
}

impl Pair for Records {
    fn blocks(&self) -> Vec<usize> {
        vec![self.structs.len() * 8]
    }

    fn bytes(&self) -> usize {
        self.structs.len() * FIELDS * 8
    }

    fn elements(&self) -> u64 {
        self.structs.len() as u64
    }

    fn plain(&mut self) -> u64 {
        black_box(&*self.structs).iter().fold(0u64, |sum, record| sum.wrapping_add(record[3]))
    }

    fn better(&mut self, _: usize) -> u64 {
        black_box(&*self.columns[3]).iter().fold(0u64, |sum, value| sum.wrapping_add(*value))
    }
}
