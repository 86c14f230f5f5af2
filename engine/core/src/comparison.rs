//! Comparisons of two runs, and of the cases of one run, as plain data: who decides them and who shows them both know
//! only this.

use serde::{Deserialize, Serialize};

use crate::environment::Difference;
use crate::judgement::{Change, Verdict};
use crate::measurement::Estimate;
use crate::metric::Metric;
use crate::run::{RunHeader, RunId, Timestamp};
use crate::series::{Labels, SeriesId};

/// Which run a side of a comparison is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The run.
    pub run: RunId,
    /// Name of its suite.
    pub scenario: String,
    /// When it started.
    pub started: Timestamp,
    /// Its commit in short form, `1a2b3c4d5e6f+`; none when unknown.
    pub code: Option<String>,
    /// Stable id of its machine.
    pub machine: String,
    /// Where the side is a set of runs, the others, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<RunId>,
}

impl Side {
    /// The side that a run with this header is.
    #[must_use]
    pub fn of(header: &RunHeader) -> Self {
        Self {
            run: header.id.clone(),
            scenario: header.scenario.name.clone(),
            started: header.started,
            code: header.code.short(),
            machine: header.machine.clone(),
            others: Vec::new(),
        }
    }
}

/// Why something is not compared, or was compared only because the user insisted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What it concerns: a series or a step; none for the whole comparison.
    pub subject: Option<String>,
    /// One sentence: why.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// The verdict on one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesVerdict {
    /// The series, the same in both runs.
    pub id: SeriesId,
    /// Its metric: unit and direction of both estimates.
    pub metric: Metric,
    /// What the older run (the baseline) found.
    pub old: Estimate,
    /// What the newer run found.
    pub new: Estimate,
    /// New over old; none where the ratio does not exist, such as an old value of zero.
    pub change: Option<Change>,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence: why this verdict.
    pub reason: String,
    /// How many rounds a side would be needed to decide, where the verdict is `inconclusive` and that can be told.
    pub rounds_needed: Option<u32>,
    /// Two-sided p-value of "nothing changed"; none where there is no test.
    #[serde(default)]
    pub p: Option<f64>,
    /// The p-value adjusted for all series of the comparison (Benjamini and Hochberg): calling all series with at most
    /// 0.05 changed is wrong for at most 5 % of them.
    #[serde(default)]
    pub adjusted_p: Option<f64>,
    /// How far other runs lie apart, where the verdict looked at that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<RunsApart>,
    /// What changed in the distribution beside its middle.
    #[serde(default)]
    pub shape: Vec<ShapeChange>,
    /// Short id under which what the verdict rests on is kept, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<String>,
}

/// How far other stored runs of a series lie from each other: what one run differs from another by though nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RunsApart {
    /// How many runs say so.
    pub runs: usize,
    /// Standard deviation of the logarithm of what a run found: about 0.02 where runs lie 2 % apart.
    pub deviation: f64,
}

impl RunsApart {
    /// `12 other runs lie 3 % apart`.
    #[must_use]
    pub fn describe(&self) -> String {
        let percent = (self.deviation.exp_m1() * 10_000.0).round() / 100.0;
        format!("{} other runs lie {percent} % apart", self.runs)
    }
}

/// A property of a distribution that does not depend on its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// How far its middle half reaches, relative to the median.
    Spread,
    /// How far its tail reaches, relative to its middle half.
    Tail,
    /// Whether it has one mode or two.
    Modes,
}

impl Shape {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Tail => "tail",
            Self::Modes => "modes",
        }
    }
}

/// A change of a distribution that is no shift of its middle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShapeChange {
    /// What changed.
    pub shape: Shape,
    /// New over old.
    pub ratio: f64,
    /// Its p-value.
    pub p: f64,
}

/// The comparison of two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The older run: what the newer one is held against.
    pub old: Side,
    /// The newer run.
    pub new: Side,
    /// Smallest relative change that counts, such as 0.02.
    pub threshold: f64,
    /// In what the environments differ.
    pub differences: Vec<Difference>,
    /// What is not compared, and why. One without a subject refuses the whole comparison.
    pub refusals: Vec<Refusal>,
    /// The verdicts, in the order of the newer run.
    pub series: Vec<SeriesVerdict>,
    /// Series of the older run that the newer one does not have.
    pub only_old: Vec<SeriesId>,
    /// Series of the newer run that the older one does not have.
    pub only_new: Vec<SeriesId>,
}

impl Comparison {
    /// How many series have a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.series.iter().filter(|series| series.verdict == verdict).count()
    }

    /// Whether the whole comparison is refused: nothing in it may be taken for a verdict.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusals.iter().any(|refusal| refusal.subject.is_none())
    }
}

/// One case of a declaration, held against its reference case within the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRatio {
    /// Name of the declaration.
    pub step: String,
    /// The metric that is compared.
    pub metric: Metric,
    /// Name of the case.
    pub case: String,
    /// Name of the reference case.
    pub reference: String,
    /// Labels that both have in common: the point of the sweep, and those of the measurement.
    pub labels: Labels,
    /// Case over reference, from the ratios within each round; none where it does not exist.
    pub change: Option<Change>,
    /// The verdict on the case: `better` means better than the reference.
    pub verdict: Verdict,
    /// One sentence: why.
    pub reason: String,
}
