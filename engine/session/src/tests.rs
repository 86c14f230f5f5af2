//! The session against fake probes: order, retakes, warm-up, stopping, time-outs, panics, interruption, resume.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_core::args::Args;
use engine_core::code::CodeUnderTest;
use engine_core::environment::Environment;
use engine_core::event::{Envelope, Event, StopReason};
use engine_core::metric::MetricDef;
use engine_core::plan::{Declaration, Part, Plan, PlannedStep, Profile, Rounds, Warmup, Work};
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, ScenarioRef, Timestamp};
use engine_core::series::Labels;
use engine_core::step::{FailureKind, Outcome, Skip, SkipKind};
use engine_core::taint::Limits;
use engine_core::unit::Unit;
use engine_probes::{Context, Probe, ProbeError};

use crate::bus::Sink;
use crate::runner::{Settings, resume, run};
use crate::scripted::{CustomContext, Scripted};

const TIME: MetricDef = MetricDef::cost("time", Unit::Seconds, "time");

const fn info(id: &'static str) -> ProbeInfo {
    ProbeInfo {
        id,
        summary: "",
        method: 1,
        about: "",
        params: &[],
        metrics: &[TIME],
        round_seconds: 0.0,
        process: RoundProcess::Engine,
        noise: OwnNoise::Crowd,
    }
}

static STEADY: ProbeInfo = info("fake.steady");
static PANICS: ProbeInfo = info("fake.panics");
static HANGS: ProbeInfo = info("fake.hangs");
static ABSENT: ProbeInfo = info("fake.absent");
static NAN: ProbeInfo = info("fake.nan");
static COLD: ProbeInfo = info("fake.cold");
static NOISY: ProbeInfo = info("fake.noisy");

static PROBES: [&Probe; 7] = [
    &Probe {
        info: &STEADY,
        run: |_, cx| {
            cx.record(&TIME, 1.0 + (cx.seed % 100) as f64 * 1e-6);
            Ok(())
        },
    },
    &Probe { info: &PANICS, run: |_, _| panic!("at the disco") },
    &Probe {
        info: &HANGS,
        run: |_, cx| loop {
            cx.check()?;
            std::thread::yield_now();
        },
    },
    &Probe { info: &ABSENT, run: |_, _| Err(Skip::new(SkipKind::Hardware, "no such part", "buy one").into()) },
    &Probe {
        info: &NAN,
        run: |_, cx| {
            cx.record(&TIME, f64::NAN);
            Ok(())
        },
    },
    &Probe { info: &COLD, run: cold },
    &Probe {
        info: &NOISY,
        run: |_, cx| {
            cx.record(&TIME, 1.0 + (cx.seed % 1000) as f64 * 1e-3);
            Ok(())
        },
    },
];

/// Slow on its first call only. One test uses it, so the counter is its own.
fn cold(_: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let first = CALLS.fetch_add(1, Ordering::Relaxed) == 0;
    cx.record(&TIME, if first { 3.0 } else { 1.0 + (cx.seed % 10) as f64 * 1e-4 });
    Ok(())
}

pub(crate) fn step(probe: &str, rounds: Rounds) -> PlannedStep {
    PlannedStep {
        name: probe.to_owned(),
        labels: Labels::new(),
        work: Work::Probe { id: probe.to_owned(), args: Args::default() },
        rounds,
        warmup: Warmup::Rounds(0),
        isolate: false,
        timeout: 30.0,
        budget: None,
        method: 1,
        estimate: 0.0,
    }
}

pub(crate) fn header(steps: Vec<PlannedStep>) -> RunHeader {
    let declarations = steps
        .iter()
        .map(|step| Declaration { name: step.name.clone(), expect: vec![], reference: None, tags: vec![], place: None })
        .collect();
    RunHeader {
        id: RunId::new(Timestamp(0), 1),
        engine: "test".into(),
        scenario: ScenarioRef::default(),
        started: Timestamp(0),
        code: CodeUnderTest::default(),
        machine: "m".into(),
        tags: BTreeMap::new(),
        environment: Environment::default(),
        plan: Plan { suite: "s".into(), seed: 3, steps, declarations, ..Plan::default() },
        machine_profile: None,
    }
}

