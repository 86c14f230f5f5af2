//! The tiles in AVX-512 and AVX2. Sums stay in registers for the whole of `k`; an element of the left matrix is read
//! straight into the multiplication. A single row has too few sums to fill two pipes of four cycles, so there `k` is split
//! four ways.
#![expect(unsafe_code, reason = "vector instructions on pointers")]

use std::arch::x86_64::{
    __m256, __m512, _mm_loadu_si128, _mm256_add_ps, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_max_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps,
    _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps,
    _mm512_set1_ps, _mm512_setzero_ps,
};

use half::f16;

use super::float::{Finish, Tile, Tiles};
use super::panels::STRIP;

/// AVX-512: twelve rows by two strips are 24 sums in 32 registers.
pub(crate) struct Wide;
/// AVX2: six rows by one strip of two vectors are 12 sums in 16 registers.
pub(crate) struct Narrow;

macro_rules! wide {
    ($weight:ty, $tile:ident, $single:ident, $load:expr) => {
        impl Tiles<$weight> for Wide {
            const HEIGHTS: &'static [usize] = &[12, 8, 4, 2, 1];
            const STRIPS: usize = 2;

            unsafe fn tile(rows: usize, strips: usize, tile: &Tile<$weight>) {
                // SAFETY: the caller's promise is passed on.
                unsafe {
                    match (rows, strips) {
                        (12, 2) => $tile::<12, 2>(tile),
                        (8, 2) => $tile::<8, 2>(tile),
                        (4, 2) => $tile::<4, 2>(tile),
                        (2, 2) => $tile::<2, 2>(tile),
                        (12, _) => $tile::<12, 1>(tile),
                        (8, _) => $tile::<8, 1>(tile),
                        (4, _) => $tile::<4, 1>(tile),
                        (2, _) => $tile::<2, 1>(tile),
                        (_, 2) => $single::<2>(tile),
                        _ => $single::<1>(tile),
                    }
                }
            }
        }

        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
        unsafe fn $tile<const ROWS: usize, const STRIPS: usize>(tile: &Tile<$weight>) {
            let mut sums = [[_mm512_setzero_ps(); STRIPS]; ROWS];
            let (mut a, [mut b0, mut b1]) = (tile.a, tile.b);
            for _ in 0..tile.k {
                // SAFETY: a strip has `k` aligned lines of sixteen, and each row `k` values `step` apart.
                unsafe {
                    let mut weights = [_mm512_setzero_ps(); STRIPS];
                    weights[0] = $load(b0);
                    if STRIPS == 2 {
                        weights[1] = $load(b1);
                    }
                    for row in 0..ROWS {
                        let value = _mm512_set1_ps(*a.add(row * tile.stride));
                        for strip in 0..STRIPS {
                            sums[row][strip] = _mm512_fmadd_ps(value, weights[strip], sums[row][strip]);
                        }
                    }
                    a = a.wrapping_add(tile.step);
                    b0 = b0.add(STRIP);
                    b1 = b1.wrapping_add(STRIP);
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                // SAFETY: the result has the row.
                unsafe { store512(tile.c.add(row * tile.c_stride), sums, tile.bias, tile.columns, tile.finish) };
            }
        }

        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
        unsafe fn $single<const STRIPS: usize>(tile: &Tile<$weight>) {
            let mut sums = [[_mm512_setzero_ps(); STRIPS]; 4];
            let (a, [b0, b1]) = (tile.a, tile.b);
            // SAFETY: as in the tile; `k` stays below the number of lines.
            let add = |sums: &mut [__m512; STRIPS], k: usize| unsafe {
                let value = _mm512_set1_ps(*a.add(k * tile.step));
                sums[0] = _mm512_fmadd_ps(value, $load(b0.add(k * STRIP)), sums[0]);
                if STRIPS == 2 {
                    sums[1] = _mm512_fmadd_ps(value, $load(b1.add(k * STRIP)), sums[1]);
                }
            };
            let whole = tile.k / 4 * 4;
            for k in (0..whole).step_by(4) {
                let [s0, s1, s2, s3] = &mut sums;
                add(s0, k);
                add(s1, k + 1);
                add(s2, k + 2);
                add(s3, k + 3);
            }
            for k in whole..tile.k {
                add(&mut sums[0], k);
            }
            let total: [__m512; STRIPS] = std::array::from_fn(|strip| {
                let half = |at: usize| _mm512_add_ps(sums[at][strip], sums[at + 1][strip]);
                _mm512_add_ps(half(0), half(2))
            });
            // SAFETY: the result has the row.
            unsafe { store512(tile.c, &total, tile.bias, tile.columns, tile.finish) };
        }
    };
}

wide!(f32, wide_f32, wide_f32_single, |from: *const f32| _mm512_load_ps(from));
wide!(f16, wide_f16, wide_f16_single, |from: *const f16| _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())));

