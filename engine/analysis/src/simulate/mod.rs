//! What the change points would find in the user's own history: changes are injected, and nothing is.
//!
//! The noise of a history ([`crate::residuals`]) is drawn anew in blocks, so that its distribution and most of its
//! dependence stay, and the changes that were found in it are gone. Behind such a history come further runs that are
//! worse by a given size; after each of them it is asked whether the detector says so. The same draws serve every size,
//! so the share that is found grows with it, and the smallest size that is found often enough is bisected.
//!
//! What would make it wrong: a history that is too short to hold its own rare events, and slow wandering that the blocks
//! cut through.

use engine_core::change::{Kind, Tier};
use engine_core::history::{History, Timeline};
use engine_core::metric::Goal;
use engine_core::stats::Stream;
use engine_core::stats::quantile::{mad, quantile, sorted};
use rayon::prelude::*;

use crate::change::{self, MIN_POINTS, noise::MAD_TO_SD};
use crate::residuals::{relative, resampled};

/// How it is simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulation {
    /// Size of the change that is injected: 0.05 is 5 % worse.
    pub size: f64,
    /// Runs within which it is to be found.
    pub within: usize,
    /// Histories that are drawn.
    pub draws: usize,
    /// Share of them in which a change of the smallest size must be found.
    pub power: f64,
    /// Seed of everything.
    pub seed: u64,
}

impl Default for Simulation {
    fn default() -> Self {
        Self { size: 0.05, within: 15, draws: 40, power: 0.9, seed: 1 }
    }
}

/// How soon and how often a tier found the injected change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Share of the histories in which it was found in time.
    pub share: f64,
    /// Runs after which it was found, the first changed one included: the median over the histories in which it was.
    pub median: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
}

/// What would be found in one history.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// Runs in the history.
    pub runs: usize,
    /// Standard deviation of a run about its level, robust and relative.
    pub noise: f64,
    /// The injected change, as suspicion.
    pub suspected: Found,
    /// The same, confirmed.
    pub confirmed: Found,
    /// The smallest change that is confirmed in time often enough; none below 100 %.
    pub smallest: Option<f64>,
    /// After how many runs that one is confirmed: the median.
    pub smallest_after: Option<f64>,
    /// Suspicions for the worse in a hundred runs in which nothing changed.
    pub false_suspects: f64,
    /// Confirmed changes for the worse in a hundred runs in which nothing changed.
    pub false_confirmed: f64,
}

/// The longest part of a history that is drawn from and replayed.
const LONGEST: usize = 200;

/// Runs in which nothing changed that are replayed one by one for the rate of false alarms.
const NULL_RUNS: usize = 2000;

/// Largest change that is looked for.
const LARGEST: f64 = 1.0;

/// Simulates each history; `Err` says of one why it cannot be.
#[must_use]
pub fn simulate(timelines: &[Timeline], options: &Simulation) -> Vec<Result<Sensitivity, String>> {
    timelines.par_iter().map(|timeline| one(timeline, options)).collect()
}

fn one(timeline: &Timeline, options: &Simulation) -> Result<Sensitivity, String> {
    let history = &timeline.history;
    let values = history.values();
    if values.len() < MIN_POINTS {
        return Err(format!("{} runs are too few: {MIN_POINTS} are needed", values.len()));
    }
    let changes: Vec<_> = timeline.changes.iter().map(|found| found.change).collect();
    let noise = relative(&values, &changes).ok_or("some levels are not above zero, so no change of them is a share")?;
    let worse = if history.metric.goal == Goal::Higher { -1.0 } else { 1.0 };
    let draws = drawn(history, &noise, options);
    let tail = options.within;
    let at = |size: f64, tier: Tier| -> Vec<Option<usize>> {
        draws.iter().map(|draw| delay(draw, tail, size, worse, tier)).collect()
    };
    let share = |delays: &[Option<usize>]| delays.iter().flatten().count() as f64 / delays.len().max(1) as f64;
    let (suspected, confirmed) = (at(options.size, Tier::Suspect), at(options.size, Tier::Confirmed));
    let enough = |size: f64| share(&at(size, Tier::Confirmed)) >= options.power;
    let smallest = enough(LARGEST).then(|| {
        let (mut low, mut high) = (0.0, LARGEST);
        // Down to a hundredth of what is asked for, or a tenth of a percent.
        while high - low > (0.02 * high).max(0.0005) {
            let middle = 0.5 * (low + high);
            if enough(middle) { high = middle } else { low = middle }
        }
        high
    });
    let after = smallest.map(|size| summary(&at(size, Tier::Confirmed)));
    let (false_suspects, false_confirmed) = false_alarms(&noise, worse, history, options);
    Ok(Sensitivity {
        runs: values.len(),
        noise: MAD_TO_SD * mad(&noise),
        suspected: summary(&suspected),
        confirmed: summary(&confirmed),
        smallest,
        smallest_after: after.and_then(|found| found.median),
        false_suspects,
        false_confirmed,
    })
}

