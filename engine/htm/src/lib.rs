//! Hierarchical Temporal Memory as a library of its own: encoders, spatial pooler, temporal memory, pattern store.
#![expect(unsafe_code, reason = "vector instructions are called behind a check that the processor has them")]

pub mod anomaly;
pub mod classifier;
pub mod detect;
pub mod encode;
mod hash;
pub mod hello;
mod log;
pub mod memory;
pub mod permanence;
pub mod pooler;
pub mod random;
mod saved;
mod sdr;
pub mod store;
pub mod tensor;
mod topology;

pub use saved::LoadError;
pub use sdr::{Sdr, SdrError};
