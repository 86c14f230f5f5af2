//! Records of runs that never were, with known truth: for the tests of this crate.

use std::collections::BTreeMap;

use engine_core::args::Args;
use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::measurement::{Measurement, Round};
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::plan::{Declaration, ExpectText, Plan, PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, Timestamp};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::Outcome;
use engine_core::unit::Unit;

/// A measurement in seconds with one sample a round; lower is better.
pub(crate) fn measured(metric: &str, values: &[f64]) -> Measurement {
    let metric = Metric { id: metric.to_owned(), unit: Unit::Seconds, goal: Goal::Lower, nature: Nature::Cost };
    let rounds = values.iter().zip(0..).map(|(value, number)| Round {
        number,
        attempt: 0,
        at: f64::from(number) * 10.0,
        seconds: 1.0,
        taints: vec![],
        superseded: false,
        values: vec![*value],
        histogram: None,
    });
    Measurement { metric, labels: Labels::new(), rounds: rounds.collect() }
}

/// Rounds around `centre` with normal relative `noise`.
pub(crate) fn rounds(stream: &mut Stream, n: usize, centre: f64, noise: f64) -> Vec<f64> {
    (0..n).map(|_| centre * (1.0 + noise * stream.normal())).collect()
}

/// A run in the making.
pub(crate) struct Simulated(RunRecord);

impl Simulated {
    pub(crate) fn new() -> Self {
        Self(RunRecord::new(RunHeader {
            id: RunId::new(Timestamp(1_700_000_000_000_000), 1),
            engine: "0.1.0".into(),
            scenario: ScenarioRef::default(),
            started: Timestamp(1_700_000_000_000_000),
            code: CodeUnderTest::default(),
            machine: "m".into(),
            tags: BTreeMap::new(),
            environment: Environment::default(),
            plan: Plan::default(),
            machine_profile: None,
        }))
    }

    /// One step of a probe without labels.
    pub(crate) fn step(self, name: &str, metric: &str, values: &[f64]) -> Self {
        self.measured(name, &[], vec![measured(metric, values)])
    }

    pub(crate) fn measured(mut self, name: &str, labels: &[(&str, &str)], measurements: Vec<Measurement>) -> Self {
        let plan = PlannedStep {
            name: name.to_owned(),
            labels: labels.iter().copied().collect(),
            work: Work::Probe { id: "fake.probe".into(), args: Args::default() },
            rounds: Rounds::Exact(5),
            warmup: Warmup::Detect,
            isolate: false,
            timeout: 60.0,
            budget: None,
            method: 1,
            estimate: 1.0,
        };
        let record = &mut self.0;
        record.header.plan.steps.push(plan.clone());
        let outcome = Some(Outcome::Measured);
        record.steps.push(engine_core::run::StepRecord { plan, outcome, stop: None, measurements, windows: vec![] });
        if record.header.plan.declaration(name).is_none() {
            record.header.plan.declarations.push(Declaration {
                name: name.to_owned(),
                expect: vec![],
                reference: None,
                tags: vec![],
                place: None,
            });
        }
        self
    }

    pub(crate) fn record(mut self) -> RunRecord {
        self.0.state = RunState::Complete;
        self.0
    }
}

/// Adds expectations to a declaration.
pub(crate) fn expect(run: &mut RunRecord, name: &str, texts: &[&str]) {
    for declaration in run.header.plan.declarations.iter_mut().filter(|declaration| declaration.name == name) {
        let texts = texts.iter().map(|text| ExpectText { text: (*text).to_owned(), place: None });
        declaration.expect.extend(texts);
    }
}
