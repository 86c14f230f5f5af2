//! Integer tiles in AVX-512 with VNNI (64 products an instruction) and in AVX2 (`pmaddubsw`, `pmaddwd`).
#![expect(unsafe_code, reason = "vector instructions on pointers")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_cvtepi32_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_ps, _mm256_mul_ps,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_srli_epi16,
    _mm256_storeu_ps, _mm256_sub_epi8, _mm512_add_ps, _mm512_and_si512, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
    _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_load_ps, _mm512_load_si512, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_sub_epi8,
};

use super::integer::{IntegerTile, Steps, plain_quantise};
use super::panels::{Bits, STRIP};

/// Runs the AVX-512 tile of this height.
///
/// # Safety
/// The machine has AVX-512 with VNNI; the operands name live memory.
pub(crate) unsafe fn wide(bits: Bits, rows: usize, strips: usize, tile: &IntegerTile) {
    macro_rules! of {
        ($bits:literal) => {
            match (rows, strips) {
                (8, 2) => wide_tile::<$bits, 8, 2>(tile),
                (4, 2) => wide_tile::<$bits, 4, 2>(tile),
                (2, 2) => wide_tile::<$bits, 2, 2>(tile),
                (_, 2) => wide_tile::<$bits, 1, 2>(tile),
                (8, _) => wide_tile::<$bits, 8, 1>(tile),
                (4, _) => wide_tile::<$bits, 4, 1>(tile),
                (2, _) => wide_tile::<$bits, 2, 1>(tile),
                _ => wide_tile::<$bits, 1, 1>(tile),
            }
        };
    }
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match bits {
            Bits::Eight => of!(8),
            Bits::Four => of!(4),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn wide_tile<const BITS: u8, const ROWS: usize, const STRIPS: usize>(tile: &IntegerTile) {
    let mut sums = [[_mm512_setzero_si512(); STRIPS]; ROWS];
    let depth = if BITS == 8 { 4 } else { 8 };
    for line in 0..tile.lines {
        // SAFETY: a strip has so many aligned lines, and each row `depth` bytes for each of them.
        unsafe {
            let packed: [__m512i; STRIPS] =
                std::array::from_fn(|strip| _mm512_load_si512(tile.b[strip].add(line).cast()));
            let a = tile.a.add(line * depth);
            if BITS == 8 {
                step(&mut sums, a, tile.stride, packed);
            } else {
                let (mask, eight) = (_mm512_set1_epi8(15), _mm512_set1_epi8(8));
                step(
                    &mut sums,
                    a,
                    tile.stride,
                    packed.map(|line| _mm512_sub_epi8(_mm512_and_si512(line, mask), eight)),
                );
                let high = packed.map(|line| _mm512_srli_epi16::<4>(line));
                let high = high.map(|line| _mm512_sub_epi8(_mm512_and_si512(line, mask), eight));
                step(&mut sums, a.add(4), tile.stride, high);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (strip, sum) in sums.iter().enumerate() {
            let width = tile.columns.saturating_sub(strip * STRIP).min(STRIP);
            // SAFETY: scale and bias have full strips; the mask keeps to the columns that the row has.
            unsafe {
                let scale = _mm512_load_ps(tile.scale.add(strip * STRIP));
                let bias = _mm512_load_ps(tile.bias.add(strip * STRIP));
                let mut value = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(*sum), scale), bias);
                if tile.relu {
                    value = _mm512_max_ps(value, _mm512_setzero_ps());
                }
                let to = tile.c.add(row * tile.c_stride + strip * STRIP);
                _mm512_mask_storeu_ps(to, ((1_u32 << width) - 1) as u16, value);
            }
        }
    }
}

/// Four steps of `k` for all rows and strips.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn step<const ROWS: usize, const STRIPS: usize>(
    sums: &mut [[__m512i; STRIPS]; ROWS],
    a: *const u8,
    stride: usize,
    weights: [__m512i; STRIPS],
) {
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the row has four bytes here.
        let input = _mm512_set1_epi32(unsafe { a.add(row * stride).cast::<i32>().read_unaligned() });
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = _mm512_dpbusd_epi32(*sum, input, weights);
        }
    }
}

