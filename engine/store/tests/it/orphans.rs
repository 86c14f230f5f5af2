//! Runs whose process is gone.

use std::process::{Command, Stdio};

use engine_core::run::{RunState, ValidityLevel};
use engine_store::{Filter, Store};

use crate::fixture::{Folder, header, run};

const CHILD: &str = "ENGINE_STORE_TEST_ORPHAN";

/// Not a test of its own: what the child does.
#[test]
fn child_that_starts_a_run_and_ends() {
    let Some(file) = std::env::var_os(CHILD) else { return };
    let mut store = Store::open(file).unwrap();
    store.apply(&run(&header("quick", 1), &[1.0, 2.0])[..2]).unwrap();
    std::process::exit(0);
}

fn orphan(folder: &Folder) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "orphans::child_that_starts_a_run_and_ends"]).env(CHILD, folder.file());
    assert!(child.stdout(Stdio::null()).status().unwrap().success());
}

#[test]
fn a_run_of_a_dead_process_becomes_partial_and_one_of_a_living_does_not() {
    let folder = Folder::new();
    orphan(&folder);
    let alive = run(&header("quick", 2), &[1.0]);
    let stored = |store: &Store| {
        let rows = store.list(&Filter::default()).unwrap();
        rows.into_iter().map(|row| row.state).collect::<Vec<_>>()
    };
    // A reader says so before anyone has written it down.
    let reader = Store::open_readonly(folder.file()).unwrap();
    assert_eq!(stored(&reader), [RunState::Partial]);
    drop(reader);
    let mut store = folder.store();
    store.apply(&alive[..1]).unwrap();
    let again = folder.store();
    assert_eq!(stored(&again), [RunState::Running, RunState::Partial]);
    let record = again.run(&header("quick", 1).id).unwrap();
    assert_eq!((record.state, record.validity.level), (RunState::Partial, ValidityLevel::Degraded));
    assert!(record.validity.reasons[0].contains("ended without finishing"), "{:?}", record.validity);
    assert_eq!(record.steps[2].measurements[0].rounds.len(), 1, "what it had is here");
    let partial = Filter { state: Some(RunState::Partial), limit: Some(1), ..Filter::default() };
    assert_eq!(again.list(&partial).unwrap().len(), 1);
}

#[test]
fn a_partial_run_can_be_taken_up_again() {
    let folder = Folder::new();
    orphan(&folder);
    let mut store = folder.store();
    let id = header("quick", 1).id;
    let mut events = run(&header("quick", 1), &[1.0, 2.0]);
    // A resumed run says again that it starts, then goes on counting.
    let mut start = events[0].clone();
    start.sequence = 3;
    for envelope in &mut events {
        envelope.sequence += 1;
    }
    store.apply(&[start]).unwrap();
    assert_eq!(folder.store().run(&id).unwrap().state, RunState::Running, "another opening lets it be");
    store.apply(&events[2..]).unwrap();
    let record = store.run(&id).unwrap();
    assert_eq!(record.state, RunState::Complete);
    assert_eq!(record.steps[2].measurements[0].round_values(), [1.0, 2.0]);
}
