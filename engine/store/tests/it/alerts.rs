//! Alerts: raised once, resolved by what a run says, and by people.

use engine_core::alert::{AlertState, Label, Rule, Signal, Strength};
use engine_core::run::{RunId, Timestamp};
use engine_store::{AlertFilter, Deed, Error, Miss, Place, Store};

use crate::fixture::Folder;

const MAIN: Place<'static> = Place { suite: "quick", machine: "m1", branch: Some("main") };

fn run(n: u32) -> RunId {
    RunId(format!("run{n:023}"))
}

fn strong(subject: &str) -> Signal {
    Signal::raised(Rule::Verdict, subject, Strength::Strong, "+8 %")
}

fn open(store: &Store) -> Vec<(String, AlertState, u32)> {
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    alerts.into_iter().map(|alert| (alert.subject, alert.state, alert.times)).collect()
}

#[test]
fn a_rule_and_a_series_have_one_open_alert() {
    let folder = Folder::new();
    let mut store = folder.store();
    for n in 0..30 {
        let changed = store.observe(MAIN, &run(n), &[strong("a.time"), strong("b.time")]).unwrap();
        assert_eq!(changed.len(), if n == 0 { 2 } else { 0 }, "told once, whatever the number of runs");
    }
    // The same run twice does not count twice.
    store.observe(MAIN, &run(29), &[strong("a.time")]).unwrap();
    let found = open(&store);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, state, times)| (*state, *times) == (AlertState::Firing, 30)), "{found:?}");
    // Other rules, branches and machines are others.
    let health = Signal { rule: Rule::Health, ..strong("a.time") };
    store.observe(MAIN, &run(30), &[health]).unwrap();
    store.observe(Place { branch: None, ..MAIN }, &run(31), &[strong("a.time")]).unwrap();
    assert_eq!(open(&store).len(), 4);
    // A run that does not speak of it changes nothing; one that says all is well resolves it, once.
    assert!(store.observe(MAIN, &run(32), &[Signal::well(Rule::Verdict, "c.time")]).unwrap().is_empty());
    let changed = store.observe(MAIN, &run(33), &[Signal::well(Rule::Verdict, "a.time")]).unwrap();
    assert_eq!((changed.len(), changed[0].state), (1, AlertState::Resolved));
    assert!(store.observe(MAIN, &run(34), &[Signal::well(Rule::Verdict, "a.time")]).unwrap().is_empty());
    assert_eq!(open(&store).len(), 3);
    let again = store.observe(MAIN, &run(35), &[strong("a.time")]).unwrap();
    assert_ne!(again[0].id, changed[0].id, "when it comes back, it is a new one");
    assert_eq!(store.alerts(&AlertFilter { resolved: true, ..AlertFilter::default() }).unwrap().len(), 5);
    let of = |filter: AlertFilter| store.alerts(&filter).unwrap().len();
    assert_eq!(of(AlertFilter { rule: Some(Rule::Health), ..AlertFilter::default() }), 1);
    assert_eq!(of(AlertFilter { branch: Some("main".to_owned()), ..AlertFilter::default() }), 3);
    assert_eq!(of(AlertFilter { suite: Some("full".to_owned()), ..AlertFilter::default() }), 0);
}

#[test]
fn a_suspicion_is_pending_until_it_is_confirmed_or_passes() {
    let folder = Folder::new();
    let mut store = folder.store();
    let weak = Signal { strength: Some(Strength::Weak), ..strong("a.time") };
    let state = |store: &mut Store, n, signal: &Signal| {
        store.observe(MAIN, &run(n), std::slice::from_ref(signal)).unwrap().first().map(|alert| alert.state)
    };
    assert_eq!(state(&mut store, 0, &weak), Some(AlertState::Pending));
    assert_eq!(state(&mut store, 1, &weak), None);
    assert_eq!(state(&mut store, 2, &strong("a.time")), Some(AlertState::Firing));
    assert_eq!(state(&mut store, 3, &weak), None, "what was certain once is not taken back");
    assert_eq!(state(&mut store, 4, &Signal::well(Rule::Verdict, "a.time")), Some(AlertState::Resolved));
    let weak = Signal { subject: "b.time".to_owned(), ..weak };
    state(&mut store, 5, &weak);
    store.observe(MAIN, &run(6), &[Signal::well(Rule::Verdict, "b.time")]).unwrap();
    let all = store.alerts(&AlertFilter { resolved: true, ..AlertFilter::default() }).unwrap();
    let lives: Vec<Vec<&str>> =
        all.iter().map(|alert| alert.steps.iter().map(|step| step.state.as_str()).collect()).collect();
    assert_eq!(lives, [vec!["pending", "resolved"], vec!["pending", "firing", "resolved"]]);
    assert_eq!(all[0].steps[1].why, "it did not last");
}

