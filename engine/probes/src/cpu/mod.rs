//! The processor: integer work, floating-point peak, single instructions, branches, ciphers, the clock, and how work grows
//! with the number of threads.

pub mod arithmetic;
pub mod branch;
pub mod clock;
mod count;
pub mod crypto;
pub mod fma;
pub mod primes;
pub mod scaling;
