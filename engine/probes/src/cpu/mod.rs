//! The processor: integer work, floating-point peak, how both grow with the number of threads, and what threads cost
//! each other: atomics, hand-overs, switches, wake-ups, calls.

pub mod atomics;
pub mod context_switch;
mod count;
pub mod fma;
pub mod handoff;
mod partner;
pub mod primes;
pub mod scaling;
pub mod system_call;
pub mod wakeup;
