//! Main memory: how much it moves in a second, and how long a load waits for it.

mod bus;
pub mod latency;
pub mod loaded;
pub mod random;
pub mod read;
mod sizing;
pub mod stream;
mod timed;
