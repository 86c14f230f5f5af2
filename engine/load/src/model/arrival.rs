//! Open models: when arrivals are due, and in which phase.

use std::sync::Arc;

use engine_core::arrivals::{Arrivals, ArrivalsError, Cursor, Phase, Schedule, Spacing};
use thiserror::Error;

/// Straight lines that stand for one period of a sine: then the rate is within 0.02 % of the amplitude.
const LINES: usize = 128;

/// A plan of arrivals with named phases.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrivalPlan {
    times: Times,
    /// Names of the phases and when each ends, in seconds.
    phases: Vec<(String, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Times {
    Model(Schedule),
    /// Recorded times, rising.
    Replay(Arc<[f64]>),
}

/// Why a plan is impossible.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ArrivalPlanError {
    /// The model is.
    #[error(transparent)]
    Model(#[from] ArrivalsError),
    /// Recorded times are not numbers from 0 on in rising order.
    #[error("recorded arrival {0} is at `{1}` s: times must be numbers from 0 on, in rising order")]
    Replay(usize, f64),
    /// The plan has no end and was given none.
    #[error("arrivals without end need a duration, a positive number of seconds; got `{0}`")]
    Endless(f64),
}

impl ArrivalPlan {
    /// Arrivals by one model, for `duration` seconds or until the model ends, whichever is first; as the one phase `name`.
    ///
    /// # Errors
    /// If the model is impossible, or neither it nor `duration` ends.
    pub fn new(name: &str, model: &Arrivals, duration: f64, seed: u64) -> Result<Self, ArrivalPlanError> {
        let schedule = model.schedule(seed)?;
        let end = schedule.duration().unwrap_or(f64::INFINITY).min(duration);
        if !(end.is_finite() && end > 0.0) {
            return Err(ArrivalPlanError::Endless(duration));
        }
        Ok(Self { times: Times::Model(schedule), phases: vec![(name.into(), end)] })
    }

    /// Named phases, one after the other.
    ///
    /// # Errors
    /// If one is impossible, or they differ in spacing.
    pub fn phases(named: &[(String, Vec<Phase>)], seed: u64) -> Result<Self, ArrivalPlanError> {
        let all: Vec<Phase> = named.iter().flat_map(|(_, phases)| phases.iter().copied()).collect();
        let schedule = Arrivals::Phases(all).schedule(seed)?;
        let mut end = 0.0;
        let phases = named
            .iter()
            .map(|(name, phases)| {
                end += phases.iter().map(|phase| phase.duration).sum::<f64>();
                (name.clone(), end)
            })
            .collect();
        Ok(Self { times: Times::Model(schedule), phases })
    }

    /// Recorded times, in seconds, as the one phase `name`; it ends with the last.
    ///
    /// # Errors
    /// If the times do not rise from 0 on.
    pub fn replay(name: &str, times: Vec<f64>) -> Result<Self, ArrivalPlanError> {
        let mut last = 0.0;
        for (at, time) in times.iter().enumerate() {
            if !time.is_finite() || *time < last {
                return Err(ArrivalPlanError::Replay(at, *time));
            }
            last = *time;
        }
        // Half-open, as all plans: the last one is due too, also by a clock that counts whole nanoseconds.
        Ok(Self { phases: vec![(name.into(), last + 1e-6)], times: Times::Replay(times.into()) })
    }

    /// Its length in seconds.
    pub fn duration(&self) -> f64 {
        self.phases.last().map_or(0.0, |(_, end)| *end)
    }

    /// Names of the phases and when each ends, in seconds.
    pub fn phase_ends(&self) -> &[(String, f64)] {
        &self.phases
    }

    /// Makes the first `seconds` a phase of its own, called `name`, whatever phases they belong to. Changes no arrival.
    pub fn set_apart(&mut self, seconds: f64, name: &str) {
        let end = seconds.min(self.duration());
        if end > 0.0 {
            self.phases.retain(|(_, phase)| *phase > end);
            self.phases.insert(0, (name.to_owned(), end));
        }
    }

    /// Makes phases of so many seconds each, called by their number from 0 on, in the place of those before: what is meant to
    /// start in each is counted apart. Changes no arrival.
    pub fn cut(&mut self, seconds: f64) {
        let (end, most) = (self.duration(), f64::from(u16::MAX));
        let count = (end / seconds - 1e-9).ceil().clamp(1.0, most) as u64;
        self.phases = (0..count)
            .map(|number| (number.to_string(), if number + 1 == count { end } else { (number + 1) as f64 * seconds }))
            .collect();
    }

    /// How many arrivals are due before `time`, in seconds.
    pub fn count_until(&self, time: f64) -> u64 {
        let time = time.min(self.duration());
        match &self.times {
            Times::Model(schedule) => schedule.count_until(time),
            Times::Replay(times) => times.partition_point(|at| *at < time) as u64,
        }
    }

    /// Of the arrivals due before `time`, those that belong to `source` of `sources`.
    pub fn count_of(&self, time: f64, source: u64, sources: u64) -> u64 {
        let all = self.count_until(time);
        all.saturating_sub(source).div_ceil(sources.max(1))
    }

    /// The rate meant at `time`, arrivals per second; of recorded times the mean rate.
    pub fn rate_at(&self, time: f64) -> f64 {
        match &self.times {
            Times::Model(schedule) => schedule.rate_at(time),
            Times::Replay(times) => times.len() as f64 / self.duration().max(1e-9),
        }
    }

    /// The arrivals of `source` of `sources` in order, as index and seconds.
    pub fn due(&self, source: u64, sources: u64) -> Due {
        let end = self.duration();
        let kind = match &self.times {
            Times::Model(schedule) => Kind::Model(schedule.striped(source, sources)),
            Times::Replay(times) => Kind::Replay { times: Arc::clone(times), next: source, step: sources.max(1) },
        };
        Due { kind, end }
    }
}

/// Goes through a plan; see [`ArrivalPlan::due`].
#[derive(Debug, Clone)]
pub struct Due {
    kind: Kind,
    end: f64,
}

#[derive(Debug, Clone)]
enum Kind {
    Model(Cursor),
    Replay { times: Arc<[f64]>, next: u64, step: u64 },
}

impl Iterator for Due {
    type Item = (u64, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let due = match &mut self.kind {
            Kind::Model(cursor) => cursor.next()?,
            Kind::Replay { times, next, step } => {
                let due = (*next, *times.get(*next as usize)?);
                *next += *step;
                due
            }
        };
        (due.1 < self.end).then_some(due)
    }
}

/// One step after the other: `(rate, seconds)`.
pub fn steps(steps: &[(f64, f64)], spacing: Spacing) -> Vec<Phase> {
    steps.iter().map(|(rate, duration)| Phase { from: *rate, to: *rate, duration: *duration, spacing }).collect()
}

/// A rate that swings by `amplitude` around `mean` with `period`, for `duration`, starting at the mean and rising. Made
/// of straight lines; below zero it is zero.
pub fn sine(mean: f64, amplitude: f64, period: f64, duration: f64, spacing: Spacing) -> Vec<Phase> {
    let rate = |t: f64| (mean + amplitude * (std::f64::consts::TAU * t / period).sin()).max(0.0);
    let count = (duration / period * LINES as f64).ceil().max(1.0) as usize;
    let step = duration / count as f64;
    (0..count)
        .map(|k| Phase { from: rate(k as f64 * step), to: rate((k + 1) as f64 * step), duration: step, spacing })
        .collect()
}

/// On for a while, then off, again and again until `duration`: `(rate, seconds)` each.
pub fn bursts(on: (f64, f64), off: (f64, f64), duration: f64, spacing: Spacing) -> Vec<Phase> {
    let mut all = Vec::new();
    let mut left = duration;
    while left > 1e-9 && on.1 > 0.0 && off.1 > 0.0 {
        for (rate, length) in [on, off] {
            let length = length.min(left);
            if length > 1e-9 {
                all.push(Phase { from: rate, to: rate, duration: length, spacing });
            }
            left -= length;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(plan: &ArrivalPlan, sources: u64) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> =
            (0..sources).flat_map(|s| plan.due(s, sources)).map(|(i, t)| (i, t.to_bits())).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn the_number_of_threads_changes_no_arrival() {
        let swing = sine(80.0, 60.0, 3.0, 10.0, Spacing::Poisson);
        for plan in [
            ArrivalPlan::new("p", &Arrivals::Poisson { rate: 100.0 }, 10.0, 7).unwrap(),
            ArrivalPlan::new("c", &Arrivals::Constant { rate: 100.0 }, 10.0, 7).unwrap(),
            ArrivalPlan::phases(&[("s".into(), swing)], 7).unwrap(),
            ArrivalPlan::replay("r", vec![0.0, 0.1, 0.1, 5.0]).unwrap(),
        ] {
            let one = all(&plan, 1);
            for sources in [3, 4, 16] {
                assert_eq!(all(&plan, sources), one);
                let shares: u64 = (0..sources).map(|s| plan.count_of(4.2, s, sources)).sum();
                assert_eq!(shares, plan.count_until(4.2));
            }
            assert_eq!(plan.count_until(f64::INFINITY), one.len() as u64);
        }
        let seed = |seed| all(&ArrivalPlan::new("p", &Arrivals::Poisson { rate: 9.0 }, 9.0, seed).unwrap(), 1);
        assert_ne!(seed(1), seed(2));
    }

    #[test]
    fn gaps_of_a_poisson_process_are_exponential() {
        let plan = ArrivalPlan::new("p", &Arrivals::Poisson { rate: 500.0 }, 200.0, 3).unwrap();
        let times: Vec<f64> = plan.due(0, 1).map(|(_, t)| t).collect();
        let mut gaps: Vec<f64> = times.windows(2).map(|two| two[1] - two[0]).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(at, gap)| ((1.0 - (-gap * 500.0).exp()) - (at as f64 + 0.5) / n).abs())
            .fold(0.0, f64::max);
        assert!(distance * n.sqrt() < 1.63, "{}", distance * n.sqrt());
    }

    #[test]
    fn shapes_have_their_integral() {
        // Whole periods of a sine add up to the mean; a step and a burst to what they say.
        let count =
            |phases: Vec<Phase>| ArrivalPlan::phases(&[("x".into(), phases)], 0).unwrap().count_until(f64::INFINITY);
        assert!((count(sine(100.0, 100.0, 2.0, 10.0, Spacing::Even)) as f64 - 1000.0).abs() <= 1.0);
        // A quarter of a period: mean T/4 + amplitude T / tau.
        let quarter = 25.0 * 100.0 + 50.0 * 100.0 / std::f64::consts::TAU;
        assert!((count(sine(100.0, 50.0, 100.0, 25.0, Spacing::Even)) as f64 - quarter).abs() <= 2.0);
        assert_eq!(count(steps(&[(10.0, 2.0), (20.0, 1.0)], Spacing::Even)), 40);
        assert_eq!(count(bursts((10.0, 1.0), (0.0, 1.0), 5.0, Spacing::Even)), 30);
    }

    #[test]
    fn a_warm_up_is_a_phase_and_changes_no_arrival() {
        let named = [
            ("a".to_owned(), steps(&[(10.0, 2.0)], Spacing::Even)),
            ("b".into(), steps(&[(20.0, 3.0)], Spacing::Even)),
        ];
        let plain = ArrivalPlan::phases(&named, 1).unwrap();
        for (seconds, want) in
            [(0.0, "a 2 b 5"), (1.5, "w 1.5 a 2 b 5"), (2.0, "w 2 b 5"), (4.0, "w 4 b 5"), (9.0, "w 5")]
        {
            let mut plan = plain.clone();
            plan.set_apart(seconds, "w");
            let shown: Vec<String> = plan.phase_ends().iter().map(|(name, end)| format!("{name} {end}")).collect();
            assert_eq!(shown.join(" "), want);
            assert_eq!((all(&plan, 1), plan.duration()), (all(&plain, 1), 5.0));
        }
    }

    #[test]
    fn slices_are_phases_and_change_no_arrival() {
        let plain = ArrivalPlan::new("p", &Arrivals::Poisson { rate: 50.0 }, 2.3, 7).unwrap();
        let mut plan = plain.clone();
        plan.cut(0.5);
        let shown: Vec<String> = plan.phase_ends().iter().map(|(name, end)| format!("{name} {end}")).collect();
        assert_eq!(shown.join(" "), "0 0.5 1 1 2 1.5 3 2 4 2.3");
        assert_eq!((all(&plan, 1), plan.duration()), (all(&plain, 1), 2.3));
        plan.cut(5.0);
        assert_eq!(plan.phase_ends(), [("0".to_owned(), 2.3)]);
    }

    #[test]
    fn impossible_plans_are_refused() {
        assert!(ArrivalPlan::replay("r", vec![1.0, 0.5]).is_err());
        assert!(ArrivalPlan::replay("r", vec![f64::NAN]).is_err());
        assert!(ArrivalPlan::new("c", &Arrivals::Constant { rate: 1.0 }, f64::INFINITY, 0).is_err());
        assert_eq!(ArrivalPlan::replay("r", vec![]).unwrap().count_until(9.0), 0);
    }
}
