//! Main memory: how much it moves in a second, how long a load waits for it, and what it costs to get some.

pub mod allocate;
pub mod latency;
pub mod page_fault;
mod resident;
pub mod stream;
