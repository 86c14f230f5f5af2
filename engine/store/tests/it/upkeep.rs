//! Pruning, annotations, copies.

use engine_core::plan::Profile;
use engine_core::run::{RunId, Timestamp};
use engine_store::{Error, Filter, NewBaseline, PrunePolicy, Store};

use crate::fixture::{EPOCH, Folder, events, fold, header, run};

fn filled(folder: &Folder) -> (Store, Vec<RunId>) {
    let mut store = folder.store();
    let ids = (0..6).map(|n| {
        store.apply(&events(&header("quick", n), n, 40)).unwrap();
        header("quick", n).id
    });
    let ids = ids.collect();
    (store, ids)
}

fn stored(store: &Store) -> Vec<RunId> {
    let all = Filter { include_tiny: true, ..Filter::default() };
    store.list(&all).unwrap().into_iter().rev().map(|row| row.id).collect()
}

#[test]
fn pruning_keeps_the_newest_the_annotated_and_the_baselines() {
    let folder = Folder::new();
    let (mut store, ids) = filled(&folder);
    store.annotate(&ids[1], "keep me").unwrap();
    let baseline = |name: &str, run: usize, unprotected| NewBaseline {
        name: name.to_owned(),
        runs: vec![ids[run].clone()],
        unprotected,
        ..NewBaseline::default()
    };
    store.set_baseline(&baseline("main", 2, false)).unwrap();
    store.set_baseline(&baseline("loose", 3, true)).unwrap();
    let policy = PrunePolicy { keep: Some(1), ..PrunePolicy::default() };
    let going = [ids[0].clone(), ids[3].clone(), ids[4].clone()];
    assert_eq!(store.prune(PrunePolicy { dry_run: true, ..policy }).unwrap(), going);
    assert_eq!(stored(&store).len(), 6, "a dry run removes nothing");
    assert_eq!(store.prune(policy).unwrap(), going);
    assert_eq!(stored(&store), [ids[1].clone(), ids[2].clone(), ids[5].clone()]);
    assert_eq!(store.prune(policy).unwrap(), [], "nothing is left to prune");
    let names: Vec<_> = store.baselines().unwrap().into_iter().map(|baseline| baseline.name).collect();
    assert_eq!(names, ["main"], "a baseline that is not protected goes with its run");
    assert!(store.check().unwrap().is_ok());
    for (n, id) in [(1, &ids[1]), (2, &ids[2]), (5, &ids[5])] {
        assert_eq!(store.run(id).unwrap(), fold(&events(&header("quick", n), n, 40)), "what stays is whole");
    }
}

#[test]
fn every_condition_must_hold() {
    let folder = Folder::new();
    let (mut store, ids) = filled(&folder);
    assert_eq!(store.prune(PrunePolicy::default()).unwrap(), [], "without a condition no run goes");
    let third = Some(Timestamp(EPOCH + 2 * 3_600_000_000));
    let both = PrunePolicy { keep: Some(5), older_than: third, dry_run: true, max_bytes: None };
    assert_eq!(store.prune(both).unwrap(), ids[..1]);
    assert_eq!(store.prune(PrunePolicy { keep: None, ..both }).unwrap(), ids[..2]);
}

#[test]
fn a_live_run_and_the_only_real_one_stay() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.apply(&run(&header("quick", 0), &[1.0])).unwrap();
    store.apply(&run(&header("quick", 1), &[1.0])[..2]).unwrap();
    for n in 2..6 {
        let mut tiny = header("quick", n);
        tiny.plan.profile = Profile::Tiny;
        store.apply(&run(&tiny, &[1.0])).unwrap();
    }
    let gone = store.prune(PrunePolicy { keep: Some(1), ..PrunePolicy::default() }).unwrap();
    assert_eq!(gone.len(), 4, "three of the tiny profile and one real: {gone:?}");
    let kept = stored(&store);
    assert!(kept.contains(&header("quick", 1).id), "it is live");
    assert!(!kept.contains(&header("quick", 0).id));
}

#[test]
fn pruning_gives_the_disk_back() {
    let folder = Folder::new();
    let mut store = folder.store();
    for n in 0..20 {
        store.apply(&events(&header("quick", n), n, 300)).unwrap();
    }
    let before = store.check().unwrap().bytes;
    store.prune(PrunePolicy { keep: Some(1), ..PrunePolicy::default() }).unwrap();
    let after = store.check().unwrap();
    assert!(after.is_ok());
    assert!(after.bytes * 3 < before, "{before} bytes became {}", after.bytes);
}

#[test]
fn annotations_are_kept_in_order() {
    let folder = Folder::new();
    let (mut store, ids) = filled(&folder);
    store.annotate(&ids[0], "first").unwrap();
    store.annotate(&ids[0], "second").unwrap();
    let texts: Vec<_> = store.annotations(&ids[0]).unwrap().into_iter().map(|found| found.text).collect();
    assert_eq!(texts, ["first", "second"]);
    assert_eq!(store.list(&Filter::default()).unwrap().last().unwrap().annotations, 2);
    let error = store.annotate(&RunId("none".to_owned()), "x").unwrap_err();
    assert!(matches!(error, Error::UnknownRun { .. }), "{error}");
}

#[test]
fn a_copy_is_a_store_and_overwrites_nothing() {
    let folder = Folder::new();
    let (store, ids) = filled(&folder);
    let copy = folder.temp.path().join("it's a copy.db");
    store.backup(&copy).unwrap();
    let error = store.backup(&copy).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let other = Store::open_readonly(&copy).unwrap();
    assert_eq!(stored(&other), ids);
    assert!(other.check().unwrap().is_ok());
    other.backup(&folder.temp.path().join("copy of the copy.db")).unwrap();
    let nowhere = folder.temp.path().join("no such folder").join("copy.db");
    assert!(store.backup(&nowhere).is_err());
}
