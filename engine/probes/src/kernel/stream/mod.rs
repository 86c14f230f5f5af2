//! Sustained memory bandwidth, after STREAM (McCalpin, 1995): copy `c = a`, scale `b = s*c`, add `c = a+b`,
//! triad `a = b+s*c` on `f64`, with plain or non-temporal stores.
//!
//! Bytes are counted as STREAM does, 16, 16, 24 and 24 an element: what the program asks for. A plain store also
//! reads its line first, so the memory moves 1.5 (copy, scale) or 1.333 (add, triad) times as much; a non-temporal
//! store does not, and its `sfence` is part of the kernel.
//!
//! The number is wrong if the arrays fit in a cache, if pages are first touched in a timed pass, or if arrays share
//! their offsets in a page: [`Arrays`] sees to the last two, the caller to the first.

mod arrays;
#[cfg(target_arch = "x86_64")]
pub mod fence;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use arrays::{Arrays, Layout, Mismatch};

use super::isa::{Isa, IsaUnavailable};

/// The factor of scale and triad. A round of all four kernels multiplies every value by `s^2 + 2s = 0.99996`, so that
/// values neither overflow nor vanish within ten million rounds, and yet a round too few or too many shows.
pub const SCALAR: f64 = 0.4142;

/// Elements of the longest unrolled turn (four vectors of 64 bytes): every length is a multiple of it.
pub const GRAIN: usize = 32;

/// One of STREAM's four kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// `c = a`
    Copy,
    /// `b = s*c`
    Scale,
    /// `c = a + b`
    Add,
    /// `a = b + s*c`
    Triad,
}

impl Kernel {
    /// All, in STREAM's order.
    pub const ALL: [Self; 4] = [Self::Copy, Self::Scale, Self::Add, Self::Triad];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Scale => "scale",
            Self::Add => "add",
            Self::Triad => "triad",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kernel| kernel.name() == name)
    }

    /// Bytes counted for one element.
    #[must_use]
    pub fn bytes_per_element(self) -> u64 {
        match self {
            Self::Copy | Self::Scale => 16,
            Self::Add | Self::Triad => 24,
        }
    }

    /// Bytes that cross the memory bus for one byte counted: a plain store reads its line before it writes.
    #[must_use]
    pub fn traffic_factor(self, store: Store) -> f64 {
        match (store, self) {
            (Store::NonTemporal, _) => 1.0,
            (Store::Plain, Self::Copy | Self::Scale) => 1.5,
            (Store::Plain, Self::Add | Self::Triad) => 4.0 / 3.0,
        }
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    /// Through the caches, reading each line first.
    Plain,
    /// Past the caches, whole lines at a time.
    NonTemporal,
}

impl Store {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Plain, Self::NonTemporal];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::NonTemporal => "non-temporal",
        }
    }
}

/// Reads from `one` and `two`, writes `to`: `n` elements each. What the arrays mean depends on the kernel.
///
/// # Safety
/// The pointers are valid for `n` elements, `to` for writing and overlapping neither other, aligned to 64 bytes, and
/// `n` is a positive multiple of [`GRAIN`]; the machine has the instruction set.
type Pass = unsafe fn(to: *mut f64, one: *const f64, two: *const f64, n: usize, scalar: f64);

/// The passes of the four kernels, in STREAM's order, for one instruction set and one way of storing.
#[derive(Debug, Clone, Copy)]
pub struct Passes {
    isa: Isa,
    store: Store,
    passes: [Pass; 4],
}

impl Passes {
    /// Those for `isa` and `store`.
    ///
    /// # Errors
    /// When the machine lacks them, or stream kernels are not written for `isa` ([`available`] lists those that are).
    pub fn new(isa: Isa, store: Store) -> Result<Self, IsaUnavailable> {
        let unavailable = IsaUnavailable { isa, best: best() };
        if !isa.is_available() {
            return Err(unavailable);
        }
        #[cfg(target_arch = "x86_64")]
        let passes = x86::passes(isa, store);
        #[cfg(not(target_arch = "x86_64"))]
        let passes = portable::passes(isa, store);
        Ok(Self { isa, store, passes: passes.ok_or(unavailable)? })
    }

    /// Streaming passes without their fences: a planted fault.
    #[cfg(all(test, target_arch = "x86_64"))]
    pub(crate) fn without_fence(isa: Isa) -> Option<Self> {
        Some(Self { isa, store: Store::NonTemporal, passes: x86::without_fence(isa)? })
    }

    /// The instruction set.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How results are written.
    #[must_use]
    pub fn store(&self) -> Store {
        self.store
    }
}

/// The instruction sets that this machine has for `store`, narrowest first.
#[must_use]
pub fn available(store: Store) -> Vec<Isa> {
    Isa::ALL.into_iter().filter(|&isa| Passes::new(isa, store).is_ok()).collect()
}

/// The widest instruction set that this machine has for stream kernels.
#[must_use]
pub fn best() -> Isa {
    let written = [Isa::Avx512, Isa::Avx, Isa::Sse2];
    written.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Scalar)
}
