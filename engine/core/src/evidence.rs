//! What a verdict rests on, kept so that it can be explained later: the data, the way of deciding, the numbers.
//!
//! Evidence holds the values themselves, not references to runs alone: a pruned run takes no explanation with it.

use serde::{Deserialize, Serialize};

use crate::change::ChangePoint;
use crate::comparison::{RunsApart, ShapeChange};
use crate::history::{Direction, SeriesKey};
use crate::judgement::{Change, Verdict};
use crate::metric::Metric;
use crate::run::RunId;
use crate::series::SeriesId;
use crate::stats::rng::Stream;

/// How two sides were held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// One run a side; each round counts as one.
    Round,
    /// Sets of runs; each run counts as one.
    Run,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SideData {
    /// Its runs, oldest first.
    pub runs: Vec<RunId>,
    /// Commit of its newest run, in short form.
    pub code: Option<String>,
    /// What each round or each run counted with, in the metric's unit.
    pub values: Vec<f64>,
}

/// The evidence of the verdict on one series of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Scenario.
    pub suite: String,
    /// Series.
    pub series: SeriesId,
    /// Its metric.
    pub metric: Metric,
    /// What counted as one.
    pub unit: Unit,
    /// What was held against.
    pub old: SideData,
    /// What was in question.
    pub new: SideData,
    /// Smallest relative change that counts.
    pub min_effect: f64,
    /// Level of the interval.
    pub confidence: f64,
    /// How many series were tested at once.
    pub among: usize,
    /// New over old.
    pub change: Option<Change>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Two-sided p-value of "nothing changed".
    pub p: Option<f64>,
    /// Adjusted for the number of series.
    pub adjusted_p: Option<f64>,
    /// Rounds or runs that would decide.
    pub needed: Option<u32>,
    /// How far other runs lie apart, where the verdict looked at that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<RunsApart>,
    /// What else changed in the distribution.
    pub shape: Vec<ShapeChange>,
}

/// The evidence of a change in a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The series.
    pub key: SeriesKey,
    /// Its metric.
    pub metric: Metric,
    /// The change, by places in `values`.
    pub change: ChangePoint,
    /// What it means.
    pub direction: Direction,
    /// Remarks on the place.
    pub remarks: Vec<String>,
    /// The last run of the old level and the first of the new one, with their commits.
    pub between: [Option<(RunId, Option<String>)>; 2],
    /// One value a run: the old level and the new one up to the neighbouring changes, at most some hundred a side.
    pub values: Vec<f64>,
    /// Place of `values[0]` in the history.
    pub offset: usize,
    /// Points in the whole history.
    pub points: usize,
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A comparison of runs.
    Compared(Box<Compared>),
    /// A change point.
    Changed(Box<Changed>),
}

impl Evidence {
    /// The series that it is about, as it is selected.
    #[must_use]
    pub fn selector(&self) -> String {
        match self {
            Self::Compared(one) => format!("{}/{}", one.suite, one.series),
            Self::Changed(one) => one.key.selector(),
        }
    }

    /// The short id: eight letters drawn from all that is in it, so that the same verdict has the same id.
    #[must_use]
    pub fn id(&self) -> String {
        // Plain data always converts.
        short_id(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// Eight letters and digits that stand for a text, the first a `v`.
#[must_use]
pub fn short_id(text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bits = Stream::new(Stream::key_of(text), &[text.len() as u64]).next_u64();
    let letters = (0..7).map(|place| char::from(ALPHABET[usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0)]));
    std::iter::once('v').chain(letters).collect()
}

/// An explanation: titles with what stands beneath each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// One line: what it is about and what came of it.
    pub title: String,
    /// The parts in order.
    pub parts: Vec<Part>,
}

/// A part of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its title.
    pub title: String,
    /// Sentences, each a line of its own.
    pub lines: Vec<String>,
}

impl Explanation {
    /// Adds a part, unless it is empty.
    pub fn part(&mut self, title: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.parts.push(Part { title: title.to_owned(), lines });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_stable_and_its_own() {
        let ids: std::collections::BTreeSet<String> = (0..20_000).map(|n| short_id(&format!("verdict {n}"))).collect();
        assert_eq!(ids.len(), 20_000, "none twice");
        assert!(ids.iter().all(|id| id.len() == 8 && id.starts_with('v')));
        assert_eq!(short_id("a"), short_id("a"));
    }
}