/// Quantises sixteen at a time.
pub(crate) fn quantise_wide(steps: Steps, from: &[f32], to: &mut [u8]) {
    let whole = from.len().min(to.len()) / STRIP * STRIP;
    // SAFETY: chosen only where AVX-512 is available; both slices hold `whole` values.
    unsafe { quantise_512(steps, from.as_ptr(), to.as_mut_ptr(), whole) };
    plain_quantise(steps, &from[whole..], &mut to[whole..]);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn quantise_512(steps: Steps, from: *const f32, to: *mut u8, count: usize) {
    let inverse = _mm512_set1_ps(1.0 / steps.step);
    let zero = _mm512_set1_ps(f32::from(steps.zero));
    for at in (0..count).step_by(STRIP) {
        // SAFETY: `at + 16` is at most `count`.
        unsafe {
            let scaled = _mm512_add_ps(_mm512_mul_ps(_mm512_loadu_ps(from.add(at)), inverse), zero);
            // In this order what is no number becomes zero.
            let clamped = _mm512_min_ps(_mm512_max_ps(scaled, _mm512_setzero_ps()), _mm512_set1_ps(Steps::LIMIT));
            _mm_storeu_si128(to.add(at).cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(clamped)));
        }
    }
}

/// Runs the AVX2 tile of this height.
///
/// # Safety
/// The machine has AVX2; the operands name live memory.
pub(crate) unsafe fn narrow(bits: Bits, rows: usize, tile: &IntegerTile) {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match (bits, rows) {
            (Bits::Eight, 4) => narrow_tile::<8, 4>(tile),
            (Bits::Eight, 2) => narrow_tile::<8, 2>(tile),
            (Bits::Eight, _) => narrow_tile::<8, 1>(tile),
            (Bits::Four, 4) => narrow_tile::<4, 4>(tile),
            (Bits::Four, 2) => narrow_tile::<4, 2>(tile),
            (Bits::Four, _) => narrow_tile::<4, 1>(tile),
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn narrow_tile<const BITS: u8, const ROWS: usize>(tile: &IntegerTile) {
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    let depth = if BITS == 8 { 4 } else { 8 };
    for line in 0..tile.lines {
        // SAFETY: the strip has so many lines of 64 bytes, and each row `depth` bytes for each of them.
        unsafe {
            let from = tile.b[0].add(line).cast::<__m256i>();
            let packed: [__m256i; 2] = [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))];
            let a = tile.a.add(line * depth);
            if BITS == 8 {
                narrow_step(&mut sums, a, tile.stride, packed);
            } else {
                let (mask, eight) = (_mm256_set1_epi8(15), _mm256_set1_epi8(8));
                let low = packed.map(|line| _mm256_sub_epi8(_mm256_and_si256(line, mask), eight));
                narrow_step(&mut sums, a, tile.stride, low);
                let high = packed.map(|line| _mm256_srli_epi16::<4>(line));
                let high = high.map(|line| _mm256_sub_epi8(_mm256_and_si256(line, mask), eight));
                narrow_step(&mut sums, a.add(4), tile.stride, high);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (half, sum) in sums.iter().enumerate() {
            let width = tile.columns.saturating_sub(half * 8).min(8);
            let mut out = [0.0_f32; 8];
            // SAFETY: scale and bias have a full strip; only so many columns as the row has are copied.
            unsafe {
                let scale = _mm256_loadu_ps(tile.scale.add(half * 8));
                let bias = _mm256_loadu_ps(tile.bias.add(half * 8));
                let mut value = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(*sum), scale), bias);
                if tile.relu {
                    value = _mm256_max_ps(value, _mm256_setzero_ps());
                }
                _mm256_storeu_ps(out.as_mut_ptr(), value);
                std::ptr::copy_nonoverlapping(out.as_ptr(), tile.c.add(row * tile.c_stride + half * 8), width);
            }
        }
    }
}

/// Four steps of `k` for all rows.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn narrow_step<const ROWS: usize>(
    sums: &mut [[__m256i; 2]; ROWS],
    a: *const u8,
    stride: usize,
    weights: [__m256i; 2],
) {
    let ones = _mm256_set1_epi16(1);
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the row has four bytes here.
        let input = _mm256_set1_epi32(unsafe { a.add(row * stride).cast::<i32>().read_unaligned() });
        for (sum, weights) in sums.iter_mut().zip(weights) {
            let pairs = _mm256_maddubs_epi16(input, weights);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
}
