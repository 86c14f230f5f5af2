//! Stored runs of known truth, made by the store's own means: a scenario's steps with the values that a test says.

use engine_core::args::{ArgValue, Args};
use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::event::{Envelope, Event, Sampled, StopReason};
use engine_core::fact::Fact;
use engine_core::measurement::Record;
use engine_core::metric::MetricDef;
use engine_core::plan::{Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunState, ScenarioRef, Timestamp, Validity, ValidityLevel};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::Outcome;
use engine_core::unit::Unit;
use engine_store::Store;

use crate::sandbox::Sandbox;

/// Start of the first run.
const EPOCH: i64 = 1_760_000_000_000_000;

/// One run that is to be stored.
#[derive(Clone)]
pub(crate) struct Run {
    /// Days after the first run.
    pub(crate) day: f64,
    pub(crate) suite: &'static str,
    pub(crate) branch: Option<&'static str>,
    pub(crate) machine: &'static str,
    pub(crate) commit: String,
    pub(crate) method: u32,
    pub(crate) limit: &'static str,
    pub(crate) profile: Profile,
    pub(crate) state: RunState,
    pub(crate) validity: ValidityLevel,
    pub(crate) governor: &'static str,
    pub(crate) load: f64,
    /// Step, metric, and one value a round.
    pub(crate) values: Vec<(&'static str, MetricDef, Vec<f64>)>,
}

pub(crate) const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "");

impl Run {
    /// The run of a day: `time` of step `sort` in scenario `night`, five rounds about `level`.
    pub(crate) fn of(day: usize, level: f64) -> Self {
        Self {
            day: day as f64,
            suite: "night",
            branch: Some("main"),
            machine: "machine-one",
            commit: commit(day),
            method: 1,
            limit: "1000",
            profile: Profile::Default,
            state: RunState::Complete,
            validity: ValidityLevel::Valid,
            governor: "performance",
            load: 0.1,
            values: vec![("sort", TIME, rounds(day as u64, level))],
        }
    }

    fn header(&self) -> RunHeader {
        let started = Timestamp(EPOCH + (self.day * 86_400e6) as i64);
        let mut environment = Environment::default();
        environment.cpu.governor = Fact::Known(self.governor.to_owned());
        environment.load.before.average_1 = Fact::Known(self.load);
        let mut names: Vec<&str> = self.values.iter().map(|(step, ..)| *step).collect();
        names.dedup();
        let mut args = Args::default();
        args.0.insert("limit".to_owned(), ArgValue::Text(self.limit.to_owned()));
        let step = |name: &&str| PlannedStep {
            name: (*name).to_owned(),
            labels: Labels::new(),
            work: Work::Probe { id: "cpu.primes".to_owned(), args: args.clone() },
            rounds: Rounds::Exact(5),
            warmup: Warmup::Rounds(0),
            isolate: false,
            timeout: 60.0,
            budget: None,
            method: self.method,
            estimate: 0.1,
        };
        let steps = names.iter().map(step).collect();
        let plan = Plan { suite: self.suite.to_owned(), profile: self.profile, steps, ..Plan::default() };
        let entropy = Stream::key_of(&format!("{}{}{:?}", self.suite, self.machine, self.branch));
        RunHeader {
            id: RunId::new(started, entropy),
            engine: "0.1.0".to_owned(),
            scenario: ScenarioRef {
                name: self.suite.to_owned(),
                source: "night.rhai".to_owned(),
                hash: "ab".repeat(32),
            },
            started,
            code: CodeUnderTest {
                commit: Fact::Known(self.commit.clone()),
                branch: Fact::or_unknown(self.branch.map(ToOwned::to_owned), "none"),
                dirty: Fact::Known(false),
                committed_at: Fact::Known(started.0 / 1_000_000),
                ..CodeUnderTest::default()
            },
            machine: self.machine.to_owned(),
            tags: std::collections::BTreeMap::new(),
            environment,
            plan,
            machine_profile: None,
        }
    }

    /// Everything that the run tells, in order.
    fn events(&self) -> Vec<Envelope> {
        let header = self.header();
        let steps: Vec<String> = header.plan.steps.iter().map(|step| step.name.clone()).collect();
        let run = header.id.clone();
        let mut events = vec![Event::RunStarted(Box::new(header))];
        let most = self.values.iter().map(|(.., values)| values.len()).max().unwrap_or(0);
        for round in 0..most {
            for (step, name) in steps.iter().enumerate() {
                let own = self.values.iter().filter(|(own, _, values)| own == name && round < values.len());
                let records = own.map(|(_, metric, values)| Record {
                    metric: metric.metric(),
                    labels: Labels::new(),
                    histogram: None,
                    values: vec![values[round]],
                });
                events.push(Event::Sampled(Sampled {
                    step,
                    round: u32::try_from(round).unwrap(),
                    attempt: 0,
                    at: round as f64,
                    seconds: 0.5,
                    taints: vec![],
                    records: records.collect(),
                }));
            }
        }
        for step in 0..steps.len() {
            events.push(Event::StepFinished { step, outcome: Outcome::Measured, stop: Some(StopReason::Done) });
        }
        let mut validity = Validity::default();
        if self.validity != ValidityLevel::Valid {
            validity.lower(self.validity, "as the test says");
        }
        events.push(Event::RunFinished { state: self.state, validity, after: None });
        events
            .into_iter()
            .zip(1..)
            .map(|(event, sequence)| Envelope {
                run: run.clone(),
                source: "engine".to_owned(),
                sequence,
                at: sequence as f64 * 0.01,
                event,
            })
            .collect()
    }
}

/// The commit of a day.
pub(crate) fn commit(day: usize) -> String {
    format!("{:012x}{:028}", 0xabc_0000_0000_u64 + day as u64, 0)
}

/// Five rounds about a level: 1 % apart between runs, 0.5 % between rounds; the same for the same key.
pub(crate) fn rounds(key: u64, level: f64) -> Vec<f64> {
    let mut random = Stream::new(4711, &[key]);
    let own = level * (1.0 + 0.01 * random.normal());
    (0..5).map(|_| own * (1.0 + 0.005 * random.normal())).collect()
}

impl Sandbox {
    /// The store that the binary uses by itself.
    pub(crate) fn store(&self) -> Store {
        Store::open(self.path(".local/share/engine/performance.db")).unwrap()
    }

    /// Stores runs; gives their ids.
    pub(crate) fn stored(&self, runs: impl IntoIterator<Item = Run>) -> Vec<String> {
        let mut store = self.store();
        runs.into_iter()
            .map(|run| {
                let events = run.events();
                store.apply(&events).unwrap();
                events[0].run.0.clone()
            })
            .collect()
    }
}
