//! A pruned matrix: only the weights that are left, multiplied with many samples at a time.
//!
//! Samples lie across the vector lanes (`[k][LANES]`), so a weight that is left is one multiplication of whole vectors,
//! however irregular the pattern; a weight that is gone costs nothing.
#![expect(unsafe_code, reason = "compiled for more instructions than every machine has")]

use super::Isa;
use super::vector::versions;

/// Samples that are multiplied at once.
pub(crate) const LANES: usize = 32;

/// The columns of a `k x n` matrix without its zeros.
#[derive(Debug, Clone)]
pub(crate) struct SparseMatrix {
    k: usize,
    /// Where each column's weights begin; one more than there are columns.
    starts: Vec<u32>,
    rows: Vec<u16>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl SparseMatrix {
    /// Takes what is not zero from `weights[k][n]`; `k` is at most 65,536.
    pub(crate) fn of(k: usize, n: usize, weights: &[f32], bias: &[f32]) -> Self {
        let mut matrix = Self { k, starts: vec![0], rows: Vec::new(), weights: Vec::new(), bias: bias.to_vec() };
        for j in 0..n {
            for (at, row) in weights.chunks_exact(n).enumerate() {
                if row[j] != 0.0 {
                    matrix.rows.push(at as u16);
                    matrix.weights.push(row[j]);
                }
            }
            matrix.starts.push(matrix.weights.len() as u32);
        }
        matrix
    }

    pub(crate) const fn k(&self) -> usize {
        self.k
    }
    pub(crate) const fn n(&self) -> usize {
        self.bias.len()
    }
    /// Bytes of what is kept: a weight, its row, the starts and the biases.
    pub(crate) const fn bytes(&self) -> usize {
        self.weights.len() * 6 + self.starts.len() * 4 + self.bias.len() * 4
    }

    /// Multiplies rows of `k` values into rows of `n`. `lanes` is scratch memory of `(k + n) * LANES` values.
    pub(crate) fn multiply(&self, isa: Isa, a: &[f32], rows: usize, relu: bool, c: &mut [f32], lanes: &mut [f32]) {
        let n = self.n();
        let (inputs, outputs) = lanes.split_at_mut(self.k * LANES);
        for first in (0..rows).step_by(LANES) {
            let count = LANES.min(rows - first);
            for (lane, row) in a[first * self.k..].chunks_exact(self.k).take(count).enumerate() {
                for (k, value) in row.iter().enumerate() {
                    inputs[k * LANES + lane] = *value;
                }
            }
            columns(isa, self, relu, inputs, outputs);
            for (lane, row) in c[first * n..].chunks_exact_mut(n).take(count).enumerate() {
                for (j, to) in row.iter_mut().enumerate() {
                    *to = outputs[j * LANES + lane];
                }
            }
        }
    }
}

versions! {
    /// All columns for one group of samples.
    columns(matrix: &SparseMatrix, relu: bool, inputs: &[f32], outputs: &mut [f32]) {
        for ((bounds, bias), output) in
            matrix.starts.windows(2).zip(&matrix.bias).zip(outputs.chunks_exact_mut(LANES))
        {
            let mut sums = [*bias; LANES];
            let range = bounds[0] as usize..bounds[1] as usize;
            for (row, weight) in matrix.rows[range.clone()].iter().zip(&matrix.weights[range]) {
                let at = usize::from(*row) * LANES;
                let values = &inputs[at..at + LANES];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            for (to, sum) in output.iter_mut().zip(&sums) {
                *to = if relu { sum.max(0.0) } else { *sum };
            }
        }
    }
}
