//! Hierarchical Temporal Memory: what a step of its parts costs, what it takes to remember, how well it learns, and how
//! fast its stores find.
//!
//! The algorithms are those of `engine-htm`, run on data that is made from the seed: `stream`, `patterns` and `tensors`
//! make the inputs, `check` tries what came out.

mod check;
pub mod encode;
pub mod memory;
pub(crate) mod patterns;
pub mod sequence;
pub mod sp_step;
pub mod store_get;
pub mod store_put;
pub mod store_search;
mod stream;
pub mod tensor_search;
pub mod tensor_write;
pub(crate) mod tensors;
pub mod tm_step;

use crate::ProbeError;

/// An error of the library as a failure of the probe.
fn failed(error: impl std::fmt::Display) -> ProbeError {
    ProbeError::failed(error.to_string())
}
