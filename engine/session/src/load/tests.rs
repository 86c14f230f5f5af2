//! Loads as steps: native journeys against a small server on loopback, through a script that is none.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_core::arrivals::Arrivals;
use engine_core::event::{Envelope, Event, StopReason};
use engine_core::judgement::Judgement;
use engine_core::load::{LoadShape, PhaseShape};
use engine_core::measurement::Stat;
use engine_core::plan::{Declaration, ExpectText, PlannedStep, Profile, Rounds, Work};
use engine_core::run::{RunRecord, RunState, StepRecord, ValidityLevel};
use engine_core::series::Labels;
use engine_core::step::{FailureKind, Outcome};
use engine_load::http::Request;
use engine_load::model::{ArrivalPlan, UserPhase};
use engine_load::spec::{CatchUp, Iterations, Pacing};
use engine_load::{ErrorClass, Load, Native, User, Workload};
use engine_probes::ProbeError;

use crate::bus::Sink;
use crate::load::{LoadRequest, TargetAt};
use crate::runner::{Settings, run};
use crate::scripted::{CustomContext, Scripted};
use crate::tests::{blind, header, settings, step};

/// Answers by the path: `/slow` after 30 ms, `/bad` with 500, anything else with 200 at once. Its threads end when the
/// connections do.
fn server() -> SocketAddr {
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
struct Fake(Box<dyn Fn() -> LoadRequest>);

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

/// A journey that gets each of these paths once.
fn getting(
    paths: &'static [&'static str],
) -> Native<impl Fn() -> Box<dyn Fn(&User) -> Result<(), engine_load::Failure>>> {
    Native::new("getting", move || -> Box<dyn Fn(&User) -> Result<(), engine_load::Failure>> {
        Box::new(move |user: &User| {
            for path in paths {
                // What fails is counted; the journey goes on.
                let _ = user.request(&Request::get(*path).named(*path));
            }
            Ok(())
        })
    })
}

fn arrivals(rate: f64, seconds: f64) -> Workload {
    let plan = ArrivalPlan::new("all", &Arrivals::Constant { rate }, seconds, 1).expect("a plan");
    Workload::Arrivals { plan, max_users: 50, catch_up: CatchUp::Burst }
}

fn load(paths: &'static [&'static str], workload: Workload) -> Load {
    Load { grace: 2.0, pacing: Pacing::Sleep, ..Load::new(Arc::new(getting(paths)), workload) }
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

fn taken(load: Load, at: TargetAt, expect: &[&str]) -> RunRecord {
    with(settings(blind()), load, at, expect, vec![])
}

fn with(settings: Settings<'_>, load: Load, at: TargetAt, expect: &[&str], sinks: Vec<Box<dyn Sink>>) -> RunRecord {
    let mut header = header(vec![plan_step(&[("all", 0.0, load.duration())])]);
    header.plan.declarations = vec![Declaration {
        name: "shop".into(),
        expect: expect.iter().map(|text| ExpectText { text: (*text).into(), place: None }).collect(),
        reference: None,
        tags: vec![],
        place: None,
    }];
    let mut script = Fake(Box::new(move || LoadRequest { warmup: 0.0, ..LoadRequest::new(load.clone(), at.clone()) }));
    run(header, settings, Some(&mut script), sinks)
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
    let at = TargetAt::Url(format!("http://{}", server()));
    let events = Arc::new(Mutex::new(Vec::new()));
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Keep(Arc::clone(&events)))];
    let record = with(settings(blind()), load(&["/a", "/bad"], arrivals(100.0, 2.0)), at, &[], sinks);
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
    let folded = events.lock().unwrap().iter().fold(RunRecord::new(record.header.clone()), |mut folded, envelope| {
        folded.apply(envelope);
        folded.apply(envelope);
        folded
    });
    assert_eq!(folded, record, "the events are the record");
    assert!(events.lock().unwrap().iter().any(|envelope| matches!(envelope.event, Event::Window(_))));
}
