//! Runs to store: small plans and the events of a run, from a seed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::event::{Envelope, Event, Note, NoteLevel, Sampled, StopReason};
use engine_core::fact::Fact;
use engine_core::fault::{DataCheck, FaultRecord, Mark, Recovery, Seen};
use engine_core::histogram::{Histogram, Packed};
use engine_core::host_sample::HostSample;
use engine_core::judgement::{Judged, Judgement, Severity};
use engine_core::load::{LoadWindow, WindowRow};
use engine_core::measurement::{Estimate, Record};
use engine_core::metric::MetricDef;
use engine_core::plan::{Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, Timestamp, Validity, ValidityLevel};
use engine_core::series::Labels;
use engine_core::stats::{Interval, Stream};
use engine_core::step::{Failure, FailureKind, Outcome, Place, Skip, SkipKind};
use engine_core::taint::Taint;
use engine_core::unit::{Dimension, Unit};
use engine_store::Store;
use tempfile::TempDir;

/// A folder with a database that is gone with the test.
pub(crate) struct Folder {
    pub(crate) temp: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { temp: TempDir::new().unwrap() }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.temp.path().join("data").join("performance.db")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.file()).unwrap()
    }
}

/// Start of the first run of every test.
pub(crate) const EPOCH: i64 = 1_760_000_000_000_000;

/// The header of the `n`-th run of a suite: an hour apart.
pub(crate) fn header(suite: &str, n: u64) -> RunHeader {
    let started = Timestamp(EPOCH + i64::try_from(n).unwrap() * 3_600_000_000);
    let code = CodeUnderTest {
        commit: Fact::Known(format!("{n:040x}")),
        branch: Fact::Known("main".to_owned()),
        dirty: Fact::Known(n % 2 == 1),
        committed_at: Fact::Known(started.0 / 1_000_000),
        ..CodeUnderTest::default()
    };
    let mut environment = Environment::default();
    environment.cpu.model = Fact::Known("Example 3000".to_owned());
    environment.cpu.max_mhz = Fact::Known(3417.3);
    environment.load.before.average_1 = Fact::Known(0.1 + 0.2);
    RunHeader {
        id: RunId::new(started, n),
        engine: "0.1.0".to_owned(),
        scenario: ScenarioRef { name: suite.to_owned(), source: format!("{suite}.rhai"), hash: "ab".repeat(32) },
        started,
        code,
        machine: "m1".to_owned(),
        tags: BTreeMap::from([("team".to_owned(), "kernel".to_owned())]),
        environment,
        plan: plan(suite),
        machine_profile: None,
    }
}

fn plan(suite: &str) -> Plan {
    let step = |name: &str, labels: Labels| PlannedStep {
        name: name.to_owned(),
        labels,
        work: Work::Custom { index: 0, metrics: vec!["time".to_owned()] },
        rounds: Rounds::Adaptive { min: 5, max: 30, until: 0.02 },
        warmup: Warmup::Detect,
        isolate: false,
        timeout: 60.0,
        budget: None,
        method: 1,
        estimate: 0.1,
    };
    let steps = vec![
        step("triad", Labels::new().with("threads", "1")),
        step("triad", Labels::new().with("threads", "8")),
        step("fsync", Labels::new()),
    ];
    Plan { suite: suite.to_owned(), seed: u64::MAX, profile: Profile::Default, steps, ..Plan::default() }
}

/// Numbers events.
pub(crate) struct Log {
    pub(crate) run: RunId,
    pub(crate) events: Vec<Envelope>,
}

impl Log {
    pub(crate) fn new(header: &RunHeader) -> Self {
        let mut log = Self { run: header.id.clone(), events: Vec::new() };
        log.push(0.0, Event::RunStarted(Box::new(header.clone())));
        log
    }

    pub(crate) fn push(&mut self, at: f64, event: Event) {
        let sequence = self.events.len() as u64 + 1;
        self.events.push(Envelope { run: self.run.clone(), source: "engine".to_owned(), sequence, at, event });
    }
}

