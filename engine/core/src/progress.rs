//! How far a run is, and how long it will still take.

use crate::run::{RunRecord, StepRecord};

/// The progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Share of the planned work that is done, 0 to 1.
    pub share: f64,
    /// Seconds that are left, by the pace so far and never beyond the budget.
    pub left: f64,
}

impl Progress {
    /// The progress of `record` at `at` seconds since its start, in rounds, each weighted by what one is expected to take.
    /// `load` is the load that runs, as the index of its step and how far it is in seconds; `estimate` gives the plan's own
    /// estimate, which whoever asks often should keep: a plan that spends its time is walked through for it.
    #[must_use]
    pub fn of(record: &RunRecord, estimate: impl FnOnce() -> f64, load: Option<(usize, f64)>, at: f64) -> Self {
        let weight = |step: &StepRecord| step.plan.estimate.max(0.01);
        let most = |step: &StepRecord| f64::from(step.plan.rounds.most());
        let total: f64 = record.steps.iter().map(|step| weight(step) * most(step)).sum();
        let done: f64 = record
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let taken = u32::try_from(step.rounds()).map_or(most(step), f64::from).min(most(step));
                let part = load.filter(|(of, _)| *of == index).map_or(0.0, |(_, sec)| (sec / weight(step)).min(1.0));
                weight(step) * if step.outcome.is_some() { most(step) } else { (taken + part).min(most(step)) }
            })
            .sum();
        let plan = &record.header.plan;
        let share = if total > 0.0 { (done / total).clamp(0.0, 1.0) } else { 0.0 };
        let (share, by_pace) = if plan.spends {
            // It takes as many rounds as there is time for.
            let estimate = estimate();
            ((at / estimate.max(1e-9)).clamp(0.0, 0.99), (estimate - at).max(0.0))
        } else if share > 0.02 {
            (share, at * (1.0 - share) / share)
        } else {
            (share, estimate())
        };
        let left = plan.budget.map_or(by_pace, |budget| by_pace.min((budget - at).max(0.0)));
        Self { share, left: left.max(0.0) }
    }
}