/// Nothing taints: the machine that runs the tests is busy.
pub(crate) fn blind() -> Limits {
    Limits {
        steal: None,
        pressure_cpu: None,
        pressure_io: None,
        pressure_memory: None,
        preemptions: None,
        migrations: None,
        throttles: None,
        quota_throttles: None,
        clock_drift: None,
        ..Limits::default()
    }
}

pub(crate) fn settings(limits: Limits) -> Settings<'static> {
    Settings {
        registry: &PROBES,
        scratch: std::env::temp_dir(),
        cores: 1,
        interrupt: Arc::new(AtomicBool::new(false)),
        limits,
        retakes: 2,
        isolate: None,
        monitor: None,
        watch: None,
        after: &|| None,
        stress: None,
        scaling: &|_| engine_core::load::Fitted::default(),
        faults: None,
        recovery: &|_, _, _, _| engine_core::fault::Recovery::Inconclusive { reason: "nobody looks".into() },
        judge: &|_| vec![],
    }
}

/// Keeps all events.
struct Keep(Arc<Mutex<Vec<Envelope>>>);

impl Sink for Keep {
    fn event(&mut self, envelope: &Envelope, _: &RunRecord) {
        self.0.lock().unwrap().push(envelope.clone());
    }
}

fn outcome<'a>(record: &'a RunRecord, step: &str) -> &'a Outcome {
    record.step(step).unwrap().outcome.as_ref().unwrap()
}

#[test]
fn every_step_takes_its_rounds_and_rounds_are_the_outer_loop() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let steps = vec![step("fake.steady", Rounds::Exact(6)), step("fake.noisy", Rounds::Exact(6))];
    let record = run(header(steps), settings(blind()), None, vec![Box::new(Keep(Arc::clone(&events)))]);
    assert_eq!(record.state, RunState::Complete);
    assert!(record.steps.iter().all(|step| step.rounds() == 6 && step.stop == Some(StopReason::Done)));
    let rounds: Vec<u32> = events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::Sampled(sampled) => Some(sampled.round),
            _ => None,
        })
        .collect();
    assert_eq!(rounds, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    let folded = events.lock().unwrap().iter().fold(None, |folded: Option<RunRecord>, envelope| {
        let mut folded = folded.unwrap_or_else(|| RunRecord::new(record.header.clone()));
        folded.apply(envelope);
        folded.apply(envelope); // Applying twice does no harm.
        Some(folded)
    });
    assert_eq!(folded, Some(record), "the events are the record");
}

