//! Quantities: a value together with its dimension, read from text as people write it (`256 MiB`, `500 ms`, `2 GB/s`).
//!
//! Decimal and binary prefixes are told apart (`MB` is 10^6, `MiB` is 2^20) and unit names are case-sensitive, with a
//! hint when only the case is wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::nearest::nearest;
use crate::unit::{Dimension, Unit};

/// A value in base units and its dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// The value in base units (seconds, bytes, ...).
    pub value: f64,
    /// What it measures.
    pub dimension: Dimension,
}

/// Why a text is not a quantity, or two quantities do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not start with a number.
    #[error("`{0}` is not a quantity: expected a number and a unit, such as `256 MiB`, `500 ms` or `1000/s`")]
    NoNumber(String),
    /// The number is NaN or infinite.
    #[error("`{0}` is not a finite number")]
    NotFinite(String),
    /// The unit is not one we know.
    #[error("unknown unit `{unit}` in `{text}`{hint}")]
    UnknownUnit {
        /// The unit as typed.
        unit: String,
        /// The whole text.
        text: String,
        /// `, did you mean ..?` or empty.
        hint: String,
    },
    /// Two quantities that cannot be added or compared.
    #[error("cannot {verb} {left} and {right}")]
    Unlike {
        /// `add`, `compare`, ...
        verb: &'static str,
        /// The kind of the left side.
        left: String,
        /// The kind of the right side.
        right: String,
    },
}

impl Quantity {
    /// A plain number.
    #[must_use]
    pub const fn number(value: f64) -> Self {
        Self { value, dimension: Dimension::NONE }
    }

    /// A time in seconds.
    #[must_use]
    pub const fn seconds(value: f64) -> Self {
        Self { value, dimension: Dimension::TIME }
    }

    /// A size in bytes.
    #[must_use]
    pub const fn bytes(value: f64) -> Self {
        Self { value, dimension: Dimension::DATA }
    }

    /// A value in the base unit of `unit`.
    #[must_use]
    pub const fn of(value: f64, unit: Unit) -> Self {
        Self { value, dimension: unit.dimension() }
    }

    /// The sum.
    ///
    /// # Errors
    /// When the dimensions differ.
    pub fn plus(self, other: Self) -> Result<Self, QuantityError> {
        self.same(other, "add")?;
        Ok(Self { value: self.value + other.value, ..self })
    }

    /// The difference.
    ///
    /// # Errors
    /// When the dimensions differ.
    pub fn minus(self, other: Self) -> Result<Self, QuantityError> {
        self.same(other, "subtract")?;
        Ok(Self { value: self.value - other.value, ..self })
    }

    /// The product; the dimensions multiply.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self { value: self.value * other.value, dimension: self.dimension.times(other.dimension) }
    }

    /// The quotient; the dimensions divide.
    #[must_use]
    pub fn per(self, other: Self) -> Self {
        Self { value: self.value / other.value, dimension: self.dimension.per(other.dimension) }
    }

    /// How the two values lie to each other.
    ///
    /// # Errors
    /// When the dimensions differ.
    pub fn compare(self, other: Self) -> Result<std::cmp::Ordering, QuantityError> {
        self.same(other, "compare")?;
        Ok(self.value.total_cmp(&other.value))
    }

    /// The value counted in another unit: `q.to("GB")`.
    ///
    /// # Errors
    /// When the unit is unknown or measures something else.
    pub fn to(self, unit: &str) -> Result<f64, QuantityError> {
        let (factor, dimension) = parse_unit(unit, unit)?;
        self.same(Self { value: factor, dimension }, "convert")?;
        Ok(self.value / factor)
    }

    fn same(self, other: Self, verb: &'static str) -> Result<(), QuantityError> {
        if self.dimension == other.dimension {
            return Ok(());
        }
        Err(QuantityError::Unlike { verb, left: self.dimension.kind(), right: other.dimension.kind() })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Unit::of(self.dimension).format(self.value))
    }
}

