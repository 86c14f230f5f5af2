//! What the stressors do, one file each, and what they share.

pub(super) mod cache;
pub(super) mod cpu;
pub(super) mod descriptors;
pub(super) mod io;
pub(super) mod memory;
pub(super) mod network;
pub(super) mod processes;
pub(super) mod switches;
pub(super) mod timers;

use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ParamDef, ParamKind, ProbeInfo, RoundProcess};
use engine_core::unit::Unit;

/// What every stressor records: its own turns a second, so that its own slowing down is seen too.
pub(super) const METRICS: &[MetricDef] = &[MetricDef::rate("rate", Unit::PerSecond, "pieces of work done")];

/// Share of the time that is worked.
pub(super) const INTENSITY: ParamDef = ParamDef {
    name: "intensity",
    kind: ParamKind::Count { min: 1, max: 100 },
    default: Some("100"),
    tiny: None,
    doc: "percent of the time that each thread works",
};

/// How long.
pub(super) const DURATION: ParamDef = ParamDef {
    name: "duration",
    kind: ParamKind::Time { min: 0.01, max: 3600.0 },
    default: Some("30 s"),
    tiny: Some("0.2 s"),
    doc: "how long it works",
};

/// From nothing to the intensity.
pub(super) const RAMP: ParamDef = ParamDef {
    name: "ramp",
    kind: ParamKind::Time { min: 0.0, max: 3600.0 },
    default: Some("0 s"),
    tiny: Some("0.1 s"),
    doc: "time in which the intensity goes up from nothing in a straight line",
};

/// How many at once.
pub(super) const THREADS: ParamDef = ParamDef {
    name: "threads",
    kind: ParamKind::Threads,
    default: Some("1"),
    tiny: None,
    doc: "threads; `\"all\"` leaves one processor free",
};

/// Politeness.
pub(super) const NICE: ParamDef = ParamDef {
    name: "nice",
    kind: ParamKind::Count { min: 0, max: 19 },
    default: Some("0"),
    tiny: None,
    doc: "priority that is given up: 0 competes as an equal, 19 only takes what nobody wants",
};

/// A declaration: everything but these is alike.
pub(super) const fn info(
    id: &'static str,
    summary: &'static str,
    about: &'static str,
    params: &'static [ParamDef],
) -> ProbeInfo {
    ProbeInfo {
        id,
        summary,
        method: 1,
        about,
        params,
        metrics: METRICS,
        round_seconds: 30.0,
        process: RoundProcess::Starts,
        noise: OwnNoise::Crowd,
    }
}

/// A generator whose state after any number of steps has a closed form: `x -> a x + c` modulo 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lcg(pub(super) u64);

impl Lcg {
    const FACTOR: u64 = 6_364_136_223_846_793_005;
    const ADDEND: u64 = 1_442_695_040_888_963_407;

    /// One step.
    pub(super) const fn step(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(Self::FACTOR).wrapping_add(Self::ADDEND);
        self.0
    }

    /// The state so many steps on, by squaring: another way to the same number.
    pub(super) const fn ahead(self, steps: u64) -> Self {
        let (mut factor, mut addend) = (Self::FACTOR, Self::ADDEND);
        let (mut product, mut sum) = (1_u64, 0_u64);
        let mut left = steps;
        while left > 0 {
            if left & 1 == 1 {
                product = product.wrapping_mul(factor);
                sum = sum.wrapping_mul(factor).wrapping_add(addend);
            }
            addend = factor.wrapping_add(1).wrapping_mul(addend);
            factor = factor.wrapping_mul(factor);
            left >>= 1;
        }
        Self(self.0.wrapping_mul(product).wrapping_add(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_the_closed_form_agree() {
        for steps in [0_u64, 1, 2, 3, 17, 1000] {
            let mut walked = Lcg(42);
            for _ in 0..steps {
                walked.step();
            }
            assert_eq!(walked, Lcg(42).ahead(steps), "{steps}");
        }
    }
}
