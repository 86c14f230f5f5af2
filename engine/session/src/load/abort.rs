//! Expectations with `@abort`, held against a load while it runs.

use engine_core::event::Event;
use engine_core::expect::{Context, Expectation, judge};
use engine_core::judgement::{Judgement, Severity};
use engine_core::measurement::{Measurement, Record, Round};
use engine_core::plan::{Declaration, Plan, Profile};
use engine_core::run::{RunRecord, StepRecord};

/// The expectations of one step that may end the run.
#[derive(Debug)]
pub(crate) struct Aborts<'a> {
    declaration: Option<&'a Declaration>,
    expectations: Vec<Expectation>,
}

impl<'a> Aborts<'a> {
    /// Those of the step's declaration; none under the tiny profile, which judges nothing.
    pub(crate) fn of(plan: &'a Plan, name: &str) -> Self {
        let declaration = plan.declaration(name).filter(|_| plan.profile != Profile::Tiny);
        let texts = declaration.into_iter().flat_map(|declaration| &declaration.expect);
        let expectations = texts
            .filter_map(|expect| Expectation::parse(&expect.text).ok())
            .filter(|expectation| expectation.claim().severity == Severity::Abort)
            .collect();
        Self { declaration, expectations }
    }

    /// Whether one of them speaks of the load as a whole, for which the sums so far are needed.
    pub(crate) fn need_sums(&self) -> bool {
        self.expectations.iter().any(|expectation| expectation.claim().left.window.is_none())
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
            windows: so_far.windows.clone(),
        };
        let context = Context {
            declaration,
            profile: Profile::Default,
            baseline: None,
            expected: None,
            host: &record.host,
            place: None,
        };
        self.expectations.iter().find_map(|expectation| {
            let judged = judge(expectation, &[&so_far], &context);
            // One without a limit saw no such series: it may still come.
            (judged.judgement == Judgement::Fail && judged.limit.is_some())
                .then(|| format!("{}: {}", expectation.text(), judged.reason))
        })
    }

    /// Whether there is nothing to watch.
    pub(crate) fn is_empty(&self) -> bool {
        self.expectations.is_empty()
    }
}

/// A window as an event.
pub(crate) fn window(window: engine_core::load::LoadWindow) -> Event {
    Event::Window(Box::new(window))
}
