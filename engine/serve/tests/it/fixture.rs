//! A server over a store with a few runs, and a program behind it that does little.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_core::alert::{Rule, Signal, Strength};
use engine_core::comparison::Comparison;
use engine_core::environment::Environment;
use engine_core::event::{Envelope, Event, Note, NoteLevel, Sampled};
use engine_core::histogram::{Histogram, Packed};
use engine_core::host_sample::HostSample;
use engine_core::load::{LoadShape, LoadWindow, PhaseShape, WindowRow};
use engine_core::measurement::Record;
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::plan::{Plan, PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, Timestamp, Validity};
use engine_core::schedule::{Cause, Ending, Mark, Occurrence, Schedule};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use engine_core::unit::Unit;
use engine_serve::{
    Backend, Coming, Hub, ImportAs, ImportedRun, Job, Machine, PlanPreview, Refusal, Refused, RunRequest, ScenarioRow,
    Server, Settings, Sides,
};
use engine_store::{Place, Store};
use tempfile::TempDir;

pub(crate) use crate::client::TOKEN;

/// Names that try to be more than names.
pub(crate) const HOSTILE: &str = "<img src=x onerror=alert(1)>\u{202e}gpj.\u{1b}[31m=cmd|' /C calc'!A0 __proto__";

/// A server, its store and its hub.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    pub(crate) hub: Hub,
    pub(crate) settings: Settings,
    backend: Arc<Little>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut settings = Settings {
            database: folder.path().join("performance.db"),
            token: TOKEN.to_owned(),
            open: true,
            hosts: Vec::new(),
            rate: 100_000.0,
            sockets: 64,
            thresholds: engine_analysis::Thresholds::default(),
            criteria: engine_analysis::Criteria::default(),
            ready: true,
        };
        change(&mut settings);
        drop(Store::open(&settings.database).unwrap());
        Self::over(folder, settings)
    }

    fn over(folder: TempDir, settings: Settings) -> Self {
        let hub = Hub::new();
        let bound = engine_serve::bind(Some([127, 0, 0, 1].into()), 0).unwrap();
        let backend = Arc::new(Little { database: settings.database.clone(), asked: AtomicUsize::new(0) });
        let server = Server::start(bound, &settings, Arc::<Little>::clone(&backend), hub.clone()).unwrap();
        Self { folder, server, hub, settings, backend }
    }

    /// Another server over the same store.
    pub(crate) fn again(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { folder, server, mut settings, .. } = self;
        drop(server);
        change(&mut settings);
        Self::over(folder, settings)
    }

    /// What is behind it.
    pub(crate) fn behind(&self) -> Arc<dyn Backend> {
        Arc::<Little>::clone(&self.backend)
    }

    /// How often advice was asked for: once for each results file that was made.
    pub(crate) fn asked(&self) -> usize {
        self.backend.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.folder.path().join("performance.db")).unwrap()
    }

    /// Stores `n` runs of a scenario, and gives their ids.
    pub(crate) fn runs(&self, suite: &str, n: u64) -> Vec<RunId> {
        let mut store = self.store();
        (0..n)
            .map(|number| {
                let events = run(&header(suite, number), 12.0 + number as f64);
                store.apply(&events).unwrap();
                events[0].run.clone()
            })
            .collect()
    }

    /// Stores a schedule that ran once and was skipped once.
    pub(crate) fn schedule(&self, name: &str, cron: &str) {
        let now = Timestamp(EPOCH);
        let schedule = Schedule {
            name: name.to_owned(),
            cron: cron.to_owned(),
            zone: "UTC".to_owned(),
            scenario: HOSTILE.to_owned(),
            args: vec!["--profile".to_owned(), "short".to_owned()],
            folder: "/".to_owned(),
            enabled: true,
            jitter: 0.0,
            catch_up: true,
            limit: 3600.0,
            busy: Some(0.5),
            battery: true,
            missing_after: 3600.0,
            confirm: false,
            created: now,
        };
        let mut store = self.store();
        store.add_schedule(&schedule, now).unwrap();
        for (hour, ending) in [(1, Ending::Ran), (2, Ending::Skipped)] {
            let at = Timestamp(EPOCH + hour * 3_600_000_000);
            let note = Occurrence::new(name, at, Cause::Scheduled, ending, at).because(HOSTILE);
            store.note_occurrence(&Occurrence { ended: Some(at), ..note }).unwrap();
        }
    }

    /// Raises an alert about the newest run of a scenario.
    pub(crate) fn alert(&self, suite: &str, run: &RunId, subject: &str) -> String {
        let place = Place { suite, machine: "m1", branch: Some("main") };
        let signal = Signal::raised(Rule::Expectation, subject, Strength::Strong, format!("{subject} is too slow"));
        self.store().observe(place, run, &[signal]).unwrap()[0].id.clone()
    }
}

