//! Permanences as fixed-point numbers: two bytes a synapse, exact decimals, and the same result in every order of work.
//!
//! 1.0 is [`ONE`]. The usual parameters (0.1, 0.21, 0.05, 0.008, 0.0005) are whole multiples of 1/60,000, so that ten
//! steps of 0.1 are 1.0 and not nearly so: where floating-point implementations need a tolerance at the threshold, none
//! is needed here.

/// The permanence 1.0.
pub const ONE: u16 = 60_000;

/// A permanence or a step of one as a fixed-point number, rounded to the nearest; below 0 is 0, above 1 is 1.
#[must_use]
pub fn fixed(value: f64) -> u16 {
    (value.clamp(0.0, 1.0) * f64::from(ONE)).round() as u16
}

/// A fixed-point permanence as a number from 0 to 1.
#[must_use]
pub fn unit(value: u16) -> f64 {
    f64::from(value) / f64::from(ONE)
}

/// One up, at most to 1.0.
#[inline(always)]
pub(crate) const fn up(value: u16, step: u16) -> u16 {
    let sum = value.saturating_add(step);
    if sum > ONE { ONE } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (value, whole) in [(0.1, 6_000), (0.21, 12_600), (0.0005, 30), (0.008, 480), (0.5, 30_000), (1.0, ONE)] {
            assert_eq!(fixed(value), whole);
            assert!((unit(whole) - value).abs() < 1e-12);
        }
        assert_eq!((fixed(-1.0), fixed(2.0), fixed(f64::NAN)), (0, ONE, 0));
        assert_eq!((up(59_000, 6_000), up(u16::MAX, 1), up(1, 2)), (ONE, ONE, 3));
    }
}
