//! The pattern store: sparse patterns by key, each with a value of bytes, and the search for those that share most bits
//! with a query.
//!
//! ```
//! use engine_htm::{Sdr, store::PatternStore};
//! let mut store = PatternStore::in_memory(2048)?;
//! let cat = Sdr::new(2048, vec![3, 141, 592, 653, 1999])?;
//! store.put(7, &cat, b"cat")?;
//! let seen = Sdr::new(2048, vec![3, 141, 592, 700, 1999])?; // one bit of noise
//! let best = store.nearest(&seen, 1)?[0];
//! assert_eq!((best.key, best.overlap), (7, 4));
//! assert_eq!(store.get(7).expect("it was put").value, b"cat");
//! # Ok::<(), engine_htm::store::StoreError>(())
//! ```
//!
//! **Search** is exact. It goes over an inverted index (for each bit the patterns that have it on), in blocks of 32,768
//! patterns, so that the counters of a block stay in the first-level cache: about one addition for each common bit, which
//! at 2 % density is a fiftieth of what comparing all bits reads.
//!
//! **Files**: `create` and `open` keep every put in a log with checksums; see [`Durability`] and [`Torn`] for what
//! survives what. One store has one file; any number of stores may be open side by side.
//!
//! **Memory** is counted to the byte: [`PatternStore::memory`].

mod block;
mod code;
mod count;
mod error;
mod pattern_store;
mod patterns;
mod search;
#[cfg(test)]
mod tests;

pub use crate::log::{Damage, Durability, Torn};
pub use error::StoreError;
pub use pattern_store::{Memory, PatternStore, Salvaged, Stored};
pub use search::Match;

/// The widest representation that a store takes, in bits.
pub const MOST_BITS: u32 = 1 << 20;
/// The longest value, in bytes.
pub const MOST_VALUE: usize = 16 << 20;
