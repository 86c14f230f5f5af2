//! How rare a value is by counting: beside the normal distribution of the likelihood, which takes heavy tails for alarms.

use std::collections::VecDeque;

/// Values of a history below which nothing is called rare.
const FEW: usize = 50;

/// Counts how often a value as high has come before.
#[derive(Debug, Clone, Default)]
pub struct Rarity {
    history: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Rarity {
    /// The values that are remembered.
    pub const HISTORY: usize = 8_640;

    /// How rare it is to be as high as `value`, 0 to 1: the logarithm of the share of values that were, in that of one
    /// value of all; 1 is higher than ever, 0 as always. 0 while there are few.
    #[must_use]
    pub fn of(&self, value: f64) -> f64 {
        let all = self.sorted.len();
        if all < FEW {
            return 0.0;
        }
        let as_high = all - self.sorted.partition_point(|other| *other < value);
        let share = (as_high as f64 + 1.0) / (all as f64 + 1.0);
        (share.ln() / -(all as f64 + 1.0).ln()).clamp(0.0, 1.0)
    }

    /// Remembers a value; one that is no number is passed over.
    pub fn learn(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if self.history.len() == Self::HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.sorted.remove(self.sorted.partition_point(|other| *other < oldest));
        }
        self.history.push_back(value);
        self.sorted.insert(self.sorted.partition_point(|other| *other < value), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn higher_than_ever_is_1_and_the_usual_is_0() {
        let mut rarity = Rarity::default();
        for value in 0..99 {
            assert!(rarity.of(1e9) == 0.0 || value >= 50);
            rarity.learn(f64::from(value));
        }
        assert!((rarity.of(1e9) - 1.0).abs() < 1e-12);
        assert!(rarity.of(-1.0).abs() < 1e-12);
        // As high as one of ten: the logarithm of 10 in that of 100.
        assert!((rarity.of(90.0) - 0.5).abs() < 1e-12, "{}", rarity.of(90.0));
        rarity.learn(f64::NAN);
        assert_eq!(rarity.sorted.len(), 99);
    }

    #[test]
    fn the_history_is_a_window() {
        let mut rarity = Rarity::default();
        let mut random = Random::new(1);
        let all: Vec<f64> = (0..10_000).map(|_| f64::from(random.below(500))).collect();
        all.iter().for_each(|value| rarity.learn(*value));
        let mut last = all[10_000 - Rarity::HISTORY..].to_vec();
        last.sort_by(f64::total_cmp);
        assert_eq!(rarity.sorted, last);
    }
}
