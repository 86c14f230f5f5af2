//! Numbers of 16 bits (IEEE 754 binary16), as far as a check of a device's results needs them.

/// The nearest half to a finite number below 65504 in size, as `f64`; ties go to the even one.
pub(super) fn round(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    // Eleven significant bits, or steps of 2^-24 among the subnormal ones. Both scalings are exact.
    let exponent = exponent(value).max(-14);
    let step = 2.0_f64.powi(exponent - 10);
    (value / step).round_ties_even() * step
}

/// The power of two at or below a number other than zero.
fn exponent(value: f64) -> i32 {
    // Halves are far from the subnormal numbers of `f64`.
    ((value.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of a half that is given as `f64`.
    fn bits(half: f64) -> u16 {
        let sign = u16::from(half.is_sign_negative()) << 15;
        let size = half.abs();
        if size == 0.0 {
            return sign;
        }
        let exponent = exponent(size);
        let (field, step) = if exponent < -14 { (0, -24) } else { (exponent + 15, exponent - 10) };
        // At most 2^11 and exact.
        let fraction = (size / 2.0_f64.powi(step)) as u16 & 0x3ff;
        sign | ((field as u16) << 10) | fraction
    }

    #[test]
    fn halves_have_the_standard_bits() {
        let known = [
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (0.5, 0x3800),
            (65504.0, 0x7bff),
            (0.333_251_953_125, 0x3555),
            (5.960_464_477_539_063e-8, 0x0001),
            (6.097_555_160_522_461e-5, 0x03ff),
            (6.103_515_625e-5, 0x0400),
            (-1.8125, 0xbf40),
        ];
        for (value, expected) in known {
            assert_eq!((round(value).to_bits(), bits(value)), (f64::to_bits(value), expected), "{value}");
        }
        assert_eq!((bits(0.0), bits(-0.0)), (0, 0x8000));
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_ties_to_even() {
        let step = 2.0_f64.powi(-10);
        assert_eq!(bits(round(1.0 + 0.49 * step)), 0x3c00);
        assert_eq!(bits(round(1.0 + 0.51 * step)), 0x3c01);
        assert_eq!(bits(round(1.0 + 0.5 * step)), 0x3c00, "even below");
        assert_eq!(bits(round(1.0 + 1.5 * step)), 0x3c02, "even above");
        assert_eq!(bits(round(2.0 - 0.25 * step)), 0x4000, "into the next power of two");
        assert_eq!(bits(round(2.0_f64.powi(-24) * 0.5)), 0);
        assert_eq!(bits(round(2.0_f64.powi(-24) * 0.51)), 1);
        assert_eq!(round(1.0 / 3.0), 0.333_251_953_125);
    }
}
