//! Fills a store as a year of use would: runs with 20 series each, one of a day with a reading of the machine and a window of
//! a load each second. With `live`, goes on as a run that tells 20 series once a second until it is ended.
//!
//!     cargo run --release -p engine-serve --example history -- FILE RUNS SECONDS [live]
#![expect(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::time::Duration;

use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::event::{Envelope, Event, Sampled};
use engine_core::fact::Fact;
use engine_core::histogram::{Histogram, Packed};
use engine_core::host_sample::HostSample;
use engine_core::load::{LoadShape, LoadWindow, PhaseShape, WindowRow};
use engine_core::measurement::Record;
use engine_core::metric::{Goal, Metric, Nature};
use engine_core::plan::{Plan, PlannedStep, Rounds, Warmup, Work};
use engine_core::run::{RunHeader, RunId, RunState, ScenarioRef, Timestamp, Validity};
use engine_core::series::Labels;
use engine_core::stats::Stream;
use engine_core::step::Outcome;
use engine_core::unit::Unit;
use engine_store::Store;

const SERIES: usize = 20;

/// The events of one run, numbered.
struct Log {
    run: RunId,
    number: u64,
    waiting: Vec<Envelope>,
}

impl Log {
    fn push(&mut self, at: f64, event: Event) {
        self.number += 1;
        let (run, sequence) = (self.run.clone(), self.number);
        self.waiting.push(Envelope { run, source: "engine".to_owned(), sequence, at, event });
    }

    fn flush(&mut self, store: &mut Store) -> Result<(), engine_store::Error> {
        store.apply(&std::mem::take(&mut self.waiting))
    }
}

fn header(suite: &str, started: Timestamp, number: u64, seconds: f64, rounds: u32) -> RunHeader {
    let step = |name: String, work: Work, rounds: u32, estimate: f64| PlannedStep {
        name,
        labels: Labels::new(),
        work,
        rounds: Rounds::Exact(rounds),
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 1e6,
        budget: None,
        method: 1,
        estimate,
    };
    let script = || Work::Custom { index: 0, metrics: vec!["time".to_owned()] };
    let mut steps: Vec<PlannedStep> = (0..SERIES).map(|n| step(format!("step{n}"), script(), rounds, 1.0)).collect();
    if seconds > 0.0 {
        let phase = PhaseShape { name: "steady".to_owned(), start: 0.0, end: seconds, rate: Some(100.0), users: None };
        let shape = LoadShape { model: "arrivals 100/s".to_owned(), phases: vec![phase], ..LoadShape::default() };
        steps.push(step("shop".to_owned(), Work::Load { index: 0, shape }, 1, seconds));
    }
    let commit = Fact::Known(format!("{number:040x}"));
    let code = CodeUnderTest { commit, branch: Fact::Known("main".to_owned()), ..CodeUnderTest::default() };
    RunHeader {
        id: RunId::new(started, number),
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: ScenarioRef { name: suite.to_owned(), source: "example".to_owned(), hash: "00".repeat(32) },
        started,
        code,
        machine: "example".to_owned(),
        tags: std::collections::BTreeMap::new(),
        environment: Environment::default(),
        plan: Plan { suite: suite.to_owned(), steps, ..Plan::default() },
        machine_profile: None,
    }
}

fn sampled(step: usize, round: u32, at: f64, value: f64) -> Event {
    let metric = Metric { id: "time".to_owned(), unit: Unit::Seconds, goal: Goal::Lower, nature: Nature::Cost };
    let records = vec![Record::value(metric, Labels::new(), value)];
    Event::Sampled(Sampled { step, round, attempt: 0, at, seconds: 0.01, taints: Vec::new(), records })
}

