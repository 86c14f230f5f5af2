//! The robust detector: how far a point lies from the last few hundred, in robust standard deviations.
//!
//! Three views, of which the most unusual counts: the point against the median of the window; the mean of the last five
//! against it, which sees a small shift that stays, with autocorrelation paid for; and the step from the point before
//! against the usual steps, which sees a spike on the slope of a daily cycle. The score is `1 - 2^-(z/6)^2`: one half at
//! six standard deviations. After something unusual the window waits: it takes points in again when they are usual, or
//! when they have stayed for so long that they are the new normal.
//!
//! What would make it wrong: a period longer than the window, and a machine that is busy in bursts by nature.

use std::collections::VecDeque;

use engine_core::stats::quantile::median;

use super::{Anomalies, Reading};
use crate::change::noise::{correlation, inflation, spread_about_zero};

/// Points in the window.
const WINDOW: usize = 256;

/// Points before anything is said.
const WARM_UP: usize = 30;

/// Points whose mean is looked at.
const RECENT: usize = 5;

/// Robust standard deviations at which the score is one half, and a point is told.
const UNUSUAL: f64 = 6.0;

/// The usual is estimated anew after so many points.
const REFRESH: usize = 8;

/// Usual points that end an episode.
const QUIET: usize = 5;

/// An episode this long is the new normal.
const NEW_NORMAL: usize = 40;

/// Watches one series.
#[derive(Debug, Clone, Default)]
pub struct Robust {
    window: VecDeque<f64>,
    recent: VecDeque<f64>,
    /// Points of the present episode, and how many of its last are usual.
    episode: Vec<f64>,
    quiet: usize,
    last: Option<(f64, f64)>,
    interval: Option<f64>,
    usual: Usual,
    since: usize,
}

/// What is usual.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    middle: f64,
    sigma: f64,
    step: f64,
    inflation: f64,
}

impl Usual {
    fn of(values: &[f64]) -> Self {
        let middle = median(values);
        let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
        let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // A series that stands still may twitch by a millionth.
        let floor = (1e-6 * middle.abs()).max(f64::MIN_POSITIVE);
        Self {
            middle,
            sigma: spread_about_zero(&centred).max(floor),
            step: spread_about_zero(&steps).max(floor),
            inflation: inflation(correlation(&centred, &[0, centred.len()])),
        }
    }
}

impl Robust {
    /// A detector that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How unusual a value is, in standard deviations.
    fn deviation(&self, value: f64, step: Option<f64>) -> f64 {
        let Usual { middle, sigma, step: usual, inflation } = self.usual;
        let level = (value - middle).abs() / sigma;
        let mean = self.recent.iter().sum::<f64>() / self.recent.len().max(1) as f64;
        let error = sigma * (inflation / RECENT as f64).sqrt().min(1.0);
        let lasting = if self.recent.len() == RECENT { (mean - middle).abs() / error } else { 0.0 };
        // Steps have heavier tails than levels: both ends of a spike are steps.
        let sudden = step.map_or(0.0, |step| step.abs() / usual / 1.5);
        // A step counts where the level is at least somewhat unusual too, or cycles are wide.
        level.max(lasting).max(if level > 1.0 { sudden } else { 0.0 })
    }

    fn learn(&mut self, value: f64) {
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(value);
        self.since += 1;
        if self.since >= REFRESH || self.window.len() == WARM_UP {
            self.usual = Usual::of(self.window.make_contiguous());
            self.since = 0;
        }
    }
}

impl Anomalies for Robust {
    fn update(&mut self, time: f64, value: f64) -> Reading {
        if !value.is_finite() {
            return Reading::USUAL;
        }
        let elapsed = self.last.map(|(before, _)| time - before).filter(|elapsed| *elapsed > 0.0);
        let gap = matches!((elapsed, self.interval), (Some(elapsed), Some(usual)) if elapsed > 10.0 * usual);
        if gap {
            self.recent.clear();
        }
        let step = self.last.filter(|_| !gap).map(|(_, before)| value - before);
        self.interval = match (self.interval, elapsed) {
            (Some(usual), Some(elapsed)) if !gap => Some(usual + (elapsed - usual) / 16.0),
            (None, elapsed) => elapsed,
            (usual, _) => usual,
        };
        self.last = Some((time, value));
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
        if self.window.len() < WARM_UP {
            self.learn(value);
            return Reading::USUAL;
        }
        let z = self.deviation(value, step);
        let score = 1.0 - (-(z / UNUSUAL).powi(2)).exp2();
        let unusual = z >= UNUSUAL;
        let flag = unusual && self.episode.is_empty();
        if unusual || !self.episode.is_empty() {
            self.episode.push(value);
            self.quiet = if unusual { 0 } else { self.quiet + 1 };
            if self.episode.len() >= NEW_NORMAL {
                self.window = self.episode.drain(..).collect();
                self.usual = Usual::of(self.window.make_contiguous());
                self.recent.clear();
                self.quiet = 0;
            } else if self.quiet >= QUIET {
                self.episode.clear();
                self.quiet = 0;
            }
        } else {
            self.learn(value);
        }
        Reading { score, flag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::stats::Stream;

    /// Where flags are raised.
    fn flags(values: impl IntoIterator<Item = f64>) -> Vec<usize> {
        let mut detector = Robust::new();
        let readings = values.into_iter().enumerate().map(|(t, value)| detector.update(t as f64, value));
        readings.enumerate().filter(|(_, reading)| reading.flag).map(|(t, _)| t).collect()
    }

    #[test]
    fn planted_anomalies_are_found_and_told_once() {
        let mut s = Stream::new(5, &[]);
        let mut found = [0; 3];
        for _ in 0..50 {
            let spike: Vec<f64> = (0..400).map(|t| 10.0 + s.normal() + if t == 300 { 12.0 } else { 0.0 }).collect();
            found[0] += usize::from(flags(spike) == [300]);
            let step: Vec<f64> = (0..600).map(|t| 10.0 + s.normal() + if t >= 300 { 5.0 } else { 0.0 }).collect();
            let at = flags(step);
            found[1] += usize::from(at.len() <= 2 && at.first().is_some_and(|at| (300..306).contains(at)));
            let cycle = |t: usize| 5.0 * (t as f64 / 40.0).sin();
            let on_slope: Vec<f64> =
                (0..400).map(|t| 10.0 + cycle(t) + 0.2 * s.normal() + if t == 333 { 7.0 } else { 0.0 }).collect();
            found[2] += usize::from(flags(on_slope).contains(&333));
        }
        assert!(found.iter().all(|found| *found >= 45), "{found:?} of 50");
    }

    #[test]
    fn noise_raises_few_flags() {
        let mut s = Stream::new(6, &[]);
        let mut before = 0.0;
        let normal = flags((0..20_000).map(|_| 50.0 + s.normal())).len();
        let correlated = flags((0..20_000).map(|_| {
            before = 0.6 * before + s.normal();
            before
        }));
        assert!(normal <= 2 && correlated.len() <= 6, "{normal} {}", correlated.len());
    }

    #[test]
    fn bad_input_is_usual() {
        assert_eq!(flags([f64::NAN; 100]), [0_usize; 0]);
        assert_eq!(flags([1.0; 100]), [0_usize; 0]);
        assert_eq!(flags((0..100).map(|t| if t == 50 { f64::INFINITY } else { 1.0 })), [0_usize; 0]);
        assert_eq!(flags((0..100).map(|t| if t >= 50 { 2.0 } else { 1.0 })), [50]);
    }
}
