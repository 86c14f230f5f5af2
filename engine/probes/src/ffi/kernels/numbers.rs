//! Two guarantees on numbers: an index lies within its array, and an addition does not overflow.
#![expect(unsafe_code, reason = "the sides without the guarantee")]

use super::{COUNT, Kernel, Side};

unsafe extern "C" {
    fn safety_indexing(values: *const u32, length: usize, order: *const u32, count: usize) -> u64;
    fn safety_indexing_checked(values: *const u32, length: usize, order: *const u32, count: usize) -> u64;
    fn safety_overflow(values: *const u32, length: usize) -> u64;
    fn safety_overflow_checked(values: *const u32, length: usize) -> u64;
}

/// Numbers are read in random order: no compiler can prove the indices, except where they are masked.
pub(super) const INDEXING: Kernel = Kernel {
    name: "indexing",
    operations: COUNT,
    sides: &[
        (Side::Safe, |data| data.order.iter().map(|at| u64::from(data.values[*at as usize])).sum()),
        (Side::Proven, |data| {
            let Some(values) = data.values.first_chunk::<COUNT>() else { return 0 };
            data.order.iter().map(|at| u64::from(values[*at as usize % COUNT])).sum()
        }),
        (Side::Unsafe, |data| {
            // SAFETY: the order has every index of the values once.
            data.order.iter().map(|at| u64::from(unsafe { *data.values.get_unchecked(*at as usize) })).sum()
        }),
        (Side::C, |data| {
            let (values, order) = (&data.values, &data.order);
            // SAFETY: both arrays are as long as is said, and the order has only indices of the values.
            unsafe { safety_indexing(values.as_ptr(), values.len(), order.as_ptr(), order.len()) }
        }),
        (Side::CChecked, |data| {
            let (values, order) = (&data.values, &data.order);
            // SAFETY: as before.
            unsafe { safety_indexing_checked(values.as_ptr(), values.len(), order.as_ptr(), order.len()) }
        }),
    ],
    expected: |data| data.values.iter().map(|value| u64::from(*value)).sum(),
};

/// Numbers are added up in 32 bits; proven is the sum in 64 bits, in which 1,024 such numbers always fit. What checks
/// cannot use vectors.
pub(super) const OVERFLOW: Kernel = Kernel {
    name: "overflow",
    operations: COUNT,
    sides: &[
        (Side::Safe, |data| {
            let add = |sum: u32, value: &u32| sum.checked_add(*value).expect("1,024 numbers of 20 bits");
            u64::from(data.values.iter().fold(0, add))
        }),
        (Side::Proven, |data| data.values.iter().fold(0, |sum, value| sum + u64::from(*value))),
        (Side::Unsafe, |data| {
            // SAFETY: 1,024 numbers below 2^20 fit into 32 bits.
            u64::from(data.values.iter().fold(0u32, |sum, value| unsafe { sum.unchecked_add(*value) }))
        }),
        (Side::C, |data| {
            // SAFETY: the array is as long as is said.
            unsafe { safety_overflow(data.values.as_ptr(), data.values.len()) }
        }),
        (Side::CChecked, |data| {
            // SAFETY: as before.
            unsafe { safety_overflow_checked(data.values.as_ptr(), data.values.len()) }
        }),
    ],
    expected: |data| data.values.iter().map(|value| u64::from(*value)).sum(),
};