/// Start of the first run.
const EPOCH: i64 = 1_760_000_000_000_000;

pub(crate) fn header(suite: &str, n: u64) -> RunHeader {
    let started = Timestamp(EPOCH + i64::try_from(n).unwrap() * 3_600_000_000);
    let mut entropy = n;
    suite.bytes().for_each(|byte| entropy = entropy.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut header = RunHeader {
        id: RunId::new(started, entropy),
        engine: "0.1.0".to_owned(),
        scenario: ScenarioRef { name: suite.to_owned(), source: format!("{suite}.rhai"), hash: "ab".repeat(32) },
        started,
        code: engine_core::code::CodeUnderTest::default(),
        machine: "m1".to_owned(),
        tags: BTreeMap::from([("team".to_owned(), "kernel".to_owned())]),
        environment: Environment::default(),
        plan: plan(suite),
        machine_profile: None,
    };
    header.code.branch = engine_core::fact::Fact::Known("main".to_owned());
    header
}

fn plan(suite: &str) -> Plan {
    let step = |name: &str, labels: Labels, work: Work, rounds: u32| PlannedStep {
        name: name.to_owned(),
        labels,
        work,
        rounds: Rounds::Exact(rounds),
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 60.0,
        budget: None,
        method: 1,
        estimate: 1.0,
    };
    let script = || Work::Custom { index: 0, metrics: vec!["time".to_owned()] };
    let phase = |name: &str, start: f64, end: f64| PhaseShape {
        name: name.to_owned(),
        start,
        end,
        rate: Some(10.0),
        users: None,
    };
    let shape = LoadShape {
        target: "http://127.0.0.1:1".to_owned(),
        model: "arrivals 10/s".to_owned(),
        journeys: vec!["buyer".to_owned()],
        phases: vec![phase("ramp", 0.0, 2.0), phase("steady", 2.0, 4.0)],
    };
    let mut steps: Vec<PlannedStep> =
        ["1", "2", "4", "8"].iter().map(|n| step("triad", Labels::new().with("threads", *n), script(), 6)).collect();
    steps.push(step("shop", Labels::new(), Work::Load { index: 0, shape }, 1));
    Plan { suite: suite.to_owned(), title: format!("{suite} for tests"), seed: u64::MAX, steps, ..Plan::default() }
}

/// Numbers events.
pub(crate) struct Log {
    pub(crate) record: RunRecord,
    pub(crate) events: Vec<Envelope>,
}

impl Log {
    pub(crate) fn new(header: &RunHeader) -> Self {
        let mut log = Self { record: RunRecord::new(header.clone()), events: Vec::new() };
        log.push(0.0, Event::RunStarted(Box::new(header.clone())));
        log
    }

    pub(crate) fn push(&mut self, at: f64, event: Event) -> &Envelope {
        let sequence = self.events.len() as u64 + 1;
        let run = self.record.header.id.clone();
        let envelope = Envelope { run, source: "engine".to_owned(), sequence, at, event };
        self.record.apply(&envelope);
        self.events.push(envelope);
        self.events.last().unwrap()
    }
}

pub(crate) fn sampled(step: usize, round: u32, value: f64) -> Event {
    let metric = Metric { id: "time".to_owned(), unit: Unit::Seconds, goal: Goal::Lower, nature: Nature::Cost };
    Event::Sampled(Sampled {
        step,
        round,
        attempt: 0,
        at: f64::from(round),
        seconds: 0.5,
        taints: Vec::new(),
        records: vec![Record::value(metric, Labels::new(), value)],
    })
}

pub(crate) fn host(at: f64) -> Event {
    let sample =
        HostSample { at, cpu: 0.5, cores: vec![0.4, 0.6], memory_used: 1, memory_total: 4, ..HostSample::default() };
    Event::Host(sample)
}

pub(crate) fn window(step: usize, at: f64, millis: &[u64]) -> LoadWindow {
    let mut histogram = Histogram::new();
    millis.iter().for_each(|one| histogram.record(one * 1_000_000));
    let row = |labels: Labels| WindowRow {
        labels,
        started: millis.len() as u64,
        ok: millis.len() as u64,
        response: Some(Packed::from(&histogram)),
        errors: vec![("status 500".to_owned(), 1)],
        failed: 1,
        ..WindowRow::default()
    };
    let rows = vec![row(Labels::new()), row(Labels::new().with("name", "GET /x"))];
    LoadWindow { step, round: 0, at, seconds: 1.0, rows, users: 3, phase: "steady".to_owned() }
}

/// A whole run that took longer.
pub(crate) fn long_run(header: &RunHeader, seconds: f64) -> Vec<Envelope> {
    let mut events = run(header, 12.0);
    events.last_mut().unwrap().at = seconds;
    events
}

/// A whole run.
pub(crate) fn run(header: &RunHeader, level: f64) -> Vec<Envelope> {
    let mut log = Log::new(header);
    for round in 0..6_u32 {
        for step in 0..4 {
            log.push(f64::from(round), Event::RoundStarted { step, round: Some(round) });
            log.push(f64::from(round), sampled(step, round, (level + f64::from(round) * 0.01) / (step + 1) as f64));
        }
        log.push(f64::from(round), host(f64::from(round) + 1.0));
    }
    log.push(6.0, Event::RoundStarted { step: 4, round: Some(0) });
    for at in 0..4_u32 {
        let window = window(4, f64::from(at), &[1, 2, 3, 50 * u64::from(at + 1)]);
        log.push(7.0 + f64::from(at), Event::Window(Box::new(window)));
    }
    let warning =
        Note { level: NoteLevel::Warning, step: None, message: "a warning".to_owned(), place: None, at: None };
    log.push(11.0, Event::Note(warning));
    for step in 0..5 {
        log.push(11.0, Event::StepFinished { step, outcome: Outcome::Measured, stop: None });
    }
    log.push(12.0, Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None });
    log.events
}

