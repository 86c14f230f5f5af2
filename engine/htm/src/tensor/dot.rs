//! Dot products of `f32` and of bytes, with AVX2 and FMA where the processor has them, and in plain Rust elsewhere.

/// The dot product of two vectors of equal length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        #[expect(unsafe_code, reason = "calls a function that is compiled for a wider instruction set")]
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { x86::dot(a, b) };
    }
    plain::dot(a, b)
}

/// The dot products of `query` with every row of `rows`, which lie one after the other, into `out`. No byte is -128.
pub(crate) fn dots(query: &[i8], rows: &[i8], out: &mut [i32]) {
    debug_assert_eq!(rows.len(), query.len() * out.len());
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "calls a function that is compiled for a wider instruction set")]
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { x86::dots(query, rows, out) };
    }
    plain::dots(query, rows, out);
}

mod plain {
    /// Sixteen sums side by side, as vector registers would keep them.
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let (a_chunks, a_rest) = a.as_chunks::<16>();
        let (b_chunks, b_rest) = b.as_chunks::<16>();
        let mut sums = [0.0; 16];
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += a * b;
            }
        }
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
        sums.iter().sum::<f32>() + rest
    }

    pub(super) fn dots(query: &[i8], rows: &[i8], out: &mut [i32]) {
        for (row, out) in rows.chunks_exact(query.len()).zip(out) {
            *out = row.iter().zip(query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_setzero_ps,
        _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps, _mm256_storeu_si256,
    };

    /// Four registers of eight sums, so that additions need not wait for one another.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let (a_chunks, a_rest) = a.as_chunks::<32>();
        let (b_chunks, b_rest) = b.as_chunks::<32>();
        let mut sums = [_mm256_setzero_ps(); 4];
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for (at, sum) in sums.iter_mut().enumerate() {
                let (a, b) = (&a[at * 8..at * 8 + 8], &b[at * 8..at * 8 + 8]);
                #[expect(unsafe_code, reason = "loads through pointers")]
                // SAFETY: both slices hold the eight numbers that are loaded.
                let (a, b) = unsafe { (_mm256_loadu_ps(a.as_ptr()), _mm256_loadu_ps(b.as_ptr())) };
                *sum = _mm256_fmadd_ps(a, b, *sum);
            }
        }
        let sum = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
        let mut eight = [0.0_f32; 8];
        #[expect(unsafe_code, reason = "stores through a pointer")]
        // SAFETY: the array holds the eight numbers that are stored.
        unsafe {
            _mm256_storeu_ps(eight.as_mut_ptr(), sum);
        }
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
        eight.iter().sum::<f32>() + rest
    }

    /// Products of bytes in pairs, |a| times b with a's sign: 2 * 127 * 127 fits 16 bits, so nothing saturates.
    #[target_feature(enable = "avx2")]
    pub(super) fn dots(query: &[i8], rows: &[i8], out: &mut [i32]) {
        let ones = _mm256_set1_epi16(1);
        let load = |bytes: &[i8; 32]| {
            #[expect(unsafe_code, reason = "loads through a pointer")]
            // SAFETY: the array holds the 32 bytes that are loaded.
            unsafe {
                _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>())
            }
        };
        let (query_chunks, query_rest) = query.as_chunks::<32>();
        for (row, out) in rows.chunks_exact(query.len()).zip(out) {
            let (row_chunks, row_rest) = row.as_chunks::<32>();
            let mut sums = [_mm256_setzero_si256(); 2];
            for (at, (row, query)) in row_chunks.iter().zip(query_chunks).enumerate() {
                let (row, query) = (load(row), load(query));
                let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(query, row));
                sums[at % 2] = _mm256_add_epi32(sums[at % 2], _mm256_madd_epi16(pairs, ones));
            }
            let mut eight = [0_i32; 8];
            #[expect(unsafe_code, reason = "stores through a pointer")]
            // SAFETY: the array holds the eight numbers that are stored.
            unsafe {
                _mm256_storeu_si256(eight.as_mut_ptr().cast::<__m256i>(), _mm256_add_epi32(sums[0], sums[1]));
            }
            let rest: i32 = row_rest.iter().zip(query_rest).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            *out = eight.iter().sum::<i32>() + rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_give_what_exact_arithmetic_gives(pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let exact: f64 = pairs.iter().map(|&(a, b)| f64::from(a) * f64::from(b)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() < 1e-5);
            prop_assert!((f64::from(plain::dot(&a, &b)) - exact).abs() < 1e-5);
        }

        #[test]
        fn bytes_are_multiplied_exactly(query in prop::collection::vec(-127_i8..=127, 1..100), seed: u64) {
            let mut state = seed;
            let rows: Vec<i8> = (0..query.len() * 3).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 40) % 255) as i16 as i8
            }).map(|byte| byte.max(-127)).collect();
            let (mut ours, mut plain) = ([0; 3], [0; 3]);
            dots(&query, &rows, &mut ours);
            plain::dots(&query, &rows, &mut plain);
            prop_assert_eq!(ours, plain);
        }
    }

    #[test]
    fn the_largest_bytes_do_not_saturate() {
        let (query, row) = ([-127_i8; 64], [127_i8; 64]);
        let mut out = [0];
        dots(&query, &row, &mut out);
        assert_eq!(out, [-127 * 127 * 64]);
    }
}
