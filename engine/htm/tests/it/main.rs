//! What the library promises, by its public interface alone.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod hello;
mod invariants;
mod memory_reference;
mod pooler_reference;
mod sequences;
