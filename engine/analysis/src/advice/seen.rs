//! One number of a run with all that a finding needs to say about it.

use engine_core::finding::{Against, Evidence, Input, Range};
use engine_core::measurement::{Measurement, Stat};
use engine_core::run::StepRecord;
use engine_core::series::{Labels, SeriesId};
use engine_core::stats::Interval;
use engine_core::unit::Unit;

/// With fewer rounds than these an interval is not known. Then what rounds were seen to differ by is taken, and at least
/// this much either way.
const ROUNDS: usize = 5;
const AT_LEAST: f64 = 0.2;

/// Two measurements of as many rounds differ by this many times as much as one differs from the truth: the variances add up.
const AGAIN: f64 = std::f64::consts::SQRT_2;

/// A load's latencies are many in one round: from so many on its interval is that of their number.
const MANY: usize = 1000;

/// A number that was observed.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The series, or the field of the monitor.
    pub source: String,
    /// The run.
    pub run: String,
    /// Path of the step.
    pub step: String,
    /// Options, labels of the step and of the measurement together.
    pub labels: Labels,
    /// The value, in `unit`.
    pub value: f64,
    /// 95 % interval over rounds.
    pub interval: Option<Interval>,
    /// Unit.
    pub unit: Unit,
    /// From when to when, in seconds since the run's start.
    pub times: Option<(f64, f64)>,
    /// Rounds that count.
    pub rounds: usize,
    /// Samples in them.
    pub samples: usize,
    /// Smallest and largest value of a round.
    pub ends: (f64, f64),
    /// Whether a round was disturbed.
    pub tainted: bool,
}

impl Seen {
    /// A statistic of a measurement; none without samples or where it is no number.
    #[must_use]
    pub fn of(run: &str, step: &StepRecord, measurement: &Measurement, stat: Stat, labels: Labels) -> Option<Self> {
        let estimate = measurement.statistic(stat).filter(|estimate| estimate.value.is_finite())?;
        let series = SeriesId {
            step: step.plan.name.clone(),
            metric: measurement.metric.id.clone(),
            labels: step.plan.labels.joined(&measurement.labels),
        };
        let text = series.to_string();
        let source = if stat == Stat::Median { text } else { format!("{stat} of {text}") };
        let values = measurement.round_values();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let from = measurement.counted().map(|round| round.at).fold(f64::INFINITY, f64::min);
        let to = measurement.counted().map(|round| round.at + round.seconds).fold(0.0, f64::max);
        Some(Self {
            source,
            run: run.to_owned(),
            step: step.plan.path(),
            labels,
            value: estimate.value,
            interval: estimate.interval,
            unit: measurement.metric.unit,
            times: (from <= to).then_some((from, to)),
            rounds: estimate.rounds,
            samples: estimate.samples,
            ends: if stat == Stat::Median { (least, most) } else { (estimate.value, estimate.value) },
            tainted: measurement.is_tainted(),
        })
    }

    /// A value of the system monitor, or of anything else that is no series.
    #[must_use]
    pub fn plain(source: impl Into<String>, run: &str, values: &[f64], value: f64, unit: Unit) -> Self {
        let least = values.iter().copied().fold(value, f64::min);
        let most = values.iter().copied().fold(value, f64::max);
        Self {
            source: source.into(),
            run: run.to_owned(),
            step: String::new(),
            labels: Labels::new(),
            value,
            interval: None,
            unit,
            times: None,
            rounds: values.len(),
            samples: values.len(),
            ends: (least, most),
            tainted: false,
        }
    }

    /// The value with its ends, between which another measurement of as many rounds should lie: a gain is a prediction, which the next
    /// measurement is held against. The interval over rounds tells where the truth is; the next one differs from it too. The
    /// ends are taken in proportion, as ratios are made of them. Without an interval it is what rounds differ by, and at least a
    /// fifth either way.
    #[must_use]
    pub fn range(&self) -> Range {
        let truth = self.truth();
        if self.has_interval() {
            Range::new(self.value, wider(self.value, truth.low), wider(self.value, truth.high))
        } else {
            truth
        }
    }

    /// The value with the ends between which the truth should lie: what values that are made of several are made from, so that they
    /// become predictions once.
    pub(crate) fn truth(&self) -> Range {
        match self.interval {
            Some(Interval { low, high }) if self.has_interval() => Range::new(self.value, low, high),
            _ => {
                let width = AT_LEAST * self.value.abs();
                Range::new(self.value, self.ends.0.min(self.value - width), self.ends.1.max(self.value + width))
            }
        }
    }

