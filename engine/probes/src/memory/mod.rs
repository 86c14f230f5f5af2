//! Main memory: how much it moves in a second, how long a load waits for it, and what it costs to get some.

pub mod allocate;
mod bus;
pub mod latency;
pub mod loaded;
pub mod page_fault;
pub mod random;
pub mod read;
mod resident;
mod sizing;
pub mod stream;
mod timed;
