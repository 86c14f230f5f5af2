//! Units: what a stored number is measured in, and how it is written for people.
//!
//! A number is always kept in the base unit of its dimension (seconds, bytes, bytes per second, ...). Scaling
//! happens in two places only: when a quantity is read ([`crate::quantity`]) and when it is shown ([`Unit::format`]).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The exponents of the base units second, byte, joule and kelvin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Dimension {
    /// Exponent of the second.
    pub time: i8,
    /// Exponent of the byte.
    pub data: i8,
    /// Exponent of the joule.
    pub energy: i8,
    /// Exponent of the degree Celsius (only differences and levels, never converted to kelvin).
    pub temperature: i8,
}

impl Dimension {
    /// No dimension: counts and ratios.
    pub const NONE: Self = Self { time: 0, data: 0, energy: 0, temperature: 0 };
    /// Seconds.
    pub const TIME: Self = Self { time: 1, ..Self::NONE };
    /// Bytes.
    pub const DATA: Self = Self { data: 1, ..Self::NONE };
    /// Something per second.
    pub const PER_TIME: Self = Self { time: -1, ..Self::NONE };

    /// The dimension of a product. Exponents saturate: no sensible quantity comes near.
    #[must_use]
    pub const fn times(self, other: Self) -> Self {
        Self {
            time: self.time.saturating_add(other.time),
            data: self.data.saturating_add(other.data),
            energy: self.energy.saturating_add(other.energy),
            temperature: self.temperature.saturating_add(other.temperature),
        }
    }

    /// The dimension of one over this.
    #[must_use]
    pub const fn inverse(self) -> Self {
        Self {
            time: self.time.saturating_neg(),
            data: self.data.saturating_neg(),
            energy: self.energy.saturating_neg(),
            temperature: self.temperature.saturating_neg(),
        }
    }

    /// The dimension of a quotient.
    #[must_use]
    pub const fn per(self, other: Self) -> Self {
        self.times(other.inverse())
    }

    /// What people call it: `a time`, `a size`, `a rate`, ... Used in error messages.
    #[must_use]
    pub fn kind(self) -> String {
        match Unit::of(self) {
            Unit::Seconds => "a time".to_owned(),
            Unit::Bytes => "a size".to_owned(),
            Unit::BytesPerSecond => "a bandwidth".to_owned(),
            Unit::PerSecond => "a rate".to_owned(),
            Unit::Watts => "a power".to_owned(),
            Unit::Celsius => "a temperature".to_owned(),
            Unit::Count => "a plain number".to_owned(),
            other => format!("a quantity in {other}"),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("B", self.data), ("J", self.energy), ("C", self.temperature), ("s", self.time)];
        let side = |sign: i8| {
            let factors: Vec<String> = parts
                .iter()
                .filter(|(_, exponent)| exponent.signum() == sign)
                .map(|(name, exponent)| match exponent.unsigned_abs() {
                    1 => (*name).to_owned(),
                    power => format!("{name}^{power}"),
                })
                .collect();
            factors.join("*")
        };
        match (side(1), side(-1)) {
            (above, below) if above.is_empty() && below.is_empty() => f.write_str("1"),
            (above, below) if below.is_empty() => f.write_str(&above),
            (above, below) => write!(f, "{above}/{below}"),
        }
    }
}

/// The unit of a metric, in SI base units. Rates of different things share a dimension but not a name, so that a
/// report can say FLOP/s, Hz or /s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Time.
    Seconds,
    /// An amount of data.
    Bytes,
    /// Bandwidth.
    BytesPerSecond,
    /// Operations, requests or events per second.
    PerSecond,
    /// Floating-point operations per second; a fused multiply-add counts as two.
    FlopsPerSecond,
    /// Clock cycles per second.
    Hertz,
    /// Temperature.
    Celsius,
    /// Power.
    Watts,
    /// A plain number of things.
    Count,
    /// A share, stored as 0..1 and shown as a percentage.
    Ratio,
    /// Whatever the script computed: the product of base units.
    Derived(Dimension),
}

