//! Two sets of values from outside, compared as two runs are.

use engine_core::comparison::ShapeChange;
use engine_core::judgement::{Change, Verdict};
use engine_core::measurement::{Measurement, Round};
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::series::Labels;
use engine_core::stats::quantile::median;
use engine_core::unit::Unit;

use crate::verdict::{Criteria, decide};

/// What the comparison of two sets of values came to.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// New over old with its interval, where it exists.
    pub change: Option<Change>,
    /// Two-sided p-value of "nothing changed", where there is a test.
    pub p: Option<f64>,
    /// One sentence: why.
    pub reason: String,
    /// Values a side that would decide it, when inconclusive and it can be told.
    pub rounds_needed: Option<u32>,
    /// What changed in the distribution beside its middle.
    pub shape: Vec<ShapeChange>,
}

/// Compares values by process run. Each inner list is one run: the sampling unit, however many values it holds. With
/// `paired`, the runs of one place were taken side by side.
#[must_use]
pub fn compare_samples(
    old: &[Vec<f64>],
    new: &[Vec<f64>],
    goal: Goal,
    paired: bool,
    criteria: &Criteria,
) -> SampleVerdict {
    let (old, new) = (measurement(old, goal), measurement(new, goal));
    let decided = decide(&old, &new, paired, criteria);
    SampleVerdict {
        verdict: decided.verdict,
        change: decided.change,
        p: decided.p,
        reason: decided.reason,
        rounds_needed: decided.rounds_needed,
        shape: crate::shape::changes(&old, &new),
    }
}

/// One value a process run: the median of its values.
#[must_use]
pub fn median_by_group(groups: &[Vec<f64>]) -> Vec<f64> {
    groups.iter().filter(|group| !group.is_empty()).map(|group| median(group)).collect()
}

fn measurement(groups: &[Vec<f64>], goal: Goal) -> Measurement {
    let metric = Metric { id: "value".to_owned(), unit: Unit::Count, goal, nature: Nature::Cost };
    let rounds = groups.iter().zip(0..).map(|(values, number)| Round {
        number,
        attempt: 0,
        at: f64::from(number),
        seconds: 0.0,
        taints: vec![],
        superseded: false,
        values: values.clone(),
    });
    Measurement { metric, labels: Labels::new(), rounds: rounds.collect() }
}
