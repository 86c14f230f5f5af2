//! The anomaly likelihood: not how large an anomaly is, but how unusual it is for this series.
//!
//! The mean of the last few raw anomalies is compared with the normal distribution of such means over a long history.
//! A series that is never well predicted then has no alarms as long as it stays so. (Ahmad, Lavin, Purdy and Agha,
//! *Unsupervised real-time anomaly detection for streaming data*, 2017.)

use std::collections::VecDeque;

/// Parameters of an [`AnomalyLikelihood`]. The defaults are the published ones.
#[derive(Debug, Clone, PartialEq)]
pub struct LikelihoodParams {
    /// Steps at the beginning that are not counted: the model knows nothing yet.
    pub learning: usize,
    /// Steps after these before there are enough for an estimate.
    pub estimation: usize,
    /// Means of the history that the distribution is estimated from.
    pub history: usize,
    /// Raw anomalies of a mean.
    pub window: usize,
    /// Steps from one estimate to the next.
    pub interval: usize,
}

impl Default for LikelihoodParams {
    fn default() -> Self {
        Self { learning: 288, estimation: 100, history: 8_640, window: 10, interval: 100 }
    }
}

/// The normal distribution of what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Normal {
    mean: f64,
    deviation: f64,
}

/// The likelihood over a stream of raw anomalies.
#[derive(Debug, Clone)]
pub struct AnomalyLikelihood {
    params: LikelihoodParams,
    steps: usize,
    recent: VecDeque<f64>,
    history: VecDeque<f64>,
    usual: Option<Normal>,
}

impl AnomalyLikelihood {
    /// A likelihood without history. Numbers of 0 count as 1.
    #[must_use]
    pub fn new(params: LikelihoodParams) -> Self {
        let (recent, history) = (VecDeque::new(), VecDeque::new());
        Self { params, steps: 0, recent, history, usual: None }
    }

    /// Takes a raw anomaly (0 to 1) and gives the likelihood that the series is anomalous, 0 to 1; 0.5 until there is an
    /// estimate. What is no number counts as 1.
    pub fn update(&mut self, raw: f64) -> f64 {
        let raw = if raw.is_nan() { 1.0 } else { raw.clamp(0.0, 1.0) };
        let LikelihoodParams { learning, estimation, history, window, interval } = self.params;
        self.recent.push_back(raw);
        if self.recent.len() > window.max(1) {
            self.recent.pop_front();
        }
        let mean = self.mean();
        self.steps += 1;
        let known = self.steps > learning + estimation;
        if known && (self.usual.is_none() || self.steps.is_multiple_of(interval.max(1))) {
            self.usual = Some(self.estimate());
        }
        // Only what came before belongs to the estimate.
        if self.steps > learning {
            self.history.push_back(mean);
            if self.history.len() > history.max(1) {
                self.history.pop_front();
            }
        }
        self.usual.map_or(0.5, |usual| 1.0 - tail((mean - usual.mean) / usual.deviation))
    }

    /// The mean of the last raw anomalies; 0 before the first.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.recent.iter().sum::<f64>() / self.recent.len().max(1) as f64
    }

    /// Mean and deviation of the history, with the published lower bounds, so that a series without any anomaly does not
    /// make the first one infinitely unlikely.
    fn estimate(&self) -> Normal {
        let count = self.history.len().max(1) as f64;
        let mean = self.history.iter().sum::<f64>() / count;
        let variance = self.history.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Normal { mean: mean.max(0.03), deviation: variance.max(0.0003).sqrt() }
    }
}

/// The chance that a standard normal variable is above `z`.
#[must_use]
pub fn tail(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

/// The published scale, on which likelihoods near 1 are spread over 0 to 1: 1 - 1e-10 is 1, 0.99999 is 0.5.
#[must_use]
pub fn log_likelihood(likelihood: f64) -> f64 {
    ((1.000_000_000_1 - likelihood).ln() / -23.025_850_840_072_09).clamp(0.0, 1.0)
}

/// The complementary error function, with a relative error below 1.2e-7 everywhere (Press et al., *Numerical Recipes*,
/// Chebyshev fit).
fn erfc(x: f64) -> f64 {
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let power = FIT.iter().rev().fold(0.0, |sum, factor| sum * t + factor);
    let value = t * (-z * z + power).exp();
    if x >= 0.0 { value } else { 2.0 - value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn tails_are_those_of_the_table() {
        for (z, expected) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931),
            (1.96, 0.024_997_895_148),
            (3.0, 0.001_349_898_032),
            (6.0, 9.865_876_45e-10),
            (-1.0, 0.841_344_746_069),
        ] {
            assert!((tail(z) / expected - 1.0).abs() < 1e-6, "{z}: {}", tail(z));
        }
    }

    #[test]
    fn the_scale_has_the_published_points() {
        assert!((log_likelihood(0.999_99) - 0.5).abs() < 1e-4);
        assert!((log_likelihood(1.0) - 1.0).abs() < 1e-6);
        assert!(log_likelihood(0.0).abs() < 1e-9);
        assert!((log_likelihood(0.5) - 0.030_1).abs() < 1e-3);
    }

    #[test]
    fn a_change_of_the_usual_is_unlikely_and_the_usual_is_not() {
        let mut random = Random::new(4);
        let mut likelihood = AnomalyLikelihood::new(LikelihoodParams::default());
        let mut high = 0;
        for step in 0..3_000 {
            // A badly predicted series: raw anomalies of 0.2 to 0.6.
            let value = likelihood.update(0.2 + 0.4 * random.unit());
            assert!(step >= 388 || (value - 0.5).abs() < 1e-12, "no estimate yet");
            high += usize::from(value > 0.9999);
        }
        assert!(high < 10, "{high}");
        let last = (0..10).map(|_| likelihood.update(0.95)).last().expect("ten");
        assert!(last > 0.999_999, "{last}");
        assert!((0.0..=1.0).contains(&likelihood.update(f64::NAN)));
    }
}