/// A program behind the server that only knows runs.
struct Little {
    database: PathBuf,
    asked: AtomicUsize,
}

impl Backend for Little {
    fn machine(&self) -> Result<Machine, Refused> {
        Ok(Machine { rows: Vec::new(), machine: "m1".to_owned(), environment: BTreeMap::new(), profile: None })
    }

    fn compare(&self, sides: &Sides) -> Result<Comparison, Refused> {
        let unknown = |error: engine_store::Error| Refused::new(Refusal::Unknown, error.to_string());
        let store = Store::open_readonly(&self.database).map_err(unknown)?;
        let run = |name: &str| store.run(&store.resolve(name)?);
        let (old, new) = (run(&sides.old).map_err(unknown)?, run(&sides.new).map_err(unknown)?);
        Ok(engine_analysis::compare(&old, &new, &engine_analysis::Options::default()))
    }

    fn scenarios(&self) -> Vec<ScenarioRow> {
        vec![ScenarioRow { name: "quick".to_owned(), title: "Quick".to_owned(), source: "embedded" }]
    }

    fn why_not_run(&self) -> Option<String> {
        Some("not here".to_owned())
    }

    fn plan(&self, name: &str, _: Option<&str>) -> Result<PlanPreview, Refused> {
        match name {
            "quick" => Ok(PlanPreview { scenario: name.to_owned(), ..PlanPreview::default() }),
            other => Err(Refused::new(Refusal::Unknown, format!("no scenario `{other}`"))),
        }
    }

    fn start(&self, _: &str, _: &RunRequest) -> Result<Job, Refused> {
        Err(Refused::new(Refusal::Forbidden, "not here"))
    }

    fn jobs(&self) -> Vec<Job> {
        Vec::new()
    }

    fn coming(&self, schedule: &Schedule, mark: Mark, most: usize) -> Result<Vec<Coming>, Refused> {
        if schedule.cron == "never" {
            return Err(Refused::new(Refusal::Invalid, "`never` is no pattern of cron"));
        }
        let hour = |n: usize| Timestamp(mark.due.0 + i64::try_from(n).unwrap() * 3_600_000_000);
        Ok((1..=most).map(|n| Coming { at: hour(n), local: format!("hour {n}") }).collect())
    }

    fn follows_schedules(&self) -> bool {
        true
    }

    fn run_schedule(&self, _: &str) -> Result<Job, Refused> {
        Err(Refused::new(Refusal::Forbidden, "not here"))
    }

    fn import(&self, text: &str, _: &ImportAs) -> Result<Vec<ImportedRun>, Refused> {
        let invalid = |error: engine_store::Error| Refused::new(Refusal::Invalid, error.to_string());
        let mut store = Store::open(&self.database).map_err(invalid)?;
        let (run, new) = match store.import_text(text.as_bytes()).map_err(invalid)? {
            engine_store::Imported::New(run) => (run, true),
            engine_store::Imported::AlreadyThere(run) => (run, false),
        };
        Ok(vec![ImportedRun { run: run.0, format: "engine".to_owned(), new }])
    }

    fn advice(&self, _: &RunRecord) -> Result<engine_core::finding::Advice, Refused> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Err(Refused::new(Refusal::Unavailable, "this build gives no advice"))
    }

    fn advice_basis(&self) -> Vec<u8> {
        Vec::new()
    }

    fn report(&self, record: &RunRecord, format: &str) -> Result<(&'static str, String), Refused> {
        match format {
            "md" => Ok(("text/markdown", engine_report::markdown::report(&engine_report::Report::of(record)))),
            other => Err(Refused::new(Refusal::Invalid, format!("no report format `{other}`"))),
        }
    }
}
