//! Following a run that another process writes, and removing one.

use engine_core::event::Event;
use engine_core::run::{RunState, Timestamp};
use engine_store::{Error, NewBaseline, Removal, Store};

use crate::fixture::{Folder, events, fold, header, run};

#[test]
fn what_is_followed_in_pieces_is_what_was_stored() {
    for seed in 0..6 {
        let folder = Folder::new();
        let mut store = folder.store();
        let mut events = events(&header("quick", seed), seed, 300);
        // A load that begins anew loses its windows, which who followed it has seen.
        events.retain(|one| !matches!(one.event, Event::RoundStarted { .. }));
        store.apply(&events[..1]).unwrap();
        let reader = Store::open_readonly(folder.file()).unwrap();
        let mut follower = reader.follow(&events[0].run).unwrap();
        let mut told = 0;
        for batch in events[1..].chunks(17) {
            store.apply(batch).unwrap();
            let mut before = follower.record().sequence;
            reader
                .look(&mut follower, |envelope, record| {
                    told += 1;
                    assert_eq!((envelope.sequence, record.sequence), (before + 1, before + 1));
                    before += 1;
                })
                .unwrap();
        }
        let stored = reader.run(&events[0].run).unwrap();
        let seen = follower.record();
        assert!(told > 50);
        assert_eq!(seen.host, stored.host);
        assert_eq!(seen.notes, stored.notes);
        assert_eq!(seen.judged, stored.judged);
        assert_eq!(seen.header, stored.header);
        for (mine, theirs) in seen.steps.iter().zip(&stored.steps) {
            assert_eq!((&mine.outcome, mine.stop), (&theirs.outcome, theirs.stop));
            assert_eq!(mine.measurements, theirs.measurements);
        }
        assert_eq!(stored, fold(&events));
    }
}

#[test]
fn the_end_is_seen_once_and_a_dead_process_is_an_end() {
    let folder = Folder::new();
    let mut store = folder.store();
    let events = run(&header("quick", 1), &[1.0, 2.0]);
    let (last, rest) = events.split_last().unwrap();
    store.apply(rest).unwrap();
    assert_eq!(store.running().unwrap(), [events[0].run.clone()]);
    let mut follower = store.follow(&events[0].run).unwrap();
    let mut ends = Vec::new();
    for _ in 0..2 {
        store
            .look(&mut follower, |one, _| ends.extend(matches!(one.event, Event::RunFinished { .. }).then_some(())))
            .unwrap();
    }
    assert!(ends.is_empty() && !follower.is_finished());
    store.apply(std::slice::from_ref(last)).unwrap();
    for _ in 0..2 {
        store
            .look(&mut follower, |one, _| ends.extend(matches!(one.event, Event::RunFinished { .. }).then_some(())))
            .unwrap();
    }
    assert_eq!(ends.len(), 1);
    assert!(follower.is_finished() && follower.record().state == RunState::Complete);
    assert!(store.running().unwrap().is_empty());
    store.remove(&events[0].run).unwrap();
    assert!(matches!(store.look(&mut follower, |_, _| {}), Err(Error::UnknownRun { .. })));
}

#[test]
fn a_run_is_removed_with_all_that_it_measured() {
    let folder = Folder::new();
    let mut store = folder.store();
    let all: Vec<_> = (1..4).map(|n| run(&header("quick", n), &[1.0, 2.0])).collect();
    all.iter().for_each(|events| store.apply(events).unwrap());
    assert_eq!(store.remove(&all[0][0].run).unwrap(), Removal::Done);
    assert!(matches!(store.run(&all[0][0].run), Err(Error::UnknownRun { .. })));
    assert!(matches!(store.remove(&all[0][0].run), Err(Error::UnknownRun { .. })));
    assert_eq!(store.count().unwrap(), 2);
    assert!(store.check().unwrap().is_ok());
}

#[test]
fn running_runs_and_those_of_protected_baselines_stay() {
    let folder = Folder::new();
    let mut store = folder.store();
    let events = run(&header("quick", 1), &[1.0]);
    store.apply(&events[..2]).unwrap();
    assert_eq!(store.remove(&events[0].run).unwrap(), Removal::Running);
    store.apply(&events[2..]).unwrap();
    let baseline = |expires| NewBaseline {
        name: "main".to_owned(),
        runs: vec![events[0].run.clone()],
        who: "ann".to_owned(),
        expires,
        ..NewBaseline::default()
    };
    store.set_baseline(&baseline(None)).unwrap();
    assert_eq!(store.remove(&events[0].run).unwrap(), Removal::Protected);
    store.set_baseline(&baseline(Some(Timestamp(1)))).unwrap();
    assert_eq!(store.remove(&events[0].run).unwrap(), Removal::Done, "its time is over");
    assert!(store.baselines().unwrap().is_empty());
}