#[test]
fn a_probe_that_panics_hangs_or_lies_fails_its_own_step_only() {
    let hanging = PlannedStep { timeout: 0.2, ..step("fake.hangs", Rounds::Exact(3)) };
    let steps = vec![
        step("fake.panics", Rounds::Exact(3)),
        hanging,
        step("fake.absent", Rounds::Exact(3)),
        step("fake.nan", Rounds::Exact(3)),
        step("fake.unknown", Rounds::Exact(3)),
        step("fake.steady", Rounds::Exact(3)),
    ];
    let record = run(header(steps), settings(blind()), None, vec![]);
    let failure = |name: &str| match outcome(&record, name) {
        Outcome::Failed(failure) => (failure.kind, failure.message.clone()),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(failure("fake.panics"), (FailureKind::Panic, "the probe panicked: at the disco".to_owned()));
    assert_eq!(failure("fake.hangs").0, FailureKind::Timeout);
    assert_eq!(failure("fake.nan").0, FailureKind::Verification);
    assert!(failure("fake.unknown").1.contains("no probe `fake.unknown`"));
    assert!(matches!(outcome(&record, "fake.absent"), Outcome::Skipped(skip) if skip.remedy == "buy one"));
    assert_eq!(*outcome(&record, "fake.steady"), Outcome::Measured);
    assert_eq!(record.state, RunState::Complete, "all steps have ended as they could");
}

#[test]
fn a_cold_first_round_is_found_and_taken_again() {
    let warm = PlannedStep { warmup: Warmup::Detect, ..step("fake.cold", Rounds::Exact(6)) };
    let record = run(header(vec![warm]), settings(blind()), None, vec![]);
    let measurement = record.steps[0].primary().unwrap();
    assert_eq!(
        (measurement.rounds.len(), record.steps[0].rounds()),
        (7, 6),
        "the cold round is kept and does not count"
    );
    assert!(measurement.rounds[0].superseded);
    assert!(measurement.round_values().iter().all(|value| *value < 1.1));
    assert!(record.notes.iter().any(|note| note.message.contains("warming up")));
}

#[test]
fn tainted_rounds_are_taken_again_then_kept_and_marked() {
    // A limit that every reading of the sentinel breaks.
    let strict = Limits { clock_drift: Some(-1.0), ..blind() };
    let record = run(header(vec![step("fake.steady", Rounds::Exact(4))]), settings(strict), None, vec![]);
    let measurement = record.steps[0].primary().unwrap();
    assert_eq!(record.steps[0].rounds(), 4);
    assert_eq!(measurement.rounds.len(), 6, "two retakes: half of the rounds");
    assert!(measurement.is_tainted());
    assert!(!record.validity.reasons.is_empty(), "a run on disturbed rounds is not simply valid");
}

#[test]
fn adaptive_rounds_stop_when_the_interval_is_narrow_and_not_before() {
    let adaptive = Rounds::Adaptive { min: 5, max: 30, until: 0.02 };
    let record =
        run(header(vec![step("fake.steady", adaptive), step("fake.noisy", adaptive)]), settings(blind()), None, vec![]);
    assert_eq!((record.steps[0].rounds(), record.steps[0].stop), (5, Some(StopReason::Narrow)));
    assert_eq!((record.steps[1].rounds(), record.steps[1].stop), (30, Some(StopReason::Done)));
}

#[test]
fn an_interrupted_run_keeps_what_it_has_and_resumes_where_it_was() {
    struct StopAfter(u32, Arc<AtomicBool>);
    impl Sink for StopAfter {
        fn event(&mut self, envelope: &Envelope, _: &RunRecord) {
            if let Event::Sampled(_) = envelope.event {
                self.0 -= 1;
                self.1.store(self.0 == 0, Ordering::Relaxed);
            }
        }
    }
    let steps = vec![step("fake.steady", Rounds::Exact(5)), step("fake.noisy", Rounds::Exact(5))];
    let whole = run(header(steps.clone()), settings(blind()), None, vec![]);
    let mut stopping = settings(blind());
    let flag = Arc::new(AtomicBool::new(false));
    stopping.interrupt = Arc::clone(&flag);
    let partial = run(header(steps), stopping, None, vec![Box::new(StopAfter(5, flag))]);
    assert_eq!(partial.state, RunState::Partial);
    assert_eq!(partial.steps.iter().map(|step| step.rounds()).sum::<usize>(), 5);
    // A killed run has no outcome for its steps; what is stored is the same otherwise.
    let mut stored = partial;
    stored.steps.iter_mut().for_each(|step| (step.outcome, step.stop) = (None, None));
    let resumed = resume(stored, settings(blind()), None, vec![]);
    assert_eq!(resumed.state, RunState::Complete);
    let values = |record: &RunRecord| -> Vec<Vec<f64>> {
        record.steps.iter().map(|step| step.primary().unwrap().pooled()).collect()
    };
    assert_eq!(values(&resumed), values(&whole), "the same seeds, the same rounds");
}

#[test]
fn a_run_ended_by_a_signal_goes_on_with_the_steps_that_it_cut_off() {
    let steps = vec![step("fake.steady", Rounds::Exact(3)), step("fake.noisy", Rounds::Exact(3))];
    let mut cut = run(header(steps), settings(blind()), None, vec![]);
    let rounds = |record: &RunRecord| record.steps.iter().map(|step| step.rounds()).collect::<Vec<_>>();
    // As Ctrl-C leaves it: one step short of a round, the other not begun.
    cut.steps[0].measurements[0].rounds.pop();
    cut.steps[0].stop = Some(StopReason::Interrupted);
    cut.steps[1].measurements.clear();
    (cut.steps[1].outcome, cut.steps[1].stop) = (Some(Outcome::Skipped(crate::ending::interrupted())), None);
    cut.state = RunState::Partial;
    assert!(crate::is_resumable(&cut));
    let whole = resume(cut, settings(blind()), None, vec![]);
    assert_eq!((whole.state, rounds(&whole)), (RunState::Complete, vec![3, 3]));
    assert!(!crate::is_resumable(&whole));
    assert!(whole.notes.iter().any(|note| note.message.contains("resumed")), "{:?}", whole.notes);
    // What `@abort` ended stays ended.
    let mut aborted = whole;
    aborted.state = RunState::Partial;
    aborted.steps[0].stop = Some(StopReason::Aborted);
    assert!(!crate::is_resumable(&aborted));
}

/// Two parts of two steps each, and one of none.
fn in_parts(budget: f64) -> RunHeader {
    let named = |name: &str| PlannedStep { name: name.to_owned(), ..step("fake.steady", Rounds::Exact(3)) };
    let mut header = header(["b/one", "a/one", "own", "b/two", "a/two"].map(named).to_vec());
    header.plan.parts = ["a", "b"].map(|name| Part { name: name.to_owned(), budget }).to_vec();
    header
}

/// The steps in the order of their rounds.
struct Order(Arc<Mutex<Vec<String>>>);

impl Sink for Order {
    fn event(&mut self, envelope: &Envelope, record: &RunRecord) {
        if let Event::Sampled(sampled) = &envelope.event {
            self.0.lock().unwrap().push(record.steps[sampled.step].plan.name.clone());
        }
    }
}

#[test]
fn parts_run_one_after_another() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let record = run(in_parts(60.0), settings(blind()), None, vec![Box::new(Order(Arc::clone(&order)))]);
    let order: Vec<char> = order.lock().unwrap().iter().map(|name| name.chars().next().unwrap()).collect();
    assert_eq!(order.iter().collect::<String>(), "oooaaaaaabbbbbb");
    assert_eq!(record.state, RunState::Complete);
}

