//! The processor: integer work, floating-point peak, and how both grow with the number of threads.

mod count;
pub mod fma;
pub mod primes;
pub mod scaling;
