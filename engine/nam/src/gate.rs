//! CODE's rule of resonance and tension, as a gate: a pair passes when its vectors point the same way and its levels
//! differ little.
//!
//! Resonance is the cosine of two embeddings, `a.b / (|a| |b|)`; tension is the relative distance of two levels,
//! `|e1 - e2| / max(|e1|, |e2|)`, for vectors by their lengths. The pair is valid if and only if the resonance is at least
//! 0.45 and the tension at most 0.35.

use crate::kernel::{Isa, norms};

/// Why a pair cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The two sides have different lengths, or none.
    #[error("both sides must have the same length, at least 1; got {left} and {right}")]
    Length {
        /// Values on the left.
        left: usize,
        /// Values on the right.
        right: usize,
    },
    /// A vector of zeros points nowhere, and NaN is no direction.
    #[error("a vector without direction: its length is zero or no finite number")]
    NoDirection,
}

/// The rule with its two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Least resonance, -1..1.
    pub resonance: f32,
    /// Greatest tension, 0..2.
    pub tension: f32,
    isa: Isa,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(0.45, 0.35)
    }
}

/// What a pair showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Cosine of the embeddings.
    pub resonance: f32,
    /// Relative distance of the levels.
    pub tension: f32,
    /// Whether it passes.
    pub valid: bool,
}

impl Gate {
    /// A rule with other bounds.
    #[must_use]
    pub fn new(resonance: f32, tension: f32) -> Self {
        Self { resonance, tension, isa: Isa::best() }
    }

    /// Judges a pair of embeddings and a pair of levels.
    ///
    /// # Errors
    /// When lengths differ, or an embedding has no direction.
    pub fn check(&self, embeddings: (&[f32], &[f32]), levels: (&[f32], &[f32])) -> Result<Reading, GateError> {
        for (left, right) in [embeddings, levels] {
            if left.len() != right.len() || left.is_empty() {
                return Err(GateError::Length { left: left.len(), right: right.len() });
            }
        }
        let [product, left, right] = norms(self.isa, embeddings.0, embeddings.1);
        // Roots before the product: the squares of two long vectors overflow together long before each of them does.
        let lengths = left.sqrt() * right.sqrt();
        if !(lengths > 0.0 && lengths.is_finite()) {
            return Err(GateError::NoDirection);
        }
        let resonance = product / lengths;
        let (mut distance, mut first, mut second) = (0.0_f32, 0.0_f32, 0.0_f32);
        for (one, two) in levels.0.iter().zip(levels.1) {
            distance += (one - two) * (one - two);
            first += one * one;
            second += two * two;
        }
        let larger = first.max(second).sqrt();
        let tension = if larger == 0.0 { 0.0 } else { distance.sqrt() / larger };
        let valid = resonance >= self.resonance && tension <= self.tension;
        Ok(Reading { resonance, tension, valid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn known_pairs_are_judged_by_the_rule() {
        let gate = Gate::default();
        let levels = (&[3.0][..], &[2.0][..]);
        let reading = gate.check((&[1.0, 0.0], &[1.0, 1.0]), levels).unwrap();
        assert!((reading.resonance - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-6);
        assert!((reading.tension - 1.0 / 3.0).abs() < 1e-6 && reading.valid);
        assert!(!gate.check((&[1.0, 0.0], &[1.0, 1.0]), (&[3.0], &[1.9])).unwrap().valid, "too tense");
        assert!(!gate.check((&[1.0, 0.0], &[0.44, 0.9]), levels).unwrap().valid, "too far apart");
        let opposite = gate.check((&[1.0, 2.0], &[-1.0, -2.0]), (&[0.0], &[0.0])).unwrap();
        assert!((opposite.resonance + 1.0).abs() < 1e-6 && opposite.tension == 0.0 && !opposite.valid);
    }

    #[test]
    fn long_vectors_agree_with_double_precision() {
        let mut random = Random::new(4);
        let a: Vec<f32> = (0..768).map(|_| random.normal()).collect();
        let b: Vec<f32> = a.iter().map(|value| value + random.normal()).collect();
        let sum = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let right = sum(&a, &b) / (sum(&a, &a) * sum(&b, &b)).sqrt();
        let reading = Gate::default().check((&a, &b), (&a, &b)).unwrap();
        assert!((f64::from(reading.resonance) - right).abs() < 1e-6, "{reading:?} {right}");
    }

    #[test]
    fn pairs_without_direction_are_refused() {
        let gate = Gate::default();
        assert_eq!(gate.check((&[0.0], &[1.0]), (&[1.0], &[1.0])), Err(GateError::NoDirection));
        assert_eq!(gate.check((&[f32::NAN], &[1.0]), (&[1.0], &[1.0])), Err(GateError::NoDirection));
        assert_eq!(gate.check((&[], &[]), (&[1.0], &[1.0])), Err(GateError::Length { left: 0, right: 0 }));
        let error = gate.check((&[1.0], &[1.0, 2.0]), (&[1.0], &[1.0])).unwrap_err();
        assert_eq!(error.to_string(), "both sides must have the same length, at least 1; got 1 and 2");
        assert!(!gate.check((&[1.0], &[1.0]), (&[f32::NAN], &[1.0])).unwrap().valid, "no number is no agreement");
    }
}