#[test]
fn every_step_of_every_part_has_a_round_however_little_time_there_is() {
    let mut header = in_parts(0.0);
    header.plan.spend(None);
    let record = run(header, settings(blind()), None, vec![]);
    let rounds: Vec<usize> = record.steps.iter().map(|step| step.rounds()).collect();
    assert_eq!(rounds, [1, 1, 3, 1, 1]);
    assert_eq!(record.state, RunState::Complete, "what its share paid for is all that was asked for");
}

#[test]
fn a_part_takes_rounds_until_its_time_is_used_up() {
    let mut header = in_parts(0.15);
    header.plan.spend(None);
    let record = run(header, settings(blind()), None, vec![]);
    for step in &record.steps {
        let limited = step.plan.name != "own";
        assert!(!limited || step.rounds() > 3 || step.stop == Some(StopReason::Budget), "{}", step.plan.name);
    }
    assert_eq!(record.state, RunState::Complete);
}

#[test]
fn a_setup_that_fails_ends_its_part_alone() {
    struct Broken;
    impl Scripted for Broken {
        fn custom(&mut self, _: usize, _: &Labels, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
            Ok(())
        }
        fn setup(&mut self, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
            Ok(())
        }
        fn setup_part(&mut self, part: &str, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
            if part == "a" { Err(ProbeError::failed("no database")) } else { Ok(()) }
        }
        fn teardown(&mut self, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
            Ok(())
        }
        fn finish(&mut self, _: &RunRecord, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
            Ok(())
        }
    }
    let mut header = in_parts(60.0);
    header.plan.setup = true;
    let record = run(header, settings(blind()), Some(&mut Broken), vec![]);
    for step in &record.steps {
        match &step.outcome {
            Some(Outcome::Failed(failure)) => {
                assert!(step.plan.name.starts_with("a/") && failure.message == "setup failed: no database");
            }
            outcome => assert_eq!(*outcome, Some(Outcome::Measured), "{}", step.plan.name),
        }
    }
    assert_eq!(record.steps.iter().filter(|step| matches!(step.outcome, Some(Outcome::Failed(_)))).count(), 2);
}

