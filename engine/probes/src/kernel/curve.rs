//! Latency over the size of the region: the curve in which caches show as plateaus.

use std::ops::ControlFlow;
use std::time::Duration;

use super::chase::{BrokenChain, Chase, LINE, Order, UNROLL};
use super::random::SplitMix;
use crate::harness::buffer::{Buffer, BufferError, HUGE_PAGE, Obtained, PAGE, Pages};
use crate::harness::clock::Stopwatch;

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Sizes of the region in bytes, ascending ([`sizes`] makes them).
    pub sizes: Vec<usize>,
    /// Order of the walk.
    pub order: Order,
    /// Pages of the region. Huge ones keep the TLB and the colours of pages out of the curve.
    pub pages: Pages,
    /// Times the whole curve is gone through; at least 1. Whoever disturbs a stretch of one round is gone in another.
    /// Each round walks other places in the memory: pages whose addresses compete for the sets of a cache by chance
    /// would else wear it out before its capacity, in one process and not in the next.
    pub rounds: usize,
    /// Largest size that is walked in every round; larger ones are in the first only.
    pub again: usize,
    /// Timed walks for each size and round; at least 1.
    pub samples: usize,
    /// Least duration of one.
    pub sample: Duration,
    /// Seed of the orders.
    pub seed: u64,
}

/// One size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Bytes of the region.
    pub bytes: usize,
    /// Nanoseconds of a load: the fastest sample, which interruptions disturbed least.
    pub min_ns: f64,
    /// Nanoseconds of a load: the median sample.
    pub median_ns: f64,
}

/// The measured curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The points, ascending; fewer than planned when stopped.
    pub points: Vec<Point>,
    /// What pages were obtained, where the system tells.
    pub obtained: Option<Obtained>,
    /// Usable bytes of the region, to compare `obtained` with.
    pub mapped: usize,
}

/// Why there is no curve.
#[derive(Debug, thiserror::Error)]
pub enum CurveError {
    /// No memory for the largest size.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// The links were broken: nothing that was measured holds.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
}

/// Sizes from `least` to `most` bytes, `per_octave` for each doubling, in whole lines, ascending and different.
#[must_use]
pub fn sizes(least: usize, most: usize, per_octave: u32) -> Vec<usize> {
    let (least, per_octave) = (least.max(2 * LINE), f64::from(per_octave.max(1)));
    let mut sizes: Vec<usize> = (0..)
        .map(|step| least as f64 * 2f64.powf(f64::from(step) / per_octave))
        .map(|bytes| (bytes / LINE as f64).round() as usize * LINE)
        .take_while(|bytes| *bytes <= most)
        .collect();
    sizes.dedup();
    sizes
}

/// Measures the curve on the calling thread, which should be pinned. `available` is as for [`Buffer::map`]; `seen` is
/// told each point as it is known so far, round after round, and may stop the rest.
///
/// Each size is linked, checked, walked once round (at most a million loads) to fill the caches, then sampled; each
/// sample goes on where the last one stopped.
///
/// # Errors
/// When memory for the largest size is refused, or the links are found broken.
pub fn measure(
    plan: &Plan,
    available: u64,
    mut seen: impl FnMut(&Point) -> ControlFlow<()>,
) -> Result<Curve, CurveError> {
    let most = plan.sizes.iter().copied().max().unwrap_or(2 * LINE).max(2 * LINE);
    let mut buffer = Buffer::map(most, plan.pages, available)?;
    buffer.touch();
    let mapped = buffer.len();
    let mut chase = Chase::new(buffer, 2 * LINE, plan.order, plan.seed);
    let (rounds, samples) = (plan.rounds.max(1), plan.samples.max(1));
    let mut times = vec![Vec::with_capacity(rounds * samples); plan.sizes.len()];
    let mut points: Vec<Point> = Vec::with_capacity(plan.sizes.len());
    'rounds: for round in 0..rounds {
        for (i, (&bytes, times)) in plan.sizes.iter().zip(&mut times).enumerate() {
            if round > 0 && bytes > plan.again {
                continue;
            }
            let seed = plan.seed.wrapping_add(round as u64) ^ bytes as u64;
            chase.relink_at(place(round, bytes, mapped, seed), bytes, plan.order, seed);
            chase.verify()?;
            sample(&mut chase, plan.sample, samples, times);
            let point = Point { bytes: chase.bytes(), min_ns: times[0], median_ns: median(times) };
            match points.get_mut(i) {
                Some(known) => *known = point,
                None => points.push(point),
            }
            if seen(&point).is_break() {
                break 'rounds;
            }
        }
    }
    Ok(Curve { points, obtained: chase.obtained(), mapped })
}

