//! Judgements: what came of an expectation, and the verdict on a change.

use serde::{Deserialize, Serialize};

use crate::measurement::Estimate;
use crate::stats::Interval;
use crate::step::Place;
use crate::unit::Unit;

/// What came of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The whole interval is inside.
    Pass,
    /// The whole interval is outside, or the metric does not exist or saw no sample.
    Fail,
    /// The interval lies on both sides, or there are too few rounds.
    Unsure,
    /// Evaluated and not judged: the tiny profile, or a run that was interrupted before.
    Unjudged,
}

/// How much a broken expectation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It fails the run.
    #[default]
    Fail,
    /// It is shown and does not fail the run: `@warn`.
    Warn,
    /// It ends the run at once: `@abort`.
    Abort,
}

/// An expectation with its judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Name of the declaration that it belongs to.
    pub step: String,
    /// As written.
    pub text: String,
    /// How much it matters.
    pub severity: Severity,
    /// What came of it.
    pub judgement: Judgement,
    /// The series that decided: the worst of those selected.
    pub series: String,
    /// What was observed there.
    pub observed: Option<Estimate>,
    /// The limit that it was held against, in the same unit.
    pub limit: Option<f64>,
    /// Unit of both.
    pub unit: Unit,
    /// One sentence: why.
    pub reason: String,
    /// Where it is written.
    pub place: Option<Place>,
}

/// The verdict on a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better by more than the smallest effect that counts.
    Better,
    /// Worse by more than the smallest effect that counts.
    Worse,
    /// The whole interval of the change lies within the smallest effect that counts.
    Equivalent,
    /// The data do not decide.
    Inconclusive,
}

impl Verdict {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A change as a ratio (new / old) with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// New over old.
    pub ratio: f64,
    /// 95 % interval of the ratio; none with too few rounds.
    pub interval: Option<Interval>,
}