impl Unit {
    /// The exponents of this unit.
    #[must_use]
    pub const fn dimension(self) -> Dimension {
        match self {
            Self::Seconds => Dimension::TIME,
            Self::Bytes => Dimension::DATA,
            Self::BytesPerSecond => Dimension { data: 1, time: -1, ..Dimension::NONE },
            Self::PerSecond | Self::FlopsPerSecond | Self::Hertz => Dimension::PER_TIME,
            Self::Celsius => Dimension { temperature: 1, ..Dimension::NONE },
            Self::Watts => Dimension { energy: 1, time: -1, ..Dimension::NONE },
            Self::Count | Self::Ratio => Dimension::NONE,
            Self::Derived(dimension) => dimension,
        }
    }

    /// The usual unit of a dimension.
    #[must_use]
    pub fn of(dimension: Dimension) -> Self {
        [Self::Seconds, Self::Bytes, Self::BytesPerSecond, Self::PerSecond, Self::Celsius, Self::Watts, Self::Count]
            .into_iter()
            .find(|unit| unit.dimension() == dimension)
            .unwrap_or(Self::Derived(dimension))
    }

    /// Writes `value` (in base units) for people: scaled, four significant digits, with its unit.
    /// Sizes use binary prefixes, rates decimal ones; a non-finite value is written as `n/a`.
    #[must_use]
    pub fn format(self, value: f64) -> String {
        if !value.is_finite() {
            return "n/a".to_owned();
        }
        let (factor, name) = self.scale(value);
        let number = significant(value / factor);
        if name.is_empty() {
            number
        } else if name.starts_with('/') {
            format!("{number}{name}")
        } else {
            format!("{number} {name}")
        }
    }

    /// The factor and the name under which `value` reads best.
    #[must_use]
    pub fn scale(self, value: f64) -> (f64, String) {
        const DECIMAL: [(f64, &str); 5] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];
        let magnitude = value.abs();
        let decimal = |base: &str| {
            let (factor, prefix) = DECIMAL.into_iter().find(|(f, _)| magnitude >= *f).unwrap_or((1.0, ""));
            (factor, format!("{prefix}{base}"))
        };
        match self {
            Self::Seconds => {
                let table = [(3600.0, "h"), (120.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")];
                let (limit, name) = table.into_iter().find(|(f, _)| magnitude >= *f).unwrap_or((1e-9, "ns"));
                let factor = if name == "min" { 60.0 } else { limit };
                if magnitude == 0.0 { (1.0, "s".to_owned()) } else { (factor, name.to_owned()) }
            }
            Self::Bytes => {
                let table = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
                #[expect(clippy::cast_precision_loss, reason = "powers of two up to 2^40 are exact")]
                let found = table.into_iter().map(|(f, n)| (f as f64, n)).find(|(f, _)| magnitude >= *f);
                let (factor, name) = found.unwrap_or((1.0, "B"));
                (factor, name.to_owned())
            }
            Self::BytesPerSecond => decimal("B/s"),
            // Below a million the digits are read as they are: `73800/s`, then `20.16 G/s`.
            Self::PerSecond if magnitude >= 1e6 => decimal("/s"),
            Self::PerSecond => (1.0, "/s".to_owned()),
            Self::FlopsPerSecond => decimal("FLOP/s"),
            Self::Hertz => decimal("Hz"),
            Self::Celsius => (1.0, "C".to_owned()),
            Self::Watts => (1.0, "W".to_owned()),
            Self::Count if magnitude >= 1e9 => decimal(""),
            Self::Count => (1.0, String::new()),
            Self::Ratio => (0.01, "%".to_owned()),
            Self::Derived(dimension) => (1.0, dimension.to_string()),
        }
    }
}

/// Four significant digits, without an exponent for everyday magnitudes; whole thousands keep all their digits.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs();
    if magnitude >= 1000.0 {
        return if magnitude < 1e15 { format!("{value:.0}") } else { format!("{value:.3e}") };
    }
    if magnitude < 1e-4 {
        return format!("{value:.3e}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a number in 1e-4..1e3 is in -4..3")]
    let digits_before = magnitude.log10().floor() as i32;
    let decimals = usize::try_from(3 - digits_before).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    // `4.000` reads as `4`, but `4.200` stays: a table column keeps its digits.
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole.to_owned(),
        _ => text,
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds => f.write_str("s"),
            Self::Bytes => f.write_str("B"),
            Self::BytesPerSecond => f.write_str("B/s"),
            Self::PerSecond => f.write_str("1/s"),
            Self::FlopsPerSecond => f.write_str("FLOP/s"),
            Self::Hertz => f.write_str("Hz"),
            Self::Celsius => f.write_str("C"),
            Self::Watts => f.write_str("W"),
            Self::Count => f.write_str("1"),
            Self::Ratio => f.write_str("ratio"),
            Self::Derived(dimension) => dimension.fmt(f),
        }
    }
}

