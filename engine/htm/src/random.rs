//! The generator that all algorithms here draw from: SplitMix64 (Steele, Lea and Flood, 2014).
//!
//! One word of state, so that a saved model goes on exactly where it stopped, and the same sequence on every machine.

/// A seeded source of pseudo-random numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator; equal seeds give equal sequences.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The state, to be given to [`Random::new`] to go on from here.
    #[must_use]
    pub const fn state(&self) -> u64 {
        self.state
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, each equally likely (Lemire, 2019); 0 when `bound` is 0.
    pub const fn below(&mut self, bound: u32) -> u32 {
        let mut product = (self.next_u64() >> 32) * bound as u64;
        if (product as u32) < bound {
            let uneven = bound.wrapping_neg() % bound;
            while (product as u32) < uneven {
                product = (self.next_u64() >> 32) * bound as u64;
            }
        }
        (product >> 32) as u32
    }

    /// A number in 0..1.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// `count` of the numbers below `bound`, none twice, ascending; all of them if there are no more.
    #[must_use]
    pub fn sample(&mut self, bound: u32, count: u32) -> Vec<u32> {
        let mut all: Vec<u32> = (0..bound).collect();
        let count = count.min(bound) as usize;
        for at in 0..count {
            let with = at + self.below(bound - at as u32) as usize;
            all.swap(at, with);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = Random::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_are_even_and_samples_hold_no_number_twice() {
        let mut random = Random::new(7);
        let mut seen = [0_u32; 6];
        for _ in 0..60_000 {
            seen[random.below(6) as usize] += 1;
        }
        // Five standard deviations of a fair die.
        assert!(seen.iter().all(|&count| (9_540..10_460).contains(&count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        let sample = random.sample(50, 20);
        assert!(sample.len() == 20 && sample.is_sorted_by(|a, b| a < b) && sample[19] < 50);
        assert_eq!(random.sample(3, 9), [0, 1, 2]);
    }
}