/// Unit names, their size in base units and their dimension.
const ATOMS: &[(&str, f64, Dimension)] = &[
    ("ns", 1e-9, Dimension::TIME),
    ("us", 1e-6, Dimension::TIME),
    ("µs", 1e-6, Dimension::TIME),
    ("μs", 1e-6, Dimension::TIME),
    ("ms", 1e-3, Dimension::TIME),
    ("s", 1.0, Dimension::TIME),
    ("sec", 1.0, Dimension::TIME),
    ("min", 60.0, Dimension::TIME),
    ("h", 3600.0, Dimension::TIME),
    ("d", 86_400.0, Dimension::TIME),
    ("B", 1.0, Dimension::DATA),
    ("kB", 1e3, Dimension::DATA),
    ("MB", 1e6, Dimension::DATA),
    ("GB", 1e9, Dimension::DATA),
    ("TB", 1e12, Dimension::DATA),
    ("KiB", 1024.0, Dimension::DATA),
    ("MiB", 1_048_576.0, Dimension::DATA),
    ("GiB", 1_073_741_824.0, Dimension::DATA),
    ("TiB", 1_099_511_627_776.0, Dimension::DATA),
    ("bit", 0.125, Dimension::DATA),
    ("kbit", 125.0, Dimension::DATA),
    ("Mbit", 125e3, Dimension::DATA),
    ("Gbit", 125e6, Dimension::DATA),
    ("Hz", 1.0, Dimension::PER_TIME),
    ("kHz", 1e3, Dimension::PER_TIME),
    ("MHz", 1e6, Dimension::PER_TIME),
    ("GHz", 1e9, Dimension::PER_TIME),
    ("FLOP", 1.0, Dimension::NONE),
    ("MFLOP", 1e6, Dimension::NONE),
    ("GFLOP", 1e9, Dimension::NONE),
    ("TFLOP", 1e12, Dimension::NONE),
    ("op", 1.0, Dimension::NONE),
    ("ops", 1.0, Dimension::NONE),
    ("req", 1.0, Dimension::NONE),
    ("k", 1e3, Dimension::NONE),
    ("M", 1e6, Dimension::NONE),
    ("G", 1e9, Dimension::NONE),
    ("T", 1e12, Dimension::NONE),
    ("%", 0.01, Dimension::NONE),
    ("C", 1.0, Dimension { temperature: 1, ..Dimension::NONE }),
    ("°C", 1.0, Dimension { temperature: 1, ..Dimension::NONE }),
    ("J", 1.0, Dimension { energy: 1, ..Dimension::NONE }),
    ("W", 1.0, Dimension { energy: 1, time: -1, ..Dimension::NONE }),
];

fn parse_atom(unit: &str, text: &str) -> Result<(f64, Dimension), QuantityError> {
    if let Some((_, factor, dimension)) = ATOMS.iter().find(|(name, ..)| *name == unit) {
        return Ok((*factor, *dimension));
    }
    let hint = match unit {
        // Both readings are in wide use and 2.4 % apart, so neither is guessed.
        "KB" | "K" => ": write `kB` (1,000 bytes) or `KiB` (1,024 bytes)".to_owned(),
        _ => ATOMS
            .iter()
            .map(|(name, ..)| *name)
            .find(|name| name.eq_ignore_ascii_case(unit))
            .or_else(|| nearest(unit, ATOMS.iter().map(|(name, ..)| *name)))
            .map_or_else(String::new, |name| format!(", did you mean `{name}`?")),
    };
    Err(QuantityError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned(), hint })
}