/// A stored unit that no version of this program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown stored unit `{0}`")]
pub struct UnknownUnit(pub String);

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        let named = [
            Self::Seconds,
            Self::Bytes,
            Self::BytesPerSecond,
            Self::PerSecond,
            Self::FlopsPerSecond,
            Self::Hertz,
            Self::Celsius,
            Self::Watts,
            Self::Count,
            Self::Ratio,
        ];
        if let Some(unit) = named.into_iter().find(|unit| unit.to_string() == text) {
            return Ok(unit);
        }
        // The dimension of a named unit, written out, is that unit: what is stored is read back as the same.
        let derived = parse_dimension(text).filter(|_| !text.is_empty()).map(Self::of);
        derived.ok_or_else(|| UnknownUnit(text.to_owned()))
    }
}

/// Reads what [`Dimension`]'s `Display` wrote: `B*s^2/J`.
fn parse_dimension(text: &str) -> Option<Dimension> {
    let (above, below) = text.split_once('/').unwrap_or((text, ""));
    let mut dimension = Dimension::NONE;
    for (side, sign) in [(above, 1), (below, -1)] {
        for factor in side.split('*').filter(|factor| !factor.is_empty() && *factor != "1") {
            let (name, power) = factor.split_once('^').unwrap_or((factor, "1"));
            let power = power.parse::<i8>().ok()?.checked_mul(sign)?;
            match name {
                "B" => dimension.data = power,
                "s" => dimension.time = power,
                "J" => dimension.energy = power,
                "C" => dimension.temperature = power,
                _ => return None,
            }
        }
    }
    Some(dimension)
}

impl Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_in_the_unit_that_reads_best() {
        let cases = [
            (Unit::Seconds, 0.0123, "12.30 ms"),
            (Unit::Seconds, 4.2e-9, "4.200 ns"),
            (Unit::Seconds, 90.0, "90 s"),
            (Unit::Seconds, 150.0, "2.500 min"),
            (Unit::Bytes, 262_144.0, "256 KiB"),
            (Unit::BytesPerSecond, 23.4e9, "23.40 GB/s"),
            (Unit::PerSecond, 412_345.0, "412345/s"),
            (Unit::PerSecond, 2.016e10, "20.16 G/s"),
            (Unit::PerSecond, -1.5e6, "-1.500 M/s"),
            (Unit::Count, 123_456_789.0, "123456789"),
            (Unit::Count, 2.016e10, "20.16 G"),
            (Unit::FlopsPerSecond, 1.5e11, "150 GFLOP/s"),
            (Unit::Ratio, 0.123, "12.30 %"),
            (Unit::Count, 3.0, "3"),
            (Unit::Seconds, f64::NAN, "n/a"),
        ];
        for (unit, value, text) in cases {
            assert_eq!(unit.format(value), text, "{unit:?} {value}");
        }
    }

    #[test]
    fn every_unit_survives_being_stored() {
        let derived = Unit::Derived(Dimension { time: 2, data: -1, energy: 1, temperature: 0 });
        for unit in [Unit::Seconds, Unit::PerSecond, Unit::FlopsPerSecond, Unit::Count, Unit::Ratio, derived] {
            assert_eq!(unit.to_string().parse(), Ok(unit));
        }
        assert!("furlong".parse::<Unit>().is_err());
        assert!("".parse::<Unit>().is_err());
        for written in ["*", "1", "B/s", "B*B/B", "/s"] {
            let unit: Unit = written.parse().unwrap();
            assert_eq!(unit.to_string().parse(), Ok(unit), "{written}");
        }
    }

    #[test]
    fn dimensions_multiply() {
        let bandwidth = Unit::BytesPerSecond.dimension();
        assert_eq!(Unit::of(bandwidth.times(Dimension::TIME)), Unit::Bytes);
        assert_eq!(Unit::of(Dimension::DATA.per(bandwidth)), Unit::Seconds);
        assert_eq!(Unit::of(Dimension::DATA.times(Dimension::DATA)).to_string(), "B^2");
    }
}