/// What folding events gives.
pub(crate) fn fold(events: &[Envelope]) -> RunRecord {
    let Event::RunStarted(header) = &events[0].event else { panic!("a run begins with its start") };
    let mut record = RunRecord::new(*header.clone());
    for event in events {
        record.apply(event);
    }
    record
}

/// Some event of a run, from a random stream.
pub(crate) fn event(random: &mut Stream, at: f64) -> Event {
    let step = random.below(3) as usize;
    match random.below(11) {
        0 => Event::StepStarted { step },
        1 => Event::RoundStarted { step, round: (random.below(2) == 0).then(|| random.below(4) as u32) },
        2 => Event::Host(HostSample {
            at,
            cpu: random.normal().abs(),
            cores: vec![random.normal(), 0.1],
            memory_used: random.next_u64(),
            pressure_io: (random.below(2) == 0).then(|| random.exponential()),
            ..HostSample::default()
        }),
        3 => Event::Note(Note {
            level: NoteLevel::Warning,
            step: Some("triad{threads=1}".to_owned()),
            message: format!("\"quoted\" \u{0} é \u{1f980} {}", random.next_u64()),
            place: Some(Place { file: "a.rhai".to_owned(), line: 3, column: 1 }),
            at: None,
        }),
        4 => Event::StepFinished {
            step,
            outcome: outcome(random),
            stop: (random.below(2) == 0).then_some(StopReason::Narrow),
        },
        5 if random.below(4) == 0 => Event::Judged((0..random.below(4)).map(|_| judged(random)).collect()),
        6 => Event::Window(Box::new(window(random, step, at))),
        7 => Event::Fault(Box::new(fault(random, step, at))),
        _ => Event::Sampled(sampled(random, step, at)),
    }
}

fn fault(random: &mut Stream, step: usize, at: f64) -> FaultRecord {
    let recovery = match random.below(3) {
        0 => Recovery::Inconclusive { reason: "10 windows are needed".to_owned() },
        _ => Recovery::Seen(Seen {
            recover: (random.below(2) == 0).then(|| random.exponential()),
            failed: random.below(100),
            ..Seen::default()
        }),
    };
    FaultRecord {
        step,
        round: random.below(4) as u32,
        mechanism: "SIGKILL by pidfd".to_owned(),
        passed_over: vec!["freezer cgroup: none here".to_owned()],
        marks: vec![Mark { at, what: "crash".to_owned() }],
        recovery,
        data: (random.below(2) == 0).then(|| DataCheck {
            acknowledged: 3,
            checked: 3,
            lost: 1,
            examples: vec!["7".into()],
        }),
    }
}

fn sampled(random: &mut Stream, step: usize, at: f64) -> Sampled {
    let taints = match random.below(3) {
        0 => vec![Taint::Steal { share: random.exponential() }, Taint::Migrated { n: random.next_u64() }],
        _ => vec![],
    };
    let records = (0..random.below(4)).map(|_| record(random)).collect();
    let attempt = u32::try_from(random.below(3).saturating_sub(1)).unwrap();
    let round = u32::try_from(random.below(6)).unwrap();
    Sampled { step, round, attempt, at, seconds: random.exponential(), taints, records }
}

fn record(random: &mut Stream) -> Record {
    let defs = [
        MetricDef::rate("rate", Unit::BytesPerSecond, ""),
        MetricDef::floor("latency", Unit::Seconds, ""),
        // The same name in another unit is another metric.
        MetricDef::cost("rate", Unit::PerSecond, ""),
        MetricDef::fact("work", Unit::Derived(Dimension { time: -2, data: 1, energy: 0, temperature: 0 }), ""),
    ];
    let labels = match random.below(3) {
        0 => Labels::new().with("size", "4 KiB"),
        // Named like a label of the step, with another value.
        1 => Labels::new().with("threads", "all"),
        _ => Labels::new(),
    };
    let special = [0.0, -0.0, f64::MAX, f64::MIN_POSITIVE / 8.0, 1.0 / 3.0];
    let values = (0..random.below(20))
        .map(|_| if random.below(5) == 0 { special[random.below(5) as usize] } else { random.normal() * 1e9 })
        .collect();
    let histogram = (random.below(4) == 0).then(|| latencies(random));
    Record { metric: defs[random.below(4) as usize].metric(), labels, values, histogram }
}

