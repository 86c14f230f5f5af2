//! A chart as data: what it shows, its axes and its numbers in base units. Drawn as SVG where there is no script, by the
//! page's script where there is one, and always accompanied by a table of the same numbers.

use engine_core::metric::Goal;
use engine_core::unit::Unit;
use serde::Serialize;

/// One chart.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Chart {
    /// Unique within its page, such as `chart-3`.
    pub id: String,
    /// What it shows: `memory.stream: rate over threads`.
    pub title: String,
    /// How to read it, one sentence; may be empty.
    pub note: String,
    /// What runs to the right.
    pub x: Axis,
    /// What runs upwards.
    pub y: Axis,
    /// Lines and points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Series>,
    /// Shaded stretches of the horizontal axis, such as phases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<Band>,
    /// Moments along the horizontal axis, such as the beginning of a fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Counts over time and value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heat: Option<Heat>,
    /// What ran from when to when, one lane each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// Whether the vertical axis begins at zero.
    pub from_zero: bool,
}

/// One axis.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Axis {
    /// What it is, without unit.
    pub title: String,
    /// The unit that is shown: `ms`.
    pub unit: String,
    /// Numbers are divided by this to be shown in that unit.
    pub factor: f64,
    /// Whether the scale is logarithmic.
    pub log: bool,
    /// Places with a text of their own; empty where plain numbers do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<(f64, String)>,
    /// `lower is better` or `higher is better`; empty where neither is.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub direction: &'static str,
}

/// One line, or a cloud of points.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Whether points are joined.
    pub style: Style,
    /// The number of its colour, where it is not that of its place among the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hue: Option<usize>,
    /// Of two of one thing, whether it is the old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<bool>,
    /// Places along the axis.
    pub x: Vec<f64>,
    /// Values; null where there is none.
    pub y: Vec<Option<f64>>,
    /// Lower ends of the intervals; empty where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub low: Vec<Option<f64>>,
    /// Upper ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub high: Vec<Option<f64>>,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A line through its points.
    #[default]
    Line,
    /// A line with a mark at each point.
    Both,
    /// Marks alone.
    Points,
    /// A line that keeps its value until the next point.
    Steps,
}

/// A shaded stretch.
#[derive(Debug, Clone, Serialize)]
pub struct Band {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Its name.
    pub name: String,
    /// Whether it is no good time, such as that of a fault.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bad: bool,
}

/// A moment.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When.
    pub x: f64,
    /// What happened.
    pub name: String,
    /// Whether it is nothing good.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bad: bool,
}

/// Counts in cells.
#[derive(Debug, Clone, Serialize)]
pub struct Heat {
    /// Edges to the right, one more than columns.
    pub x: Vec<f64>,
    /// Edges upwards, one more than rows.
    pub y: Vec<f64>,
    /// Counts: a list for each row, from the lowest.
    pub z: Vec<Vec<u64>>,
    /// What is counted.
    pub what: &'static str,
}

/// One lane of spans.
#[derive(Debug, Clone, Serialize)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Begin, length, and whether it was disturbed.
    pub spans: Vec<(f64, f64, bool)>,
}

impl Axis {
    /// Time since a start.
    pub(super) fn time(title: &str) -> Self {
        Self { title: title.to_owned(), unit: "s".to_owned(), factor: 1.0, ..Self::default() }
    }

    /// The axis of a metric whose values these are: the unit in which the largest (on a logarithmic scale the middle
    /// one) reads best.
    pub(super) fn of(title: &str, unit: Unit, goal: Goal, values: impl Iterator<Item = f64>, log: bool) -> Self {
        let mut finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        finite.sort_by(f64::total_cmp);
        let at = if log { finite.get(finite.len() / 2) } else { finite.last() };
        let (factor, name) = unit.scale(at.copied().unwrap_or(1.0));
        Self { title: title.to_owned(), unit: name, factor, log, ticks: Vec::new(), direction: direction(goal) }
    }

    /// `response time, ms, lower is better`.
    pub(super) fn label(&self) -> String {
        let parts = [self.title.as_str(), self.unit.as_str(), self.direction];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// What a reader must know to read a number.
pub(super) const fn direction(goal: Goal) -> &'static str {
    match goal {
        Goal::Lower => "lower is better",
        Goal::Higher => "higher is better",
        Goal::Neutral => "",
    }
}

impl Chart {
    /// Whether there is anything to see.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let lines = self.series.iter().any(|series| series.y.iter().any(Option::is_some));
        !lines && self.heat.is_none() && self.lanes.iter().all(|lane| lane.spans.is_empty())
    }

    /// All values of its lines with the ends of their intervals.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let all = self.series.iter().flat_map(|series| series.y.iter().chain(&series.low).chain(&series.high));
        all.flatten().copied().filter(|value| value.is_finite())
    }

    /// All places of its lines.
    pub(super) fn places(&self) -> impl Iterator<Item = f64> + '_ {
        self.series.iter().flat_map(|series| &series.x).copied().filter(|value| value.is_finite())
    }
}
