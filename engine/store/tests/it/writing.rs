//! The writer's thread, beside readers.

use engine_core::event::Event;
use engine_core::host_sample::HostSample;
use engine_store::{Error, Filter, PrunePolicy, Store, Writer};

use crate::fixture::{Folder, Log, events, fold, header, run};

#[test]
fn what_was_sent_is_stored_at_the_end() {
    let folder = Folder::new();
    let writer = Writer::start(folder.store()).unwrap();
    let events = events(&header("quick", 1), 3, 500);
    let sender = writer.sender();
    for envelope in &events {
        sender.send(envelope);
    }
    writer.finish().unwrap();
    assert_eq!(folder.store().run(&events[0].run).unwrap(), fold(&events));
    let log = folder.file().with_extension("db-wal");
    assert!(std::fs::metadata(log).map_or(0, |about| about.len()) == 0, "the log is in the file");
}

#[test]
fn dropping_the_writer_stores_too() {
    let folder = Folder::new();
    let writer = Writer::start(folder.store()).unwrap();
    let events = run(&header("quick", 1), &[1.0, 2.0]);
    events.iter().for_each(|envelope| writer.send(envelope));
    drop(writer);
    assert_eq!(folder.store().run(&events[0].run).unwrap(), fold(&events));
}

#[test]
fn a_reader_sees_whole_prefixes_while_a_run_is_live() {
    let folder = Folder::new();
    drop(folder.store());
    let events = events(&header("quick", 1), 9, 400);
    let file = folder.file();
    let sent = events.clone();
    let writer = std::thread::spawn(move || {
        let mut store = Store::open(file).unwrap();
        for batch in sent.chunks(5) {
            store.apply(batch).unwrap();
        }
    });
    let reader = Store::open_readonly(folder.file()).unwrap();
    let mut seen = 0;
    while seen < events.len() {
        let ended = writer.is_finished();
        if let Ok(record) = reader.run(&events[0].run) {
            let now = usize::try_from(record.sequence).unwrap();
            assert!(now >= seen, "time went back");
            assert_eq!(record, fold(&events[..now]));
            seen = now;
        }
        assert!(seen == events.len() || !ended, "the writer ended and its run is not whole");
    }
    writer.join().unwrap();
}

#[test]
fn a_file_that_grows_and_shrinks_never_looks_damaged() {
    let folder = Folder::new();
    drop(folder.store());
    let file = folder.file();
    let writer = std::thread::spawn(move || {
        for n in 0..12 {
            let writer = Writer::start(Store::open(&file).unwrap()).unwrap();
            events(&header("quick", n), n, 200).iter().for_each(|envelope| writer.send(envelope));
            writer.finish().unwrap();
            let prune = PrunePolicy { keep: Some(1), ..PrunePolicy::default() };
            Store::open(&file).unwrap().prune(prune).unwrap();
        }
    });
    let mut opened = 0;
    while !writer.is_finished() {
        let store = Store::open_readonly(folder.file()).unwrap();
        store.list(&Filter::default()).unwrap();
        opened += 1;
    }
    writer.join().unwrap();
    assert!(opened > 10, "opened only {opened} times meanwhile: this proves nothing");
}

#[test]
fn two_writers_share_a_file() {
    let folder = Folder::new();
    drop(folder.store());
    let runs: Vec<_> = (0..2).map(|n| events(&header("quick", n), n, 300)).collect();
    std::thread::scope(|scope| {
        for events in &runs {
            let store = folder.store();
            scope.spawn(move || {
                let writer = Writer::start(store).unwrap();
                events.iter().for_each(|envelope| writer.send(envelope));
                writer.finish().unwrap();
            });
        }
    });
    let store = folder.store();
    for events in &runs {
        assert_eq!(store.run(&events[0].run).unwrap(), fold(events));
    }
}

#[test]
fn an_event_that_cannot_be_stored_is_told_and_takes_no_other_with_it() {
    let folder = Folder::new();
    let header = header("quick", 1);
    let mut log = Log::new(&header);
    log.push(0.5, Event::Host(HostSample { cpu: f64::NAN, ..HostSample::default() }));
    log.push(1.0, Event::Host(HostSample { cpu: 0.25, ..HostSample::default() }));
    let writer = Writer::start(folder.store()).unwrap();
    log.events.iter().for_each(|envelope| writer.send(envelope));
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, Error::Unstorable { .. }), "{error}");
    let record = folder.store().run(&header.id).unwrap();
    assert_eq!(record.host.iter().map(|sample| sample.cpu).collect::<Vec<_>>(), [0.25]);
}

#[test]
fn a_store_for_reading_does_not_write() {
    let folder = Folder::new();
    drop(folder.store());
    let mut store = Store::open_readonly(folder.file()).unwrap();
    let error = store.apply(&run(&header("quick", 1), &[1.0])).unwrap_err();
    assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    assert!(matches!(Writer::start(store).unwrap_err(), Error::ReadOnly { .. }));
}
