//! The tile in plain Rust: for other machines, and what the others are compared with.
#![expect(unsafe_code, reason = "the operands are pointers, as for the kernels written in instructions")]

use super::float::{Finish, Tile, Tiles};
use super::panels::{Float, STRIP};

/// Plain Rust.
pub(crate) struct Plain;

impl<T: Float> Tiles<T> for Plain {
    const HEIGHTS: &'static [usize] = &[4, 1];
    const STRIPS: usize = 1;

    unsafe fn tile(rows: usize, _: usize, tile: &Tile<T>) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match rows {
                4 => compute::<T, 4>(tile),
                _ => compute::<T, 1>(tile),
            }
        }
    }
}

unsafe fn compute<T: Float, const ROWS: usize>(tile: &Tile<T>) {
    let mut sums = [[0.0_f32; STRIP]; ROWS];
    for k in 0..tile.k {
        // SAFETY: a strip has `k` lines of sixteen, and the rows `k` values `step` apart.
        let weights: [f32; STRIP] = std::array::from_fn(|j| unsafe { (*tile.b[0].add(k * STRIP + j)).to_f32() });
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as above.
            let value = unsafe { *tile.a.add(row * tile.stride + k * tile.step) };
            for (sum, weight) in sums.iter_mut().zip(&weights) {
                *sum += value * weight;
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (j, sum) in sums.iter().enumerate().take(tile.columns) {
            // SAFETY: the result has so many rows and columns, the bias a full strip.
            unsafe {
                let to = tile.c.add(row * tile.c_stride + j);
                let sum = sum + *tile.bias.add(j);
                *to = match tile.finish {
                    Finish::Store => sum,
                    Finish::Relu => sum.max(0.0),
                    Finish::Add => sum + *to,
                };
            }
        }
    }
}
