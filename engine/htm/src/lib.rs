//! Hierarchical Temporal Memory as a library of its own: encoders, spatial pooler, temporal memory, pattern store.

mod log;
mod sdr;
pub mod store;
pub mod tensor;

pub use sdr::{Sdr, SdrError};
