//! Encoders: values as representations, such that like values share bits.

mod category;
mod date;
mod rdse;
mod scalar;

pub use category::CategoryEncoder;
pub use date::{Calendar, DateEncoder, DateParams};
pub use rdse::{Rdse, RdseParams};
pub use scalar::{ScalarEncoder, ScalarParams};

use crate::sdr::SdrError;

/// Why a value or an encoder is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value is no finite number.
    #[error("{0} is no number that can be encoded")]
    NotFinite(f64),
    /// The value lies outside the encoder's range.
    #[error("{value} lies outside {low}..{high}")]
    Range {
        /// The value.
        value: f64,
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
    },
    /// The encoder does not know the category.
    #[error("category {category} is none of the {categories}")]
    Category {
        /// The category.
        category: u32,
        /// How many there are.
        categories: u32,
    },
    /// A parameter makes no encoder.
    #[error("`{name}` {why}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The output is as wide as another encoder's.
    #[error(transparent)]
    Sdr(#[from] SdrError),
}

/// That a parameter is possible.
fn require(possible: bool, name: &'static str, why: &'static str) -> Result<(), EncodeError> {
    if possible { Ok(()) } else { Err(EncodeError::Parameter { name, why }) }
}

/// That a value is a finite number.
fn finite(value: f64) -> Result<f64, EncodeError> {
    if value.is_finite() { Ok(value) } else { Err(EncodeError::NotFinite(value)) }
}
