//! A matrix that lies by rows and is walked by columns: each step goes to another line and another page. The twin walks it
//! by rows.

use crate::work::mix;

const COLUMNS: usize = 1040;
const STEPS: usize = 96 << 20;

/// So many steps in all, over a matrix of so many bytes.
pub fn run(faulty: bool, bytes: usize) {
    let rows = (bytes / 4 / COLUMNS).max(1);
    let matrix: Vec<u32> = (0..rows * COLUMNS).map(|at| at as u32).collect();
    let mut total = 0u64;
    // Whichever way it is walked, the sum of all is the same.
    for _ in 0..(STEPS / matrix.len()).max(1) {
        let mut sum = 0u64;
        if faulty {
            for column in 0..COLUMNS {
                for row in 0..rows {
                    sum = sum.wrapping_add(mix(u64::from(matrix[row * COLUMNS + column]), 3));
                }
            }
        } else {
            for row in 0..rows {
                for column in 0..COLUMNS {
                    sum = sum.wrapping_add(mix(u64::from(matrix[row * COLUMNS + column]), 3));
                }
            }
        }
        total = total.wrapping_add(sum);
    }
    println!("{total:x}");
}
