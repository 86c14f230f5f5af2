//! Random patterns for the probes of the pattern store, noise on them, and what chance alone makes them share.

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind};
use engine_core::stats::Stream;
use engine_htm::Sdr;
use engine_htm::store::{PatternStore, StoreError};

use crate::{Context, ProbeError};

pub(super) const PATTERNS: ParamDef = ParamDef {
    name: "patterns",
    kind: ParamKind::Count { min: 1, max: 10_000_000 },
    default: Some("100000"),
    tiny: Some("2000"),
    doc: "patterns in the store",
};
pub(super) const BITS: ParamDef = ParamDef {
    name: "bits",
    kind: ParamKind::Count { min: 16, max: 1_048_576 },
    default: Some("2048"),
    tiny: None,
    doc: "bits of a pattern",
};
pub(super) const ON: ParamDef = ParamDef {
    name: "on",
    kind: ParamKind::Count { min: 1, max: 65_535 },
    default: Some("41"),
    tiny: None,
    doc: "bits of it that are on, at most half of them",
};

/// The form of patterns that the options ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) patterns: u64,
    pub(super) bits: u32,
    pub(super) on: u32,
}

impl Form {
    pub(super) fn new(args: &Args) -> Result<Self, ProbeError> {
        let (bits, on) = (args.whole(BITS.name) as u32, args.whole(ON.name) as u32);
        if on * 2 > bits {
            return Err(ProbeError::failed(format!(
                "{on} of {bits} bits are not sparse: `on` is at most half of `bits`"
            )));
        }
        Ok(Self { patterns: args.whole(PATTERNS.name), bits, on })
    }

    /// The on bits of pattern `key`, ascending: each set of so many bits is as likely as any other (Floyd's method).
    pub(super) fn pattern(self, seed: u64, key: u64) -> Sdr {
        let mut random = Stream::new(seed, &[1, key]);
        let mut on: Vec<u32> = Vec::with_capacity(self.on as usize);
        for last in self.bits - self.on..self.bits {
            let bit = random.below(u64::from(last) + 1) as u32;
            match on.binary_search(&bit) {
                // The last one is larger than all before.
                Ok(_) => on.push(last),
                Err(at) => on.insert(at, bit),
            }
        }
        self.sdr(on)
    }

    fn sdr(self, on: Vec<u32>) -> Sdr {
        Sdr::new(self.bits, on).unwrap_or_else(|_| Sdr::empty(self.bits))
    }

    /// The pattern with so many of its on bits moved to places that were off.
    pub(super) fn noisy(self, of: &Sdr, moved: u32, random: &mut Stream) -> Sdr {
        let mut on = of.on().to_vec();
        random.shuffle(&mut on);
        let kept = (self.on - moved) as usize;
        on.truncate(kept);
        while on.len() < self.on as usize {
            let bit = random.below(u64::from(self.bits)) as u32;
            if of.on().binary_search(&bit).is_err() && !on[kept..].contains(&bit) {
                on.push(bit);
            }
        }
        self.sdr(on)
    }

    /// A store of all the patterns, without values.
    pub(super) fn store(self, cx: &Context<'_>) -> Result<PatternStore, ProbeError> {
        let mut store = PatternStore::in_memory(self.bits).map_err(failed)?;
        for key in 0..self.patterns {
            if key % 1024 == 0 {
                cx.check()?;
            }
            store.put(key, &self.pattern(cx.seed, key), &[]).map_err(failed)?;
        }
        Ok(store)
    }

    /// The probability that a random pattern shares at least `least` on bits with another: the upper tail of the
    /// hypergeometric distribution, `sum over b of C(on, b) C(bits - on, on - b) / C(bits, on)`.
    pub(super) fn chance(self, least: u32) -> f64 {
        let ln_choose = |n: u32, k: u32| (0..k).map(|i| (f64::from(n - i) / f64::from(k - i)).ln()).sum::<f64>();
        let all = ln_choose(self.bits, self.on);
        // From the smallest on, so that the sum loses nothing.
        (least..=self.on)
            .rev()
            .map(|b| (ln_choose(self.on, b) + ln_choose(self.bits - self.on, self.on - b) - all).exp())
            .sum()
    }
}

/// An error of the store, which a probe never expects.
pub(super) fn failed(error: StoreError) -> ProbeError {
    ProbeError::failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { patterns: 10, bits: 64, on: 8 };

    #[test]
    fn patterns_have_their_form_and_every_bit_its_chance() {
        let mut seen = [0_u32; 64];
        for key in 0..4_000 {
            let sdr = FORM.pattern(3, key);
            assert_eq!(sdr.on().len(), 8);
            sdr.on().iter().for_each(|&bit| seen[bit as usize] += 1);
        }
        // 500 of each are expected, with a standard deviation of 21.
        assert!(seen.iter().all(|count| (380..620).contains(count)), "{seen:?}");
    }

    #[test]
    fn noise_moves_as_many_bits_as_it_says() {
        let mut random = Stream::new(5, &[]);
        let sdr = FORM.pattern(3, 0);
        for moved in 0..=8 {
            let noisy = FORM.noisy(&sdr, moved, &mut random);
            assert_eq!((noisy.on().len(), noisy.overlap(&sdr)), (8, 8 - moved));
        }
    }

    #[test]
    fn chance_is_the_known_distribution() {
        assert!((FORM.chance(0) - 1.0).abs() < 1e-12, "all of it is 1");
        // All eight the same: one over 64 over 8, which is 4,426,165,368.
        assert!((FORM.chance(8) * 4_426_165_368.0 - 1.0).abs() < 1e-9);
        // None the same, 56 over 8: 1,420,494,075.
        assert!((1.0 - FORM.chance(1) - 1_420_494_075.0 / 4_426_165_368.0).abs() < 1e-12);
    }
}
