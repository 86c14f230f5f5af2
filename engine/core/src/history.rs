//! One metric over many runs as plain data: who reads it, who finds the changes in it and who shows them know only this.
//!
//! The identity of a series is branch x machine x scenario x metric with its labels. What was measured by another
//! version of a method, in another unit or with other options is a history of its own, never a change of the same one.

use serde::{Deserialize, Serialize};

use crate::change::{ChangePoint, Kind, Tier};
use crate::forecast::Foretold;
use crate::metric::{Goal, Metric};
use crate::plan::Work;
use crate::run::{RunId, Timestamp, ValidityLevel};
use crate::series::SeriesId;
use crate::stats::quantile::median;

/// The identity of a series over runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Name of the scenario's suite.
    pub suite: String,
    /// Step, metric and labels.
    pub series: SeriesId,
    /// Stable id of the machine.
    pub machine: String,
    /// Branch of the code under test; none where there is no repository.
    pub branch: Option<String>,
}

impl SeriesKey {
    /// `scenario/step.metric{labels}`: as it is selected.
    #[must_use]
    pub fn selector(&self) -> String {
        format!("{}/{}", self.suite, self.series)
    }
}

/// What one run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The run.
    pub run: RunId,
    /// When it started.
    pub started: Timestamp,
    /// Full commit id of the code under test.
    pub commit: Option<String>,
    /// Whether tracked files differed from the commit.
    pub dirty: Option<bool>,
    /// Environment class: a change of it is no change of the code.
    pub class: String,
    /// How far the run can be trusted; never `invalid`.
    pub validity: ValidityLevel,
    /// One value a counted round, in the metric's unit: its best sample for a capability, its median for a cost.
    pub values: Vec<f64>,
}

impl Point {
    /// The point's value: the median over its rounds. `NaN` without any.
    #[must_use]
    pub fn value(&self) -> f64 {
        if self.values.is_empty() { f64::NAN } else { median(&self.values) }
    }

    /// Its commit for people: twelve characters, `+` when files differed.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        let mark = if self.dirty == Some(true) { "+" } else { "" };
        self.commit.as_ref().map(|commit| commit.chars().take(12).chain(mark.chars()).collect())
    }
}

/// Runs that recorded a series and do not count, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    /// Of the tiny profile, which measures nothing.
    pub tiny: usize,
    /// Partial, crashed, or still going.
    pub unfinished: usize,
    /// Whose numbers must not be used.
    pub invalid: usize,
}

impl LeftOut {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.tiny + self.unfinished + self.invalid
    }
}

/// A metric over runs, all of them measured in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Which series.
    pub key: SeriesKey,
    /// The metric, with the unit of all values.
    pub metric: Metric,
    /// What was run, with its options.
    pub work: Work,
    /// Version of the probe's method.
    pub method: u32,
    /// One point a run, oldest first.
    pub points: Vec<Point>,
    /// Runs that do not count.
    pub left_out: LeftOut,
}

impl History {
    /// One value a run, oldest first.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        self.points.iter().map(Point::value).collect()
    }
}

/// What a change means for the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// An improvement.
    Better,
    /// A regression.
    Worse,
    /// Neither: the metric has no direction, or the level did not change.
    Neither,
}

impl Direction {
    /// The direction of a change of a level in a metric with this goal.
    #[must_use]
    pub fn of(change: &ChangePoint, goal: Goal) -> Self {
        let level = matches!(change.kind, Kind::Step | Kind::Trend | Kind::Return | Kind::Spike);
        match goal {
            Goal::Neutral => Self::Neither,
            _ if !level || !change.size.is_finite() || change.size == 0.0 => Self::Neither,
            goal if (change.size > 0.0) == (goal == Goal::Higher) => Self::Better,
            _ => Self::Worse,
        }
    }

    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Neither => "neither",
        }
    }
}

/// A change with what the runs beside it say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatedChange {
    /// Place, kind, tier and size.
    pub change: ChangePoint,
    /// What it means for the metric.
    pub direction: Direction,
    /// Index of the last run of the old regime; none when the change is the first point.
    pub last_old: Option<usize>,
    /// Index of the first run of the new regime.
    pub first_new: usize,
    /// The outermost runs that the interval of the place allows: last of the old and first of the new regime.
    pub widest: (usize, usize),
    /// What else a reader must know: the same commit on both sides, another environment class, changed files.
    pub remarks: Vec<String>,
    /// Short id under which the verdict is kept, where it is.
    pub id: Option<String>,
}

/// A history with what changed in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The runs.
    pub history: History,
    /// The changes, in rising order of place.
    pub changes: Vec<DatedChange>,
    /// Indexes of runs from which on the level was accepted as the new normal.
    pub accepted: Vec<usize>,
    /// Why this history stands apart from another one of the same series.
    pub apart: Vec<String>,
    /// Where it is going, where that was asked.
    pub forecast: Option<Foretold>,
}

impl Timeline {
    /// Whether the metric is worse now than it was.
    #[must_use]
    pub fn is_regressed(&self, tier: Tier) -> bool {
        self.regression(tier).is_some()
    }

    /// The last change of this tier for the worse that nothing since has made good, which is when less than a quarter of
    /// it is left. What was made good once stays so: a later change for the worse is another one.
    #[must_use]
    pub fn regression(&self, tier: Tier) -> Option<&DatedChange> {
        self.regression_that(0.25, |change| change.tier == tier)
    }

    /// As [`Self::regression`], of the changes that `wanted` holds for, and which are made good when less than the share
    /// `left` of them is left.
    #[must_use]
    pub fn regression_that(&self, left: f64, wanted: impl Fn(&ChangePoint) -> bool) -> Option<&DatedChange> {
        let level = |found: &&DatedChange| matches!(found.change.kind, Kind::Step | Kind::Trend | Kind::Return);
        let levels: Vec<&DatedChange> = self.changes.iter().filter(level).collect();
        let lasts = |at: usize, found: &DatedChange| {
            if found.direction != Direction::Worse || !wanted(&found.change) {
                return false;
            }
            let mut since = levels[at..].iter().scan(1.0, |level, one| {
                *level *= 1.0 + one.change.size;
                Some(*level)
            });
            since.all(|level| match self.history.metric.goal {
                Goal::Higher => level < 1.0 + left * found.change.size,
                _ => level > 1.0 + left * found.change.size,
            })
        };
        levels.iter().enumerate().rev().find(|(at, found)| lasts(*at, found)).map(|(_, found)| *found)
    }
}
