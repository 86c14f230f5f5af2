//! A step as it goes on.

use engine_core::metric::Goal;
use engine_core::plan::Work;
use engine_core::run::StepRecord;
use engine_core::step::Outcome;
use serde::Serialize;
use utoipa::ToSchema;

use super::finite;

/// Values of the last rounds that are told.
const VALUES: usize = 60;

/// A step with what it has so far.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LiveStep {
    /// Index in the plan.
    pub(crate) step: usize,
    /// `name{labels}`.
    pub(crate) path: String,
    /// The probe, or what it does in words.
    pub(crate) what: String,
    /// Most rounds.
    pub(crate) rounds_planned: u32,
    /// Rounds that count.
    pub(crate) rounds_done: usize,
    /// `waiting`, `running`, `measured`, `skipped` or `failed`.
    pub(crate) status: &'static str,
    /// Why it was skipped or failed.
    pub(crate) reason: Option<String>,
    /// Its first metric; null before it has a value.
    pub(crate) primary: Option<Primary>,
}

/// The first metric of a step.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Primary {
    /// Its name.
    pub(crate) metric: String,
    /// Base unit of all values.
    pub(crate) unit: String,
    /// `lower`, `higher` or `neutral`: which direction is good.
    pub(crate) goal: &'static str,
    /// Median over rounds.
    pub(crate) value: Option<f64>,
    /// Lower end of its 95 % interval; null below five rounds.
    pub(crate) low: Option<f64>,
    /// Upper end.
    pub(crate) high: Option<f64>,
    /// What each round counts with: the last 60.
    pub(crate) values: Vec<f64>,
}

impl LiveStep {
    pub(crate) fn of(index: usize, record: &StepRecord, running: bool) -> Self {
        let (status, reason) = match &record.outcome {
            Some(Outcome::Measured) => ("measured", None),
            Some(Outcome::Skipped(skip)) => ("skipped", Some(engine_report::clean::clip(&skip.reason, 300))),
            Some(Outcome::Failed(failure)) => ("failed", Some(engine_report::clean::clip(&failure.message, 300))),
            None if running || record.primary().is_some() || !record.windows.is_empty() => ("running", None),
            None => ("waiting", None),
        };
        let primary = record.primary().map(|measurement| {
            let estimate = measurement.estimate();
            let interval = estimate.and_then(|estimate| estimate.interval);
            let values = measurement.round_values();
            Primary {
                metric: measurement.metric.id.clone(),
                unit: measurement.metric.unit.to_string(),
                goal: goal(measurement.metric.goal),
                value: estimate.and_then(|estimate| finite(estimate.value)),
                low: interval.and_then(|interval| finite(interval.low)),
                high: interval.and_then(|interval| finite(interval.high)),
                values: values[values.len().saturating_sub(VALUES)..]
                    .iter()
                    .copied()
                    .filter(|v| v.is_finite())
                    .collect(),
            }
        });
        Self {
            step: index,
            path: engine_report::clean::clip(&record.plan.path(), 200),
            what: what(&record.plan.work),
            rounds_planned: record.plan.rounds.most(),
            rounds_done: record.rounds(),
            status,
            reason,
            primary,
        }
    }
}

/// The word for a direction.
pub(crate) const fn goal(goal: Goal) -> &'static str {
    match goal {
        Goal::Lower => "lower",
        Goal::Higher => "higher",
        Goal::Neutral => "neutral",
    }
}

/// What a step does: its probe, or words.
pub(crate) fn what(work: &Work) -> String {
    let text = match work {
        Work::Probe { id, .. } => id.clone(),
        Work::Load { shape, .. } => format!("load: {}", shape.describe()),
        Work::Capacity { search, .. } => search.describe(),
        Work::Scale { sweep, .. } => format!("scale over {}", sweep.describe()),
        Work::Finish => "finish".to_owned(),
        _ => "script".to_owned(),
    };
    engine_report::clean::clip(&text, 200)
}
