//! Loads as steps: native journeys against a small server on loopback, through a script that is none.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_core::arrivals::Arrivals;
use engine_core::event::{Envelope, Event, StopReason};
use engine_core::load::{LoadShape, PhaseShape};
use engine_core::measurement::Stat;
use engine_core::plan::{ExpectText, PlannedStep, Rounds, Work};
use engine_core::run::{RunRecord, RunState, StepRecord};
use engine_core::series::Labels;
use engine_core::step::{FailureKind, Outcome};
use engine_load::http::Request;
use engine_load::model::{ArrivalPlan, UserPhase};
use engine_load::spec::{CatchUp, Iterations, Pacing};
use engine_load::{ErrorClass, Load, Native, User, Workload};
use engine_probes::ProbeError;

use crate::bus::Sink;
use crate::load::{LoadRequest, TargetAt};
use crate::runner::run;
use crate::scripted::{CustomContext, Scripted};
use crate::tests::{blind, header, settings, step};

/// Answers by the path: `/slow` after 30 ms, `/bad` with 500, anything else with 200 at once. Its threads end when the
/// connections do.
pub(super) fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || converse(stream));
        }
    });
    address
}

fn converse(stream: TcpStream) {
    let Ok(mut out) = stream.try_clone() else { return };
    let _ = out.set_nodelay(true);
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        let status = if first.contains("/bad") { "500 No" } else { "200 OK" };
        if first.contains("/slow") {
            std::thread::sleep(Duration::from_millis(30));
        }
        if out.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok").as_bytes()).is_err() {
            return;
        }
    }
}

/// A script that has one load.
pub(super) struct Fake(pub(super) Box<dyn Fn() -> LoadRequest>);

impl Scripted for Fake {
    fn custom(&mut self, _: usize, _: &Labels, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
        Ok(())
    }
    fn load(&mut self, _: usize, _: &Labels, _: &mut dyn CustomContext) -> Result<LoadRequest, ProbeError> {
        Ok((self.0)())
    }
    fn setup(&mut self, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
        Ok(())
    }
    fn teardown(&mut self, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
        Ok(())
    }
    fn finish(&mut self, _: &RunRecord, _: &mut dyn CustomContext) -> Result<(), ProbeError> {
        Ok(())
    }
}

/// What a user does.
pub(super) type Doing = Box<dyn Fn(&User) -> Result<(), engine_load::Failure>>;

/// A journey that gets each of these paths once.
fn getting(paths: &'static [&'static str]) -> Native<impl Fn() -> Doing> {
    Native::new("getting", move || -> Doing {
        Box::new(move |user: &User| {
            for path in paths {
                // What fails is counted; the journey goes on.
                let _ = user.request(&Request::get(*path).named(*path));
            }
            Ok(())
        })
    })
}

/// Users for all arrivals of a case at once: a machine that stands still for a second drops none.
const MOST: usize = 2000;

fn arrivals(rate: f64, seconds: f64) -> Workload {
    let plan = ArrivalPlan::new("all", &Arrivals::Constant { rate }, seconds, 1).expect("a plan");
    Workload::Arrivals { plan, max_users: MOST, catch_up: CatchUp::Burst }
}

fn load(paths: &'static [&'static str], workload: Workload) -> Load {
    Load { grace: 60.0, pacing: Pacing::Sleep, ..Load::new(Arc::new(getting(paths)), workload) }
}

fn plan_step(phases: &[(&str, f64, f64)]) -> PlannedStep {
    let phases = phases.iter().map(|(name, start, end)| PhaseShape {
        name: (*name).into(),
        start: *start,
        end: *end,
        ..PhaseShape::default()
    });
    let shape = LoadShape {
        target: "the test's server".into(),
        model: "arrivals".into(),
        journeys: vec!["getting".into()],
        phases: phases.collect(),
    };
    PlannedStep { name: "shop".into(), work: Work::Load { index: 0, shape }, ..step("shop", Rounds::Exact(1)) }
}

/// Keeps all events.
struct Keep(Arc<Mutex<Vec<Envelope>>>);

impl Sink for Keep {
    fn event(&mut self, envelope: &Envelope, _: &RunRecord) {
        self.0.lock().unwrap().push(envelope.clone());
    }
}

/// A run of one load with these expectations.
struct Case {
    load: Load,
    at: TargetAt,
    warmup: f64,
    timeout: f64,
    phases: Vec<(&'static str, f64, f64)>,
    expect: &'static [&'static str],
    interrupt_at_window: Option<u32>,
    watch: Vec<(String, crate::load::Watched)>,
}

impl Case {
    fn new(load: Load, at: TargetAt) -> Self {
        let phases = vec![("all", 0.0, load.duration())];
        Self { load, at, warmup: 0.0, timeout: 60.0, phases, expect: &[], interrupt_at_window: None, watch: vec![] }
    }

