//! The three arrays of a worker, what they must hold, and the check that they do.
#![expect(unsafe_code, reason = "passes run on pointers into the worker's own buffer")]

use super::{GRAIN, Kernel, Passes, SCALAR};
use crate::harness::buffer::{Buffer, BufferError, Obtained, PAGE, Pages, staggered};

/// Values of `a`, `b` and `c` before the first pass, each times the element's weight.
const FIRST: [f64; 3] = [1.0, 2.0, 0.5];

/// How the arrays lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// At different offsets in their pages, so that no load waits for a store that only looks like its own.
    #[default]
    Staggered,
    /// Each at the start of a page, as large allocations come from most allocators.
    Aligned,
}

/// One worker's `a`, `b` and `c`, first touched by the thread that makes them.
///
/// Element `i` starts as a fixed number times a power of two that depends on `i`. Powers of two commute with
/// rounding, so every element must at any time *equal* its weight times a single number that is carried along: a
/// pass too few, a wrong factor, a lost or a misplaced element all show.
#[derive(Debug)]
pub struct Arrays {
    buffer: Buffer,
    offsets: [usize; 3],
    n: usize,
    expected: [f64; 3],
}

/// An element does not hold what the passes must have left there.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("element {index} of array `{array}` holds {found}, and must hold {expected}")]
pub struct Mismatch {
    /// `a`, `b` or `c`.
    pub array: char,
    /// Index of the first wrong element.
    pub index: usize,
    /// What it holds.
    pub found: f64,
    /// What it must hold.
    pub expected: f64,
}

impl Arrays {
    /// Three arrays of `n` elements, rounded up to a multiple of [`GRAIN`], filled by this thread.
    ///
    /// # Errors
    /// As [`Buffer::map`]: `available` bounds the three together.
    pub fn new(n: usize, pages: Pages, available: u64) -> Result<Self, BufferError> {
        Self::laid_out(n, pages, available, Layout::Staggered)
    }

    /// The same in a layout of the caller's choice.
    ///
    /// # Errors
    /// As [`Buffer::map`]: `available` bounds the three together.
    pub fn laid_out(n: usize, pages: Pages, available: u64, layout: Layout) -> Result<Self, BufferError> {
        let n = n.max(1).checked_next_multiple_of(GRAIN).filter(|n| *n <= usize::MAX / 64);
        let Some(n) = n else { return Err(BufferError::TooLarge { asked: usize::MAX, available }) };
        let (mut offsets, total) = staggered(3, n * size_of::<f64>());
        if layout == Layout::Aligned {
            offsets.iter_mut().for_each(|offset| *offset -= *offset % PAGE);
        }
        let buffer = Buffer::map(total, pages, available)?;
        let mut arrays = Self { buffer, offsets: [offsets[0], offsets[1], offsets[2]], n, expected: FIRST };
        arrays.reset();
        Ok(arrays)
    }

    /// Elements of each array.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n
    }

    /// Never: there is at least one turn of elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Fills the arrays anew.
    pub fn reset(&mut self) {
        for (array, first) in FIRST.into_iter().enumerate() {
            for (i, value) in self.array_mut(array).iter_mut().enumerate() {
                *value = first * weight(i);
            }
        }
        self.expected = FIRST;
    }

    /// Runs one pass of `kernel`. Bytes counted: [`Kernel::bytes_per_element`] times [`Arrays::len`].
    pub fn pass(&mut self, passes: &Passes, kernel: Kernel) {
        let base = self.buffer.as_mut_ptr();
        // SAFETY: the offsets are those of three disjoint arrays of `n` elements inside the buffer.
        let [a, b, c] = self.offsets.map(|offset| unsafe { base.add(offset).cast::<f64>() });
        let [x, y, z] = &mut self.expected;
        let (to, one, two) = match kernel {
            Kernel::Copy => (c, a, a),
            Kernel::Scale => (b, c, c),
            Kernel::Add => (c, a, b),
            Kernel::Triad => (a, b, c),
        };
        let pass = passes.passes[kernel as usize];
        // SAFETY: valid, disjoint where written, aligned to a line, `n` a positive multiple of the grain; `Passes`
        // only exists for what the machine has.
        unsafe { pass(to, one, two, self.n, SCALAR) };
        match kernel {
            Kernel::Copy => *z = *x,
            Kernel::Scale => *y = SCALAR * *z,
            Kernel::Add => *z = *x + *y,
            Kernel::Triad => *x = *y + SCALAR * *z,
        }
    }

    /// Checks every element of all three arrays against what the passes since the last fill must have made of it.
    ///
    /// # Errors
    /// The first element that differs.
    pub fn verify(&self) -> Result<(), Mismatch> {
        for (array, name) in ['a', 'b', 'c'].into_iter().enumerate() {
            for (index, &found) in self.array(array).iter().enumerate() {
                let expected = self.expected[array] * weight(index);
                if found != expected {
                    return Err(Mismatch { array: name, index, found, expected });
                }
            }
        }
        Ok(())
    }

    /// What pages the arrays lie in.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        self.buffer.obtained()
    }

    /// Array 0, 1 or 2: `a`, `b` or `c`.
    #[must_use]
    pub fn array(&self, array: usize) -> &[f64] {
        self.buffer.slice(self.offsets[array], self.n)
    }

    fn array_mut(&mut self, array: usize) -> &mut [f64] {
        self.buffer.slice_mut(self.offsets[array], self.n)
    }

    /// Spoils one element, to prove that the check sees it.
    #[cfg(test)]
    pub(super) fn spoil(&mut self, array: usize, index: usize, change: impl FnOnce(f64) -> f64) {
        let value = &mut self.array_mut(array)[index];
        *value = change(*value);
    }

    /// Forgets one pass, to prove that the check sees it.
    #[cfg(test)]
    pub(super) fn forget(&mut self, pass: impl FnOnce(&mut Self)) {
        let expected = self.expected;
        pass(self);
        self.expected = expected;
    }
}

/// A power of two from 1/8 to 16, mixed from the index.
fn weight(index: usize) -> f64 {
    let exponent = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
    f64::from_bits((1020 + exponent) << 52)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