    fn has_interval(&self) -> bool {
        self.interval.is_some() && (self.rounds >= ROUNDS || self.samples >= MANY)
    }

    /// As evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence {
            source: self.source.clone(),
            run: self.run.clone(),
            value: Some(self.value),
            word: None,
            interval: self.interval.filter(|interval| interval.low.is_finite() && interval.high.is_finite()),
            unit: self.unit,
            against: None,
            times: self.times,
        }
    }

    /// As evidence that was held against a limit.
    #[must_use]
    pub fn against(&self, against: Against) -> Evidence {
        Evidence { against: Some(against), ..self.evidence() }
    }

    /// As the input of a model.
    #[must_use]
    pub fn input(&self, name: &str) -> Input {
        Input { name: name.to_owned(), range: self.range(), unit: self.unit, from: self.source.clone() }
    }

    /// For people: the value with its unit.
    #[must_use]
    pub fn text(&self) -> String {
        self.unit.format(self.value)
    }

    /// How sure the data are: rounds (or very many samples), and whether they were disturbed.
    pub(super) fn sureness(&self) -> (f64, &'static str) {
        match self.rounds {
            _ if self.samples >= MANY => (1.0, "at least 1000 samples"),
            0 | 1 => (0.6, "one round"),
            2 => (0.7, "two rounds"),
            3 | 4 => (0.8, "fewer than five rounds"),
            _ => (1.0, "five rounds or more"),
        }
    }
}

/// An end of an interval, farther from its value: in proportion, or where one of them is not above zero in its unit.
fn wider(value: f64, end: f64) -> f64 {
    if value > 0.0 && end > 0.0 { value * (end / value).powf(AGAIN) } else { value + AGAIN * (end - value) }
}

/// A value that was computed from others, as evidence.
#[must_use]
pub(crate) fn derived(source: impl Into<String>, run: &str, range: Range, unit: Unit, against: Against) -> Evidence {
    let interval = (range.low < range.high && range.is_finite()).then(|| Interval::new(range.low, range.high));
    Evidence {
        source: source.into(),
        run: run.to_owned(),
        value: Some(range.value),
        word: None,
        interval,
        unit,
        against: Some(against),
        times: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_measurement_differs_more_than_the_truth() {
        let seen = |value: f64, low: f64, high: f64| {
            let mut seen = Seen::plain("x", "run", &[value; 5], value, Unit::Seconds);
            seen.interval = Some(Interval::new(low, high));
            seen.range()
        };
        // A tenth either way becomes 1.1 to the power of the root of two.
        let range = seen(2.0, 2.0 / 1.1, 2.2);
        assert!((range.high - 2.0 * 1.144_294).abs() < 1e-5 && (range.low - 2.0 / 1.144_294).abs() < 1e-5, "{range:?}");
        // Ends stay above zero where they are, and an exact one stays exact.
        assert!(seen(1.0, 0.01, 3.0).low > 0.0);
        assert_eq!(seen(1.0, 1.0, 1.0), Range::exact(1.0));
        assert!((seen(1.0, -1.0, 3.0).low + 1.828_427).abs() < 1e-5);
    }

    #[test]
    fn coverage_is_that_of_the_interval() {
        // Means of five rounds of a normal value: the 95 % interval of the truth holds the next mean in 83 % only; the range in 95 %.
        let mut state = 7_u64;
        let mut even = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut mean = || (0..5).map(|_| (0..12).map(|_| even()).sum::<f64>() - 6.0).sum::<f64>() / 5.0;
        let half = 1.96 / 5.0_f64.sqrt();
        let (mut narrow, mut wide) = (0, 0);
        for _ in 0..4000 {
            let (one, next) = (100.0 + mean(), 100.0 + mean());
            let mut seen = Seen::plain("x", "run", &[one; 5], one, Unit::Seconds);
            seen.interval = Some(Interval::new(one - half, one + half));
            let range = seen.range();
            narrow += usize::from((one - next).abs() <= half);
            wide += usize::from(range.low <= next && next <= range.high);
        }
        let share = |count: usize| count as f64 / 4000.0;
        assert!((0.80..0.87).contains(&share(narrow)), "{}", share(narrow));
        assert!((0.93..0.97).contains(&share(wide)), "{}", share(wide));
    }
}
