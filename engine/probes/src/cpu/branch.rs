//! `cpu.branch`: what a mispredicted branch costs.
//!
//! Method: one branch on each of many bytes, once in random and once in sorted order: the same bytes, so the same
//! instructions, the same numbers of branches taken and not, in assembly. Sorted, the processor guesses all but two right;
//! at random it guesses half of them wrong, whatever it does, because every bit is drawn anew before every pass and nothing
//! tells it from the ones before. The miss rate is thus known (one half, within a thousandth) and not counted: the cost is
//! the difference of the best passes over half the number of branches.
//!
//! What would make the number wrong: a compiler that turns the branch into a conditional move (assembly; random bytes
//! must take clearly longer than sorted ones); bits that repeat, which predictors learn by the ten thousand; work that
//! overlaps with the refill, which hides a part of it (there is next to none here, so this is the full cost); another order of
//! instructions on either side.

use std::time::Duration;

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::step::{Skip, SkipKind};
use engine_core::unit::Unit;

use crate::harness::{Stopwatch, Team, sentinel};
use crate::kernel::branch::zeros;
use crate::kernel::random::SplitMix;
use crate::{Context, Probe, ProbeError};

const MISS_COST: MetricDef =
    MetricDef::floor("miss_cost", Unit::Seconds, "what a branch that is guessed wrong takes more");
const CYCLES: MetricDef = MetricDef::floor("cycles", Unit::Count, "the same in cycles of the measured clock");
const TIME: MetricDef = MetricDef::floor("time", Unit::Seconds, "a branch with its loop, by the order of the bytes");

/// Branches of a pass.
const BRANCHES: usize = 1 << 18;
const TINY_BRANCHES: usize = 1 << 15;
/// Passes of each order in a set, and sets until the difference is believed to be none.
const PASSES: usize = 12;
const SETS: usize = 4;
/// Random order takes at least so many times the time of sorted order; two to five times are usual.
const CLEARLY: f64 = 1.25;

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "cpu.branch",
        summary: "What a mispredicted branch costs: random against sorted bits through the same loop.",
        method: 1,
        about: "Branches on 262,144 bytes, half of them zero, in assembly: in random order, drawn anew for each pass, half of \
                the guesses are wrong whatever the predictor does; the same bytes in sorted order run the same instructions \
                without misses. `miss_cost` is the difference of the best passes over half the number of branches. The number \
                is wrong when the branch is turned into a conditional move or when a pattern repeats and is learnt: a \
                difference that is too small is a failure, and the bytes are counted.",
        params: &[],
        metrics: &[MISS_COST, CYCLES, TIME],
        round_seconds: 0.05,
        process: RoundProcess::Engine,
        noise: OwnNoise::Quiet,
    },
    run,
};

/// Best seconds of a branch.
#[derive(Debug, Clone, Copy)]
struct Best {
    random: f64,
    sorted: f64,
    clock: f64,
}

fn run(_: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    if zeros(&[]).is_none() {
        let reason = "the loop is written for x86-64 only";
        let remedy = "run it on an x86-64 machine, or leave this probe out";
        return Err(Skip::new(SkipKind::Platform, reason, remedy).into());
    }
    let mut random = SplitMix::new(cx.seed);
    let best = measure(cx, |bytes| draw(&mut random, bytes))?;
    let cost = 2.0 * (best.random - best.sorted);
    cx.record(&MISS_COST, cost);
    cx.record(&CYCLES, cost * best.clock);
    cx.record_at(&TIME, Labels::new().with("order", "random"), best.random);
    cx.record_at(&TIME, Labels::new().with("order", "sorted"), best.sorted);
    Ok(())
}

/// A random bit in each byte.
fn draw(random: &mut SplitMix, bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(64) {
        let bits = random.bits();
        for (bit, byte) in chunk.iter_mut().enumerate() {
            *byte = (bits >> bit & 1) as u8;
        }
    }
}

