//! A run that raises an alert is repeated before people are told, where the schedule wants that.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use engine_core::alert::{Rule, Signal, Strength};
use engine_core::clock::{Clock, SimulatedClock};
use engine_core::event::{Envelope, Event};
use engine_core::run::{RunRecord, RunState, Timestamp, Validity};
use engine_core::schedule::{Cause, Ending, Occurrence, Schedule};
use engine_operate::conditions::Conditions;
use engine_operate::{Finished, Lock, Scheduler, Starter};
use engine_store::{AlertFilter, Place, Store};

use super::nights::{Truth, header};
use super::year::schedule;

#[derive(Debug)]
struct Free;

impl Conditions for Free {
    fn on_battery(&self) -> bool {
        false
    }
    fn busy(&self) -> Option<f64> {
        None
    }
}

/// Runs that are stored as a child would, each of which says whether something is wrong.
struct Says<'a> {
    clock: &'a SimulatedClock,
    store: PathBuf,
    wrong: &'a [bool],
    at: Cell<usize>,
}

impl Starter for Says<'_> {
    fn run(&mut self, _: &Schedule, occurrence: &Occurrence, _: &Lock) -> Finished {
        let at = self.at.get();
        self.at.set(at + 1);
        let mut store = Store::open(&self.store).unwrap();
        let mut header = header(&Truth::usual(), at);
        header.tags.insert("occurrence".to_owned(), occurrence.id.to_string());
        let id = header.id.clone();
        let mut record = RunRecord::new(header.clone());
        let ended = Event::RunFinished { state: RunState::Complete, validity: Validity::default(), after: None };
        record.apply(&Envelope { run: id.clone(), source: "engine".to_owned(), sequence: 1, at: 1.0, event: ended });
        store.insert(&record).unwrap();
        let signal = if self.wrong[at] {
            Signal::raised(Rule::Verdict, "step0.time", Strength::Strong, "it is slower")
        } else {
            Signal::well(Rule::Verdict, "step0.time")
        };
        let place = Place { suite: "nightly", machine: "m1", branch: Some("main") };
        store.observe(place, &id, &[signal]).unwrap();
        self.clock.advance(Duration::from_secs(60));
        Finished { ending: Ending::Ran, exit: Some(0), reason: String::new() }
    }
}

/// What the history says after a night of runs, and how many alerts are open.
fn night(wrong: &[bool], confirm: bool) -> (Vec<Cause>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let mut store = Store::open(&path).unwrap();
    let clock = SimulatedClock::new(Timestamp(1_790_000_000_000_000));
    let wanted = Schedule { confirm, ..schedule("nightly", "0 2 * * *", "UTC") };
    store.add_schedule(&wanted, clock.wall()).unwrap();
    let mut says = Says { clock: &clock, store: path, wrong, at: Cell::new(0) };
    clock.advance(Duration::from_secs(86_400));
    let mut scheduler = Scheduler::new(&clock, &Free, &folder.path().join("lock"), "m1");
    let noted = scheduler.tick(&mut store, &mut says).unwrap().noted;
    assert!(noted.iter().all(|one| one.run.is_some()), "each finds its run by its tag");
    let open = store.alerts(&AlertFilter::default()).unwrap();
    (noted.iter().map(|one| one.cause).collect(), open.iter().filter(|alert| alert.rule == Rule::Verdict).count())
}

#[test]
fn an_alert_is_confirmed_by_a_second_run_or_gone() {
    assert_eq!(night(&[true], false), (vec![Cause::CatchUp], 1), "where nobody asks for it");
    assert_eq!(night(&[false], true), (vec![Cause::CatchUp], 0), "nothing to confirm");
    assert_eq!(night(&[true, false], true), (vec![Cause::CatchUp, Cause::Confirm], 0), "it passed");
    assert_eq!(night(&[true, true], true), (vec![Cause::CatchUp, Cause::Confirm], 1), "it holds");
}
