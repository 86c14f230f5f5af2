//! Peak floating-point rate: independent chains in registers, enough of them to hide the latency of every pipe.
//!
//! A chain alternates `x = 2x + 1` and `x = x/2 + 1/2`, so that each pair of steps adds exactly one, in every lane and
//! without rounding: the end of all lanes of all chains is known and checked, which no folded, shortened or dropped
//! chain would pass. A step counts two operations a lane: one fused instruction, or a multiplication and an addition
//! where there are none that fuse.

#[cfg(test)]
pub(crate) mod planted;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::isa::{Isa, IsaUnavailable};

/// Width of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// `f32`
    Single,
    /// `f64`
    Double,
}

impl Precision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Single, Self::Double];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Double => "f64",
        }
    }

    /// Bytes of a number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Double => 8,
        }
    }
}

/// Registers of the widest shape, 64 bytes each.
const REGISTERS: usize = 24;
/// `f32` lanes in them.
const LANES: usize = REGISTERS * 16;
/// Pairs of steps that a chain takes before it is checked and starts again: the values stay below 2^22, where `f32`
/// still holds twice of them exactly. About a millisecond.
pub(crate) const BLOCK: u64 = 1 << 19;

/// Where all chains start and end; read and written by the kernels as whole vectors.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
struct Registers([u8; REGISTERS * 64]);

/// Runs `pairs` (at least 1) pairs of steps on the chains in the registers.
///
/// # Safety
/// The machine has the instruction set.
type Block = unsafe fn(registers: &mut Registers, pairs: u64);

/// The chains of one instruction set and precision.
#[derive(Debug, Clone)]
pub struct Fma {
    isa: Isa,
    precision: Precision,
    shape: Shape,
    registers: Registers,
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    block: Block,
    chains: usize,
    /// Numbers in a chain's register.
    lanes: usize,
    /// Bytes from one chain's register to the next's.
    stride: usize,
    /// Whether a step is one instruction.
    fused: bool,
}

/// A lane did not end where it must.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("lane {lane} of the {isa} chains ended at {found} and must end at {expected}")]
pub struct WrongEnd {
    /// The instruction set.
    pub isa: Isa,
    /// Index over all chains.
    pub lane: usize,
    /// Where it ended.
    pub found: f64,
    /// Where it must.
    pub expected: f64,
}

impl Fma {
    /// The chains for `isa` and `precision`.
    ///
    /// # Errors
    /// When the machine lacks them, or they are not written ([`available`] lists those that are).
    pub fn new(isa: Isa, precision: Precision) -> Result<Self, IsaUnavailable> {
        let unavailable = IsaUnavailable { isa, best: best() };
        if !isa.is_available() {
            return Err(unavailable);
        }
        #[cfg(target_arch = "x86_64")]
        let shape = x86::shape(isa, precision);
        #[cfg(not(target_arch = "x86_64"))]
        let shape = portable::shape(isa, precision);
        Ok(Self { isa, precision, shape: shape.ok_or(unavailable)?, registers: Registers([0; REGISTERS * 64]) })
    }

    /// The instruction set.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The precision.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether a step is one fused instruction; else it is a multiplication and an addition.
    #[must_use]
    pub fn is_fused(&self) -> bool {
        self.shape.fused
    }

    /// Floating-point operations in `pairs` pairs of steps: two a step, two steps a pair, in every lane.
    #[must_use]
    pub fn operations(&self, pairs: u64) -> u64 {
        4 * pairs * (self.shape.chains * self.shape.lanes) as u64
    }

    /// Runs all chains for `pairs` pairs of steps and checks the end of every lane. The check takes well below a
    /// thousandth of the time, and allocates nothing.
    ///
    /// # Errors
    /// The first lane that ended elsewhere.
    pub fn run(&mut self, pairs: u64) -> Result<(), WrongEnd> {
        let mut left = pairs;
        while left > 0 {
            let now = left.min(BLOCK);
            self.start();
            #[expect(unsafe_code, reason = "kernels in assembly")]
            // SAFETY: `shape` only exists for what the machine has.
            unsafe {
                (self.shape.block)(&mut self.registers, now);
            }
            self.check(now)?;
            left -= now;
        }
        Ok(())
    }

