//! Searches and sweeps as steps. Which request fails follows from its number in the schedule, so that the limit is known and no
//! machine is too slow to find it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use engine_core::arrivals::Spacing;
use engine_core::event::StopReason;
use engine_core::load::{CapacityShape, Fitted, LoadShape, ScaleShape, Scaling, Varied, trial_record};
use engine_core::measurement::Stat;
use engine_core::plan::{PlannedStep, Rounds, Work};
use engine_core::process_sample::Watched;
use engine_core::run::{RunRecord, RunState, StepRecord};
use engine_core::series::Labels;
use engine_core::step::{FailureKind, Outcome};
use engine_load::http::Request;
use engine_load::model::UserPhase;
use engine_load::spec::{Iterations, Pacing};
use engine_load::{Load, Native, User, Workload};

use crate::load::tests::{Doing, Fake, server};
use crate::load::{LoadRequest, TargetAt};
use crate::runner::{Settings, run};
use crate::tests::{blind, header, settings, step};

/// Seconds of a trial.
const STEP: f64 = 0.5;

/// A load whose users fail from the number `limit` times [`STEP`] on; `each` sees every iteration.
fn load(limit: f64, each: impl Fn() + Send + Sync + 'static) -> Load {
    let each = Arc::new(each);
    let journey = Native::new("getting", move || -> Doing {
        let each = Arc::clone(&each);
        Box::new(move |user: &User| {
            each();
            let path = if user.number() as f64 >= limit * STEP { "/bad" } else { "/good" };
            let _ = user.request(&Request::get(path));
            Ok(())
        })
    });
    // Each trial has a workload of its own.
    let phase = UserPhase { name: String::new(), from: 1.0, to: 1.0, duration: STEP };
    let workload = Workload::Users { phases: vec![phase], iterations: Iterations::Endless, spread: 0.0 };
    Load { grace: 20.0, pacing: Pacing::Sleep, ..Load::new(Arc::new(journey), workload) }
}

fn search() -> CapacityShape {
    CapacityShape {
        slo: vec!["errors < 2 %".into()],
        from: 50.0,
        to: 1600.0,
        step: STEP,
        precision: 0.1,
        most: 60,
        spacing: Spacing::Even,
        max_users: Some(2000),
    }
}

fn taken(settings: Settings<'_>, load: Load, at: TargetAt, work: Work) -> RunRecord {
    let step = PlannedStep { name: "limit".into(), work, timeout: 300.0, ..step("limit", Rounds::Exact(1)) };
    let mut script = Fake(Box::new(move || LoadRequest::new(load.clone(), at.clone())));
    run(header(vec![step]), settings, Some(&mut script), vec![])
}

fn searched(settings: Settings<'_>, load: Load, at: TargetAt, search: CapacityShape) -> RunRecord {
    taken(settings, load, at, Work::Capacity { index: 0, shape: LoadShape::default(), search })
}

fn here() -> TargetAt {
    TargetAt::Url(format!("http://{}", server()))
}

fn value(step: &StepRecord, metric: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let found = step.measurements.iter().find(|m| {
        let mut own = m.labels.clone();
        own.0.remove("driver");
        m.metric.id == metric && own == label.into_iter().collect::<Labels>()
    });
    found.and_then(|m| m.statistic(Stat::Median)).map(|estimate| estimate.value)
}

fn has_note(record: &RunRecord, part: &str) -> bool {
    record.notes.iter().any(|note| note.message.contains(part))
}