fn latencies(random: &mut Stream) -> Packed {
    let mut all = Histogram::new();
    for _ in 0..random.below(30) {
        all.record((random.exponential() * 1e7) as u64);
    }
    for _ in 0..random.below(3) {
        all.record_censored(random.below(1 << 40));
    }
    all.into()
}

/// A window of a load.
pub(crate) fn window(random: &mut Stream, step: usize, at: f64) -> LoadWindow {
    let row = |labels: Labels, random: &mut Stream| WindowRow {
        labels,
        started: random.next_u64() >> 8,
        ok: random.below(1000),
        failed: random.below(10),
        timed_out: random.below(10),
        cut_off: random.below(10),
        response: (random.below(4) > 0).then(|| latencies(random)),
        service: (random.below(2) == 0).then(|| latencies(random)),
        lag: (random.below(2) == 0).then(|| latencies(random)),
        bytes_in: random.next_u64(),
        bytes_out: random.below(1 << 30),
        errors: if random.below(2) == 0 { vec![("status 500".into(), random.below(9) + 1)] } else { vec![] },
    };
    let mut rows = vec![row(Labels::new(), random)];
    if random.below(2) == 0 {
        rows.push(row(Labels::new().with("name", "GET /\u{0}\"é"), random));
    }
    LoadWindow {
        step,
        round: random.below(2) as u32,
        at,
        seconds: 1.0,
        rows: if random.below(9) == 0 { vec![] } else { rows },
        users: random.below(1 << 40),
        phase: "steady".into(),
    }
}

fn outcome(random: &mut Stream) -> Outcome {
    match random.below(3) {
        0 => Outcome::Measured,
        1 => Outcome::Skipped(Skip::new(SkipKind::Tool, "there is no `fio`", "install it")),
        _ => Outcome::Failed(Failure::new(FailureKind::Panic, "it panicked")),
    }
}

fn judged(random: &mut Stream) -> Judged {
    Judged {
        step: "triad".to_owned(),
        text: "rate.median > 1 GB/s".to_owned(),
        severity: Severity::Warn,
        judgement: if random.below(2) == 0 { Judgement::Pass } else { Judgement::Unsure },
        series: "triad.rate{threads=1}".to_owned(),
        observed: Some(Estimate {
            value: random.normal(),
            interval: Some(Interval { low: random.normal(), high: f64::MAX }),
            rounds: 7,
            samples: 70,
            above: false,
        }),
        limit: Some(1e9),
        unit: Unit::BytesPerSecond,
        reason: "it lies on both sides".to_owned(),
        place: None,
    }
}

/// All events of a run that ends well: `n` of them between its start and its end.
pub(crate) fn events(header: &RunHeader, seed: u64, n: usize) -> Vec<Envelope> {
    let mut random = Stream::new(seed, &[1]);
    let mut log = Log::new(header);
    let mut at = 0.0;
    for _ in 0..n {
        at += random.exponential();
        let event = event(&mut random, at);
        log.push(at, event);
    }
    let mut validity = Validity::default();
    validity.lower(ValidityLevel::Degraded, "steal");
    log.push(
        at,
        Event::RunFinished { state: RunState::Complete, validity, after: Some(Box::new(header.environment.clone())) },
    );
    log.events
}

/// A complete run with one metric: `time` of step `fsync`, one sample a round.
pub(crate) fn run(header: &RunHeader, values: &[f64]) -> Vec<Envelope> {
    let mut log = Log::new(header);
    for (value, round) in values.iter().zip(0..) {
        let metric = MetricDef::cost("time", Unit::Seconds, "").metric();
        let records = vec![Record { metric, labels: Labels::new(), values: vec![*value], histogram: None }];
        let at = f64::from(round);
        let sampled = Sampled { step: 2, round, attempt: 0, at, seconds: 0.5, taints: vec![], records };
        log.push(at, Event::Sampled(sampled));
    }
    let end = values.len() as f64;
    log.push(end, Event::StepFinished { step: 2, outcome: Outcome::Measured, stop: Some(StopReason::Done) });
    log.push(end, Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None });
    log.events
}
