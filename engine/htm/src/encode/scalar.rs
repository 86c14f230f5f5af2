//! The scalar encoder: a block of neighbouring bits whose place is the value's place in a known range.

use super::{EncodeError, finite, require};
use crate::sdr::Sdr;

/// Parameters of a [`ScalarEncoder`].
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarParams {
    /// The smallest value.
    pub low: f64,
    /// The largest value; where it is `periodic`, the value at which it begins again.
    pub high: f64,
    /// Bits of a representation.
    pub size: u32,
    /// Bits that are on.
    pub active: u32,
    /// Whether the largest value is next to the smallest, as with hours of a day.
    pub periodic: bool,
    /// Whether values outside are taken for the nearest inside; otherwise they are errors.
    pub clip: bool,
}

/// The encoder.
#[derive(Debug, Clone)]
pub struct ScalarEncoder {
    params: ScalarParams,
}

impl ScalarEncoder {
    /// An encoder.
    ///
    /// # Errors
    /// An empty range, no bits, or more active bits than bits.
    pub fn new(params: ScalarParams) -> Result<Self, EncodeError> {
        let range = params.low.is_finite() && params.high.is_finite() && params.low < params.high;
        require(range, "high", "must lie above `low`")?;
        require(params.size > 0, "size", "must be at least 1")?;
        require(params.active > 0 && params.active <= params.size, "active", "must be from 1 to `size`")?;
        Ok(Self { params })
    }

    /// Bits of a representation.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.params.size
    }

    /// How many different representations there are.
    #[must_use]
    pub fn buckets(&self) -> u32 {
        if self.params.periodic { self.params.size } else { self.params.size - self.params.active + 1 }
    }

    /// Encodes a value.
    ///
    /// # Errors
    /// A value that is no finite number or, without `clip`, lies outside.
    pub fn encode(&self, value: f64) -> Result<Sdr, EncodeError> {
        let ScalarParams { low, high, size, active, periodic, clip } = self.params;
        let value = finite(value)?;
        let outside = value < low || value > high || (periodic && value >= high);
        if outside && !clip {
            return Err(EncodeError::Range { value, low, high });
        }
        let share = (value.clamp(low, high) - low) / (high - low);
        let first = if periodic {
            (share * f64::from(size)) as u32 % size
        } else {
            (share * f64::from(self.buckets() - 1)).round() as u32
        };
        let mut on: Vec<u32> = (first..first + active).map(|bit| bit % size).collect();
        on.sort_unstable();
        Ok(Sdr::sorted(size, on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> ScalarParams {
        ScalarParams { low: 1.0, high: 8.0, size: 10, active: 3, periodic: false, clip: false }
    }

    #[test]
    fn the_block_moves_with_the_value() {
        let encoder = ScalarEncoder::new(params()).expect("possible");
        assert_eq!(encoder.buckets(), 8);
        assert_eq!(encoder.encode(1.0).expect("inside").on(), [0, 1, 2]);
        assert_eq!(encoder.encode(4.2).expect("inside").on(), [3, 4, 5]);
        assert_eq!(encoder.encode(8.0).expect("inside").on(), [7, 8, 9]);
        assert!(matches!(encoder.encode(8.1), Err(EncodeError::Range { .. })));
        assert!(matches!(encoder.encode(f64::INFINITY), Err(EncodeError::NotFinite(_))));
        let clipping = ScalarEncoder::new(ScalarParams { clip: true, ..params() }).expect("possible");
        assert_eq!(clipping.encode(99.0).expect("clipped").on(), [7, 8, 9]);
    }

    #[test]
    fn a_period_closes() {
        let clock = ScalarParams { low: 0.0, high: 24.0, size: 24, active: 5, periodic: true, clip: false };
        let encoder = ScalarEncoder::new(clock).expect("possible");
        assert_eq!(encoder.encode(23.5).expect("inside").on(), [0, 1, 2, 3, 23]);
        assert_eq!(encoder.encode(0.0).expect("inside").overlap(&encoder.encode(23.0).expect("inside")), 4);
        assert!(encoder.encode(24.0).is_err());
    }

    #[test]
    fn impossible_parameters_are_errors() {
        for bad in [
            ScalarParams { high: 1.0, ..params() },
            ScalarParams { low: f64::NAN, ..params() },
            ScalarParams { active: 0, ..params() },
            ScalarParams { active: 11, ..params() },
        ] {
            assert!(ScalarEncoder::new(bad).is_err());
        }
    }
}
