//! Virtual users, arrival processes, HTTP client and true latencies.
#![expect(unsafe_code, reason = "sockets, stacks and coroutines ask for it; each block says why it is sound")]

pub mod clock;
pub mod coroutine;
pub mod driver;
pub mod error;
pub mod http;
pub mod stack;
