//! Seeded randomness that is the same on every machine, for ever: one generator, many independent streams.
//!
//! The generator is xoshiro256++ (Blackman and Vigna, 2019), seeded through SplitMix64 as its authors advise. It is
//! written out here, not taken from a crate, because a stored seed must replay the same run years later, whatever
//! version of a crate is then current. It is not for secrets.

use super::special::normal_quantile;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection that spreads every input bit over the whole word.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One step of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GOLDEN);
    mix(*state)
}

/// A reproducible stream of random numbers, named by a seed and a key.
///
/// Streams of one seed with different keys are independent for every practical purpose, so each user, step or
/// iteration takes its own and the number of threads changes nothing:
///
/// ```
/// use engine_core::stats::Stream;
/// let (seed, step, user, iteration) = (42, 3, 7, 0);
/// let mut think = Stream::new(seed, &[step, user, iteration]);
/// assert_eq!(think.next_u64(), Stream::new(42, &[3, 7, 0]).next_u64());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    state: [u64; 4],
}

impl Stream {
    /// The stream of `seed` and `key`. The key's length counts: `[1]` and `[1, 0]` are different streams.
    pub fn new(seed: u64, key: &[u64]) -> Self {
        // Two lanes of 64 bits, absorbed differently: with one, 2^32 streams would probably hold a pair of twins.
        let mut left = mix(seed.wrapping_add(GOLDEN));
        let mut right = mix(!seed);
        for part in key {
            left = mix(left.wrapping_add(GOLDEN) ^ mix(part.wrapping_add(GOLDEN)));
            right = mix(right.rotate_left(23).wrapping_add(mix(part ^ GOLDEN)).wrapping_mul(GOLDEN | 1));
        }
        left ^= mix(key.len() as u64);
        Self { state: [split_mix(&mut left), split_mix(&mut right), split_mix(&mut left), split_mix(&mut right)] }
    }

    /// The stream for text keys: a 64-bit FNV-1a hash of `name`, to be used as one part of a key.
    pub fn key_of(name: &str) -> u64 {
        name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    pub fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in `(0, 1)`: never an end, so logarithms and quantiles of it are finite.
    #[inline]
    fn open_unit(&mut self) -> f64 {
        ((self.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
    }

    /// Uniform in `0..n`, without bias (Lemire, 2019). Zero when `n` is zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Standard normal (mean 0, standard deviation 1), by inversion: exactly one draw each.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.open_unit())
    }

    /// Exponential with mean 1, by inversion: exactly one draw each.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -self.open_unit().ln()
    }

    /// Gamma with the given shape (at least 1) and scale 1, by the exact rejection of Marsaglia and Tsang (2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.open_unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Puts `items` in a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_known_answers() {
        let mut state = 1_234_567;
        let got: Vec<u64> = (0..5).map(|_| split_mix(&mut state)).collect();
        let want = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn xoshiro_known_answers() {
        let mut stream = Stream { state: [1, 2, 3, 4] };
        let want = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
            14_011_001_112_246_962_877,
            12_406_186_145_184_390_807,
            15_849_039_046_786_891_736,
            10_450_023_813_501_588_000,
        ];
        for value in want {
            assert_eq!(stream.next_u64(), value);
        }
    }

    #[test]
    fn a_seed_replays_for_ever() {
        // Frozen: a change here breaks the replay of stored runs.
        let first = |seed, key: &[u64]| Stream::new(seed, key).next_u64();
        assert_eq!(FROZEN, [first(0, &[]), first(1, &[]), first(1, &[0]), first(1, &[0, 0]), first(1, &[2, 3, 4])]);
    }
    const FROZEN: [u64; 5] = [
        6_948_452_478_166_189_167,
        16_553_495_539_607_736_572,
        17_261_650_071_017_204_703,
        601_177_220_527_066_280,
        18_032_120_922_876_867_503,
    ];

    #[test]
    fn neighbouring_keys_are_uncorrelated() {
        // Bits of the first outputs of 20,000 neighbouring keys: each bit set half the time, and neighbours differ in half.
        let firsts: Vec<u64> = (0..20_000).map(|i| Stream::new(9, &[i / 100, i % 100]).next_u64()).collect();
        for bit in 0..64 {
            let set = firsts.iter().filter(|v| *v >> bit & 1 == 1).count() as f64;
            assert!((set - 10_000.0).abs() < 4.5 * 70.7, "bit {bit}: {set}");
        }
        let flips: u32 = firsts.windows(2).map(|w| (w[0] ^ w[1]).count_ones()).sum();
        let share = f64::from(flips) / (19_999.0 * 64.0);
        assert!((share - 0.5).abs() < 0.003, "{share}");
        let mut sorted = firsts;
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 20_000);
    }

    #[test]
    fn below_is_uniform_and_bounded() {
        let mut stream = Stream::new(5, &[]);
        let mut seen = [0_u32; 7];
        for _ in 0..70_000 {
            seen[stream.below(7) as usize] += 1;
        }
        let chi2: f64 = seen.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi2 < 22.5, "chi-square of 6 degrees of freedom at p = 0.001: {chi2}");
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
        // Rejection must also end, and stay in range, where it is most frequent.
        assert!((0..1000).all(|_| stream.below((1 << 63) + 1) <= 1 << 63));
    }

    #[test]
    fn moments_of_the_distributions() {
        let moments = |mut draw: Box<dyn FnMut() -> f64>| {
            let values: Vec<f64> = (0..100_000).map(|_| draw()).collect();
            let mean = values.iter().sum::<f64>() / 1e5;
            (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e5)
        };
        let stream = |key| Stream::new(11, &[key]);
        let mut s = stream(0);
        let unit = moments(Box::new(move || s.unit_f64()));
        let mut s = stream(1);
        let normal = moments(Box::new(move || s.normal()));
        let mut s = stream(2);
        let exponential = moments(Box::new(move || s.exponential()));
        let mut s = stream(3);
        let gamma = moments(Box::new(move || s.gamma(4.0)));
        for (got, want, tolerance) in [
            (unit, (0.5, 1.0 / 12.0), 0.004),
            (normal, (0.0, 1.0), 0.015),
            (exponential, (1.0, 1.0), 0.03),
            (gamma, (4.0, 4.0), 0.1),
        ] {
            assert!((got.0 - want.0).abs() < tolerance && (got.1 - want.1).abs() < tolerance, "{got:?} {want:?}");
        }
    }

    #[test]
    fn shuffle_reaches_every_order_equally() {
        let mut counts = std::collections::BTreeMap::new();
        let mut stream = Stream::new(3, &[1]);
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            stream.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 49.7, "chi-square of 23 degrees of freedom at p = 0.001: {chi2}");
    }
}
