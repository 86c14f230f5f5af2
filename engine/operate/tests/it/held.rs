//! What people are told of changes in histories that are not found every night, that are mended, and made again.

use engine_core::alert::{Alert, AlertState, Rule, Signal, Strength};
use engine_core::event::{Envelope, Event};
use engine_core::run::{RunId, RunRecord, RunState, Timestamp, Validity};
use engine_store::{AlertFilter, Deed, Place};

use super::nights::{Truth, header};
use super::outbox::Desk;

fn id(night: usize) -> RunId {
    header(&Truth::usual(), night).id
}

/// A change for the worse that began with a night.
fn worse(began: usize, strength: Strength) -> Signal {
    Signal {
        began: Some(id(began)),
        perhaps: (began.saturating_sub(3)..=began + 3).map(id).collect(),
        ..Signal::raised(Rule::ChangePoint, "step0.time", strength, format!("worse since {began}"))
    }
}

/// No change for the worse; with the night from which on the history is sure to be better.
fn well(began: Option<usize>) -> Signal {
    Signal { began: began.map(id), ..Signal::well(Rule::ChangePoint, "step0.time") }
}

/// A night that says it; gives the messages that people get of it.
fn night(desk: &mut Desk, night: usize, signal: &Signal) -> usize {
    let header = header(&Truth::usual(), night);
    let mut record = RunRecord::new(header.clone());
    let event = Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None };
    record.apply(&Envelope { run: header.id.clone(), source: "engine".to_owned(), sequence: 1, at: 1.0, event });
    desk.store.insert(&record).unwrap();
    let place = Place { suite: "nightly", machine: "m1", branch: Some("main") };
    desk.store.observe(place, &header.id, std::slice::from_ref(signal)).unwrap();
    desk.gather().messages
}

fn newest(desk: &Desk) -> Alert {
    desk.store.alerts(&AlertFilter { resolved: true, ..AlertFilter::default() }).unwrap().remove(0)
}

#[test]
fn a_change_that_is_not_found_every_night_is_told_once() {
    let mut desk = Desk::new();
    let mut told = 0;
    // Gone for one night, for two, .. for nine, and back each time a little elsewhere.
    let mut at = 40;
    for gone in 0..10 {
        for _ in 0..gone {
            told += night(&mut desk, at, &well(None));
            at += 1;
        }
        told += night(&mut desk, at, &worse(35 + gone % 3, Strength::Strong));
        at += 1;
    }
    assert_eq!(told, 1);
    // Gone for good: held for a while, then over, which is told when it lasts.
    let told: Vec<usize> = (at..at + 14).map(|at| night(&mut desk, at, &well(None))).collect();
    assert_eq!(told.iter().sum::<usize>(), 1, "that it is well again: {told:?}");
    assert_eq!(told[10], 1, "ten nights without it, and one more as with every alert: {told:?}");
    assert_eq!(newest(&desk).state, AlertState::Resolved);
}

#[test]
fn what_was_mended_and_made_again_is_a_new_alert() {
    let mut desk = Desk::new();
    assert_eq!(night(&mut desk, 40, &worse(35, Strength::Strong)), 1);
    let first = newest(&desk).id;
    assert_eq!(night(&mut desk, 60, &well(Some(20))), 0, "it had been better before it got worse");
    assert_eq!(newest(&desk).state, AlertState::Firing);
    assert_eq!(night(&mut desk, 61, &well(Some(57))), 0);
    assert_eq!(newest(&desk).state, AlertState::Resolved, "at once");
    assert_eq!(night(&mut desk, 62, &well(Some(57))), 1, "well again");
    assert_eq!(night(&mut desk, 80, &worse(75, Strength::Strong)), 1, "another one");
    assert_ne!(newest(&desk).id, first);
    // And again before anybody was told that it was mended.
    assert_eq!(night(&mut desk, 90, &well(Some(86))), 0);
    assert_eq!(night(&mut desk, 91, &worse(91, Strength::Strong)), 1, "it began after the other was told");
}

#[test]
fn what_is_accepted_is_over_at_once() {
    let mut desk = Desk::new();
    assert_eq!(night(&mut desk, 40, &worse(35, Strength::Strong)), 1);
    let accepted = Signal { perhaps: (30..=36).map(id).collect(), ..well(Some(33)) };
    night(&mut desk, 41, &accepted);
    assert_eq!(newest(&desk).state, AlertState::Resolved, "its place was two nights off");
}

#[test]
fn a_later_change_is_told_though_an_earlier_one_is_held() {
    let mut desk = Desk::new();
    assert_eq!(night(&mut desk, 40, &worse(35, Strength::Strong)), 1);
    for at in 41..44 {
        assert_eq!(night(&mut desk, at, &well(None)), 0);
    }
    assert_eq!(night(&mut desk, 50, &worse(46, Strength::Weak)), 0, "not yet sure");
    let alert = newest(&desk);
    assert_eq!((alert.began, alert.summary.as_str()), (Some(id(35)), "worse since 35"), "nor does it change the other");
    assert_eq!(night(&mut desk, 51, &worse(46, Strength::Strong)), 1);
    assert_eq!(newest(&desk).began, Some(id(46)));
}

#[test]
fn what_people_know_of_is_not_told_again_when_it_comes_back() {
    for deed in [Deed::Acknowledge, Deed::Silence(Timestamp(i64::MAX))] {
        let mut desk = Desk::new();
        assert_eq!(night(&mut desk, 40, &worse(35, Strength::Strong)), 1);
        let alert = newest(&desk);
        desk.store.act(&alert.id, deed, "ann", "").unwrap();
        let mut told = 0;
        for at in 41..80 {
            let signal = if at % 4 == 0 { worse(36, Strength::Strong) } else { well(None) };
            told += night(&mut desk, at, &signal);
        }
        assert_eq!(told, 0);
        assert_eq!(newest(&desk).id, alert.id, "one alert all the while");
        assert_eq!(newest(&desk).state, desk.store.alert(&alert.id).unwrap().state);
        assert_ne!(newest(&desk).state, AlertState::Resolved);
    }
}
