//! Barriers against the optimiser.
#![expect(unsafe_code, reason = "an empty assembly block is the portable compiler barrier")]

pub use std::hint::black_box;

/// Makes the compiler believe that all memory was read and written here, so that no load or store moves across and
/// a pass over unchanged data cannot be lifted out of the loop round it. Emits no instruction.
#[inline(always)]
pub fn clobber() {
    // SAFETY: the block is empty: it changes no register, no flag and no memory.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
}

/// The same number, about which the optimiser knows nothing any more. Emits no instruction.
#[inline(always)]
pub(crate) fn keep(mut value: i64) -> i64 {
    // SAFETY: the block is empty.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}
