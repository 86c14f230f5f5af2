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
