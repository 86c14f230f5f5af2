//! Products of 7-bit inputs with 8- and 4-bit weights, summed exactly in 32 bits.
//!
//! Inputs take 0..=127, not 0..=255: two products of a 7-bit and an 8-bit number fit 16 bits, so AVX2's `pmaddubsw` cannot
//! saturate, and every instruction set gives the same sums.
#![expect(unsafe_code, reason = "hands pointers to the kernels")]

use super::Isa;
use super::panels::{Bits, Bytes, IntegerPanels, STRIP};
#[cfg(target_arch = "x86_64")]
use super::x86_integer;

/// How inputs become integers: `q = round(x / step) + zero`, clamped to 0..=127.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps {
    pub(crate) step: f32,
    pub(crate) zero: u8,
}

impl Steps {
    /// The largest quantised input.
    pub(crate) const LIMIT: f32 = 127.0;

    /// Steps that cover all values between the two, and zero exactly.
    pub(crate) fn covering(least: f32, most: f32) -> Self {
        let (least, most) = (least.min(0.0), most.max(0.0));
        let step = (most - least) / Self::LIMIT;
        if step <= 0.0 || !step.is_finite() {
            return Self { step: 1.0, zero: 0 };
        }
        Self { step, zero: (-least / step).round() as u8 }
    }
}

/// Quantises rows of `width` values into rows of `to_width` bytes, zero beyond.
pub(crate) fn quantise(isa: Isa, steps: Steps, from: &[f32], width: usize, to: &mut [u8], to_width: usize) {
    for (from, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(to_width)) {
        let (to, rest) = to.split_at_mut(width);
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86_integer::quantise_wide(steps, from, to),
            _ => plain_quantise(steps, from, to),
        }
        rest.fill(0);
    }
}

/// The same in plain Rust; rounds halves to even, as the instructions do.
pub(crate) fn plain_quantise(steps: Steps, from: &[f32], to: &mut [u8]) {
    let (inverse, zero) = (1.0 / steps.step, f32::from(steps.zero));
    for (from, to) in from.iter().zip(to) {
        *to = (from * inverse + zero).round_ties_even().clamp(0.0, Steps::LIMIT) as u8;
    }
}

/// A tile of integer products: what every kernel is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntegerTile {
    pub(crate) lines: usize,
    pub(crate) a: *const u8,
    pub(crate) stride: usize,
    pub(crate) b: [*const Bytes; 2],
    pub(crate) scale: *const f32,
    pub(crate) bias: *const f32,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    pub(crate) columns: usize,
    pub(crate) relu: bool,
}

/// Multiplies rows of quantised inputs with packed integers; sums are scaled, biased and stored as floats.
///
/// # Panics
/// When a slice is too short, see [`super::multiply`].
pub(crate) fn multiply_integers(
    isa: Isa,
    a: &[u8],
    rows: usize,
    b: &IntegerPanels,
    relu: bool,
    c: &mut [f32],
    c_stride: usize,
) {
    if rows == 0 || b.n() == 0 {
        return;
    }
    assert!(a.len() >= rows * b.row_bytes(), "the left matrix is too short");
    assert!(c_stride >= b.n() && (rows - 1) * c_stride + b.n() <= c.len(), "the result is too short");
    assert!(isa.is_available(), "`{isa}` is not available");
    let (heights, at_once): (&[usize], usize) = match isa {
        Isa::Avx512 => (&[8, 4, 2, 1], 2),
        Isa::Avx2 => (&[4, 2, 1], 1),
        Isa::Portable => (&[1], 1),
    };
    let strips = b.n().div_ceil(STRIP);
    let mut strip = 0;
    while strip < strips {
        let wide = at_once.min(strips - strip);
        let lines = b.strip(strip);
        let second = if wide == 2 { b.strip(strip + 1) } else { lines };
        let mut row = 0;
        while row < rows {
            let height = heights.iter().copied().find(|height| *height <= rows - row).unwrap_or(1);
            let tile = IntegerTile {
                lines: lines.len(),
                a: a[row * b.row_bytes()..].as_ptr(),
                stride: b.row_bytes(),
                b: [lines.as_ptr(), second.as_ptr()],
                scale: b.scale()[strip..].as_ptr().cast(),
                bias: b.bias()[strip..].as_ptr().cast(),
                c: c[row * c_stride + strip * STRIP..].as_mut_ptr(),
                c_stride,
                columns: (b.n() - strip * STRIP).min(wide * STRIP),
                relu,
            };
            // SAFETY: the shapes were compared above, and the instruction set is there.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => x86_integer::wide(b.bits(), height, wide, &tile),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => x86_integer::narrow(b.bits(), height, &tile),
                    _ => plain(b.bits(), &tile),
                }
            }
            row += height;
        }
        strip += wide;
    }
}

/// One row by one strip in plain Rust.
unsafe fn plain(bits: Bits, tile: &IntegerTile) {
    let mut sums = [0_i32; STRIP];
    for line in 0..tile.lines {
        // SAFETY: the strip has so many lines, and the row four (or eight) bytes for each.
        let weights = unsafe { (*tile.b[0].add(line)).0 };
        for (j, sum) in sums.iter_mut().enumerate() {
            for i in 0..4 {
                let byte = weights[j * 4 + i];
                // SAFETY: as above.
                let input = |at: usize| i32::from(unsafe { *tile.a.add(at) });
                *sum += match bits {
                    Bits::Eight => input(line * 4 + i) * i32::from(byte.cast_signed()),
                    Bits::Four => {
                        input(line * 8 + i) * (i32::from(byte & 15) - 8)
                            + input(line * 8 + 4 + i) * (i32::from(byte >> 4) - 8)
                    }
                };
            }
        }
    }
    for (j, sum) in sums.iter().enumerate().take(tile.columns) {
        // SAFETY: scale and bias have a full strip, the result so many columns.
        unsafe {
            let value = *sum as f32 * *tile.scale.add(j) + *tile.bias.add(j);
            *tile.c.add(j) = if tile.relu { value.max(0.0) } else { value };
        }
    }
}