/// Takes sets of passes until random order takes clearly longer.
fn measure(cx: &Context<'_>, mut fill: impl FnMut(&mut [u8])) -> Result<Best, ProbeError> {
    let mut team = Team::new(1, |_| Ok(()))?;
    let mut bytes = vec![0u8; if cx.tiny { TINY_BRANCHES } else { BRANCHES }];
    let mut best = Best { random: f64::INFINITY, sorted: f64::INFINITY, clock: 0.0 };
    for _ in 0..SETS {
        for _ in 0..if cx.tiny { 4 } else { PASSES } {
            cx.check()?;
            fill(&mut bytes);
            let expected = bytes.iter().filter(|byte| **byte == 0).count();
            best.random = best.random.min(pass(&mut team, &bytes, expected)?);
            let (low, high) = bytes.split_at_mut(expected);
            low.fill(0);
            high.fill(1);
            best.sorted = best.sorted.min(pass(&mut team, &bytes, expected)?);
        }
        let clocks = team.each(|_, ()| sentinel::beat().best_hz)?;
        best.clock = clocks.into_iter().fold(best.clock, f64::max);
        if best.random >= CLEARLY * best.sorted {
            return Ok(best);
        }
    }
    Err(ProbeError::verification(format!(
        "branches on random bits take {:.2} times the time of sorted ones: they are not mispredicted",
        best.random / best.sorted
    )))
}

/// Seconds of a branch in one pass.
fn pass(team: &mut Team<()>, bytes: &[u8], expected: usize) -> Result<f64, ProbeError> {
    let results = team.each(|_, ()| {
        let watch = Stopwatch::start();
        let found = zeros(bytes);
        (watch.stop(), found)
    })?;
    let (took, found) = results.into_iter().next().unwrap_or((Duration::ZERO, None));
    if found != Some(expected as u64) {
        return Err(ProbeError::verification(format!("the branches count {found:?} zeros of {expected}")));
    }
    Ok(took.as_secs_f64().max(1e-9) / bytes.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::tests::{round, values};
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    #[test]
    fn a_miss_costs_more_than_nothing_and_less_than_a_microsecond() {
        if cfg!(target_arch = "x86_64") {
            let (records, _) = round(&PROBE, &[]).unwrap();
            let cost = values(&records, "miss_cost")[0];
            assert!((1e-11..1e-6).contains(&cost), "{cost}");
            assert_eq!(values(&records, "time").len(), 2);
        }
    }

    #[test]
    fn half_of_the_bits_are_set_and_none_repeats() {
        let (mut random, mut one, mut two) = (SplitMix::new(1), vec![0; BRANCHES], vec![0; BRANCHES]);
        draw(&mut random, &mut one);
        draw(&mut random, &mut two);
        let share = one.iter().map(|byte| usize::from(*byte)).sum::<usize>() as f64 / BRANCHES as f64;
        // Five standard deviations.
        assert!((share - 0.5).abs() < 0.005, "{share}");
        let equal = one.iter().zip(&two).filter(|(a, b)| a == b).count() as f64 / BRANCHES as f64;
        assert!((equal - 0.5).abs() < 0.005, "{equal}");
    }

    #[test]
    fn bits_that_can_be_guessed_are_flagged() {
        if cfg!(target_arch = "x86_64") {
            let cancel = AtomicBool::new(false);
            let deadline = Instant::now() + Duration::from_secs(600);
            let cx = Context::new(Path::new("/"), &cancel, deadline, 1, 0, true);
            // Zeros, then ones: there is nothing to learn, which a predictor that was flushed meanwhile would have to do anew.
            // A machine that is busy elsewhere gets more tries.
            let take = || {
                measure(&cx, |bytes| {
                    let (low, high) = bytes.split_at_mut(bytes.len() / 2);
                    low.fill(0);
                    high.fill(1);
                })
            };
            let flagged = (0..20).find_map(|_| take().err()).unwrap();
            assert!(flagged.to_string().contains("not mispredicted"), "{flagged}");
        }
    }
}
