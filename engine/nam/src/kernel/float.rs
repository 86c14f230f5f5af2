//! `C = finish(A B + bias)` with packed `B`: the choice of tiles and of the instruction set.
#![expect(unsafe_code, reason = "hands pointers to the kernels")]

use super::Isa;
use super::panels::{Float, Panels, STRIP};
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// What becomes of a finished sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Stored.
    Store,
    /// Stored, negative sums as zero.
    Relu,
    /// Added to what is there.
    Add,
}

/// The left matrix: element `(row, k)` is `values[row * stride + k * step]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) count: usize,
    pub(crate) stride: usize,
    pub(crate) step: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `width` values behind each other.
    pub(crate) const fn packed(values: &'a [f32], count: usize, width: usize) -> Self {
        Self { values, count, stride: width, step: 1 }
    }
}

/// A tile's operands: what every kernel is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile<T> {
    pub(crate) k: usize,
    /// First row of the tile.
    pub(crate) a: *const f32,
    pub(crate) stride: usize,
    pub(crate) step: usize,
    /// The first strip, and the second where there is one.
    pub(crate) b: [*const T; 2],
    pub(crate) bias: *const f32,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    /// Columns to store, counted from the first strip's first.
    pub(crate) columns: usize,
    pub(crate) finish: Finish,
}

/// A family of tile kernels. `tile` computes `rows` rows (one of [`Tiles::HEIGHTS`]) by one or two strips.
pub(crate) trait Tiles<T> {
    /// Heights of tiles, tallest first; the last is one.
    const HEIGHTS: &'static [usize];
    /// Strips that a tile takes at once.
    const STRIPS: usize;
    /// Computes one tile.
    ///
    /// # Safety
    /// The machine has the instructions, and all that the operands name lies in live memory.
    unsafe fn tile(rows: usize, strips: usize, tile: &Tile<T>);
}

/// Multiplies rows with packed weights into `c`, whose rows are `c_stride` apart.
///
/// # Panics
/// When a slice is too short: shapes are checked by the callers, and a mistake there must not reach unchecked memory.
pub(crate) fn multiply<T: Float>(isa: Isa, a: Rows<'_>, b: &Panels<T>, finish: Finish, c: &mut [f32], c_stride: usize)
where
    portable::Plain: Tiles<T>,
    Fast: Pick<T>,
{
    if a.count == 0 || b.n() == 0 {
        return;
    }
    let last = (a.count - 1) * a.stride + b.k().saturating_sub(1) * a.step;
    assert!(b.k() == 0 || last < a.values.len(), "the left matrix is too short");
    assert!(c_stride >= b.n() && (a.count - 1) * c_stride + b.n() <= c.len(), "the result is too short");
    assert!(isa.is_available(), "`{isa}` is not available");
    // SAFETY: the shapes were compared just now, and the instruction set is there.
    unsafe { <Fast as Pick<T>>::run(isa, a, b, finish, c, c_stride) }
}

/// Chooses the kernels of an instruction set.
pub(crate) struct Fast;

/// Chosen by the weight's type.
pub(crate) trait Pick<T: Float> {
    /// Runs all tiles.
    ///
    /// # Safety
    /// As [`Tiles::tile`].
    unsafe fn run(isa: Isa, a: Rows<'_>, b: &Panels<T>, finish: Finish, c: &mut [f32], c_stride: usize);
}

macro_rules! pick {
    ($($weight:ty),+) => { $(
        impl Pick<$weight> for Fast {
            unsafe fn run(isa: Isa, a: Rows<'_>, b: &Panels<$weight>, finish: Finish, c: &mut [f32], c_stride: usize) {
                // SAFETY: the caller's promise is passed on.
                unsafe {
                    match isa {
                        #[cfg(target_arch = "x86_64")]
                        Isa::Avx512 => all::<$weight, x86::Wide>(a, b, finish, c, c_stride),
                        #[cfg(target_arch = "x86_64")]
                        Isa::Avx2 => all::<$weight, x86::Narrow>(a, b, finish, c, c_stride),
                        _ => all::<$weight, portable::Plain>(a, b, finish, c, c_stride),
                    }
                }
            }
        }
    )+ };
}
pick!(f32, half::f16);

/// Covers the result with tiles: strips outside, so that a strip is read from the first-level cache by all rows.
unsafe fn all<T: Float, K: Tiles<T>>(a: Rows<'_>, b: &Panels<T>, finish: Finish, c: &mut [f32], c_stride: usize) {
    let strips = b.n().div_ceil(STRIP);
    let mut strip = 0;
    while strip < strips {
        let wide = K::STRIPS.min(strips - strip);
        let first = b.strip(strip).as_ptr().cast();
        let second = if wide == 2 { b.strip(strip + 1).as_ptr().cast() } else { first };
        let mut row = 0;
        while row < a.count {
            let height = K::HEIGHTS.iter().copied().find(|height| *height <= a.count - row).unwrap_or(1);
            // SAFETY: `multiply` has compared all shapes: row and column lie inside.
            unsafe {
                K::tile(
                    height,
                    wide,
                    &Tile {
                        k: b.k(),
                        a: a.values.as_ptr().wrapping_add(row * a.stride),
                        stride: a.stride,
                        step: a.step,
                        b: [first, second],
                        bias: b.bias().as_ptr().add(strip).cast(),
                        c: c.as_mut_ptr().add(row * c_stride + strip * STRIP),
                        c_stride,
                        columns: (b.n() - strip * STRIP).min(wide * STRIP),
                        finish,
                    },
                );
            }
            row += height;
        }
        strip += wide;
    }
}
