//! The loops that are measured, and what turns their times into facts about the machine.
//!
//! A kernel is one instruction sequence for each instruction set, chosen at run time; its work can be checked, and
//! the check is part of it. Kernels neither read the clock nor start threads: the harness does. (The one exception is
//! [`curve`], which drives a chase through many sizes.)

pub mod arithmetic;
pub mod atomic;
pub mod branch;
pub mod call;
pub mod chase;
pub mod crypto;
pub mod curve;
pub mod fault;
pub mod fma;
pub mod futex;
pub mod handoff;
pub mod heap;
pub mod isa;
pub mod knee;
pub mod locality;
pub mod parallel;
pub mod random;
pub mod read;
pub mod ring;
pub mod sieve;
pub mod stream;
pub mod sweep;
pub mod token;
pub mod updates;

pub use isa::Isa;
