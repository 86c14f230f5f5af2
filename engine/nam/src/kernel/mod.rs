//! The inner loops: products of a small dense matrix with packed weights, in floats and in integers.
//!
//! Weights are packed once into strips of sixteen columns (`[k][16]`, aligned to a cache line), whatever the instruction
//! set; a tile of up to twelve rows and two strips stays in registers for the whole of `k`. Networks here are small, so
//! there is no blocking of `k`: the longest column fits the second-level cache many times over. The scheme of packed
//! panels and register tiles is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).

mod buffer;
mod float;
mod integer;
mod isa;
mod panels;
mod portable;
mod sparse;
#[cfg(test)]
mod tests;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_integer;

pub use isa::Isa;

pub(crate) use buffer::Buffer;
pub(crate) use float::{Finish, Rows, multiply};
pub(crate) use integer::{Steps, multiply_integers, quantise};
pub(crate) use panels::{Bits, Float, IntegerPanels, Panels};
pub(crate) use sparse::{LANES as SPARSE_LANES, SparseMatrix};
pub(crate) use vector::{adam, backward_row, descend, forward_row, norms};
