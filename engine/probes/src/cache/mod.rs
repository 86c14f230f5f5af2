//! The caches: how fast each level answers, and how much of it this machine really has.

pub mod latency;
mod levels;
