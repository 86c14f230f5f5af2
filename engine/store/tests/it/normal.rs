//! What counts as normal: baselines by branch and with an end, acceptances, rejections, the newest accepted runs.

use engine_core::event::{Envelope, Event};
use engine_core::fact::Fact;
use engine_core::history::SeriesKey;
use engine_core::plan::Profile;
use engine_core::run::{RunHeader, RunId, RunState, Timestamp, Validity, ValidityLevel};
use engine_core::series::{Labels, SeriesId};
use engine_store::{NewBaseline, Place, PrunePolicy, Store};

use crate::fixture::{EPOCH, Folder, header, run};

const MAIN: Place<'static> = Place { suite: "quick", machine: "m1", branch: Some("main") };

fn put(store: &mut Store, header: &RunHeader) -> RunId {
    store.apply(&run(header, &[1.0, 2.0])).unwrap();
    header.id.clone()
}

/// Ends a run in another way than well.
fn put_ended(store: &mut Store, header: &RunHeader, state: RunState, level: ValidityLevel) -> RunId {
    let mut events: Vec<Envelope> = run(header, &[1.0, 2.0]);
    let mut validity = Validity::default();
    validity.lower(level, "a test");
    events.last_mut().unwrap().event = Event::RunFinished { state, validity, after: None };
    store.apply(&events).unwrap();
    header.id.clone()
}

fn normal(store: &Store, place: Place<'_>) -> Vec<RunId> {
    store.normal_runs(place, Profile::Default, None, 100).unwrap()
}

#[test]
fn the_newest_accepted_runs_are_those_that_count() {
    let folder = Folder::new();
    let mut store = folder.store();
    let ids: Vec<RunId> = (0..4).map(|n| put(&mut store, &header("quick", n))).collect();
    put(&mut store, &header("full", 4));
    put_ended(&mut store, &header("quick", 5), RunState::Partial, ValidityLevel::Valid);
    put_ended(&mut store, &header("quick", 6), RunState::Complete, ValidityLevel::Invalid);
    let degraded = put_ended(&mut store, &header("quick", 7), RunState::Complete, ValidityLevel::Degraded);
    let mut other = header("quick", 8);
    other.code.branch = Fact::Known("topic".to_owned());
    let topic = put(&mut store, &other);
    let mut elsewhere = header("quick", 9);
    elsewhere.machine = "m2".to_owned();
    put(&mut store, &elsewhere);
    let mut short = header("quick", 10);
    short.plan.profile = Profile::Short;
    put(&mut store, &short);
    let all = [&degraded, &ids[3], &ids[2], &ids[1], &ids[0]].map(Clone::clone);
    assert_eq!(normal(&store, MAIN), all);
    assert_eq!(normal(&store, Place { branch: Some("topic"), ..MAIN }), [topic]);
    assert!(normal(&store, Place { branch: None, ..MAIN }).is_empty());
    assert_eq!(store.normal_runs(MAIN, Profile::Default, Some(&ids[3]), 2).unwrap(), [ids[2].clone(), ids[1].clone()]);
    assert_eq!(store.normal_runs(MAIN, Profile::Default, None, 1).unwrap(), [degraded]);
}

#[test]
fn a_rejected_run_is_no_baseline_until_it_is_accepted() {
    let folder = Folder::new();
    let mut store = folder.store();
    let ids: Vec<RunId> = (0..4).map(|n| put(&mut store, &header("quick", n))).collect();
    store.reject(&ids[2], "fsync.time is worse").unwrap();
    store.reject(&ids[3], "fsync.time is worse").unwrap();
    assert_eq!(normal(&store, MAIN), [ids[1].clone(), ids[0].clone()]);
    assert_eq!(store.rejection(&ids[2]).unwrap().as_deref(), Some("fsync.time is worse"));
    let accepted = store.accept(&ids[3], "", "ann", "a check more").unwrap();
    assert_eq!((accepted.who.as_str(), accepted.why.as_str(), &accepted.run), ("ann", "a check more", &ids[3]));
    assert_eq!(normal(&store, MAIN), [ids[3].clone()], "from there on, and what was before is no measure");
    assert_eq!(store.rejection(&ids[3]).unwrap(), None);
    assert!(store.accept(&RunId("nowhere".to_owned()), "", "ann", "x").is_err());
}

#[test]
fn an_acceptance_is_of_its_place_and_its_series() {
    let folder = Folder::new();
    let mut store = folder.store();
    let id = put(&mut store, &header("quick", 1));
    let key = |branch: Option<&str>, metric: &str| SeriesKey {
        suite: "quick".to_owned(),
        series: SeriesId { step: "fsync".to_owned(), metric: metric.to_owned(), labels: Labels::new() },
        machine: "m1".to_owned(),
        branch: branch.map(ToOwned::to_owned),
    };
    let some = store.accept(&id, "fsync.time", "ann", "why").unwrap();
    assert!(some.covers(&key(Some("main"), "time")));
    assert!(!some.covers(&key(Some("main"), "rate")) && !some.covers(&key(None, "time")));
    assert_eq!(normal(&store, MAIN).len(), 1, "of one series: the others' window begins nowhere else");
    let all = store.accept(&id, "", "ann", "why").unwrap();
    assert!(all.covers(&key(Some("main"), "rate")) && !all.covers(&key(Some("topic"), "rate")));
    // It outlives its run.
    store.prune(PrunePolicy { keep: Some(0), ..PrunePolicy::default() }).unwrap();
    assert_eq!(store.acceptances().unwrap(), [some, all]);
}

#[test]
fn a_baseline_is_of_a_branch_and_has_an_end() {
    let folder = Folder::new();
    let mut store = folder.store();
    let ids: Vec<RunId> = (0..3).map(|n| put(&mut store, &header("quick", n))).collect();
    let new = |run: usize, branch: Option<&str>, expires: Option<i64>| NewBaseline {
        name: "good".to_owned(),
        runs: vec![ids[run].clone()],
        branch: branch.map(ToOwned::to_owned),
        expires: expires.map(Timestamp),
        ..NewBaseline::default()
    };
    store.set_baseline(&new(0, None, Some(EPOCH))).unwrap();
    let topic = store.set_baseline(&new(1, Some("topic"), None)).unwrap();
    assert_eq!(topic.branch.as_deref(), Some("topic"));
    let found = store.baselines_of("good", Some("quick"), Some("m1")).unwrap();
    assert_eq!(found.iter().map(|one| one.run()).collect::<Vec<_>>(), [&ids[0], &ids[1]], "side by side");
    assert!(found[0].is_expired(Timestamp(EPOCH)) && !found[0].is_expired(Timestamp(EPOCH - 1)));
    assert!(!found[1].is_expired(Timestamp(i64::MAX)));
    // An end that is long past protects nothing.
    let gone = store.prune(PrunePolicy { keep: Some(1), ..PrunePolicy::default() }).unwrap();
    assert_eq!(gone, [ids[0].clone()]);
    assert_eq!(store.remove_baseline("good", None, Some("topic")).unwrap().len(), 1);
    assert!(store.baselines().unwrap().is_empty());
}
