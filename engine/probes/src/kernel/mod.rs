//! The loops that are measured, and what turns their times into facts about the machine.
//!
//! A kernel is one instruction sequence for each instruction set, chosen at run time; its work can be checked, and
//! the check is part of it. Kernels neither read the clock nor start threads: the harness does. (The one exception is
//! [`curve`], which drives a chase through many sizes.)

pub mod arithmetic;
pub mod branch;
pub mod chase;
pub mod crypto;
pub mod curve;
pub mod fma;
pub mod isa;
pub mod knee;
pub mod random;
pub mod sieve;
pub mod stream;

pub use isa::Isa;
