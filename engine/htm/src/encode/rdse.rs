//! The random distributed scalar encoder: any number, without a range given beforehand.
//!
//! A value falls into a bucket of `resolution`; bucket `i` turns on the bits `hash(i), hash(i + 1), .. hash(i + w - 1)`. So
//! neighbouring buckets share all bits but one, and those more than `w` apart share none but by chance. Bits that fall
//! together are left so: a representation may have a few bits less than `w`. (Purdy, *Encoding Data for HTM Systems*,
//! 2016; the hashing form is that of the community's implementations.)

use super::{EncodeError, finite, require};
use crate::hash::murmur3;
use crate::sdr::Sdr;

/// Parameters of an [`Rdse`].
#[derive(Debug, Clone, PartialEq)]
pub struct RdseParams {
    /// Bits of a representation.
    pub size: u32,
    /// Bits that are on (fewer where hashes fall together).
    pub active: u32,
    /// Width of a bucket, in the value's unit.
    pub resolution: f64,
    /// Seed of the hash.
    pub seed: u32,
}

impl RdseParams {
    /// From the share of bits that are on, and the distance from which on two values share no bit.
    #[must_use]
    pub fn with_radius(size: u32, sparsity: f64, radius: f64, seed: u32) -> Self {
        let active = (f64::from(size) * sparsity).round().clamp(0.0, f64::from(size)) as u32;
        Self { size, active, resolution: radius / f64::from(active.max(1)), seed }
    }
}

/// The encoder.
#[derive(Debug, Clone)]
pub struct Rdse {
    params: RdseParams,
    words: Vec<u64>,
}

impl Rdse {
    /// An encoder.
    ///
    /// # Errors
    /// No bits, more active bits than bits, or a resolution that is not positive and finite.
    pub fn new(params: RdseParams) -> Result<Self, EncodeError> {
        require(params.size > 0, "size", "must be at least 1")?;
        require(params.active > 0 && params.active <= params.size, "active", "must be from 1 to `size`")?;
        require(params.resolution.is_finite() && params.resolution > 0.0, "resolution", "must be positive")?;
        Ok(Self { words: vec![0; params.size.div_ceil(64) as usize], params })
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &RdseParams {
        &self.params
    }

    /// Bits of a representation.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.params.size
    }

    /// Encodes a value into `out`.
    ///
    /// # Errors
    /// A value that is no finite number, or an output of another size.
    pub fn encode(&mut self, value: f64, out: &mut Sdr) -> Result<(), EncodeError> {
        out.expect_size(self.params.size)?;
        // Buckets beyond 32 bits come round again, far from each other.
        let bucket = (finite(value)? / self.params.resolution).floor() as i64 as u32;
        self.words.fill(0);
        for offset in 0..self.params.active {
            let bit = murmur3(bucket.wrapping_add(offset), self.params.seed) % self.params.size;
            self.words[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        out.set_words(&self.words);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder() -> Rdse {
        Rdse::new(RdseParams { size: 400, active: 21, resolution: 0.5, seed: 42 }).expect("possible")
    }

    fn encoded(encoder: &mut Rdse, value: f64) -> Sdr {
        let mut out = Sdr::empty(encoder.size());
        encoder.encode(value, &mut out).expect("a number");
        out
    }

    #[test]
    fn overlap_falls_with_distance_and_a_bucket_is_one_representation() {
        let mut encoder = encoder();
        let base = encoded(&mut encoder, 10.0);
        assert_eq!(base, encoded(&mut encoder, 10.49));
        assert!((18..=21).contains(&base.on().len()));
        let overlaps: Vec<u32> =
            (0..21).map(|step| encoded(&mut encoder, 10.0 + f64::from(step) * 0.5).overlap(&base)).collect();
        for (distance, overlap) in (0_u32..).zip(overlaps) {
            // One bit a bucket, give or take what falls together by chance.
            assert!(overlap.abs_diff(21 - distance) <= 4, "{distance}: {overlap}");
        }
        assert!(encoded(&mut encoder, 1e6).overlap(&base) < 6);
    }

    #[test]
    fn buckets_are_equally_wide_on_both_sides_of_zero() {
        let mut encoder = encoder();
        assert_ne!(encoded(&mut encoder, -0.25), encoded(&mut encoder, 0.25));
        assert_eq!(encoded(&mut encoder, -0.25), encoded(&mut encoder, -0.5));
    }

    #[test]
    fn impossible_values_and_parameters_are_errors() {
        let mut encoder = encoder();
        assert!(matches!(encoder.encode(f64::NAN, &mut Sdr::empty(400)), Err(EncodeError::NotFinite(_))));
        assert!(matches!(encoder.encode(1.0, &mut Sdr::empty(10)), Err(EncodeError::Sdr(_))));
        for (size, active, resolution) in [(0, 0, 1.0), (10, 11, 1.0), (10, 2, 0.0), (10, 2, f64::NAN)] {
            assert!(Rdse::new(RdseParams { size, active, resolution, seed: 0 }).is_err());
        }
    }
}
