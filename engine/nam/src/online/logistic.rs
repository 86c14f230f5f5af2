//! Logistic regression on scaled rows, one step of gradient descent a row: the reference model of online learning.

use super::prequential::{Learner, OnlineError};
use super::scaler::StandardScaler;

/// A standard scaler and a logistic regression for two classes, in double precision. A row is scaled by what was seen
/// before it to be predicted, and with itself to be learned from.
#[derive(Debug, Clone)]
pub struct LogisticRegression {
    scaler: StandardScaler,
    weights: Vec<f64>,
    bias: f64,
    rate: f64,
    scaled: Vec<f64>,
}

impl LogisticRegression {
    /// For rows of so many features; `rate` is the size of a step, for weights and bias.
    #[must_use]
    pub fn new(features: usize, rate: f64) -> Self {
        Self {
            scaler: StandardScaler::new(features),
            weights: vec![0.0; features],
            bias: 0.0,
            rate,
            scaled: vec![0.0; features],
        }
    }

    /// The logit of class 1 for a row.
    fn logit(&mut self, row: &[f32]) -> f64 {
        self.scaler.scale(row, &mut self.scaled);
        self.weights.iter().zip(&self.scaled).map(|(weight, value)| weight * value).sum::<f64>() + self.bias
    }

    /// The probability of class 1, 0..1.
    pub fn probability(&mut self, row: &[f32]) -> f64 {
        1.0 / (1.0 + (-self.logit(row)).exp())
    }

    /// The weights of the scaled features.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

impl Learner for LogisticRegression {
    fn predict(&mut self, row: &[f32]) -> usize {
        usize::from(self.logit(row) > 0.0)
    }

    fn learn(&mut self, row: &[f32], label: usize) -> Result<f64, OnlineError> {
        OnlineError::check(row, self.weights.len(), label, 2)?;
        self.scaler.learn(row);
        let logit = self.logit(row);
        let target = label as f64;
        let slope = 1.0 / (1.0 + (-logit).exp()) - target;
        self.bias -= self.rate * slope;
        for (weight, value) in self.weights.iter_mut().zip(&self.scaled) {
            *weight -= self.rate * slope * value;
        }
        // The loss is ln(1 + e^-z) for the logit `z` of the right class, without overflow.
        let z = if label == 1 { logit } else { -logit };
        Ok((-z).max(0.0) + (-z.abs()).exp().ln_1p())
    }

    fn drifted(&mut self) {}
}
