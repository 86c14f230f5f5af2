//! The caches: how fast each level answers, and how much of it this machine really has.

pub mod associativity;
pub mod bandwidth;
mod found;
pub mod latency;
mod levels;
pub mod locality;
pub mod parallelism;
mod seats;
pub mod tlb;
