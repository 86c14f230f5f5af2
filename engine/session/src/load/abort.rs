//! Expectations with `@abort`, held against a load while it runs.

use engine_core::expect::{Context, Expectation, Follower, judge};
use engine_core::judgement::{Judgement, Severity};
use engine_core::load::LoadWindow;
use engine_core::measurement::{Measurement, Record, Round};
use engine_core::plan::{Declaration, Plan, Profile};
use engine_core::run::{RunRecord, StepRecord};

/// The expectations of one step that may end the run.
#[derive(Debug)]
pub(crate) struct Aborts<'a> {
    declaration: Option<&'a Declaration>,
    /// Those about sums.
    expectations: Vec<Expectation>,
    /// Those about the course over time.
    followers: Vec<Follower>,
}

impl<'a> Aborts<'a> {
    /// Those of the step's declaration; none under the tiny profile, which judges nothing.
    pub(crate) fn of(plan: &'a Plan, step: &StepRecord, round: u32) -> Self {
        let declaration = plan.declaration(&step.plan.name).filter(|_| plan.profile != Profile::Tiny);
        let texts = declaration.into_iter().flat_map(|declaration| &declaration.expect);
        let all = texts
            .filter_map(|expect| Expectation::parse(&expect.text).ok())
            .filter(|expectation| expectation.claim().severity == Severity::Abort);
        let (mut expectations, mut followers) = (Vec::new(), Vec::new());
        for expectation in all {
            match Follower::new(&expectation, step, round) {
                Some(follower) => followers.push(follower),
                None => expectations.push(expectation),
            }
        }
        Self { declaration, expectations, followers }
    }

    /// Whether one of them speaks of the load as a whole, for which the sums so far are needed.
    pub(crate) fn need_sums(&self) -> bool {
        self.expectations.iter().any(|expectation| expectation.claim().left.window.is_none())
    }

    /// Takes the next window.
    pub(crate) fn take(&mut self, window: &LoadWindow) {
        self.followers.iter_mut().for_each(|follower| follower.take(window));
    }

    /// The first that is broken by what was measured so far, in words. `sums` are the records of the load so far.
    pub(crate) fn broken(&self, record: &RunRecord, step: usize, sums: Vec<Record>) -> Option<String> {
        let declaration = self.declaration?;
        let so_far = record.steps.get(step)?;
        let measurement = |record: Record| Measurement {
            metric: record.metric,
            labels: record.labels,
            rounds: vec![Round { values: record.values, histogram: record.histogram, ..Round::default() }],
        };
        let so_far = StepRecord {
            plan: so_far.plan.clone(),
            outcome: None,
            stop: None,
            measurements: sums.into_iter().map(measurement).collect(),
            windows: Vec::new(),
        };
        let context = Context {
            declaration,
            profile: Profile::Default,
            baseline: None,
            expected: None,
            host: &record.host,
            place: None,
        };
        let of_sums = |expectation: &Expectation| {
            let judged = judge(expectation, &[&so_far], &context);
            // One without a limit saw no such series: it may still come.
            (judged.judgement == Judgement::Fail && judged.limit.is_some())
                .then(|| format!("{}: {}", expectation.text(), judged.reason))
        };
        let over_time = || self.followers.iter().find_map(|follower| follower.broken(&so_far));
        self.expectations.iter().find_map(of_sums).or_else(over_time)
    }

    /// Whether there is nothing to watch.
    pub(crate) fn is_empty(&self) -> bool {
        self.expectations.is_empty() && self.followers.is_empty()
    }
}
