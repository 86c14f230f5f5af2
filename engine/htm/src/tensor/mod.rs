//! The tensor store: the other reading of the three letters, a Hybrid Tensor Memory.
//!
//! Each entry is a triple: an embedding (768 numbers by default), a diff and metadata, both bytes of the caller's own form. A
//! search gives the entries whose embeddings point most nearly the way of the query's: the cosine of the angle between
//! them, from 0.45 on ([`RESONANCE`]), the `k` best first. [`TensorStore::contract_resonance`] compares two entries and
//! marks the first when they do not resonate; [`TensorStore::pulse_prune`] removes what is marked low.
//!
//! ```
//! use engine_htm::tensor::{Tensor, TensorStore};
//! let store = TensorStore::in_memory(4)?;
//! let cat = Tensor::new(vec![1.0, 2.0, 0.0, 0.5], b"+cat".to_vec(), b"animals.txt".to_vec());
//! let id = store.write(&cat)?;
//! let found = store.search(&[2.0, 4.0, 0.1, 1.0], 10)?;
//! assert_eq!(found[0].id, id);
//! assert!(found[0].cosine > 0.99);
//! # Ok::<(), engine_htm::store::StoreError>(())
//! ```
//!
//! **Search** is exact and reads a quarter of what comparing all numbers would: every embedding is kept in bytes too, with
//! the length of what that rounding took away, so that the bytes alone bound the cosine from above (Cauchy and Schwarz).
//! Only what may reach the result is compared in full.
//!
//! Entries are spread over eight shards by their number, each with its own lock, so that several threads write at once; with
//! a folder, each shard has a log of the same kind as a pattern store's.

mod dot;
mod rounded;
mod shard;
mod tensor_store;
#[cfg(test)]
mod tests;

pub use tensor_store::{Near, Tensor, TensorStore};

/// Numbers of an embedding, by default.
pub const EMBEDDING: u32 = 768;
/// The cosine from which on two embeddings resonate.
pub const RESONANCE: f32 = 0.45;
/// How many shards there are.
pub const SHARDS: usize = 8;
