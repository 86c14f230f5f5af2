//! A claim about the course of a load, held against it while it runs.

use super::claim::Expectation;
use super::over_time::{self, KEPT, Point};
use crate::judgement::Judgement;
use crate::load::{LoadWindow, Stretches, metric_of};
use crate::metric::Metric;
use crate::run::StepRecord;
use crate::series::Labels;

/// Takes the windows of one round, one after the other, and keeps of each stretch one number: what [`judge`](super::judge)
/// reads from all windows at the end is known here at every moment, in little room. A slope without a window of its own is
/// taken over stretches of a second.
#[derive(Debug)]
pub struct Follower {
    expectation: Expectation,
    metric: Metric,
    labels: Labels,
    length: f64,
    stretches: Stretches,
    points: Vec<Point>,
}

impl Follower {
    /// The follower of a claim about the course of the load `step`, in one round of it; `None` for claims of another kind, and
    /// for those about what windows do not hold.
    #[must_use]
    pub fn new(expectation: &Expectation, step: &StepRecord, round: u32) -> Option<Self> {
        let claim = expectation.claim();
        if !over_time::is_over_time(claim) || !step.plan.is_load() {
            return None;
        }
        let labels = over_time::labels_within(claim, step)?;
        let name = claim.left.metric.as_deref().unwrap_or("response");
        let metric = metric_of(name).filter(|_| KEPT.contains(&name))?.metric();
        over_time::check_labels(&metric, &labels).ok()?;
        let length = claim.left.window.as_ref().map_or(1.0, |window| window.quantity.value);
        Some(Self {
            expectation: expectation.clone(),
            stretches: Stretches::new(round, &labels, length),
            metric,
            labels,
            length,
            points: Vec::new(),
        })
    }

    /// Takes the next window.
    pub fn take(&mut self, window: &LoadWindow) {
        let over = self.stretches.take(window).filter(|stretch| over_time::is_whole(stretch, self.length));
        self.points.extend(over.and_then(|stretch| Point::of(self.expectation.claim(), &self.metric, &stretch)));
    }

    /// In words, how it is broken by what was seen so far. `step` has the sums so far, for a limit that depends on them.
    #[must_use]
    pub fn broken(&self, step: &StepRecord) -> Option<String> {
        let claim = self.expectation.claim();
        if !self.stretches.found_any() {
            return None;
        }
        let limit = over_time::limit(claim, &self.metric, step, &self.labels).ok()?;
        let last = self.stretches.under_way().filter(|stretch| over_time::is_whole(stretch, self.length));
        let last = last.and_then(|stretch| Point::of(claim, &self.metric, stretch));
        let points: Vec<Point> = self.points.iter().copied().chain(last).collect();
        let finding = over_time::weigh_points(claim, &self.metric, &points, limit);
        (finding.judgement == Judgement::Fail).then(|| format!("{}: {}", self.expectation.text(), finding.reason))
    }
}
