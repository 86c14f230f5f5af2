//! The highest rate at which a service level holds: a climb by doubling, then bisection.
//!
//! A pure search over trials: what a trial is (a load run of some seconds, judged by its expectations) and how the target is
//! drained is the caller's [`Trial`]. Three things make a plain bisection wrong, and each is met here:
//!
//! * *What was left behind.* A trial beyond the limit leaves a backlog that would fail the next one too. The target is
//!   drained before each trial, so that none inherits anything.
//! * *Noise.* Near the limit a trial may come out either way, and a moment of the machine makes one fail anywhere. There,
//!   and before a first failure is believed, a rate counts as met or missed when one kind is ahead by two trials; both ends of
//!   the final bracket have that behind them, the upper one three failures at or just above it, and an end that its trials
//!   contradict is given up. An unsure verdict counts neither way: a rate that stays unsure is left as it is, and the
//!   bracket closes in from both sides of it.
//! * *The wrong limit.* Where the generator was the bottleneck, nothing is known of the target at that rate.
//!
//! The result is a bracket: the highest rate that met the level, and the lowest that missed it.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// By so many trials one verdict must be ahead, where one trial is not enough.
const VOTES: u32 = 2;

/// By so many, counted together, at and just above the upper end: what disturbs a trial makes it fail, never pass.
const BACKING: i64 = 3;

/// A rate is tried so often at most; then it stays unsure.
const REPEATS: u32 = 5;

/// Within so many times the precision, a bracket is near its limit.
const NEAR: f64 = 4.0;

/// A target that ended less than this share of what was started does not keep up, whatever its latencies say.
const KEEPS_UP: f64 = 0.99;

/// What chance leaves open at the end, in roots of the number that was started: a queue at its very limit grows by as much.
const NOISE: f64 = 2.0;

/// What the search looks for, and how closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// The first rate, per second.
    pub from: f64,
    /// The highest that may be tried.
    pub to: f64,
    /// Width of the final bracket, as a share: 0.02.
    pub precision: f64,
    /// Most trials in all.
    pub most: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self { from: 1.0, to: f64::INFINITY, precision: 0.02, most: 60 }
    }
}

/// What a trial showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The service level held.
    Met,
    /// It did not.
    Missed,
    /// The trial does not tell.
    Unsure,
    /// The generator was the bottleneck, for this reason: nothing is known of the target.
    Generator(String),
    /// The search must end, for this reason: interrupted, or the target is gone.
    Ended(String),
}

impl Verdict {
    /// This verdict of the latencies, unless the target did not keep up: of `started` requests only `ended` came to an end
    /// within the trial. Of fewer than a thousand, chance alone can leave more than one in a hundred open at the end.
    #[must_use]
    pub fn kept_up(self, started: u64, ended: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^53")]
        let (started, ended) = (started as f64, ended as f64);
        let open = started - ended;
        if self == Self::Met && open > (1.0 - KEEPS_UP) * started && open > NOISE * started.sqrt() {
            return Self::Missed;
        }
        self
    }
}

/// What is searched.
pub trait Trial {
    /// Sends `rate` requests a second for the time of a trial, and judges what came of it.
    fn run(&mut self, rate: f64) -> Verdict;

    /// Waits until the target is at rest: nothing in flight, and as quick as before the first trial.
    ///
    /// # Errors
    /// A sentence, when it does not come to rest.
    fn drain(&mut self) -> Result<(), String>;
}

/// One trial that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// Its rate, per second.
    pub rate: f64,
    /// What it showed.
    pub verdict: Verdict,
}

/// Why the search came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitedBy {
    /// The target, within the precision.
    Target,
    /// The target, but between the two rates the verdicts stayed unsure.
    Unsure,
    /// Nothing: the level holds at the highest rate that may be tried.
    Max,
    /// The target misses the level at the first rate already.
    Start,
    /// The generator, for this reason.
    Generator(String),
    /// The number of trials.
    Trials,
    /// What ended the search early.
    Ended(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// The highest rate that met the level.
    pub low: Option<f64>,
    /// The lowest that missed it.
    pub high: Option<f64>,
    /// Why no more was found.
    pub limit: LimitedBy,
    /// All trials, in order.
    pub trials: Vec<Tried>,
}

