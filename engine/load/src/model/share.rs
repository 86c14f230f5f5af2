//! Which journey a user takes, by shares.

use engine_core::stats::Stream;

/// Shares of several journeys.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// Running sums, the last 1.
    sums: Vec<f64>,
}

impl Shares {
    /// From weights, which need not add up to anything. `None` if there is none, or one is negative or not finite, or
    /// all are zero.
    pub fn new(weights: &[f64]) -> Option<Self> {
        let total: f64 = weights.iter().sum();
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) || total.is_nan() || total <= 0.0 {
            return None;
        }
        let mut sum = 0.0;
        let sums = weights
            .iter()
            .map(|weight| {
                sum += weight / total;
                sum
            })
            .collect();
        Some(Self { sums })
    }

    /// The journey of arrival `index`: drawn at random, the same for everyone who asks.
    pub fn of_arrival(&self, seed: u64, index: u64) -> u16 {
        if self.sums.len() == 1 {
            return 0;
        }
        let at = Stream::new(seed, &[Stream::key_of("journey"), index]).unit_f64();
        self.sums.partition_point(|sum| *sum <= at).min(self.sums.len() - 1) as u16
    }

    /// The journeys of users `0..count`: dealt out so that among the first users, however few, the shares hold to
    /// within one user.
    pub fn of_users(&self, count: usize) -> Vec<u16> {
        let share = |j: usize| self.sums[j] - if j == 0 { 0.0 } else { self.sums[j - 1] };
        let mut given = vec![0.0; self.sums.len()];
        (0..count)
            .map(|user| {
                let owed = |j: usize, given: &[f64]| share(j) * (user + 1) as f64 - given[j];
                let mut best = 0;
                for j in 1..given.len() {
                    if owed(j, &given) > owed(best, &given) + 1e-9 {
                        best = j;
                    }
                }
                given[best] += 1.0;
                best as u16
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_for_few_and_for_many() {
        let shares = Shares::new(&[70.0, 30.0]).unwrap();
        let users = shares.of_users(10);
        assert_eq!(users.iter().filter(|j| **j == 0).count(), 7);
        assert_eq!(shares.of_users(1), [0]);
        let drawn = (0..100_000).filter(|i| shares.of_arrival(9, *i) == 0).count();
        assert!((69_000..71_000).contains(&drawn), "{drawn}");
        assert_eq!(Shares::new(&[0.0, 1.0]).unwrap().of_users(3), [1, 1, 1]);
        for bad in [&[][..], &[0.0], &[-1.0, 2.0], &[f64::NAN]] {
            assert_eq!(Shares::new(bad), None);
        }
    }
}
