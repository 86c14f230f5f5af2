//! The category encoder: things without an order; no two share a bit.

use super::{EncodeError, require};
use crate::sdr::Sdr;

/// The encoder: each category has a block of bits of its own.
#[derive(Debug, Clone)]
pub struct CategoryEncoder {
    categories: u32,
    active: u32,
}

impl CategoryEncoder {
    /// An encoder of categories 0 to `categories - 1` with `active` bits each.
    ///
    /// # Errors
    /// No categories, no bits, or more than 2^31 of them.
    pub fn new(categories: u32, active: u32) -> Result<Self, EncodeError> {
        require(categories > 0, "categories", "must be at least 1")?;
        require(active > 0, "active", "must be at least 1")?;
        let fits = categories.checked_mul(active).is_some_and(|size| size <= 1 << 31);
        require(fits, "active", "makes too wide a representation")?;
        Ok(Self { categories, active })
    }

    /// Bits of a representation.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.categories * self.active
    }

    /// Encodes a category.
    ///
    /// # Errors
    /// A category that the encoder does not have.
    pub fn encode(&self, category: u32) -> Result<Sdr, EncodeError> {
        if category >= self.categories {
            return Err(EncodeError::Category { category, categories: self.categories });
        }
        let first = category * self.active;
        Ok(Sdr::sorted(self.size(), (first..first + self.active).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_share_nothing() {
        let encoder = CategoryEncoder::new(5, 4).expect("possible");
        let all: Vec<Sdr> = (0..5).map(|category| encoder.encode(category).expect("known")).collect();
        for (at, one) in all.iter().enumerate() {
            assert_eq!((one.on().len(), one.size()), (4, 20));
            assert!(all[..at].iter().all(|other| other.overlap(one) == 0));
        }
        assert_eq!(encoder.encode(5), Err(EncodeError::Category { category: 5, categories: 5 }));
        assert!(CategoryEncoder::new(0, 1).is_err() && CategoryEncoder::new(1 << 20, 1 << 20).is_err());
    }
}
