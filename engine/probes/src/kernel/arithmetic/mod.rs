//! Chains of one instruction: a single one shows its latency, eight side by side how many of it the core starts in a
//! given time. Operands are registers. Each chain's end is known: sums and powers by arithmetic modulo the width, quotients
//! because `C / x` leads from one factor of `C` to the other and back, roots because IEEE 754 rounds them exactly.
//!
//! Division takes longer for larger quotients on most cores: the dividend is 63 (31) bits long, divisor and quotient about
//! half of that. A root of 1 would be a special case, so after 48 (24) roots the exponent is set back by one exclusive-or,
//! of one cycle, which is counted in.

#[cfg(target_arch = "x86_64")]
mod x86;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Addition of integers.
    Add,
    /// Multiplication of integers, the lower half.
    Multiply,
    /// Division of unsigned integers.
    Divide,
    /// Square root of one floating-point number.
    Sqrt,
}

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 32-bit integer.
    U32,
    /// 64-bit integer.
    U64,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Operation {
    /// All.
    pub const ALL: [Self; 4] = [Self::Add, Self::Multiply, Self::Divide, Self::Sqrt];

    /// The name in parameters and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Sqrt => "sqrt",
        }
    }

    /// The numbers that it is measured on.
    #[must_use]
    pub fn numbers(self) -> [Number; 2] {
        if self == Self::Sqrt { [Number::F64, Number::F32] } else { [Number::U64, Number::U32] }
    }
}

impl Number {
    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

/// Chains side by side where the rate is measured.
pub const CHAINS: usize = 8;

/// What the kernels read and write: a value for each chain and the constant operand.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct State {
    values: [u64; CHAINS],
    operand: u64,
}

/// Runs `turns` (at least 1) turns of the loop.
///
/// # Safety
/// Any x86-64 processor; the divisors are not zero.
type Turns = unsafe fn(state: &mut State, turns: u64);

/// The chains of one operation.
#[derive(Debug, Clone)]
pub struct Chains {
    operation: Operation,
    number: Number,
    turns: Turns,
    /// Operations of each chain in a turn.
    steps: u64,
    chains: usize,
}

/// A chain did not end where it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chain {chain} of `{}` on {} ended at {found:#x} and must end at {expected:#x}", .operation.name(), .number.name())]
pub struct WrongEnd {
    /// The operation.
    pub operation: Operation,
    /// On what.
    pub number: Number,
    /// Index of the chain.
    pub chain: usize,
    /// The bits found.
    pub found: u64,
    /// The bits expected.
    pub expected: u64,
}

impl Chains {
    /// One chain, or [`CHAINS`] of them. `None` where the kernel is not written for the processor.
    #[must_use]
    pub fn new(operation: Operation, number: Number, side_by_side: bool) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let found = x86::turns(operation, number, side_by_side);
        #[cfg(not(target_arch = "x86_64"))]
        let found: Option<(Turns, u64)> = None;
        let (turns, steps) = found?;
        Some(Self { operation, number, turns, steps, chains: if side_by_side { CHAINS } else { 1 } })
    }

    /// Operations in so many turns.
    #[must_use]
    pub fn operations(&self, turns: u64) -> u64 {
        turns * self.steps * self.chains as u64
    }

    /// Runs all chains and checks where they end; the check takes a fraction of a microsecond.
    ///
    /// # Errors
    /// The first chain that ended elsewhere.
    pub fn run(&self, turns: u64) -> Result<(), WrongEnd> {
        let turns = turns.max(1);
        let mut state = self.start();
        #[expect(unsafe_code, reason = "kernels in assembly")]
        // SAFETY: `turns` only exists where it can run, and `start` gives factors that are not zero.
        unsafe {
            (self.turns)(&mut state, turns);
        }
        self.check(&state, turns)
    }

    fn start(&self) -> State {
        let operand = match (self.operation, self.number) {
            (Operation::Sqrt, Number::F32) => u64::from(AGAIN_SINGLE),
            (Operation::Sqrt, _) => AGAIN_DOUBLE,
            (Operation::Divide, Number::U32) => FACTORS_32[0] * FACTORS_32[1],
            (Operation::Divide, _) => FACTORS_64[0] * FACTORS_64[1],
            _ => FACTOR & self.mask(),
        };
        State { values: std::array::from_fn(|chain| self.first(chain)), operand }
    }

    fn first(&self, chain: usize) -> u64 {
        match (self.operation, self.number) {
            (Operation::Sqrt, Number::F32) => u64::from((1e38_f32 / (chain as f32 + 3.0)).to_bits()),
            (Operation::Sqrt, _) => (1e300 / (chain as f64 + 3.0)).to_bits(),
            (Operation::Divide, Number::U32) => FACTORS_32[chain % 2],
            (Operation::Divide, _) => FACTORS_64[chain % 2],
            _ => 2 * chain as u64 + 3,
        }
    }

    fn mask(&self) -> u64 {
        if matches!(self.number, Number::U32 | Number::F32) { u64::from(u32::MAX) } else { u64::MAX }
    }

    fn check(&self, state: &State, turns: u64) -> Result<(), WrongEnd> {
        for chain in 0..self.chains {
            let (found, expected) = (state.values[chain] & self.mask(), self.end(chain, turns));
            if found != expected {
                return Err(WrongEnd { operation: self.operation, number: self.number, chain, found, expected });
            }
        }
        Ok(())
    }

    fn end(&self, chain: usize, turns: u64) -> u64 {
        let (first, n) = (self.first(chain), turns.wrapping_mul(self.steps));
        let end = match self.operation {
            Operation::Add => first.wrapping_add(n.wrapping_mul(FACTOR)),
            Operation::Multiply => first.wrapping_mul(power(FACTOR, n)),
            Operation::Divide if n % 2 == 0 => first,
            Operation::Divide => self.first(chain + 1),
            // From the second turn on it ends at the same place each time: so many roots forget where they came from.
            Operation::Sqrt => (0..turns.min(4)).fold(first, |bits, _| self.roots(bits)),
        };
        end & self.mask()
    }

    /// One turn of roots, on the bits of a number.
    fn roots(&self, bits: u64) -> u64 {
        if self.number == Number::F32 {
            let root = (0..self.steps).fold(f32::from_bits(bits as u32), |x, _| x.sqrt());
            u64::from(root.to_bits() ^ AGAIN_SINGLE)
        } else {
            let root = (0..self.steps).fold(f64::from_bits(bits), |x, _| x.sqrt());
            root.to_bits() ^ AGAIN_DOUBLE
        }
    }
}

