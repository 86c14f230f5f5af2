//! What has been done so far: which rounds of which step, and what they cost.

use std::collections::BTreeSet;
use std::time::Duration;

use engine_core::measurement::Measurement;
use engine_core::metric::Goal;
use engine_core::plan::Rounds;
use engine_core::run::RunRecord;
use engine_core::stats::quantile::{mad, median};

use crate::bus::Bus;

#[derive(Debug, Default, Clone)]
struct StepProgress {
    closed: bool,
    started: bool,
    warm_up_checked: bool,
    rounds: BTreeSet<u32>,
    seconds: f64,
    takes: u32,
    retakes: u32,
    /// Seconds from the beginning to the end of rounds, with their retakes, targets and children.
    wall: f64,
    whole: u32,
}

/// The progress of all steps.
#[derive(Debug)]
pub(crate) struct Progress(Vec<StepProgress>);

impl Progress {
    /// What the record already holds: nothing for a fresh run.
    pub(crate) fn of(bus: &Bus) -> Self {
        bus.with(|record| {
            let steps = record.steps.iter().map(|step| {
                let rounds = step.measurements.iter().flat_map(|m| m.counted().map(|round| round.number)).collect();
                let taken: Vec<f64> =
                    step.primary().map(|m| m.rounds.iter().map(|r| r.seconds).collect()).unwrap_or_default();
                StepProgress {
                    closed: step.outcome.is_some(),
                    started: !taken.is_empty(),
                    rounds,
                    seconds: taken.iter().sum(),
                    takes: u32::try_from(taken.len()).unwrap_or(u32::MAX),
                    ..StepProgress::default()
                }
            });
            Self(steps.collect())
        })
    }

    /// The steps that still take rounds.
    pub(crate) fn open(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|step| self.is_open(*step)).collect()
    }

    pub(crate) fn is_open(&self, step: usize) -> bool {
        !self.0[step].closed
    }

    pub(crate) fn close(&mut self, step: usize) {
        self.0[step].closed = true;
    }

    /// Marks a step as started; true the first time.
    pub(crate) fn start(&mut self, step: usize) -> bool {
        !std::mem::replace(&mut self.0[step].started, true)
    }

    pub(crate) fn has_any(&self, step: usize) -> bool {
        !self.0[step].rounds.is_empty()
    }

    pub(crate) fn has(&self, step: usize, round: u32) -> bool {
        self.0[step].rounds.contains(&round)
    }

    pub(crate) fn took(&mut self, step: usize, round: u32) {
        self.0[step].rounds.insert(round);
    }

    pub(crate) fn taken(&self, step: usize) -> u32 {
        u32::try_from(self.0[step].rounds.len()).unwrap_or(u32::MAX)
    }

    /// Counts a take and its time.
    pub(crate) fn spent(&mut self, step: usize, took: Duration, again: bool) {
        let progress = &mut self.0[step];
        progress.seconds += took.as_secs_f64();
        progress.takes += 1;
        progress.retakes += u32::from(again);
    }

    /// Retakes are limited to half of the planned rounds (at least two): a machine that is disturbed all the time
    /// gets marked results, not a run that never ends.
    pub(crate) fn may_retake(&self, step: usize, rounds: Rounds) -> bool {
        self.0[step].retakes < (rounds.most() / 2).max(2)
    }

    /// Seconds used so far.
    pub(crate) fn used(&self, step: usize) -> f64 {
        self.0[step].seconds
    }

    /// The mean time of a take so far.
    pub(crate) fn typical(&self, step: usize) -> Option<f64> {
        let progress = &self.0[step];
        (progress.takes > 0).then(|| progress.seconds / f64::from(progress.takes))
    }

    /// Counts a whole round, with everything around it.
    pub(crate) fn whole(&mut self, step: usize, took: Duration) {
        let progress = &mut self.0[step];
        progress.wall += took.as_secs_f64();
        progress.whole += 1;
    }

    /// The mean time of a whole round so far.
    pub(crate) fn typical_whole(&self, step: usize) -> Option<f64> {
        let progress = &self.0[step];
        if progress.whole > 0 { Some(progress.wall / f64::from(progress.whole)) } else { self.typical(step) }
    }

    /// True the first time: the first round is looked at once.
    pub(crate) fn warm_up_once(&mut self, step: usize) -> bool {
        !std::mem::replace(&mut self.0[step].warm_up_checked, true)
    }
}

/// Whether the first round of a step's primary metric was warm-up: worse than the median of the others by more than
/// 5 % and by more than four robust standard deviations (1.4826 x MAD). Judged afterwards, so that a step without
/// warm-up pays nothing for the question.
pub(crate) fn is_warm_up(record: &RunRecord, step: usize) -> bool {
    let Some(measurement) = record.steps[step].primary() else { return false };
    let mut rounds: Vec<_> = measurement.counted().collect();
    rounds.sort_by_key(|round| round.number);
    let single: Vec<f64> = rounds
        .iter()
        .flat_map(|round| {
            let alone = Measurement { rounds: vec![(*round).clone()], ..measurement.clone() };
            alone.round_values()
        })
        .collect();
    first_is_off(&single, measurement.metric.goal)
}

fn first_is_off(values: &[f64], goal: Goal) -> bool {
    let Some((first, others)) = values.split_first() else { return false };
    if others.len() < 3 {
        return false;
    }
    let middle = median(others);
    let worse_by = match goal {
        Goal::Lower => first - middle,
        Goal::Higher => middle - first,
        Goal::Neutral => (first - middle).abs(),
    };
    worse_by > 0.05 * middle.abs() && worse_by > 4.0 * 1.4826 * mad(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_first_round_that_is_clearly_worse_is_warm_up() {
        let cold = [1.5, 1.0, 1.01, 0.99, 1.0];
        assert!(first_is_off(&cold, Goal::Lower));
        assert!(!first_is_off(&cold, Goal::Higher), "faster is no warm-up");
        assert!(!first_is_off(&[1.04, 1.0, 1.01, 0.99, 1.0], Goal::Lower), "within 5 %");
        assert!(!first_is_off(&[1.5, 1.0, 2.0, 0.5, 1.4], Goal::Lower), "within the noise");
        assert!(!first_is_off(&[9.0, 1.0, 1.0], Goal::Lower), "too few to tell");
    }
}