    fn run(self) -> RunRecord {
        self.observed().0
    }

    /// The record, and the events of which it is made.
    fn observed(self) -> (RunRecord, Vec<Envelope>) {
        let planned = PlannedStep { timeout: self.timeout, ..plan_step(&self.phases) };
        let mut header = header(vec![planned]);
        let texts = self.expect.iter().map(|text| ExpectText { text: (*text).into(), place: None });
        header.plan.declarations[0].expect = texts.collect();
        let (load, at, warmup, watch) = (self.load, self.at, self.warmup, self.watch);
        let request = LoadRequest { warmup, watch, ..LoadRequest::new(load, at) };
        let mut script = Fake(Box::new(move || request.clone()));
        let events = Arc::new(Mutex::new(Vec::new()));
        let interrupt = Arc::new(AtomicBool::new(false));
        let mut settings = settings(blind());
        settings.interrupt = Arc::clone(&interrupt);
        settings.monitor = Some(Duration::from_millis(100));
        let stop = Interrupting { after: self.interrupt_at_window, seen: 0, flag: interrupt };
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Keep(Arc::clone(&events))), Box::new(stop)];
        let record = run(header, settings, Some(&mut script), sinks);
        let events = std::mem::take(&mut *events.lock().unwrap());
        (record, events)
    }
}

/// Ends the run when so many windows were seen.
struct Interrupting {
    after: Option<u32>,
    seen: u32,
    flag: Arc<AtomicBool>,
}

impl Sink for Interrupting {
    fn event(&mut self, envelope: &Envelope, _: &RunRecord) {
        if let Event::Window(_) = envelope.event {
            self.seen += 1;
            if Some(self.seen) == self.after {
                self.flag.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn here() -> TargetAt {
    TargetAt::Url(format!("http://{}", server()))
}

fn value(step: &StepRecord, metric: &str, labels: &[(&str, &str)], stat: Stat) -> f64 {
    let labels: Labels = labels.iter().copied().collect();
    let found = step.measurements.iter().find(|m| {
        let mut own = m.labels.clone();
        own.0.remove("driver");
        m.metric.id == metric && own == labels
    });
    let found = found.unwrap_or_else(|| panic!("no {metric}{labels} in {:?}", step.measurements));
    found.statistic(stat).unwrap().value
}

#[test]
fn a_load_is_a_step_with_its_metrics_its_course_and_its_sums() {
    let (record, events) = Case::new(load(&["/a", "/bad"], arrivals(100.0, 2.0)), here()).observed();
    let step = record.step("shop").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Done)));
    assert_eq!(record.state, RunState::Complete);
    assert_eq!(step.primary().unwrap().metric.id, "response");
    // 200 arrivals, two requests each, of which one fails.
    assert_eq!(value(step, "response", &[], Stat::Count), 400.0);
    assert_eq!(value(step, "response", &[("name", "/a")], Stat::Count), 200.0);
    assert_eq!(value(step, "errors", &[], Stat::Median), 0.5);
    assert_eq!(value(step, "errors", &[("name", "/a")], Stat::Median), 0.0);
    assert_eq!(value(step, "rate", &[], Stat::Median), 100.0);
    assert_eq!(value(step, "requests", &[], Stat::Median), 200.0);
    assert_eq!(value(step, "iterations", &[], Stat::Median), 100.0);
    assert_eq!(value(step, "intended", &[], Stat::Median), 100.0);
    assert_eq!(value(step, "dropped", &[], Stat::Median), 0.0);
    assert_eq!(value(step, "availability", &[], Stat::Median), 0.0, "half of it failed in each second");
    assert!(value(step, "response", &[], Stat::Percentile(99.0)) >= value(step, "response", &[], Stat::Median));
    assert!(step.measurements.iter().all(|m| m.metric.id.starts_with("host.") || m.labels.get("driver").is_some()));
    // The windows add up to the sums.
    assert!(step.windows.len() >= 2, "{:?}", step.windows);
    let ended: u64 = step.windows.iter().map(|window| window.total().unwrap().ended()).sum();
    assert_eq!(ended, 400);
    let of_a: u64 =
        step.windows.iter().flat_map(|w| &w.rows).filter(|r| r.labels.get("name") == Some("/a")).map(|r| r.ok).sum();
    assert_eq!(of_a, 200);
    let note = |front: &str| record.notes.iter().any(|note| note.message.starts_with(front));
    assert!(note("driver ") && note("errors: status 500, 200 times"), "{:?}", record.notes);
    assert!(note("200 arrivals due = 200 came + 0 dropped + 0 not started; 200 iterations; 400 requests"));
    assert!(step.measurements.iter().any(|m| m.metric.id == "host.cpu" && !m.pooled().is_empty()));
    let folded = events.iter().fold(RunRecord::new(record.header.clone()), |mut folded, envelope| {
        folded.apply(envelope);
        folded.apply(envelope);
        folded
    });
    assert_eq!(folded, record, "the events are the record");
    assert!(events.iter().any(|envelope| matches!(envelope.event, Event::Window(_))));
}

fn named(parts: &[(&str, f64, f64)]) -> Workload {
    let phase = |(name, rate, seconds): &(&str, f64, f64)| {
        ((*name).to_owned(), engine_load::model::steps(&[(*rate, *seconds)], engine_core::arrivals::Spacing::Even))
    };
    let plan = ArrivalPlan::phases(&parts.iter().map(phase).collect::<Vec<_>>(), 1).expect("a plan");
    Workload::Arrivals { plan, max_users: MOST, catch_up: CatchUp::Burst }
}

#[test]
fn phases_are_counted_by_intended_start_and_the_warm_up_not_at_all() {
    let load = load(&["/a"], named(&[("ramp", 40.0, 1.0), ("steady", 80.0, 1.0)]));
    let case = Case { warmup: 0.5, phases: vec![("ramp", 0.0, 1.0), ("steady", 1.0, 2.0)], ..Case::new(load, here()) };
    let record = case.run();
    let step = record.step("shop").unwrap();
    assert_eq!(value(step, "response", &[], Stat::Count), 100.0, "20 of the 120 were meant for the warm-up");
    assert_eq!(value(step, "response", &[("phase", "ramp")], Stat::Count), 20.0);
    assert_eq!(value(step, "response", &[("phase", "steady")], Stat::Count), 80.0);
    assert_eq!(value(step, "response", &[("name", "/a"), ("phase", "steady")], Stat::Count), 80.0);
    assert!((value(step, "rate", &[], Stat::Median) - 100.0 / 1.5).abs() < 1e-9);
    assert_eq!(value(step, "rate", &[("phase", "ramp")], Stat::Median), 40.0);
    assert_eq!(value(step, "intended", &[("phase", "steady")], Stat::Median), 80.0);
    assert!(record.steps[0].windows.iter().any(|window| window.phase == "steady"));
    assert!(!step.measurements.iter().any(|m| m.labels.get("phase") == Some(engine_core::load::WARM_UP)));
}

#[test]
fn a_target_that_is_not_there_fails_the_step_as_unreachable() {
    // A port that was free a moment ago may be another test's by now; nobody is given this one.
    let record = Case::new(load(&["/a"], arrivals(50.0, 0.5)), TargetAt::Url("http://127.0.0.1:1".into())).run();
    let step = record.step("shop").unwrap();
    let Some(Outcome::Failed(failure)) = &step.outcome else { panic!("{:?}", step.outcome) };
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("connection refused"), "{}", failure.message);
    assert_eq!(value(step, "errors", &[], Stat::Median), 1.0, "what was counted is kept");
}