/// An odd number without pattern: the golden ratio's fraction.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// Two primes whose product is 63 bits long, and two of 31.
const FACTORS_64: [u64; 2] = [2_654_435_761, 3_037_000_493];
const FACTORS_32: [u64; 2] = [40_503, 46_337];
/// Takes a number just above 1 to the largest exponent, with other digits.
const AGAIN_DOUBLE: u64 = 0x4016_a09e_667f_3bcd;
const AGAIN_SINGLE: u32 = 0x40b5_04f3;

/// `base` to the power of `n`, modulo 2^64.
fn power(base: u64, n: u64) -> u64 {
    let (mut result, mut square, mut left) = (1u64, base, n);
    while left > 0 {
        if left % 2 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        left /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Chains> {
        let each =
            Operation::ALL.into_iter().flat_map(|operation| operation.numbers().map(|number| (operation, number)));
        each.flat_map(|(operation, number)| {
            [false, true].into_iter().filter_map(move |wide| Chains::new(operation, number, wide))
        })
        .collect()
    }

    #[test]
    fn every_chain_ends_where_it_must() {
        for chains in all() {
            for turns in [1, 2, 3, 4, 5, 1_000, 1_001] {
                chains.run(turns).unwrap();
            }
            assert_eq!(chains.operations(10), 10 * chains.steps * chains.chains as u64);
        }
    }

    #[test]
    fn a_chain_that_is_not_run_or_a_step_too_few_is_found() {
        for chains in all() {
            for turns in [5, 6] {
                let mut state = chains.start();
                let ends: Vec<u64> = (0..CHAINS).map(|chain| chains.end(chain, turns)).collect();
                state.values.copy_from_slice(&ends);
                assert_eq!(chains.check(&state, turns), Ok(()));
                let last = chains.chains - 1;
                state.values[last] ^= 1;
                assert_eq!(chains.check(&state, turns).unwrap_err().chain, last);
                state.values[last] = chains.first(last);
                // An even number of divisions leads back to the start; an odd number shows that they happened.
                let back = chains.operation == Operation::Divide && turns * chains.steps % 2 == 0;
                assert_eq!(chains.check(&state, turns).is_ok(), back, "{chains:?}");
            }
            assert!(chains.steps % 2 == 1 || chains.operation != Operation::Divide);
            let short = Chains { steps: chains.steps - 1, ..chains };
            assert!(short.run(5).is_err(), "{short:?}");
        }
    }

    #[test]
    fn operands_have_the_sizes_that_they_are_said_to_have() {
        let bits = |number: u64| 64 - number.leading_zeros();
        assert_eq!([bits(FACTORS_64[0] * FACTORS_64[1]), bits(FACTORS_32[0] * FACTORS_32[1])], [63, 31]);
        assert_eq!([FACTORS_64.map(bits), FACTORS_32.map(bits)], [[32, 32], [16, 16]]);
        assert!(f64::from_bits(1.0f64.to_bits() ^ AGAIN_DOUBLE) > 1e307);
        assert!(f32::from_bits(1.0f32.to_bits() ^ AGAIN_SINGLE) > 1e38);
        assert_eq!(power(3, 5), 243);
    }
}