#[test]
fn a_search_finds_the_limit_and_keeps_its_trials() {
    let record = searched(settings(blind()), load(300.0, || {}), here(), search());
    let step = record.step("limit").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Done)));
    assert_eq!(step.primary().unwrap().metric.id, "capacity");
    let found = |id| value(step, id, None).unwrap();
    let (low, high) = (found("capacity_low"), found("capacity_high"));
    // Of 300 and a few in a second, up to one in fifty may fail.
    assert!(low <= 307.0 && high >= 300.0 && high / low <= 1.1, "{low} .. {high}, {:?}", record.notes);
    assert_eq!(found("capacity"), low);
    assert!(has_note(&record, "limited by target: the service level holds up to"), "{:?}", record.notes);
    assert!(has_note(&record, "trial 1: 50/s, 50.0/s achieved, response p99"));
    // The climb, and what each of its trials showed.
    for (rate, met, errors) in [("50/s", 1.0, 0.0), ("100/s", 1.0, 0.0), ("200/s", 1.0, 0.0), ("400/s", 0.0, 0.25)] {
        assert_eq!(value(step, "met", Some(("rate", rate))), Some(met), "{rate}");
        assert_eq!(value(step, "errors", Some(("rate", rate))), Some(errors), "{rate}");
    }
    let response =
        step.measurements.iter().find(|m| m.metric.id == "response" && m.labels.get("rate") == Some("400/s"));
    // Two trials at least speak against the first rate that was missed.
    assert!(response.unwrap().histogram().unwrap().count() >= 2 * 200);
    // Its windows follow each other, each named after its trial.
    assert!(step.windows.windows(2).all(|two| two[0].at <= two[1].at) && step.windows[0].phase == "50/s");
    assert!(!step.windows.iter().any(|window| window.phase.is_empty()), "nobody sees how the target is drained");
}

#[test]
fn a_search_says_what_else_ended_it() {
    let wide = CapacityShape { to: 200.0, ..search() };
    let record = searched(settings(blind()), load(1e9, || {}), here(), wide);
    assert!(has_note(&record, "limited by max"), "{:?}", record.notes);
    assert_eq!(value(record.step("limit").unwrap(), "capacity", None), Some(200.0));
    let record = searched(settings(blind()), load(0.0, || {}), here(), search());
    let step = record.step("limit").unwrap();
    assert!(has_note(&record, "limited by start"), "{:?}", record.notes);
    assert_eq!((value(step, "capacity", None), value(step, "capacity_high", None)), (None, Some(50.0)));
    // Nobody is given this port.
    let at = TargetAt::Url("http://127.0.0.1:1".into());
    let record = searched(settings(blind()), load(1e9, || {}), at, search());
    let Some(Outcome::Failed(failure)) = &record.step("limit").unwrap().outcome else { panic!("{record:?}") };
    assert_eq!(failure.kind, FailureKind::Unreachable);
}

#[test]
fn an_interrupted_search_keeps_its_trials() {
    let settings = settings(blind());
    let (interrupt, count) = (Arc::clone(&settings.interrupt), AtomicU64::new(0));
    // Within the third trial: 10 iterations look at the target first, 25 and 50 are of the first two, 5 each come between.
    let each = move || {
        if count.fetch_add(1, Ordering::Relaxed) == 110 {
            interrupt.store(true, Ordering::Relaxed);
        }
    };
    let record = searched(settings, load(1e9, each), here(), search());
    let step = record.step("limit").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Interrupted)));
    assert_eq!(record.state, RunState::Partial);
    assert_eq!((value(step, "capacity", None), value(step, "trials", None)), (Some(100.0), Some(2.0)));
    assert!(has_note(&record, "limited by ended: the search ended early (interrupted)"), "{:?}", record.notes);
    // Before there was anything, there is nothing.
    let settings = self::settings(blind());
    settings.interrupt.store(true, Ordering::Relaxed);
    let record = searched(settings, load(1e9, || {}), here(), search());
    assert!(matches!(record.step("limit").unwrap().outcome, Some(Outcome::Skipped(_))), "{record:?}");
}

