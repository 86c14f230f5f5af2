//! A walk over bytes with a branch on each: taken where the byte is not zero. In assembly, since a compiler would count
//! without a branch. Both ways lead through the same loop, so equally many zeros make equally many instructions, in
//! whatever order they stand: only the processor's guesses differ.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "only assembly keeps a branch a branch"))]

/// Counts the zeros among `bytes`, by a branch on each. `None` where the kernel is not written for the processor.
#[must_use]
#[cfg(target_arch = "x86_64")]
pub fn zeros(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return Some(0);
    }
    let std::ops::Range { start, end } = bytes.as_ptr_range();
    let mut zeros = 0u64;
    // SAFETY: reads every byte of the slice once, from the first to the last; there is at least one.
    unsafe {
        std::arch::asm!(
            ".p2align 6",
            "2:",
            "cmp byte ptr [{at}], 0",
            "jne 3f",
            "inc {zeros}",
            "3:",
            "inc {at}",
            "cmp {at}, {end}",
            "jne 2b",
            at = inout(reg) start => _,
            end = in(reg) end,
            zeros = inout(reg) zeros,
            options(readonly, nostack),
        );
    }
    Some(zeros)
}

/// Counts the zeros among `bytes`, by a branch on each. `None` where the kernel is not written for the processor.
#[must_use]
#[cfg(not(target_arch = "x86_64"))]
pub fn zeros(_bytes: &[u8]) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_counts(bytes in proptest::collection::vec(0u8..3, 0..300)) {
            if let Some(count) = zeros(&bytes) {
                prop_assert_eq!(count, bytes.iter().filter(|byte| **byte == 0).count() as u64);
            }
        }
    }
}
