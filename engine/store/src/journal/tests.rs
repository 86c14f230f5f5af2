use super::*;
use crate::fixture::{Folder, fold, header, run};

/// What the database's connection is told about waiting for the disk: 1 is `NORMAL`, 2 is `FULL`.
fn level(journal: &Journal) -> i64 {
    journal.store.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
}

#[test]
fn only_the_end_of_a_run_waits_for_the_disk() {
    let folder = Folder::new();
    let events = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
    let store = folder.store();
    let flusher = Flusher::start(&store.path).unwrap();
    let mut journal = Journal::new(store, flusher, Arc::default());
    for envelope in &events {
        let last = matches!(envelope.event, Event::RunFinished { .. });
        journal.commit(std::slice::from_ref(envelope));
        let wanted = if last { 2 } else { 1 };
        assert_eq!(level(&journal), wanted, "{:?}", envelope.event);
    }
    assert!(journal.result.is_ok());
}

#[test]
fn a_flush_empties_the_log_into_the_file() {
    let folder = Folder::new();
    let events = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
    let mut store = folder.store();
    store.leave_the_log().unwrap();
    store.apply(&events).unwrap();
    let file = store.path.clone();
    let flusher = Flusher::start(&file).unwrap();
    flusher.wish();
    drop(flusher);
    // What the file alone holds, as after a crash that lost the log.
    let copy = file.with_file_name("copy.db");
    std::fs::copy(&file, &copy).unwrap();
    assert_eq!(Store::open(&copy).unwrap().run(&events[0].run).unwrap(), fold(&events));
}
