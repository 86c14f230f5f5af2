//! Floats that begin on a cache line.
//!
//! A kernel stores a vector and the next one reads single values back at once. A processor hands them on without a detour by the
//! cache only when the store did not cross a line. What that brings a single row was not told from noise.
#![expect(unsafe_code, reason = "lines are seen as floats")]

use std::ops::{Deref, DerefMut};

use super::panels::{Line, STRIP};

/// So many floats, the first at a multiple of 64 bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// All zero.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { lines: vec![Line::default(); len.div_ceil(STRIP)], len }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is sixteen floats without padding, and there are at least `len` in all of them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the lines are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
