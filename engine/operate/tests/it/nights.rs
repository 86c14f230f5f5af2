//! Nightly runs of known truth through everything between a stored run and a message: the store, the histories, the change
//! points, the alerts, what people are told, the outbox.
//!
//! Every night has a commit of its own and a few series with noise of known size: between nights (log-normal, and now
//! and then a night that is a few percent off), and within a night. Some nights something true happens.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use engine_core::clock::{Clock, SimulatedClock};
use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::event::{Envelope, Event, Sampled, StopReason};
use engine_core::fact::Fact;
use engine_core::health::Health;
use engine_core::measurement::Record;
use engine_core::metric::MetricDef;
use engine_core::notice::{Message, NoticeKind};
use engine_core::plan::{Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, Timestamp, Validity};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::Outcome;
use engine_core::unit::Unit;
use engine_operate::settings::{Settings, Wanted};
use engine_operate::{Channel, Secrets, SendError, deliver, gather, observe};
use engine_store::Store;

/// A true change of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Regression {
    /// The series.
    pub(crate) series: usize,
    /// The first night with it.
    pub(crate) from: usize,
    /// The first night without it.
    pub(crate) until: usize,
    /// How much worse: 0.05 is 5 %.
    pub(crate) size: f64,
}

/// What is true.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    /// Nights.
    pub(crate) nights: usize,
    /// Series.
    pub(crate) series: usize,
    /// Standard deviation between nights, of its logarithm.
    pub(crate) noise: f64,
    /// Changes of the code.
    pub(crate) regressions: Vec<Regression>,
    /// Night of another processor, on which everything takes another time.
    pub(crate) machine: usize,
    /// Night of another kernel, on which everything takes a little longer.
    pub(crate) kernel: usize,
    /// By how much: 0.03 is 3 %.
    pub(crate) slower: f64,
    /// Whether a debug build of the engine measured, about which there is a rule.
    pub(crate) debug: bool,
}

impl Truth {
    /// 500 nights of six series with 1 % of noise, three regressions, another processor and a kernel update.
    pub(crate) fn usual() -> Self {
        let regression = |series, from, until, size| Regression { series, from, until, size };
        Self {
            nights: 500,
            series: 6,
            noise: 0.01,
            regressions: vec![
                regression(1, 120, 170, 0.06),
                regression(4, 240, 500, 0.08),
                regression(2, 390, 500, 0.05),
            ],
            machine: 310,
            kernel: 440,
            slower: 0.03,
            debug: false,
        }
    }
}

/// What people were told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Of each regression: the night with which they were told it began, and the nights until they knew, that with it
    /// included. None when they were never told.
    pub(crate) found: Vec<Option<(usize, usize)>>,
    /// Of each regression: how often it was told.
    pub(crate) times: Vec<usize>,
    /// What was told and is not true, as night and text.
    pub(crate) wrong: Vec<(usize, String)>,
    /// Notices of another environment, as nights.
    pub(crate) environment: Vec<usize>,
    /// Notices that something is well again.
    pub(crate) recoveries: usize,
    /// All messages.
    pub(crate) messages: Vec<(usize, Message)>,
}

#[derive(Debug)]
struct Collect(Rc<RefCell<Vec<Message>>>, Wanted);

impl Channel for Collect {
    fn name(&self) -> &'static str {
        "webhook"
    }
    fn only(&self) -> &Wanted {
        &self.1
    }
    fn send(&self, message: &Message, _: &dyn Secrets) -> Result<(), SendError> {
        self.0.borrow_mut().push(message.clone());
        Ok(())
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn credentials(&self) -> Option<std::path::PathBuf> {
        None
    }
}

const EPOCH: i64 = 1_700_000_000_000_000;

const NIGHT: i64 = 86_400_000_000;

/// Lives through the nights.
pub(crate) fn live(truth: &Truth, seed: u64) -> Told {
    let folder = ["/dev/shm"].iter().find_map(|place| tempfile::tempdir_in(place).ok());
    let folder = folder.unwrap_or_else(|| tempfile::tempdir().expect("a folder for a test"));
    let mut store = Store::open(folder.path().join("nights.db")).expect("a new store");
    let settings = Settings::default();
    let got = Rc::new(RefCell::new(Vec::new()));
    let channels: Vec<Box<dyn Channel>> = vec![Box::new(Collect(got.clone(), Wanted::default()))];
    let mut messages = Vec::new();
    for night in 0..truth.nights {
        let record = run(truth, seed, night);
        store.insert(&record).expect("a run is stored");
        observe(&mut store, &record, None, &Health::of(Vec::new())).expect("a run is looked at");
        let clock = SimulatedClock::new(at(night));
        gather(&mut store, &settings, &channels, clock.wall()).expect("notices are gathered");
        deliver(&mut store, &settings, &channels, &NoSecrets, &clock, Duration::from_secs(60)).expect("they are sent");
        messages.extend(got.borrow_mut().drain(..).map(|message| (night, message)));
    }
    judged(truth, messages)
}

fn at(night: usize) -> Timestamp {
    Timestamp(EPOCH + i64::try_from(night).expect("a few hundred nights") * NIGHT)
}