#[test]
fn people_acknowledge_silence_resolve_and_label() {
    let folder = Folder::new();
    let mut store = folder.store();
    let id = store.observe(MAIN, &run(0), &[strong("a.time")]).unwrap().remove(0).id;
    assert!(id.starts_with('a') && id.len() == 8, "{id}");
    let known = store.act(&id[..5], Deed::Acknowledge, "ann", "on it").unwrap();
    assert_eq!((known.state, known.steps.last().unwrap().who.as_str()), (AlertState::Acknowledged, "ann"));
    assert!(store.observe(MAIN, &run(1), &[strong("a.time")]).unwrap().is_empty());
    let far = Timestamp(i64::MAX);
    assert_eq!(store.act(&id, Deed::Silence(far), "bob", "").unwrap().until, Some(far));
    assert!(store.observe(MAIN, &run(2), &[strong("a.time")]).unwrap().is_empty());
    store.act(&id, Deed::Silence(Timestamp(1)), "bob", "").unwrap();
    let back = store.observe(MAIN, &run(3), &[strong("a.time")]).unwrap();
    assert_eq!(back[0].state, AlertState::Firing, "the silence is over");
    let labelled = store.act(&id, Deed::Label(Label::True), "ann", "a loop more").unwrap();
    assert_eq!((labelled.label, labelled.state), (Some(Label::True), AlertState::Firing));
    assert_eq!(labelled.steps.last().unwrap().why, "true: a loop more");
    let over = store.act(&id, Deed::Resolve, "ann", "fixed").unwrap();
    assert_eq!((over.state, over.times), (AlertState::Resolved, 4));
    assert!(matches!(store.act(&id, Deed::Acknowledge, "ann", ""), Err(Error::BadAlert { .. })));
    assert!(store.act(&id, Deed::Label(Label::False), "ann", "").is_ok(), "what is over can still be labelled");
    for typed in ["", "azzzzzzz", "%", "é"] {
        assert!(matches!(store.alert(typed), Err(Error::UnknownAlert { .. })), "{typed}");
    }
}

#[test]
fn a_change_that_a_person_closed_is_not_raised_again_though_its_place_moves() {
    let folder = Folder::new();
    let mut store = folder.store();
    let change = |began: u32| Signal {
        rule: Rule::ChangePoint,
        began: Some(run(began)),
        perhaps: (began - 3..=began + 3).map(run).collect(),
        ..strong("a.time")
    };
    let id = store.observe(MAIN, &run(50), &[change(40)]).unwrap().remove(0).id;
    store.act(&id, Deed::Resolve, "ann", "meant").unwrap();
    assert!(store.observe(MAIN, &run(51), &[change(40)]).unwrap().is_empty());
    assert!(store.observe(MAIN, &run(52), &[change(42)]).unwrap().is_empty(), "the same, seen two runs later");
    let other = store.observe(MAIN, &run(70), &[change(60)]).unwrap();
    assert_eq!(other.len(), 1, "another change is another alert");
    // What was resolved by a run and not by a person is raised when it comes back.
    let well = Signal { began: Some(run(65)), ..Signal::well(Rule::ChangePoint, "a.time") };
    assert_eq!(store.observe(MAIN, &run(71), &[well]).unwrap()[0].state, AlertState::Resolved);
    assert_eq!(store.observe(MAIN, &run(72), &[change(60)]).unwrap().len(), 1);
}

#[test]
fn what_nothing_told_of_is_noted() {
    let folder = Folder::new();
    let mut store = folder.store();
    let miss = Miss {
        subject: "a.time".to_owned(),
        suite: "quick".to_owned(),
        machine: "m1".to_owned(),
        branch: None,
        began: run(3),
        who: "ann".to_owned(),
        why: "seen by hand".to_owned(),
    };
    store.note_miss(&miss).unwrap();
    assert_eq!(store.misses().unwrap(), [miss]);
}
