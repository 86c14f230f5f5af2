//! The sparse distributed representation: a wide bit vector of which few bits are on.

/// A set of on bits in a vector of `size` bits.
///
/// The on bits are kept as sorted, distinct indices: at the usual densities (0.5 to 5 %) that is smaller than the bits
/// themselves and is the form in which every algorithm here wants them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sdr {
    size: u32,
    on: Vec<u32>,
}

/// Why something is no representation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdrError {
    /// A bit lies outside.
    #[error("bit {bit} lies outside a representation of {size} bits")]
    Outside {
        /// The bit.
        bit: u32,
        /// How many bits there are.
        size: u32,
    },
    /// Two representations that have to be equally wide are not.
    #[error("a representation of {got} bits where {expected} are expected")]
    Size {
        /// What is expected.
        expected: u32,
        /// What was given.
        got: u32,
    },
}

impl Sdr {
    /// All bits off.
    #[must_use]
    pub fn empty(size: u32) -> Self {
        Self { size, on: Vec::new() }
    }

    /// From indices in any order; those given twice count once.
    ///
    /// # Errors
    /// A bit outside.
    pub fn new(size: u32, mut on: Vec<u32>) -> Result<Self, SdrError> {
        on.sort_unstable();
        on.dedup();
        match on.last() {
            Some(&bit) if bit >= size => Err(SdrError::Outside { bit, size }),
            _ => Ok(Self { size, on }),
        }
    }

    /// From indices that are ascending and inside already; used where a set is made that way.
    pub(crate) fn sorted(size: u32, on: Vec<u32>) -> Self {
        debug_assert!(on.is_sorted_by(|a, b| a < b) && on.last().is_none_or(|&bit| bit < size));
        Self { size, on }
    }

    /// Turns the bits on whose bits are set in the words, least significant first, and all others off.
    pub(crate) fn set_words(&mut self, words: &[u64]) {
        self.on.clear();
        for (base, &word) in (0_u32..).step_by(64).zip(words) {
            let mut left = word;
            while left != 0 {
                self.on.push(base + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }

    /// Turns these bits on, ascending and inside already, and all others off.
    pub(crate) fn set_sorted(&mut self, on: &[u32]) {
        debug_assert!(on.is_sorted_by(|a, b| a < b) && on.last().is_none_or(|&bit| bit < self.size));
        self.on.clear();
        self.on.extend_from_slice(on);
    }

    /// One representation behind the other: as wide as both together.
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Self {
        let behind = other.on.iter().map(|bit| bit + self.size);
        Self { size: self.size + other.size, on: self.on.iter().copied().chain(behind).collect() }
    }

    /// That it has this many bits.
    ///
    /// # Errors
    /// Another number of bits.
    pub fn expect_size(&self, expected: u32) -> Result<(), SdrError> {
        if self.size == expected { Ok(()) } else { Err(SdrError::Size { expected, got: self.size }) }
    }

    /// How many bits there are.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The indices of the on bits, ascending.
    #[must_use]
    pub fn on(&self) -> &[u32] {
        &self.on
    }

    /// The share of bits that are on, 0 to 1.
    #[must_use]
    pub fn density(&self) -> f64 {
        if self.size == 0 { 0.0 } else { self.on.len() as f64 / f64::from(self.size) }
    }

    /// How many bits are on in both.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> u32 {
        let (mut a, mut b, mut both) = (self.on.iter().peekable(), other.on.iter().peekable(), 0);
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.cmp(y) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    both += 1;
                    a.next();
                    b.next();
                }
            }
        }
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_sorted_distinct_and_inside() {
        let bits = Sdr::new(10, vec![7, 2, 7]).expect("inside");
        assert_eq!(bits.on(), [2, 7]);
        assert_eq!(Sdr::new(10, vec![10]), Err(SdrError::Outside { bit: 10, size: 10 }));
    }

    #[test]
    fn one_lies_behind_the_other() {
        let a = Sdr::new(10, vec![1, 9]).expect("inside");
        let both = a.followed_by(&Sdr::new(5, vec![0, 4]).expect("inside"));
        assert_eq!((both.size(), both.on()), (15, [1, 9, 10, 14].as_slice()));
        assert_eq!(a.expect_size(15), Err(SdrError::Size { expected: 15, got: 10 }));
        let mut words = Sdr::empty(70);
        words.set_words(&[1 | 1 << 63, 0b10]);
        assert_eq!(words.on(), [0, 63, 65]);
    }

    #[test]
    fn the_overlap_counts_common_bits() {
        let a = Sdr::new(10, vec![1, 3, 5, 9]).expect("inside");
        let b = Sdr::new(10, vec![0, 3, 9]).expect("inside");
        assert_eq!((a.overlap(&b), b.overlap(&a), a.overlap(&a)), (2, 2, 4));
    }
}