/// Reads `GB`, `GB/s`, `/s`, `1/s`, `MiB/h` or nothing.
fn parse_unit(unit: &str, text: &str) -> Result<(f64, Dimension), QuantityError> {
    let unit = unit.trim();
    let (above, below) = match unit.split_once('/') {
        Some((above, below)) => (above.trim(), Some(below.trim())),
        None => (unit, None),
    };
    let (mut factor, mut dimension) = match above {
        "" | "1" => (1.0, Dimension::NONE),
        above => parse_atom(above, text)?,
    };
    if let Some(below) = below {
        let (divisor, per) = parse_atom(below, text)?;
        factor /= divisor;
        dimension = dimension.per(per);
    }
    Ok((factor, dimension))
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let trimmed = text.trim();
        let (number, unit) = split_number(trimmed);
        let digits: String = number.chars().filter(|c| *c != '_').collect();
        let value: f64 = digits.parse().map_err(|_| QuantityError::NoNumber(text.to_owned()))?;
        let (factor, dimension) = parse_unit(unit, trimmed)?;
        let value = value * factor;
        if value.is_finite() { Ok(Self { value, dimension }) } else { Err(QuantityError::NotFinite(text.to_owned())) }
    }
}

/// Splits `1.5e3 ms` behind the number. An `e` belongs to the number only when digits follow.
pub(crate) fn split_number(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut end = usize::from(bytes.first().is_some_and(|b| matches!(b, b'-' | b'+')));
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            at += 1;
        }
        at
    };
    end = digits(end);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if bytes.get(end).is_some_and(|b| matches!(b, b'e' | b'E')) {
        let sign = usize::from(bytes.get(end + 1).is_some_and(|b| matches!(b, b'-' | b'+')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    text.split_at(end)
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.value, Unit::of(self.dimension)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (value, unit) = <(f64, Unit)>::deserialize(deserializer)?;
        Ok(Self::of(value, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn quantities_are_read_as_people_write_them() {
        assert_eq!(read("256 MiB"), Quantity::bytes(268_435_456.0));
        assert_eq!(read("4KiB"), Quantity::bytes(4096.0));
        assert_eq!(read("500 ms"), Quantity::seconds(0.5));
        assert_eq!(read("2 GB/s"), Quantity::of(2e9, Unit::BytesPerSecond));
        assert_eq!(read("0.1 %").value, 0.001);
        assert_eq!(read("1000/s"), Quantity::of(1000.0, Unit::PerSecond));
        assert_eq!(read("400_000/s"), Quantity::of(400_000.0, Unit::PerSecond));
        assert_eq!(read("20.16 G/s"), Quantity::of(20.16e9, Unit::PerSecond));
        assert_eq!(read("1 MiB/h").value, 1_048_576.0 / 3600.0);
        assert_eq!(read("2.5 GFLOP/s"), Quantity::of(2.5e9, Unit::FlopsPerSecond));
        assert_eq!(read("1.5e3 ms"), Quantity::seconds(1.5));
        assert_eq!(read("7"), Quantity::number(7.0));
        assert_eq!(read("-3 s"), Quantity::seconds(-3.0));
        assert_eq!(read("8 Gbit/s"), Quantity::of(1e9, Unit::BytesPerSecond));
    }

    #[test]
    fn a_wrong_unit_is_named_with_the_nearest() {
        let message = |text: &str| text.parse::<Quantity>().unwrap_err().to_string();
        assert_eq!(message("4 gib"), "unknown unit `gib` in `4 gib`, did you mean `GiB`?");
        assert_eq!(message("4 KB"), "unknown unit `KB` in `4 KB`: write `kB` (1,000 bytes) or `KiB` (1,024 bytes)");
        assert!(message("fast").starts_with("`fast` is not a quantity"));
        assert!(message("1e999 s").contains("not a finite number"));
        assert!(message("NaN").contains("not a quantity"));
    }

    #[test]
    fn unlike_quantities_are_refused() {
        let error = read("1 s").plus(read("1 B")).unwrap_err();
        assert_eq!(error.to_string(), "cannot add a time and a size");
        assert_eq!(read("2 GB/s").times(read("3 s")), Quantity::bytes(6e9));
        assert_eq!(read("1 GB").to("MB"), Ok(1000.0));
        assert!(read("1 GB").to("ms").is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn what_is_stored_is_read_back(value in -1e12f64..1e12, time in -3i8..3, data in -3i8..3) {
            let quantity = Quantity { value, dimension: Dimension { time, data, ..Dimension::NONE } };
            let json = serde_json::to_string(&quantity).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quantity>(&json).unwrap(), quantity);
        }
    }
}
