//! A band of a matrix product, `C = A * B` with a square `B`, by the definition (which goes down the columns of `B`) and
//! in square blocks of `B` that stay in a cache.

use super::Pair;
use crate::kernel::random::SplitMix;

/// Rows of `A` and `C` at most: enough to use each block of `B` again, few enough to end soon.
const BAND: usize = 16;

/// `A` (band x n), `B` (n x n) and `C` (band x n), by rows.
#[derive(Debug)]
pub struct Product {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
    band: usize,
    n: usize,
}

impl Product {
    /// A product whose `B` has about so many bytes. Its values are small whole numbers, so that every order of adding
    /// gives the same sums.
    #[must_use]
    pub fn new(bytes: usize, seed: u64) -> Self {
        // Not a multiple of 64: a column would besides compete for few sets.
        let n = (((bytes / 8) as f64).sqrt() as usize).max(4) | 1;
        let band = BAND.min(n);
        let mut random = SplitMix::new(seed);
        let mut whole = || random.below(7) as f64 - 3.0;
        let a = (0..band * n).map(|_| whole()).collect();
        let b = (0..n * n).map(|_| whole()).collect();
        Self { a, b, c: vec![0.0; band * n], band, n }
    }

    /// Checksum of `C`: its values with their places.
    fn checksum(&self) -> u64 {
        let add = |sum: u64, (at, value): (usize, &f64)| {
            sum.wrapping_add((*value as i64).cast_unsigned().wrapping_mul(2 * at as u64 + 1))
        };
        self.c.iter().enumerate().fold(0, add)
    }
}

impl Pair for Product {
    /// Bytes of a block of `B`.
    fn blocks(&self) -> Vec<usize> {
        let sides = [8, 16, 32, 64, 128].into_iter().filter(|side| *side == 8 || *side < self.n);
        sides.map(|side| side * side * 8).collect()
    }

    fn bytes(&self) -> usize {
        self.b.len() * 8
    }

    fn elements(&self) -> u64 {
        (self.band * self.n * self.n) as u64
    }

    fn plain(&mut self) -> u64 {
        let n = self.n;
        for i in 0..self.band {
            for j in 0..n {
                let mut sum = 0.0;
                for k in 0..n {
                    sum += self.a[i * n + k] * self.b[k * n + j];
                }
                self.c[i * n + j] = sum;
            }
        }
        self.checksum()
    }

    fn better(&mut self, block: usize) -> u64 {
        let (n, side) = (self.n, ((block / 8) as f64).sqrt().round().max(1.0) as usize);
        self.c.fill(0.0);
        for k0 in (0..n).step_by(side) {
            let k1 = (k0 + side).min(n);
            for j0 in (0..n).step_by(side) {
                let j1 = (j0 + side).min(n);
                for i in 0..self.band {
                    let row = &mut self.c[i * n + j0..i * n + j1];
                    for k in k0..k1 {
                        let a = self.a[i * n + k];
                        for (c, b) in row.iter_mut().zip(&self.b[k * n + j0..k * n + j1]) {
                            *c += a * b;
                        }
                    }
                }
            }
        }
        self.checksum()
    }
}