#[test]
fn a_target_with_a_path_is_refused_before_anything_is_sent() {
    let record = Case::new(load(&["/a"], arrivals(50.0, 0.5)), TargetAt::Url("http://127.0.0.1:9/base".into())).run();
    let Some(Outcome::Failed(failure)) = &record.steps[0].outcome else { panic!("it has a path") };
    assert!(failure.message.contains("`/base`") && record.steps[0].windows.is_empty(), "{}", failure.message);
}

#[test]
fn an_abort_ends_the_load_when_a_window_breaks_it() {
    let load = load(&["/slow"], arrivals(50.0, 30.0));
    let case = Case { expect: &["response.p50[1 s] < 5 ms for 2 windows @abort"], ..Case::new(load, here()) };
    let record = case.run();
    let step = record.step("shop").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Aborted)));
    assert_eq!(record.state, RunState::Partial);
    assert!((2..20).contains(&step.windows.len()), "{} windows of 30", step.windows.len());
    assert!(value(step, "response", &[], Stat::Count) > 50.0);
    assert!(
        record.notes.iter().any(|note| note.message.contains("@abort") && note.message.contains("2 windows in a row"))
    );
}

#[test]
fn an_abort_on_the_sums_so_far_ends_the_load_too() {
    let load = load(&["/bad"], arrivals(50.0, 30.0));
    let case = Case { expect: &["errors < 5 % @abort", "response.p99 < 60 s @abort"], ..Case::new(load, here()) };
    let record = case.run();
    assert_eq!(record.steps[0].stop, Some(StopReason::Aborted));
    assert!(record.steps[0].windows.len() < 20);
}

