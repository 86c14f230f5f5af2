//! The rate over time, its integral, and the integral's inverse.

use super::{ArrivalsError, Phase};

/// Above this no machine and no double keep up: at 1e9/s, times of a day are still exact to a hundredth of a gap.
const MAX_RATE: f64 = 1e9;

/// One phase with what came before it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    /// Its start, in seconds.
    start: f64,
    /// Its length in seconds; infinite for an endless one.
    duration: f64,
    /// Arrivals meant before it.
    before: f64,
    /// Arrivals meant in it.
    mass: f64,
    /// Rate at its start.
    from: f64,
    /// Change of the rate, per second.
    slope: f64,
}

/// A rate in straight lines, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    segments: Vec<Segment>,
}

fn checked(rate: f64) -> Result<f64, ArrivalsError> {
    if (0.0..=MAX_RATE).contains(&rate) { Ok(rate) } else { Err(ArrivalsError::Rate(rate)) }
}

impl Profile {
    /// A constant rate without end.
    pub(super) fn endless(rate: f64) -> Result<Self, ArrivalsError> {
        let from = checked(rate)?;
        let mass = if from > 0.0 { f64::INFINITY } else { 0.0 };
        let segment = Segment { start: 0.0, duration: f64::INFINITY, before: 0.0, mass, from, slope: 0.0 };
        Ok(Self { segments: vec![segment] })
    }

    pub(super) fn new(phases: &[Phase]) -> Result<Self, ArrivalsError> {
        let (mut start, mut before) = (0.0, 0.0);
        let mut segments = Vec::with_capacity(phases.len());
        for phase in phases {
            let (from, to, duration) = (checked(phase.from)?, checked(phase.to)?, phase.duration);
            if !duration.is_finite() || duration <= 0.0 {
                return Err(ArrivalsError::Duration(duration));
            }
            let mass = 0.5 * (from + to) * duration;
            segments.push(Segment { start, duration, before, mass, from, slope: (to - from) / duration });
            start += duration;
            before += mass;
        }
        if segments.is_empty() { Err(ArrivalsError::NoPhase) } else { Ok(Self { segments }) }
    }

    pub(super) fn duration(&self) -> Option<f64> {
        let last = self.segments.last()?;
        last.duration.is_finite().then_some(last.start + last.duration)
    }

    /// The integral of the rate from 0 to `time`.
    pub(super) fn mass_until(&self, time: f64) -> f64 {
        let at = self.segments.partition_point(|s| s.start < time);
        let Some(s) = self.segments[..at].last() else { return 0.0 };
        let within = time - s.start;
        if within >= s.duration {
            return s.before + s.mass;
        }
        s.before + (s.from * within + 0.5 * s.slope * within * within).min(s.mass)
    }

    /// When the integral passes `mass`: the first moment after which it exceeds it. `None` if it never does.
    pub(super) fn time_at(&self, mass: f64) -> Option<f64> {
        let s = self.segments.get(self.segments.partition_point(|s| s.before + s.mass <= mass))?;
        let rest = mass - s.before;
        if s.slope == 0.0 {
            return Some(s.start + (rest / s.from).min(s.duration));
        }
        // The parabola's root in the form that does not cancel for a small slope.
        let root = (s.from * s.from + 2.0 * s.slope * rest).max(0.0).sqrt();
        let within = if rest > 0.0 { 2.0 * rest / (s.from + root) } else { 0.0 };
        Some(s.start + within.min(s.duration))
    }

    pub(super) fn rate_at(&self, time: f64) -> f64 {
        let at = self.segments.partition_point(|s| s.start <= time);
        self.segments[..at]
            .last()
            .filter(|s| time - s.start < s.duration)
            .map_or(0.0, |s| s.from + s.slope * (time - s.start))
    }
}