impl Capacity {
    /// What was found, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "no rate".to_owned(), |rate| format!("{rate:.1}/s"));
        let (low, high) = (rate(self.low), rate(self.high));
        let trials = self.trials.len();
        match &self.limit {
            LimitedBy::Target => format!("the service level holds up to {low} and not at {high} ({trials} trials)"),
            LimitedBy::Unsure => format!(
                "the service level holds up to {low} and not at {high}; trials between the two are neither surely in nor \
                 surely out: longer trials would tell"
            ),
            LimitedBy::Max => format!("the service level still holds at {low}, the highest rate that was allowed"),
            LimitedBy::Start => format!("the service level does not hold at {high}, the lowest rate that was tried"),
            LimitedBy::Generator(reason) => {
                format!("the service level holds up to {low}; beyond, the generator is the bottleneck: {reason}")
            }
            LimitedBy::Trials => format!(
                "after {trials} trials the limit lies between {low} and {high}: the trials contradict each other, or there \
                 were too few"
            ),
            LimitedBy::Ended(reason) => {
                format!("the search ended early ({reason}): so far {low} held and {high} did not")
            }
        }
    }
}

/// What the trials at one rate said.
#[derive(Debug, Clone, Default)]
struct Tally {
    rate: f64,
    met: u32,
    missed: u32,
    runs: u32,
    generator: u32,
}

impl Tally {
    /// By how many trials one verdict is ahead of the other.
    fn lead(&self) -> u32 {
        self.met.abs_diff(self.missed)
    }
}

struct State<'a, T> {
    trial: &'a mut T,
    search: Search,
    tallies: Vec<Tally>,
    trials: Vec<Tried>,
    /// The rate at which the generator gave up, and why.
    cap: Option<(f64, String)>,
}

/// Searches between `search.from` and `search.to`.
pub fn capacity(search: &Search, trial: &mut impl Trial) -> Capacity {
    let mut state = State { trial, search: *search, tallies: Vec::new(), trials: Vec::new(), cap: None };
    let limit = state.search().unwrap_or_else(|limit| limit);
    let (low, high) = (state.low(), state.high());
    Capacity { low, high, limit, trials: state.trials }
}