    /// Puts each lane at its start: its index, modulo 16.
    fn start(&mut self) {
        for lane in 0..self.shape.chains * self.shape.lanes {
            let at = self.at(lane);
            match self.precision {
                Precision::Single => self.registers.0[at..at + 4].copy_from_slice(&(first(lane) as f32).to_ne_bytes()),
                Precision::Double => self.registers.0[at..at + 8].copy_from_slice(&first(lane).to_ne_bytes()),
            }
        }
    }

    fn check(&self, pairs: u64) -> Result<(), WrongEnd> {
        for lane in 0..self.shape.chains * self.shape.lanes {
            let (found, expected) = (self.value(lane), first(lane) + pairs as f64);
            if found != expected {
                return Err(WrongEnd { isa: self.isa, lane, found, expected });
            }
        }
        Ok(())
    }

    /// Byte of a lane in the registers.
    fn at(&self, lane: usize) -> usize {
        lane / self.shape.lanes * self.shape.stride + lane % self.shape.lanes * self.precision.bytes()
    }

    fn value(&self, lane: usize) -> f64 {
        let at = self.at(lane);
        let mut bytes = [0; 8];
        match self.precision {
            Precision::Single => {
                bytes[..4].copy_from_slice(&self.registers.0[at..at + 4]);
                f64::from(f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            Precision::Double => {
                bytes.copy_from_slice(&self.registers.0[at..at + 8]);
                f64::from_ne_bytes(bytes)
            }
        }
    }
}

fn first(lane: usize) -> f64 {
    debug_assert!(lane < LANES);
    (lane % 16) as f64
}

/// The instruction sets that this machine has, narrowest first.
#[must_use]
pub fn available() -> Vec<Isa> {
    Isa::ALL.into_iter().filter(|&isa| Fma::new(isa, Precision::Double).is_ok()).collect()
}

/// The widest instruction set that this machine has.
#[must_use]
pub fn best() -> Isa {
    let written = [Isa::Avx512, Isa::AvxFma, Isa::Sse2];
    written.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants() -> Vec<Fma> {
        let all = Precision::ALL.into_iter();
        all.flat_map(|p| available().into_iter().map(move |isa| Fma::new(isa, p).unwrap())).collect()
    }

    #[test]
    fn every_variant_ends_where_it_must() {
        for mut fma in variants() {
            for pairs in [0, 1, 2, 3, 1_000, BLOCK + 7] {
                fma.run(pairs).unwrap_or_else(|error| panic!("{fma:?}: {error}"));
            }
        }
    }

    #[test]
    fn plain_rust_ends_where_assembly_does() {
        for precision in Precision::ALL {
            let shape = portable::shape(Isa::Scalar, precision).unwrap();
            let mut fma = Fma { shape, ..Fma::new(Isa::Scalar, precision).unwrap() };
            fma.run(BLOCK + 7).unwrap();
        }
    }

    #[test]
    fn operations_are_two_a_step_and_lane() {
        for fma in variants() {
            let lanes = match fma.isa() {
                Isa::Scalar => 1,
                isa => isa.vector_bytes() / fma.precision().bytes(),
            };
            assert_eq!(fma.shape.lanes, lanes);
            assert!(fma.shape.chains >= 10, "fewer cannot hide a latency of 4 or 5 on two pipes");
            assert_eq!(fma.operations(1_000), 4_000 * (fma.shape.chains * lanes) as u64);
        }
    }

    #[test]
    fn a_wrong_lane_or_a_missing_step_is_found() {
        for mut fma in variants() {
            fma.run(100).unwrap();
            assert!(fma.check(99).is_err() && fma.check(101).is_err());
            let last = fma.shape.chains * fma.shape.lanes - 1;
            let at = fma.at(last);
            fma.registers.0[at] ^= 1;
            assert_eq!(fma.check(100).unwrap_err().lane, last, "every lane is looked at");
        }
    }

    #[test]
    fn what_is_not_written_is_refused() {
        let error = Fma::new(Isa::Avx, Precision::Single).unwrap_err();
        assert_eq!((error.isa, error.best), (Isa::Avx, best()));
    }
}