fn stream(history: &History, options: &Simulation, part: u64) -> Stream {
    Stream::new(options.seed, &[Stream::key_of(&history.key.selector()), part])
}

/// Histories of the same noise, each with the runs that will be changed behind it.
fn drawn(history: &History, noise: &[f64], options: &Simulation) -> Vec<Vec<f64>> {
    let n = noise.len().clamp(2 * MIN_POINTS, LONGEST);
    (0..options.draws)
        .map(|draw| resampled(noise, n + options.within, &mut stream(history, options, draw as u64)))
        .collect()
}

/// After how many changed runs a change for the worse is told, by a tier or a surer one.
fn delay(draw: &[f64], tail: usize, size: f64, worse: f64, tier: Tier) -> Option<usize> {
    let start = draw.len() - tail;
    let mut history = change::History::new();
    draw[..start].iter().for_each(|value| history.push(*value));
    let factor = 1.0 + worse * size;
    for (at, value) in draw[start..].iter().enumerate() {
        history.push(value * factor);
        let told = history.changes().iter().any(|change| {
            matches!(change.kind, Kind::Step | Kind::Trend)
                && change.tier >= tier
                && change.size * worse > 0.0
                // Its place may be a few runs off.
                && change.index + 3 >= start
        });
        if told {
            return Some(at + 1);
        }
    }
    None
}

fn summary(delays: &[Option<usize>]) -> Found {
    let found: Vec<f64> = delays.iter().flatten().map(|delay| *delay as f64).collect();
    let ranked = sorted(&found);
    let at = |q: f64| (!ranked.is_empty()).then(|| quantile(&ranked, q));
    Found { share: found.len() as f64 / delays.len().max(1) as f64, median: at(0.5), p90: at(0.9) }
}

/// Changes for the worse that are told in a hundred runs in which nothing changed: suspicions and confirmed ones, each
/// counted once however long it stands.
fn false_alarms(noise: &[f64], worse: f64, history: &History, options: &Simulation) -> (f64, f64) {
    let n = noise.len().clamp(2 * MIN_POINTS, LONGEST);
    let replays = NULL_RUNS.div_ceil(n).max(1);
    let (mut suspects, mut confirmed, mut runs) = (0_usize, 0_usize, 0_usize);
    for replay in 0..replays {
        let draw = resampled(noise, n, &mut stream(history, options, 1_000_000 + replay as u64));
        let mut seen = change::History::new();
        let mut standing = [false; 2];
        for (at, value) in draw.iter().enumerate() {
            seen.push(*value);
            if at + 1 < MIN_POINTS {
                continue;
            }
            runs += 1;
            let changes = seen.changes();
            let now = [Tier::Suspect, Tier::Confirmed].map(|tier| {
                changes.iter().any(|change| {
                    matches!(change.kind, Kind::Step | Kind::Trend)
                        && change.tier == tier
                        && change.size * worse > 0.0
                        && change.index + options.within > at
                })
            });
            suspects += usize::from(now[0] && !standing[0] && !standing[1]);
            confirmed += usize::from(now[1] && !standing[1]);
            standing = now;
        }
    }
    let rate = |number: usize| 100.0 * number as f64 / runs.max(1) as f64;
    (rate(suspects), rate(confirmed))
}

#[cfg(test)]
mod tests;
