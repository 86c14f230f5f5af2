//! Arrival schedules: when each request of a load is *meant* to start.
//!
//! A schedule is a pure function of (model, seed, index): [`Schedule::time_of`] gives the intended start of arrival `i`
//! whoever asks, in whatever order. Latency is measured from that time, so it is computed and never sampled; threads or
//! machines share a schedule by striping its indices ([`Schedule::striped`]), which changes no arrival.
//!
//! Every model is a rate over time (straight lines, phase after phase) and a spacing. With `L(t)` the integral of the
//! rate, evenly spaced arrival `i` is at the time when `L` passes `i`; with Poisson spacing, at the time when it passes
//! the `i`-th point of a unit-rate Poisson process (`arrivals/walk.rs`), which is the exact inhomogeneous process. `L` is
//! a parabola in each phase, inverted in closed form. A schedule is half-open: nothing is due at its very end, and while
//! the rate is zero nothing is due at all, without ending the schedule.

use serde::{Deserialize, Serialize};
use thiserror::Error;

mod cursor;
mod rate;
mod walk;

pub use cursor::Cursor;

use rate::Profile;
use walk::Walk;

/// How arrivals lie around their rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Evenly: a metronome at the current rate.
    #[default]
    Even,
    /// As independent users would: a Poisson process of the current rate.
    Poisson,
}

/// A stretch of time in which the rate goes in a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Rate at its start, arrivals per second.
    pub from: f64,
    /// Rate at its end, arrivals per second.
    pub to: f64,
    /// Length in seconds.
    pub duration: f64,
    /// How its arrivals are spaced. All phases of a schedule have the same spacing.
    #[serde(default)]
    pub spacing: Spacing,
}

/// A model of arrivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Every `1 / rate` seconds, without end; the first at once.
    Constant {
        /// Arrivals per second.
        rate: f64,
    },
    /// A Poisson process without end: independent exponential gaps, the first from the start to the first arrival.
    Poisson {
        /// Arrivals per second, on average.
        rate: f64,
    },
    /// One phase.
    Ramp {
        /// Rate at the start, arrivals per second.
        from: f64,
        /// Rate at the end, arrivals per second.
        to: f64,
        /// Length in seconds.
        duration: f64,
        /// How the arrivals are spaced.
        #[serde(default)]
        spacing: Spacing,
    },
    /// One phase after the other.
    Phases(Vec<Phase>),
}

/// Why a model of arrivals makes no schedule.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ArrivalsError {
    /// A rate is negative, `NaN` or infinite.
    #[error("a rate must be a number of arrivals per second from 0 to 1e9, got `{0}`")]
    Rate(f64),
    /// A duration is not a positive number.
    #[error("a phase must last a positive, finite number of seconds, got `{0}`")]
    Duration(f64),
    /// A model without phases.
    #[error("a schedule needs at least one phase")]
    NoPhase,
    /// Phases with unlike spacing.
    #[error("all phases of a schedule must have the same spacing; declare two loads instead")]
    MixedSpacing,
}

impl Arrivals {
    /// The schedule of this model. The seed decides Poisson spacing only; even spacing ignores it.
    ///
    /// # Errors
    /// If a rate or a duration is impossible, there is no phase, or the phases differ in spacing.
    pub fn schedule(&self, seed: u64) -> Result<Schedule, ArrivalsError> {
        let endless = |rate: f64, spacing| Ok((Profile::endless(rate)?, spacing));
        let (profile, spacing) = match self {
            Self::Constant { rate } => endless(*rate, Spacing::Even),
            Self::Poisson { rate } => endless(*rate, Spacing::Poisson),
            Self::Ramp { from, to, duration, spacing } => {
                let phase = Phase { from: *from, to: *to, duration: *duration, spacing: *spacing };
                Ok((Profile::new(&[phase])?, *spacing))
            }
            Self::Phases(phases) => {
                let spacing = phases.first().ok_or(ArrivalsError::NoPhase)?.spacing;
                if phases.iter().any(|phase| phase.spacing != spacing) {
                    return Err(ArrivalsError::MixedSpacing);
                }
                Ok((Profile::new(phases)?, spacing))
            }
        }?;
        let walk = match spacing {
            Spacing::Even => None,
            Spacing::Poisson => Some(Walk::new(seed)),
        };
        Ok(Schedule { profile, walk })
    }
}

/// The intended start of every arrival. Cheap to clone; the clones agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    profile: Profile,
    /// The unit-rate process of Poisson spacing; `None` when evenly spaced.
    walk: Option<Walk>,
}

impl Schedule {
    /// Intended start of arrival `index` (from 0), in seconds since the schedule's start; `None` past its end.
    ///
    /// Constant time when evenly spaced; about ten microseconds with Poisson spacing, where [`Schedule::cursor`] is the
    /// fast way through.
    pub fn time_of(&self, index: u64) -> Option<f64> {
        self.profile.time_at(self.mass_of(index))
    }

    /// Where in the integrated rate arrival `index` lies.
    fn mass_of(&self, index: u64) -> f64 {
        self.walk.as_ref().map_or(index as f64, |walk| walk.point(index))
    }

    /// How many arrivals are due before `time`, in seconds: the arrivals `i` with `time_of(i) < time`.
    pub fn count_until(&self, time: f64) -> u64 {
        if time.is_nan() || time <= 0.0 {
            return 0;
        }
        let mass = self.profile.mass_until(time);
        let mut count = self.walk.as_ref().map_or_else(|| mass.ceil() as u64, |walk| walk.count_below(mass));
        // The integral and its inverse round differently; `time_of` has the last word.
        let due = |index: u64| self.time_of(index).is_some_and(|t| t < time);
        while count > 0 && !due(count - 1) {
            count -= 1;
        }
        while due(count) {
            count += 1;
        }
        count
    }

    /// How many arrivals there are in all; `None` if the schedule has no end.
    pub fn total(&self) -> Option<u64> {
        self.duration().map(|_| self.count_until(f64::INFINITY))
    }

    /// Length in seconds; `None` if the schedule has no end.
    pub fn duration(&self) -> Option<f64> {
        self.profile.duration()
    }

    /// The rate meant at `time`, arrivals per second; zero before the start and past the end.
    pub fn rate_at(&self, time: f64) -> f64 {
        self.profile.rate_at(time)
    }

    /// All arrivals in order. Yields what [`Schedule::time_of`] gives, bit for bit, at a few nanoseconds each.
    pub fn cursor(&self) -> Cursor {
        self.striped(0, 1)
    }

    /// Every `sources`-th arrival from `source` on (`0 <= source < sources`): the share of one of several sources. All
    /// shares together are the schedule itself.
    pub fn striped(&self, source: u64, sources: u64) -> Cursor {
        Cursor::new(self.clone(), source, sources.max(1))
    }
}

#[cfg(test)]
mod tests;