#[test]
fn the_budget_ends_the_run_with_what_there_is() {
    let mut header = header(vec![step("fake.steady", Rounds::Exact(1_000_000))]);
    header.plan.budget = Some(0.2);
    let record = run(header, settings(blind()), None, vec![]);
    assert_eq!(record.steps[0].stop, Some(StopReason::Budget));
    assert_eq!(*outcome(&record, "fake.steady"), Outcome::Measured);
}

/// Records a constant, fails on demand.
struct Script {
    fail: bool,
    calls: Vec<&'static str>,
}

impl Scripted for Script {
    fn custom(&mut self, _: usize, point: &Labels, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.calls.push("custom");
        if self.fail {
            return Err(ProbeError::failed("script says no"));
        }
        let mut records = cx.measure("fake.steady", &Args::default())?;
        records[0].labels = point.clone();
        cx.record(records.remove(0));
        Ok(())
    }

    fn setup(&mut self, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.calls.push("setup");
        if self.fail { Err(ProbeError::failed("no database")) } else { Ok(()) }
    }

    fn teardown(&mut self, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.calls.push("teardown");
        Ok(())
    }

    fn finish(&mut self, run: &RunRecord, cx: &mut dyn CustomContext) -> Result<(), ProbeError> {
        self.calls.push("finish");
        let value = run.steps[0].primary().unwrap().estimate().unwrap().value;
        let metric = engine_core::metric::Metric::scripted("double", Unit::Seconds);
        cx.record(engine_core::measurement::Record {
            metric,
            labels: Labels::new(),
            values: vec![value * 2.0],
            histogram: None,
        });
        Ok(())
    }
}

fn scripted() -> RunHeader {
    let custom = PlannedStep { work: Work::Custom { index: 0, metrics: vec![] }, ..step("custom", Rounds::Exact(2)) };
    let mut header = header(vec![custom]);
    header.plan.setup = true;
    header.plan.teardown = true;
    header.plan.finish = true;
    header
}

#[test]
fn script_code_runs_in_order_and_finish_records_derived_metrics() {
    let mut script = Script { fail: false, calls: vec![] };
    let record = run(scripted(), settings(blind()), Some(&mut script), vec![]);
    assert_eq!(script.calls, ["setup", "custom", "custom", "teardown", "finish"]);
    let double = record.step("finish").unwrap().primary().unwrap().estimate().unwrap().value;
    assert!((double - 2.0).abs() < 0.01);
    assert_eq!(record.state, RunState::Complete);
}

#[test]
fn a_failing_setup_fails_the_steps_and_teardown_still_runs() {
    let mut script = Script { fail: true, calls: vec![] };
    let record = run(scripted(), settings(blind()), Some(&mut script), vec![]);
    assert_eq!(script.calls, ["setup", "teardown"]);
    assert!(matches!(outcome(&record, "custom"), Outcome::Failed(f) if f.message == "setup failed: no database"));
}

#[test]
fn the_monitor_feeds_the_record() {
    let mut with_monitor = settings(blind());
    with_monitor.monitor = Some(Duration::from_millis(5));
    let mut header = header(vec![step("fake.steady", Rounds::Exact(1_000_000))]);
    header.plan.budget = Some(2.0);
    header.plan.profile = Profile::Tiny;
    let record = run(header, with_monitor, None, vec![]);
    assert!(!record.host.is_empty());
    assert!(record.notes.iter().any(|note| note.message.contains("system monitor took")));
}
