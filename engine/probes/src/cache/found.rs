//! What a probe of the caches measures round: their effective sizes, by a short latency curve, and the declared ones.
//!
//! The smaller of the two counts: what is declared and not to be had (a virtual machine among neighbours) must not make
//! a region of a level lie in the level above it.

use std::ops::ControlFlow;
use std::time::Duration;

use engine_core::probe::{ParamDef, ParamKind};

use super::levels::{LEVELS, assign};
use super::seats::Seat;
use crate::harness::{Pages, Team};
use crate::host::room::available_memory;
use crate::kernel::chase::Order;
use crate::kernel::curve::{self, CurveError, Plan};
use crate::kernel::knee::{Knee, knees};
use crate::{Context, ProbeError};

/// Which sizes a probe measures round.
pub(super) const SIZES: ParamDef = ParamDef {
    name: "sizes",
    kind: ParamKind::Choice(&["measured", "declared"]),
    default: Some("measured"),
    tiny: Some("measured"),
    doc: "measured: the smaller of what a short latency curve finds and what is declared; or declared alone",
};

/// Largest region of the short curve.
const MOST: u64 = 128 << 20;

/// Sizes of the levels of one CPU.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Declared bytes by level.
    pub(super) declared: Vec<u64>,
    /// Where the curve bends, by level.
    pub(super) knees: [Option<Knee>; LEVELS],
}

impl Found {
    /// Bytes of a level (from 0) that programs get: the smaller of measured and declared, where either is known.
    pub(super) fn effective(&self, level: usize) -> Option<u64> {
        let measured = self.knees.get(level).copied().flatten().map(|knee| knee.bytes as u64);
        measured.into_iter().chain(self.declared.get(level).copied()).min()
    }

    /// The sizes of all levels that are known, as `(level from 0, bytes)`; 32 KiB where nothing is.
    pub(super) fn levels(&self) -> Vec<(usize, u64)> {
        let mut levels: Vec<(usize, u64)> =
            (0..LEVELS).filter_map(|level| Some((level, self.effective(level)?))).collect();
        if levels.is_empty() {
            levels.push((0, 32 << 10));
        }
        levels
    }

    /// Bytes of the largest cache, declared or measured: memory begins well beyond.
    pub(super) fn largest(&self) -> Option<u64> {
        let measured = self.knees.iter().flatten().map(|knee| knee.bytes as u64);
        measured.chain(self.declared.iter().copied()).max()
    }
}

/// Looks for the sizes on a seat. `which` is the value of [`SIZES`].
pub(super) fn find(cx: &mut Context<'_>, seat: &Seat, which: &str) -> Result<Found, ProbeError> {
    let declared = seat.sizes();
    if which == "declared" && !declared.is_empty() {
        return Ok(Found { declared, ..Found::default() });
    }
    let enough = declared.last().map_or(MOST / 2, |last| (3 * last).min(MOST));
    let most = enough.min(available_memory().map_or(u64::MAX, |bytes| bytes / 2));
    let most = if cx.tiny { most.min(512 << 10) } else { most };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let dense = if cx.tiny { 1 } else { 6 };
    let mut sizes = curve::sizes(4 << 10, most.min(4 << 20), dense);
    sizes.extend(curve::sizes(4 << 20, most, dense.div_ceil(2)));
    sizes.dedup();
    let plan = Plan {
        sizes,
        order: Order::FullRandom,
        pages: Pages::Huge,
        rounds: if cx.tiny { 1 } else { 4 },
        again: 4 << 20,
        samples: 1,
        sample: Duration::from_micros(if cx.tiny { 20 } else { 400 }),
        seed: cx.seed,
    };
    let seen = &*cx;
    let mut team = Team::on(&[seat.cpu], |_| Ok(()))?;
    let outcome = team.each(|_, ()| {
        curve::measure(&plan, u64::MAX, |_| match seen.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    })?;
    cx.check()?;
    let curve = match outcome.into_iter().next() {
        Some(Ok(curve)) => curve,
        Some(Err(CurveError::Chain(broken))) => return Err(ProbeError::verification(broken.to_string())),
        Some(Err(CurveError::Buffer(refused))) => return Err(refused.into()),
        None => return Err(ProbeError::failed("the walk left no result")),
    };
    let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.bytes as f64, point.min_ns * 1e-9)).collect();
    if declared.is_empty() && knees(&points).is_empty() {
        cx.note("no size of a cache is declared or was found: 32 KiB of L1 are assumed");
    }
    Ok(of(&points, declared))
}

fn of(points: &[(f64, f64)], declared: Vec<u64>) -> Found {
    Found { knees: assign(&knees(points), &declared), declared }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(ends: [usize; 3]) -> Vec<(f64, f64)> {
        let latency = |bytes: usize| match ends.iter().position(|end| bytes <= *end) {
            Some(level) => [1e-9, 4e-9, 15e-9][level],
            None => 9e-8,
        };
        curve::sizes(4 << 10, 128 << 20, 6).into_iter().map(|bytes| (bytes as f64, latency(bytes))).collect()
    }

    #[test]
    fn the_smaller_of_measured_and_declared_counts() {
        let found = of(&curve([48 << 10, 768 << 10, 5 << 20]), vec![48 << 10, 1 << 20, 32 << 20]);
        let near = |level: usize, bytes: f64| {
            let ratio = found.effective(level).unwrap() as f64 / bytes;
            assert!((0.85..1.15).contains(&ratio), "level {level}: {ratio}");
        };
        near(0, 49_152.0);
        near(1, 786_432.0);
        near(2, 5_242_880.0);
        assert_eq!(found.largest(), Some(32 << 20));
        let small = of(&curve([64 << 10, 2 << 20, 40 << 20]), vec![48 << 10, 1 << 20, 32 << 20]);
        assert_eq!(small.levels(), [(0, 48 << 10), (1, 1 << 20), (2, 32 << 20)]);
    }

    #[test]
    fn without_either_the_first_level_is_assumed() {
        assert_eq!(of(&[], Vec::new()).levels(), [(0, 32 << 10)]);
        assert_eq!(of(&[], Vec::new()).largest(), None);
    }
}
