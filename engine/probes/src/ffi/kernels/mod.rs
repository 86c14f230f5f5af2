//! The kernels of `ffi.safety`: each the same work with and without one guarantee, in Rust and in C. A kernel goes over
//! its data once and returns a sum, which must be the same on all sides.

mod cells;
mod numbers;
mod records;

use crate::harness::opaque::clobber;
use crate::kernel::random::SplitMix;

/// Numbers, cells and lines. All data of a kernel fit into a first-level cache.
pub(crate) const COUNT: usize = 1024;

/// How the guarantee is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Safe Rust that checks while it runs.
    Safe,
    /// Safe Rust in which the compiler has proved that there is nothing to check.
    Proven,
    /// Unsafe Rust without the guarantee.
    Unsafe,
    /// C without the guarantee, as it is usually written.
    C,
    /// C that keeps the guarantee by hand.
    CChecked,
}

impl Side {
    /// The label in results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Proven => "proven",
            Self::Unsafe => "unsafe",
            Self::C => "c",
            Self::CChecked => "c_checked",
        }
    }
}

/// One sweep of one side.
pub(crate) type Sweep = fn(&mut Data) -> u64;

/// A kernel: its sides, and the sum that a sweep gives, found by plain arithmetic.
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    /// Operations of a sweep: what times are divided by.
    pub(crate) operations: usize,
    pub(crate) sides: &'static [(Side, Sweep)],
    pub(crate) expected: fn(&Data) -> u64,
}

/// All kernels.
pub(crate) static KERNELS: [Kernel; 7] = [
    numbers::INDEXING,
    numbers::OVERFLOW,
    cells::REFCELL,
    cells::MUTEX,
    cells::ARC,
    records::PARSING,
    records::COPYING,
];

/// What the kernels work on.
pub(crate) struct Data {
    /// Small numbers, of which all together fit into 32 bits.
    values: Vec<u32>,
    /// Every index once, in random order.
    order: Vec<u32>,
    cells: cells::Cells,
    records: records::Records,
}

impl Data {
    /// Data drawn from a seed. Cells have been written by one sweep, so that from now on every sweep finds the same.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let values: Vec<u32> = (0..COUNT).map(|_| (random.bits() >> 44) as u32).collect();
        let mut order: Vec<u32> = (0..COUNT as u32).collect();
        for at in (1..COUNT).rev() {
            order.swap(at, random.below(at + 1));
        }
        let cells = cells::Cells::new(&order, &values);
        Self { records: records::Records::new(&mut random), values, order, cells }
    }
}

/// So many sweeps; the sum of one, or another number when they differ.
#[inline(always)]
pub(crate) fn sweeps(data: &mut Data, sweep: Sweep, count: u64) -> u64 {
    let first = sweep(data);
    let mut other = 0;
    for _ in 1..count {
        clobber();
        other |= sweep(data) ^ first;
    }
    if other == 0 { first } else { !first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sides_give_the_sum_of_plain_arithmetic_sweep_after_sweep() {
        for seed in 0..20 {
            let mut data = Data::new(seed);
            for kernel in &KERNELS {
                let expected = (kernel.expected)(&data);
                for (side, sweep) in kernel.sides {
                    for _ in 0..3 {
                        assert_eq!(sweep(&mut data), expected, "{} {}, seed {seed}", kernel.name, side.name());
                    }
                    assert_eq!(sweeps(&mut data, *sweep, 5), expected);
                }
            }
        }
    }

    #[test]
    fn every_kernel_has_the_four_sides_and_depends_on_its_data() {
        let (one, two) = (Data::new(1), Data::new(2));
        for kernel in &KERNELS {
            let names: Vec<_> = kernel.sides.iter().map(|(side, _)| side.name()).filter(|n| *n != "proven").collect();
            assert_eq!(names, ["safe", "unsafe", "c", "c_checked"], "{}", kernel.name);
            // What lies in a cell is its turn, whatever the order was.
            let cells = matches!(kernel.name, "refcell" | "mutex");
            assert!(cells || (kernel.expected)(&one) != (kernel.expected)(&two), "{}", kernel.name);
        }
    }

    #[test]
    fn sweeps_that_differ_are_not_the_sum() {
        fn growing(data: &mut Data) -> u64 {
            data.values[0] += 1;
            u64::from(data.values[0])
        }
        let mut data = Data::new(1);
        let first = u64::from(data.values[0]) + 1;
        assert_eq!(sweeps(&mut data, growing, 1), first);
        assert_eq!(sweeps(&mut data, growing, 2), !(first + 1));
    }
}