impl<T: Trial> State<'_, T> {
    /// The highest rate that met the level: below every rate that is missed by as many votes.
    fn low(&self) -> Option<f64> {
        let high = self.high().unwrap_or(f64::INFINITY);
        let met = self.tallies.iter().filter(|tally| tally.met > tally.missed && tally.rate < high);
        met.map(|tally| tally.rate).reduce(f64::max)
    }

    /// The lowest rate that missed the level, above the highest that met it with more votes.
    fn high(&self) -> Option<f64> {
        let sure = self.tallies.iter().filter(|tally| tally.met > tally.missed && tally.lead() >= VOTES);
        let floor = sure.map(|tally| tally.rate).fold(0.0, f64::max);
        let missed = self.tallies.iter().filter(|tally| {
            // Two that agree at a lower rate outweigh one at a higher.
            tally.missed > tally.met && (tally.rate > floor || tally.lead() >= VOTES)
        });
        missed.map(|tally| tally.rate).reduce(f64::min)
    }

    fn search(&mut self) -> Result<LimitedBy, LimitedBy> {
        let Search { from, to, precision, .. } = self.search;
        let mut next = from.min(to);
        let mut stride = 2.0;
        loop {
            self.try_at(next)?;
            let (low, high) = (self.low(), self.high());
            let cap = self.cap.as_ref().map(|(rate, _)| *rate);
            let upper = match (high, cap) {
                (Some(high), Some(cap)) => Some(high.min(cap)),
                (high, cap) => high.or(cap),
            };
            let Some(low) = low else {
                if let (None, Some((_, reason))) = (high, &self.cap) {
                    return Ok(LimitedBy::Generator(reason.clone()));
                }
                match high {
                    Some(high) if self.backed(high) => {
                        // Nothing was met below what was missed: at the start, or after a met rate was taken back.
                        if high <= from {
                            return Ok(LimitedBy::Start);
                        }
                        next = from;
                    }
                    Some(high) => next = high,
                    // Unsure at the first rate, and nothing to compare with.
                    None if next >= to => return Ok(LimitedBy::Unsure),
                    None => next = (next * stride).min(to),
                }
                if self.tally(next).is_some_and(|tally| tally.runs >= REPEATS) {
                    return Ok(LimitedBy::Unsure);
                }
                continue;
            };
            let Some(upper) = upper else {
                if low >= to {
                    if self.settled(low) {
                        return Ok(LimitedBy::Max);
                    }
                    next = low;
                } else {
                    // What lies between is unsure, or nothing: go on climbing from the highest that was tried.
                    let tried = self.tallies.iter().map(|tally| tally.rate).fold(low, f64::max);
                    next = (tried * stride).min(to);
                    if tried >= to {
                        return Ok(LimitedBy::Unsure);
                    }
                }
                continue;
            };
            // From the first upper end on, a climb that starts again goes in small steps.
            stride = 1.0 + 2.0 * NEAR * precision;
            match self.between(low, upper) {
                Some(middle) => next = middle,
                None if !self.settled(low) => next = low,
                None if high == Some(upper) && !self.backed(upper) => next = upper,
                None if high == Some(upper) && upper / low > 1.0 + precision => return Ok(LimitedBy::Unsure),
                None if high == Some(upper) => return Ok(LimitedBy::Target),
                None => {
                    let reason = self.cap.as_ref().map(|(_, reason)| reason.clone()).unwrap_or_default();
                    return Ok(LimitedBy::Generator(reason));
                }
            }
        }
    }

    /// The next rate inside a bracket: the middle, by ratio, of the wider gap between its ends and the unsure rates within
    /// it. None when both gaps are within the precision.
    fn between(&self, low: f64, upper: f64) -> Option<f64> {
        let inside = self.tallies.iter().map(|tally| tally.rate).filter(|rate| *rate > low && *rate < upper);
        let (first, last) = inside.fold((upper, low), |(first, last), rate| (first.min(rate), last.max(rate)));
        let gap = if first / low >= upper / last { (low, first) } else { (last, upper) };
        (gap.1 / gap.0 > 1.0 + self.search.precision).then(|| (gap.0 * gap.1).sqrt())
    }

    fn tally(&self, rate: f64) -> Option<&Tally> {
        #[expect(clippy::float_cmp, reason = "asks for the very rate that was tried")]
        self.tallies.iter().find(|tally| tally.rate == rate)
    }

    /// Whether enough trials agree on a rate, or no more are to be made there.
    fn settled(&self, rate: f64) -> bool {
        self.tally(rate).is_some_and(|tally| tally.lead() >= VOTES || tally.runs >= REPEATS)
    }

    /// Whether enough trials speak against a rate, those just above it counted too.
    fn backed(&self, rate: f64) -> bool {
        let reach = rate * (1.0 + 2.0 * NEAR * self.search.precision);
        let near = self.tallies.iter().filter(|tally| tally.rate >= rate && tally.rate <= reach);
        let against: i64 = near.map(|tally| i64::from(tally.missed) - i64::from(tally.met)).sum();
        self.settled(rate) && (against >= BACKING || self.tally(rate).is_some_and(|tally| tally.runs >= REPEATS))
    }

    /// Makes a trial at `rate`, and repeats it where one is not enough.
    fn try_at(&mut self, rate: f64) -> Result<(), LimitedBy> {
        loop {
            if self.trials.len() >= self.search.most {
                return Err(LimitedBy::Trials);
            }
            if !self.trials.is_empty() {
                self.trial.drain().map_err(LimitedBy::Ended)?;
            }
            let verdict = self.trial.run(rate);
            self.trials.push(Tried { rate, verdict: verdict.clone() });
            #[expect(clippy::float_cmp, reason = "asks for the very rate that was tried")]
            let place = self.tallies.iter().position(|tally| tally.rate == rate).unwrap_or_else(|| {
                self.tallies.push(Tally { rate, ..Tally::default() });
                self.tallies.len() - 1
            });
            let tally = &mut self.tallies[place];
            tally.runs += 1;
            match verdict {
                Verdict::Met => tally.met += 1,
                Verdict::Missed => tally.missed += 1,
                Verdict::Unsure => {}
                Verdict::Generator(reason) => {
                    tally.generator += 1;
                    // Once may be a moment of the machine.
                    if tally.generator >= VOTES {
                        self.cap = Some((rate, reason));
                        return Ok(());
                    }
                    continue;
                }
                Verdict::Ended(reason) => return Err(LimitedBy::Ended(reason)),
            }
            let tally = tally.clone();
            let decided = tally.lead() >= VOTES || (tally.lead() > 0 && !self.needs_more(&tally));
            if decided || tally.runs >= REPEATS {
                return Ok(());
            }
        }
    }

    /// Whether one vote at this rate is too few: near the limit, and for a first miss, which would end the climb.
    fn needs_more(&self, tally: &Tally) -> bool {
        let met = self.tallies.iter().filter(|other| other.met > other.missed && other.rate < tally.rate);
        let missed = self.tallies.iter().filter(|other| other.missed > other.met && other.rate > tally.rate);
        let below = met.map(|other| other.rate).fold(0.0, f64::max);
        let above = missed.map(|other| other.rate).fold(f64::INFINITY, f64::min);
        let first_miss = tally.missed > tally.met && above.is_infinite();
        // Unsure before: the second opinion must be one.
        let was_unsure = tally.runs > tally.met + tally.missed + tally.generator;
        first_miss || was_unsure || above / below <= 1.0 + NEAR * self.search.precision
    }
}
