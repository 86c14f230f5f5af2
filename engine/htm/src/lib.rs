//! Hierarchical Temporal Memory as a library of its own: encoders, spatial pooler, temporal memory, pattern store.

mod sdr;

pub use sdr::{Sdr, SdrError};