fn host(random: &mut Stream, at: f64) -> Event {
    let share = |random: &mut Stream| random.normal().abs().min(1.0);
    Event::Host(HostSample {
        at,
        cpu: share(random),
        cores: (0..8).map(|_| share(random)).collect(),
        memory_used: 4 << 30,
        memory_available: 12 << 30,
        memory_total: 16 << 30,
        disk_read: Some(1e6 * share(random)),
        disk_write: Some(1e7 * share(random)),
        network_received: 1e5 * share(random),
        network_sent: 1e5 * share(random),
        loopback: 1e6 * share(random),
        pressure_cpu: Some(share(random)),
        pressure_io: Some(share(random)),
        pressure_memory: Some(0.0),
        load: Some(2.0 * share(random)),
        own_memory: 60 << 20,
        own_cpu: share(random),
        cost: 1e-4,
        ..HostSample::default()
    })
}

fn window(random: &mut Stream, step: usize, at: f64) -> Event {
    let mut histogram = Histogram::new();
    (0..100).for_each(|_| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a latency of some milliseconds")]
        histogram.record((2e6 * (0.5 * random.normal()).exp()) as u64);
    });
    let row = |labels: Labels| WindowRow {
        labels,
        started: 100,
        ok: 100,
        response: Some(Packed::from(&histogram)),
        ..WindowRow::default()
    };
    let rows = vec![row(Labels::new()), row(Labels::new().with("name", "GET /feed"))];
    Event::Window(Box::new(LoadWindow { step, round: 0, at, seconds: 1.0, rows, users: 3, phase: "steady".to_owned() }))
}

fn ended(log: &mut Log, at: f64, steps: usize) {
    (0..steps).for_each(|step| log.push(at, Event::StepFinished { step, outcome: Outcome::Measured, stop: None }));
    log.push(at, Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None });
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, runs, seconds, rest @ ..] = args.as_slice() else { return Err("FILE RUNS SECONDS [live]".into()) };
    let (runs, seconds): (u64, u32) = (runs.parse()?, seconds.parse()?);
    let mut store = Store::open(file)?;
    let mut random = Stream::new(1, &[]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now = i64::try_from(now.as_micros())?;
    for number in 0..runs {
        let started = Timestamp(now - (i64::try_from(runs - number)? + 30) * 3_600_000_000);
        let header = header("nightly", started, number, 0.0, 7);
        let mut log = Log { run: header.id.clone(), number: 0, waiting: Vec::new() };
        log.push(0.0, Event::RunStarted(Box::new(header)));
        for step in 0..SERIES {
            // One series in four gets worse half-way.
            let level = if step % 4 == 0 && number > runs / 2 { 1.1 } else { 1.0 };
            for round in 0..7 {
                log.push(1.0, sampled(step, round, f64::from(round), level * (1.0 + 0.02 * random.normal())));
            }
        }
        ended(&mut log, 8.0, SERIES);
        log.flush(&mut store)?;
    }
    if seconds > 0 {
        let length = f64::from(seconds);
        let header = header("day", Timestamp(now - 25 * 3_600_000_000), runs, length, 1);
        let mut log = Log { run: header.id.clone(), number: 0, waiting: Vec::new() };
        log.push(0.0, Event::RunStarted(Box::new(header)));
        log.push(0.0, Event::RoundStarted { step: SERIES, round: Some(0) });
        for at in 0..seconds {
            log.push(f64::from(at), window(&mut random, SERIES, f64::from(at)));
            log.push(f64::from(at), host(&mut random, f64::from(at)));
            if at % 600 == 599 {
                log.flush(&mut store)?;
            }
        }
        log.push(length, sampled(0, 0, 0.0, 1.0));
        ended(&mut log, length, SERIES + 1);
        log.flush(&mut store)?;
    }
    println!("ready");
    if rest.first().is_some_and(|word| word == "live") {
        let header = header("live", Timestamp(now), runs + 1, 0.0, 100_000);
        let mut log = Log { run: header.id.clone(), number: 0, waiting: Vec::new() };
        log.push(0.0, Event::RunStarted(Box::new(header)));
        for second in 0..100_000_u32 {
            let at = f64::from(second);
            (0..SERIES).for_each(|step| log.push(at, sampled(step, second, at, 1.0 + 0.02 * random.normal())));
            log.push(at, host(&mut random, at));
            log.flush(&mut store)?;
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}