fn id(night: usize) -> RunId {
    RunId::new(at(night), night as u64)
}

fn judged(truth: &Truth, messages: Vec<(usize, Message)>) -> Told {
    let mut told = Told {
        found: vec![None; truth.regressions.len()],
        times: vec![0; truth.regressions.len()],
        wrong: Vec::new(),
        environment: Vec::new(),
        recoveries: 0,
        messages: Vec::new(),
    };
    for (night, message) in &messages {
        if message.notice.kind == NoticeKind::Environment {
            told.environment.push(*night);
        }
        for item in message.notice.items.iter().filter(|item| item.rule != engine_core::alert::Rule::Environment) {
            if item.recovered {
                told.recoveries += 1;
                continue;
            }
            let began = item.since.as_deref().and_then(|since| since.split_whitespace().nth(1));
            let began = began.and_then(|short| (0..truth.nights).find(|night| id(*night).short() == short));
            let own = truth.regressions.iter().position(|one| {
                item.subject == format!("step{}.time", one.series) && (one.from..one.until).contains(night)
            });
            match own {
                Some(own) => {
                    told.times[own] += 1;
                    let delay = night + 1 - truth.regressions[own].from;
                    told.found[own] = told.found[own].or(began.map(|began| (began, delay)));
                }
                None => told.wrong.push((*night, format!("{}: {}", item.subject, item.what))),
            }
        }
    }
    told.messages = messages;
    told
}

/// The time of a series on a night, in seconds.
fn level(truth: &Truth, seed: u64, series: usize, night: usize) -> f64 {
    let mut random = Stream::new(seed, &[1, series as u64, night as u64]);
    let mut time = 0.010 * (1.0 + series as f64);
    for one in truth.regressions.iter().filter(|one| one.series == series && (one.from..one.until).contains(&night)) {
        time *= 1.0 + one.size;
    }
    if night >= truth.machine {
        let mut other = Stream::new(seed, &[2, series as u64]);
        time *= 0.75 + 0.5 * other.unit_f64();
    }
    if night >= truth.kernel {
        time *= 1.0 + truth.slower;
    }
    let spike = if random.unit_f64() < 0.02 { 0.04 } else { 0.0 };
    time * (truth.noise * random.normal() + spike).exp()
}

fn run(truth: &Truth, seed: u64, night: usize) -> RunRecord {
    let header = header(truth, night);
    let mut sequence = 0;
    let mut record = RunRecord::new(header.clone());
    let mut apply = |at: f64, event: Event| {
        sequence += 1;
        record.apply(&Envelope { run: header.id.clone(), source: "engine".to_owned(), sequence, at, event });
    };
    apply(0.0, Event::RunStarted(Box::new(header.clone())));
    for step in 0..truth.series {
        let level = level(truth, seed, step, night);
        let mut random = Stream::new(seed, &[3, step as u64, night as u64]);
        for round in 0..5 {
            let value = level * (0.004 * random.normal()).exp();
            let metric = MetricDef::cost("time", Unit::Seconds, "").metric();
            let records = vec![Record { metric, labels: Labels::new(), values: vec![value], histogram: None }];
            let at = f64::from(round);
            apply(at, Event::Sampled(Sampled { step, round, attempt: 0, at, seconds: 0.5, taints: vec![], records }));
        }
        apply(6.0, Event::StepFinished { step, outcome: Outcome::Measured, stop: Some(StopReason::Done) });
    }
    apply(7.0, Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None });
    record
}

pub(crate) fn header(truth: &Truth, night: usize) -> RunHeader {
    let mut environment = Environment::default();
    let model = if night >= truth.machine { "Example 9000" } else { "Example 3000" };
    environment.cpu.model = Fact::Known(model.to_owned());
    let kernel = if night >= truth.kernel { "6.1.99" } else { "6.1.42" };
    environment.os.kernel = Fact::Known(kernel.to_owned());
    environment.binary.profile = Fact::Known(if truth.debug { "debug" } else { "release" }.to_owned());
    let steps = (0..truth.series)
        .map(|series| PlannedStep {
            name: format!("step{series}"),
            labels: Labels::new(),
            work: Work::Custom { index: 0, metrics: vec!["time".to_owned()] },
            rounds: Rounds::Exact(5),
            warmup: Warmup::Rounds(0),
            isolate: false,
            timeout: 60.0,
            budget: None,
            method: 1,
            estimate: 0.1,
        })
        .collect();
    RunHeader {
        id: id(night),
        engine: "0.1.0".to_owned(),
        scenario: ScenarioRef { name: "nightly".to_owned(), source: "nightly.rhai".to_owned(), hash: "ab".repeat(32) },
        started: at(night),
        code: CodeUnderTest {
            commit: Fact::Known(format!("{night:012x}{:028x}", 0)),
            branch: Fact::Known("main".to_owned()),
            dirty: Fact::Known(false),
            ..CodeUnderTest::default()
        },
        machine: "m1".to_owned(),
        tags: std::collections::BTreeMap::new(),
        environment,
        plan: Plan { suite: "nightly".to_owned(), seed: 1, profile: Profile::Default, steps, ..Plan::default() },
        machine_profile: None,
    }
}
