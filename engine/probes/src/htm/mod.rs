//! Hierarchical Temporal Memory: what a step of its parts costs, what it takes to remember, and how well it learns.
//!
//! The algorithms are those of `engine-htm`; `stream` makes the inputs, `check` tries what came out.

mod check;
pub mod encode;
pub mod memory;
pub mod sequence;
pub mod sp_step;
mod stream;
pub mod tm_step;

use crate::ProbeError;

/// An error of the library as a failure of the probe.
fn failed(error: impl std::fmt::Display) -> ProbeError {
    ProbeError::failed(error.to_string())
}