/// Where a round walks: at the start first, then somewhere, at the start of a huge page where there are several.
fn place(round: usize, bytes: usize, mapped: usize, seed: u64) -> usize {
    let choose = |unit: usize| SplitMix::new(seed).below((mapped - bytes) / unit + 1) * unit;
    match round {
        0 => 0,
        _ if mapped - bytes >= 4 * HUGE_PAGE => choose(HUGE_PAGE),
        _ => choose(PAGE),
    }
}

/// Adds `samples` nanoseconds of a load to `times`, and sorts them.
fn sample(chase: &mut Chase, duration: Duration, samples: usize, times: &mut Vec<f64>) {
    chase.walk((chase.lines() as u64).min(1 << 20));
    let loads = loads_for(chase, duration);
    for _ in 0..samples {
        let watch = Stopwatch::start();
        let walked = chase.walk(loads);
        times.push(watch.stop().as_secs_f64() * 1e9 / walked as f64);
    }
    times.sort_by(f64::total_cmp);
}

/// Loads that last about `sample`: doubled until a walk takes a quarter of it, then scaled.
fn loads_for(chase: &mut Chase, sample: Duration) -> u64 {
    let mut loads = 8 * UNROLL;
    loop {
        let watch = Stopwatch::start();
        let walked = chase.walk(loads);
        let took = watch.stop();
        if took * 4 >= sample || loads > 1 << 40 {
            let per_load = took.as_secs_f64() / walked as f64;
            return ((sample.as_secs_f64() / per_load) as u64).max(UNROLL);
        }
        loads *= 2;
    }
}

/// Median of a sorted, non-empty list.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_lines_and_evenly_spread() {
        let sizes = sizes(2 << 10, 64 << 10, 4);
        assert_eq!((sizes[0], sizes.last().copied(), sizes.len()), (2 << 10, Some(64 << 10), 21));
        assert!(sizes.windows(2).all(|pair| pair[0] < pair[1] && pair[1] % LINE == 0));
        assert_eq!(super::sizes(1 << 20, 1 << 10, 4), Vec::<usize>::new());
    }

    #[test]
    fn a_tiny_curve_has_all_its_points() {
        let plan = Plan {
            sizes: sizes(4 << 10, 64 << 10, 1),
            order: Order::FullRandom,
            pages: Pages::System,
            rounds: 2,
            again: usize::MAX,
            samples: 3,
            sample: Duration::from_micros(50),
            seed: 1,
        };
        let curve = measure(&plan, u64::MAX, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(curve.points.iter().map(|point| point.bytes).collect::<Vec<_>>(), plan.sizes);
        assert!(curve.points.iter().all(|point| point.min_ns > 0.05 && point.min_ns <= point.median_ns));
        assert!(curve.obtained.is_none_or(|obtained| obtained.resident == curve.mapped as u64));
        let stopped = measure(&plan, u64::MAX, |point| {
            if point.bytes >= 16 << 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(stopped.unwrap().points.len(), 3);
        assert!(matches!(measure(&plan, 1 << 10, |_| ControlFlow::Continue(())), Err(CurveError::Buffer(_))));
    }

    #[test]
    fn rounds_walk_other_places_that_fit() {
        let places: Vec<usize> = (0..20).map(|round| place(round, 1 << 20, 64 << 20, round as u64)).collect();
        assert_eq!(places[0], 0);
        assert!(places.iter().all(|place| place % HUGE_PAGE == 0 && place + (1 << 20) <= 64 << 20), "{places:?}");
        assert!(places.iter().collect::<std::collections::BTreeSet<_>>().len() > 10, "{places:?}");
        assert!((0..20).all(|round| place(round, 1 << 20, 1 << 20, 3) == 0));
        assert!((0..20).all(|round| place(round, 64 << 10, 1 << 20, round as u64) <= (1 << 20) - (64 << 10)));
    }

    #[test]
    fn the_median_of_an_even_list_lies_between() {
        assert!((median(&[1.0, 2.0, 4.0, 9.0]) - 3.0).abs() < 1e-12 && (median(&[1.0, 2.0, 9.0]) - 2.0).abs() < 1e-12);
    }
}