/// Adds the bias, finishes, and stores so many columns of one row.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store512(to: *mut f32, sums: &[__m512], bias: *const f32, columns: usize, finish: Finish) {
    for (strip, sum) in sums.iter().enumerate() {
        let width = columns.saturating_sub(strip * STRIP).min(STRIP);
        let mask = ((1_u32 << width) - 1) as u16;
        // SAFETY: the bias has full strips; the mask keeps to the columns that the row has.
        unsafe {
            let to = to.add(strip * STRIP);
            let mut sum = _mm512_add_ps(*sum, _mm512_load_ps(bias.add(strip * STRIP)));
            match finish {
                Finish::Store => {}
                Finish::Relu => sum = _mm512_max_ps(sum, _mm512_setzero_ps()),
                Finish::Add => sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, to)),
            }
            _mm512_mask_storeu_ps(to, mask, sum);
        }
    }
}

macro_rules! narrow {
    ($weight:ty, $tile:ident, $single:ident, $load:expr) => {
        impl Tiles<$weight> for Narrow {
            const HEIGHTS: &'static [usize] = &[6, 4, 2, 1];
            const STRIPS: usize = 1;

            unsafe fn tile(rows: usize, _: usize, tile: &Tile<$weight>) {
                // SAFETY: the caller's promise is passed on.
                unsafe {
                    match rows {
                        6 => $tile::<6>(tile),
                        4 => $tile::<4>(tile),
                        2 => $tile::<2>(tile),
                        _ => $single(tile),
                    }
                }
            }
        }

        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn $tile<const ROWS: usize>(tile: &Tile<$weight>) {
            let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
            let (mut a, mut b) = (tile.a, tile.b[0]);
            for _ in 0..tile.k {
                // SAFETY: a strip has `k` lines of sixteen, and each row `k` values `step` apart.
                unsafe {
                    let weights: [__m256; 2] = [$load(b), $load(b.add(8))];
                    for row in 0..ROWS {
                        let value = _mm256_set1_ps(*a.add(row * tile.stride));
                        for half in 0..2 {
                            sums[row][half] = _mm256_fmadd_ps(value, weights[half], sums[row][half]);
                        }
                    }
                    a = a.wrapping_add(tile.step);
                    b = b.add(STRIP);
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                // SAFETY: the result has the row.
                unsafe { store256(tile.c.add(row * tile.c_stride), sums, tile.bias, tile.columns, tile.finish) };
            }
        }

        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn $single(tile: &Tile<$weight>) {
            let mut sums = [[_mm256_setzero_ps(); 2]; 4];
            // SAFETY: as in the tile; `k` stays below the number of lines.
            let add = |sums: &mut [__m256; 2], k: usize| unsafe {
                let value = _mm256_set1_ps(*tile.a.add(k * tile.step));
                let line = tile.b[0].add(k * STRIP);
                sums[0] = _mm256_fmadd_ps(value, $load(line), sums[0]);
                sums[1] = _mm256_fmadd_ps(value, $load(line.add(8)), sums[1]);
            };
            let whole = tile.k / 4 * 4;
            for k in (0..whole).step_by(4) {
                let [s0, s1, s2, s3] = &mut sums;
                add(s0, k);
                add(s1, k + 1);
                add(s2, k + 2);
                add(s3, k + 3);
            }
            for k in whole..tile.k {
                add(&mut sums[0], k);
            }
            let total: [__m256; 2] = std::array::from_fn(|half| {
                let pair = |at: usize| _mm256_add_ps(sums[at][half], sums[at + 1][half]);
                _mm256_add_ps(pair(0), pair(2))
            });
            // SAFETY: the result has the row.
            unsafe { store256(tile.c, &total, tile.bias, tile.columns, tile.finish) };
        }
    };
}

narrow!(f32, narrow_f32, narrow_f32_single, |from: *const f32| _mm256_loadu_ps(from));
narrow!(f16, narrow_f16, narrow_f16_single, |from: *const f16| _mm256_cvtph_ps(_mm_loadu_si128(from.cast())));

/// Adds the bias, finishes, and stores so many columns of one row.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store256(to: *mut f32, sums: &[__m256; 2], bias: *const f32, columns: usize, finish: Finish) {
    for (half, sum) in sums.iter().enumerate() {
        let width = columns.saturating_sub(half * 8).min(8);
        // SAFETY: the bias has a full strip; what is not a whole vector goes through memory of our own.
        unsafe {
            let to = to.add(half * 8);
            let mut sum = _mm256_add_ps(*sum, _mm256_loadu_ps(bias.add(half * 8)));
            let mut part = [0.0_f32; 8];
            if finish == Finish::Add {
                std::ptr::copy_nonoverlapping(to, part.as_mut_ptr(), width);
                sum = _mm256_add_ps(sum, _mm256_loadu_ps(part.as_ptr()));
            } else if finish == Finish::Relu {
                sum = _mm256_max_ps(sum, _mm256_setzero_ps());
            }
            if width == 8 {
                _mm256_storeu_ps(to, sum);
            } else {
                _mm256_storeu_ps(part.as_mut_ptr(), sum);
                std::ptr::copy_nonoverlapping(part.as_ptr(), to, width);
            }
        }
    }
}
