//! The benchmark stream that the community's implementations are compared by: a noisy sine through an encoder, a spatial
//! pooler and a temporal memory.
//!
//! 5,000 values `sin(x)` with `x` growing by 0.01 in single precision; an [`Rdse`] of 1,000 bits, 20 % of them on, with a
//! radius of 0.03 and seed 2019; 1 % of the bits that are on moved by chance at every step (MT19937, seed 42); 2,048
//! columns; 8 cells or more. Everything else is the defaults of [`PoolerParams`](crate::pooler::PoolerParams) and
//! [`MemoryParams`](crate::memory::MemoryParams).
//!
//! The values, the encoding and the twister's numbers are those of the original. Not identical are what the original
//! draws from its C++ library's shuffles, whose order is its own: which bits the noise moves, the pools and first
//! permanences of the pooler, and the choices among equals. So single representations differ, and the behaviour
//! (segments, synapses, anomaly) is compared.

mod twister;

use crate::encode::{EncodeError, Rdse, RdseParams};
use crate::sdr::Sdr;
use twister::Twister;

/// The stream: gives one encoded value after the other.
#[derive(Debug, Clone)]
pub struct Hello {
    encoder: Rdse,
    noise: Twister,
    x: f32,
}

impl Hello {
    /// Bits of the encoding.
    pub const INPUTS: u32 = 1_000;
    /// Columns of the pooler and the memory.
    pub const COLUMNS: u32 = 2_048;
    /// Steps of the benchmark.
    pub const STEPS: u32 = 5_000;

    /// The stream from its beginning.
    ///
    /// # Errors
    /// None: the encoder's parameters are possible.
    pub fn new() -> Result<Self, EncodeError> {
        let encoder = Rdse::new(RdseParams::with_radius(Self::INPUTS, 0.2, 0.03, 2_019))?;
        Ok(Self { encoder, noise: Twister::new(42), x: 0.0 })
    }

    /// The next value.
    pub fn value(&mut self) -> f64 {
        self.x += 0.01;
        f64::from(self.x.sin())
    }

    /// Encodes a value, without noise.
    ///
    /// # Errors
    /// An output that has not [`Hello::INPUTS`] bits.
    pub fn encode(&mut self, value: f64, out: &mut Sdr) -> Result<(), EncodeError> {
        self.encoder.encode(value, out)
    }

    /// Moves 1 % of the bits that are on to places that are off.
    pub fn disturb(&mut self, bits: &mut Sdr) {
        let moved = (bits.on().len() as f64 * 0.01).round() as usize;
        let mut on = bits.on().to_vec();
        let mut gone = Vec::with_capacity(moved);
        for _ in 0..moved.min(on.len()) {
            let at = self.noise.below(on.len() as u32) as usize;
            gone.push(on.swap_remove(at));
        }
        // Where a bit was turned off, none is turned on.
        while !gone.is_empty() && on.len() < bits.on().len() {
            let bit = self.noise.below(bits.size());
            if bits.on().binary_search(&bit).is_err() && !on.contains(&bit) {
                on.push(bit);
            }
        }
        on.sort_unstable();
        bits.set_sorted(&on);
    }

    /// The next value, encoded and disturbed.
    ///
    /// # Errors
    /// As [`Hello::encode`].
    pub fn step(&mut self, out: &mut Sdr) -> Result<f64, EncodeError> {
        let value = self.value();
        self.encode(value, out)?;
        self.disturb(out);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_of_a_hundred_moves() {
        let mut hello = Hello::new().expect("possible");
        let mut bits = Sdr::empty(Hello::INPUTS);
        for _ in 0..50 {
            let value = hello.value();
            hello.encode(value, &mut bits).expect("as wide");
            let clean = bits.clone();
            // Of 200 hashes into 1,000 bits, 181 are different on average.
            assert!((155..=200).contains(&clean.on().len()), "{}", clean.on().len());
            hello.disturb(&mut bits);
            assert_eq!(bits.on().len(), clean.on().len());
            assert_eq!(bits.overlap(&clean), clean.on().len() as u32 - 2);
        }
        assert!((hello.value() - 0.51_f64.sin()).abs() < 1e-6);
    }
}
