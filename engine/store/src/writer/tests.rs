use std::time::Duration;

use engine_core::run::RunState;

use super::*;
use crate::Filter;
use crate::fixture::{Folder, events, fold, header, run};

/// The database's own way to be full: it may not grow beyond `more` pages from now.
fn limited(store: Store, more: i64) -> Store {
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.connection.pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(())).unwrap();
    store
}

#[test]
fn a_full_file_ends_the_storing_and_not_the_run() {
    for more in [0, 8, 40] {
        let folder = Folder::new();
        let earlier = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
        let mut store = folder.store();
        store.apply(&earlier).unwrap();
        let writer = Writer::start(limited(store, more)).unwrap();
        let late = events(&header("quick", 2), 4, 2000);
        late.iter().for_each(|envelope| writer.send(envelope));
        let sender = writer.sender();
        let error = writer.finish().unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        assert!(sender.failed());
        sender.send(&late[0]);
        let store = folder.store();
        assert!(store.check().unwrap().is_ok());
        assert_eq!(store.run(&earlier[0].run).unwrap(), fold(&earlier));
        for row in store.list(&Filter::default()).unwrap() {
            assert_eq!(row.state == RunState::Complete, row.id == earlier[0].run, "{row:?}");
            assert_ne!(row.state, RunState::Running, "{row:?}");
        }
    }
}

#[test]
fn a_locked_file_is_waited_for() {
    let folder = Folder::new();
    let store = folder.store();
    store.connection.busy_timeout(Duration::from_secs(1)).unwrap();
    let other = folder.store();
    other.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writer = Writer::start(store).unwrap();
    let events = run(&header("quick", 1), &[1.0]);
    events.iter().for_each(|envelope| writer.send(envelope));
    // At least one try fails meanwhile; the last would fail ten seconds later.
    std::thread::sleep(Duration::from_millis(2500));
    other.connection.execute_batch("COMMIT").unwrap();
    writer.finish().unwrap();
    assert_eq!(folder.store().run(&events[0].run).unwrap(), fold(&events));
}

#[test]
fn a_file_that_stays_locked_is_an_error() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.connection.busy_timeout(Duration::from_millis(1)).unwrap();
    let other = folder.store();
    other.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.apply(&run(&header("quick", 1), &[1.0])).unwrap_err();
    assert!(error.is_locked(), "{error}");
    let writer = Writer::start(store).unwrap();
    run(&header("quick", 1), &[1.0]).iter().for_each(|envelope| writer.send(envelope));
    assert!(writer.finish().unwrap_err().is_locked());
}
