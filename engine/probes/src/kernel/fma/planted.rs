//! Chains with a fault, to see that it is found.
#![expect(unsafe_code, reason = "blocks are unsafe to call where they are assembly")]

use super::{Fma, LANES, Precision, Registers, Shape, first};
use crate::kernel::Isa;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The chains end where they must, by a formula instead of steps.
    Folded,
    /// The last chain is never computed, as where only the first accumulator is used.
    Dropped,
    /// One pair of steps is left out.
    Short,
}

const CHAINS: usize = 12;

/// The chains, one `f64` a register.
pub(crate) fn chains(fault: Fault) -> Fma {
    let block = match fault {
        Fault::Folded => folded,
        Fault::Dropped => dropped,
        Fault::Short => short,
    };
    let shape = Shape { block, chains: CHAINS, lanes: 1, stride: 8, fused: false };
    const { assert!(CHAINS <= LANES) };
    Fma { isa: Isa::Scalar, precision: Precision::Double, shape, registers: Registers([0; super::REGISTERS * 64]) }
}

fn put(registers: &mut Registers, chain: usize, value: f64) {
    registers.0[8 * chain..8 * chain + 8].copy_from_slice(&value.to_ne_bytes());
}

unsafe fn folded(registers: &mut Registers, pairs: u64) {
    (0..CHAINS).for_each(|chain| put(registers, chain, first(chain) + pairs as f64));
}

unsafe fn honest(registers: &mut Registers, pairs: u64, chains: usize) {
    for chain in 0..chains {
        let mut x = first(chain);
        for _ in 0..pairs {
            x = std::hint::black_box((2.0 * x + 1.0) * 0.5 + 0.5);
        }
        put(registers, chain, x);
    }
}

unsafe fn dropped(registers: &mut Registers, pairs: u64) {
    // SAFETY: plain Rust; it is unsafe for the type's sake.
    unsafe { honest(registers, pairs, CHAINS - 1) }
}

unsafe fn short(registers: &mut Registers, pairs: u64) {
    // SAFETY: as above.
    unsafe { honest(registers, pairs - 1, CHAINS) }
}
