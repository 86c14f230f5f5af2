//! The processor: integer work, floating-point peak, single instructions, ciphers, branches, the clock, how work grows with
//! the number of threads, and what threads cost each other: atomics, hand-overs, switches, wake-ups, calls.

pub mod arithmetic;
pub mod atomics;
pub mod branch;
pub mod clock;
pub mod context_switch;
mod count;
pub mod crypto;
pub mod fma;
pub mod handoff;
mod partner;
pub mod primes;
pub mod scaling;
pub mod system_call;
pub mod wakeup;
