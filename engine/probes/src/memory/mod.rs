//! Main memory: how much it moves in a second, and how long a load waits for it.

pub mod latency;
pub mod stream;