#[test]
fn what_is_only_under_way_or_not_there_yet_aborts_nothing() {
    let load = load(&["/slow"], arrivals(50.0, 2.0));
    let expect = &["rate >= 0.99 * target @abort", "errors{name=/later} < 5 % @abort", "tls.p99 < 1 s @abort"];
    let record = Case { expect, ..Case::new(load, here()) }.run();
    assert_eq!(record.steps[0].stop, Some(StopReason::Done), "{:?}", record.notes);
}

#[test]
fn an_interrupted_load_keeps_what_it_measured() {
    let load = load(&["/a"], arrivals(50.0, 30.0));
    let record = Case { interrupt_at_window: Some(2), ..Case::new(load, here()) }.run();
    let step = record.step("shop").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Interrupted)));
    assert_eq!(record.state, RunState::Partial);
    let count = value(step, "response", &[], Stat::Count);
    assert!((20.0..1500.0).contains(&count), "{count}");
    // Rates are of the time that it ran, which is two seconds and what the machine added, not of the thirty that were planned.
    let rate = value(step, "rate", &[], Stat::Median);
    assert!(rate > 3.0 * count / 30.0 && rate < 60.0, "{rate} of {count}");
}

#[test]
fn a_load_that_does_not_end_fails_its_step_and_keeps_what_it_measured() {
    let load = load(&["/a"], arrivals(50.0, 30.0));
    let record = Case { timeout: 3.0, ..Case::new(load, here()) }.run();
    let Some(Outcome::Failed(failure)) = &record.steps[0].outcome else { panic!("it is late") };
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(value(&record.steps[0], "response", &[], Stat::Count) > 10.0);
}

#[test]
fn errors_of_the_journeys_own_code_fail_the_step_as_a_script() {
    let wrong = Native::new("wrong", || {
        |user: &User| {
            user.get("/a")?;
            Err(engine_load::Failure::new(ErrorClass::Script, "no field `sku` (shop.rhai:7:3)"))
        }
    });
    let phase = UserPhase { name: "all".into(), from: 2.0, to: 2.0, duration: 60.0 };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::PerUser(10), spread: 0.0 };
    let load = Load { grace: 60.0, ..Load::new(Arc::new(wrong), workload) };
    let record = Case::new(load, here()).run();
    let Some(Outcome::Failed(failure)) = &record.steps[0].outcome else { panic!("{:?}", record.steps[0].outcome) };
    assert_eq!(failure.kind, FailureKind::Script);
    assert!(failure.message.contains("20 of 20") && failure.message.contains("shop.rhai:7:3"), "{}", failure.message);
    assert_eq!(value(&record.steps[0], "iterations", &[], Stat::Count), 1.0);
    assert!(!record.steps[0].measurements.iter().any(|m| m.metric.id == "intended"), "a closed model has no schedule");
}

#[test]
fn a_journey_that_cannot_be_made_fails_the_step() {
    #[derive(Debug)]
    struct Broken;
    impl engine_load::Journey for Broken {
        fn name(&self) -> &str {
            "broken"
        }
        fn script(&self) -> Result<std::rc::Rc<dyn engine_load::Script>, engine_load::Failure> {
            Err(engine_load::Failure::new(ErrorClass::Script, "it does not compile"))
        }
    }
    let load = Load { threads: 2, ..Load::new(Arc::new(Broken), arrivals(10.0, 1.0)) };
    let record = Case::new(load, here()).run();
    let Some(Outcome::Failed(failure)) = &record.steps[0].outcome else { panic!("it cannot start") };
    assert!(failure.message.contains("does not compile"), "{}", failure.message);
}

#[test]
fn two_threads_share_their_windows() {
    let load = Load { threads: 2, ..load(&["/a"], arrivals(100.0, 2.0)) };
    let record = Case::new(load, here()).run();
    let step = record.step("shop").unwrap();
    assert_eq!(value(step, "response", &[], Stat::Count), 200.0);
    let windows = &step.windows;
    assert_eq!(windows.iter().map(|window| window.total().unwrap().ended()).sum::<u64>(), 200);
    assert!(windows.windows(2).all(|two| two[0].at < two[1].at), "one window a second, not one a thread");
    // However long the machine made it take.
    assert!(windows.iter().enumerate().all(|(number, window)| window.at > number as f64 - 0.5), "{windows:?}");
}

#[test]
fn watched_processes_are_metrics_of_the_load() {
    let me = crate::load::Watched::Pid(std::process::id());
    let case = Case { watch: vec![("me".into(), me)], ..Case::new(load(&["/a"], arrivals(50.0, 2.5)), here()) };
    let record = case.run();
    let step = record.step("shop").unwrap();
    assert!(value(step, "me.rss", &[], Stat::Median) > 1e6);
    assert!(value(step, "me.threads", &[], Stat::Median) >= 2.0);
    assert_eq!(step.primary().unwrap().metric.id, "response");
}
