//! The last so many values of a series.

use std::collections::VecDeque;

/// Keeps the last values; older ones are forgotten.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    values: VecDeque<f64>,
}

impl Ring {
    /// Values that are kept: as many as the widest terminal has columns.
    pub const MOST: usize = 300;

    /// Adds a value; the oldest goes when there are too many. What is not a number is shown as zero.
    pub fn push(&mut self, value: f64) {
        if self.values.len() == Self::MOST {
            self.values.pop_front();
        }
        self.values.push_back(if value.is_finite() { value } else { 0.0 });
    }

    /// The newest value.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.values.back().copied()
    }

    /// The last `count` values, oldest first.
    #[must_use]
    pub fn tail(&self, count: usize) -> Vec<f64> {
        self.values.iter().skip(self.values.len().saturating_sub(count)).copied().collect()
    }

    /// The largest value that is kept.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_values_are_kept() {
        let mut ring = Ring::default();
        assert_eq!((ring.last(), ring.tail(3), ring.max()), (None, vec![], 0.0));
        (0..1000).for_each(|value| ring.push(f64::from(value)));
        assert_eq!((ring.last(), ring.tail(2), ring.tail(9_999).len()), (Some(999.0), vec![998.0, 999.0], Ring::MOST));
        ring.push(f64::NAN);
        assert_eq!(ring.last(), Some(0.0));
    }
}