#[test]
fn a_sweep_keeps_its_levels_and_has_them_fitted() {
    let seen: Mutex<Option<Scaling>> = Mutex::new(None);
    let fit = |scaling: &Scaling| {
        *seen.lock().unwrap() = Some(scaling.clone());
        Fitted {
            records: trial_record("alpha", Labels::new(), 0.25).into_iter().collect(),
            notes: vec!["fitted".into()],
        }
    };
    let settings = Settings { scaling: &fit, ..settings(blind()) };
    let sweep = ScaleShape {
        of: Varied::Users,
        levels: vec![1.0, 3.0],
        hold: STEP,
        most: STEP,
        spacing: Spacing::Even,
        max_users: None,
    };
    let work = Work::Scale { index: 0, shape: LoadShape::default(), sweep };
    let record = taken(settings, load(1e9, || {}), here(), work);
    let step = record.step("limit").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Done)));
    for users in ["1", "3"] {
        let of = |id| value(step, id, Some(("users", users)));
        assert!(of("rate").unwrap() > 0.0 && of("response").unwrap() > 0.0, "{users}");
        assert_eq!(of("errors"), Some(0.0));
    }
    assert_eq!(value(step, "alpha", None), Some(0.25));
    assert!(has_note(&record, "fitted") && has_note(&record, "users 3: "), "{:?}", record.notes);
    // Half a second is too short to be steady.
    let scaling = seen.lock().unwrap().clone().unwrap();
    assert_eq!((scaling.of, scaling.levels.len(), scaling.unsteady), (Varied::Users, 0, vec![1.0, 3.0]));
    assert!(step.windows.iter().any(|window| window.phase == "3"));
}

/// A request that watches this process.
fn watching(load: Load) -> impl Fn() -> LoadRequest {
    let at = here();
    move || LoadRequest {
        watch: vec![("me".to_owned(), Watched::Pid(std::process::id()))],
        ..LoadRequest::new(load.clone(), at.clone())
    }
}

#[test]
fn a_sweep_over_rates_is_an_open_model_whose_processes_are_watched() {
    let sweep = ScaleShape {
        of: Varied::Rate,
        levels: vec![20.0, 40.0],
        hold: 2.5,
        most: 2.5,
        spacing: Spacing::Even,
        max_users: Some(100),
    };
    let work = Work::Scale { index: 0, shape: LoadShape::default(), sweep };
    let step = PlannedStep { name: "limit".into(), work, timeout: 300.0, ..step("limit", Rounds::Exact(1)) };
    let mut script = Fake(Box::new(watching(load(1e9, || {}))));
    let record = run(header(vec![step]), settings(blind()), Some(&mut script), vec![]);
    let step = record.step("limit").unwrap();
    assert_eq!((step.outcome.as_ref(), step.stop), (Some(&Outcome::Measured), Some(StopReason::Done)));
    for (rate, wanted) in [("20/s", 50), ("40/s", 100)] {
        let response =
            step.measurements.iter().find(|m| m.metric.id == "response" && m.labels.get("rate") == Some(rate));
        let count = response.unwrap().histogram().unwrap().count();
        assert!(count <= wanted && count > wanted / 4, "the schedule's second half, or more: {rate}: {count}");
        for id in ["me.rss", "me.threads"] {
            assert!(value(step, id, Some(("rate", rate))).is_some_and(|value| value > 0.0), "{id} at {rate}");
        }
    }
}

#[test]
fn a_search_watches_processes_in_each_trial() {
    let search = CapacityShape { from: 20.0, to: 40.0, step: 2.5, ..search() };
    let work = Work::Capacity { index: 0, shape: LoadShape::default(), search };
    let step = PlannedStep { name: "limit".into(), work, timeout: 300.0, ..step("limit", Rounds::Exact(1)) };
    let mut script = Fake(Box::new(watching(load(1e9, || {}))));
    let record = run(header(vec![step]), settings(blind()), Some(&mut script), vec![]);
    let step = record.step("limit").unwrap();
    for rate in ["20/s", "40/s"] {
        assert!(value(step, "me.rss", Some(("rate", rate))).is_some_and(|bytes| bytes > 1e6), "{rate}");
    }
}
