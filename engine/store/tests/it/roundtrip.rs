//! What is read back is what was folded.

use engine_core::run::{RunId, RunState};
use engine_store::{Error, Store};
use proptest::prelude::*;

use crate::fixture::{Folder, event, events, fold, header, run};

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a run's events fall into transactions, and however often each is applied, the record read back is the
    /// record folded in memory.
    #[test]
    fn a_run_read_back_is_the_run_folded(seed: u64, n in 0_usize..60, sizes in prop::collection::vec(1_usize..9, 1..9), again: bool) {
        let folder = Folder::new();
        let mut store = folder.store();
        let events = events(&header("quick", 1), seed, n);
        let mut rest = events.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*size).min(rest.len()));
            store.apply(now).unwrap();
            if again {
                store.apply(now).unwrap();
            }
            rest = later;
            let done = events.len() - rest.len();
            prop_assert_eq!(store.run(&events[0].run).unwrap(), fold(&events[..done]));
        }
        if again {
            store.apply(&events).unwrap();
        }
        drop(store);
        let store = Store::open_readonly(folder.file()).unwrap();
        prop_assert_eq!(store.run(&events[0].run).unwrap(), fold(&events));
    }
}

#[test]
fn runs_do_not_mix() {
    let folder = Folder::new();
    let mut store = folder.store();
    let runs: Vec<_> = (0..3).map(|n| events(&header("quick", n), n, 50)).collect();
    let mut mixed: Vec<_> = runs.iter().flatten().cloned().collect();
    // All starts first, then alternating.
    mixed.sort_by_key(|envelope| envelope.sequence);
    for batch in mixed.chunks(7) {
        store.apply(batch).unwrap();
    }
    for events in &runs {
        assert_eq!(store.run(&events[0].run).unwrap(), fold(events));
    }
}

#[test]
fn an_event_of_a_run_that_never_started_is_refused_and_takes_nothing_with_it() {
    let folder = Folder::new();
    let mut store = folder.store();
    let known = run(&header("quick", 1), &[1.0]);
    let unknown = run(&header("quick", 2), &[1.0]);
    let error = store.apply(&[known[0].clone(), unknown[1].clone()]).unwrap_err();
    assert!(matches!(error, Error::Unstorable { .. }), "{error}");
    assert!(store.run(&known[0].run).is_err(), "the transaction is whole or not there");
    store.apply(&known).unwrap();
    assert_eq!(store.run(&known[0].run).unwrap().state, RunState::Complete);
}

#[test]
fn a_run_that_is_not_there_is_named() {
    let folder = Folder::new();
    let error = folder.store().run(&RunId("0".repeat(26))).unwrap_err();
    assert!(error.to_string().contains("performance.db"), "{error}");
}

#[test]
fn the_generator_makes_every_kind_of_event() {
    // Were it to lose one, the property above would prove less than it says.
    let mut random = engine_core::stats::Stream::new(1, &[]);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let text = format!("{:?}", event(&mut random, 1.0));
        seen.insert(text.split([' ', '(']).next().unwrap().to_owned());
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

#[test]
fn a_long_load_is_stored_in_as_many_windows_as_it_has_in_memory() {
    use engine_core::event::Event;
    use engine_core::load::MOST_WINDOWS;
    let folder = Folder::new();
    let mut store = folder.store();
    let mut random = engine_core::stats::Stream::new(9, &[1]);
    let mut log = crate::fixture::Log::new(&header("load", 1));
    let count = MOST_WINDOWS + 300;
    for at in 0..count {
        let mut window = crate::fixture::window(&mut random, 1, at as f64);
        window.round = 0;
        // Sums of bytes must not overflow over so many.
        window.rows.iter_mut().for_each(|row| (row.started, row.bytes_in) = (row.started >> 20, row.bytes_in >> 20));
        log.push(at as f64, Event::Window(Box::new(window)));
    }
    for batch in log.events.chunks(97) {
        store.apply(batch).unwrap();
    }
    let record = store.run(&log.run).unwrap();
    assert_eq!(record, fold(&log.events));
    assert!(record.steps[1].windows.len() <= MOST_WINDOWS, "{}", record.steps[1].windows.len());
}
