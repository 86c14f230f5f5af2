//! The chains in plain Rust, for processors without kernels of their own. The chains are rows of an array, which the
//! compiler makes vectors of where it can; the start is opaque to it, and so is each turn.
#![expect(unsafe_code, reason = "blocks are unsafe to call where they are assembly")]

use std::hint::black_box;

use super::{Block, Precision, Registers, Shape};
use crate::kernel::isa::Isa;

/// Independent numbers.
const CHAINS: usize = 32;

/// The shape of the chains.
pub(super) fn shape(isa: Isa, precision: Precision) -> Option<Shape> {
    let block: Block = match precision {
        Precision::Single => single,
        Precision::Double => double,
    };
    (isa == Isa::Scalar).then_some(Shape { block, chains: CHAINS, lanes: 1, stride: 8, fused: FUSED })
}

/// Whether the target multiplies and adds in one instruction without asking.
const FUSED: bool = cfg!(target_arch = "aarch64") || cfg!(target_feature = "fma");

macro_rules! block {
    ($name:ident, $type:ty, $bytes:literal) => {
        unsafe fn $name(registers: &mut Registers, pairs: u64) {
            let step = |x: $type, m: $type, c: $type| if FUSED { x.mul_add(m, c) } else { x * m + c };
            let mut chains = [0.0 as $type; CHAINS];
            for (chain, slot) in chains.iter_mut().zip(registers.0.chunks_exact(8)) {
                let mut bytes = [0; $bytes];
                bytes.copy_from_slice(&slot[..$bytes]);
                *chain = <$type>::from_ne_bytes(bytes);
            }
            let [up, one, down, half] = black_box([2.0 as $type, 1.0, 0.5, 0.5]);
            for _ in 0..pairs {
                for chain in &mut chains {
                    *chain = step(step(*chain, up, one), down, half);
                }
            }
            for (chain, slot) in chains.iter().zip(registers.0.chunks_exact_mut(8)) {
                slot[..$bytes].copy_from_slice(&chain.to_ne_bytes());
            }
        }
    };
}

block!(single, f32, 4);
block!(double, f64, 8);
