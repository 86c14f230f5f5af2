//! Which run a reference means, and the list.

use engine_core::plan::Profile;
use engine_core::run::{RunId, Timestamp};
use engine_store::{Error, Filter, NewBaseline, Store};

use crate::fixture::{EPOCH, Folder, header, run};

fn filled(folder: &Folder, n: u64) -> (Store, Vec<RunId>) {
    let mut store = folder.store();
    let ids = (0..n).map(|n| {
        let events = run(&header(if n % 2 == 0 { "quick" } else { "full" }, n), &[1.0, 2.0]);
        store.apply(&events).unwrap();
        events[0].run.clone()
    });
    let ids = ids.collect();
    (store, ids)
}

#[test]
fn references_count_back_from_the_last() {
    let folder = Folder::new();
    let (store, ids) = filled(&folder, 3);
    assert_eq!(store.resolve("@last").unwrap(), ids[2]);
    assert_eq!(store.resolve("@-1").unwrap(), ids[2]);
    assert_eq!(store.resolve("@-2").unwrap(), ids[1]);
    let error = store.resolve("@-4").unwrap_err().to_string();
    assert!(error.contains("`@last` to `@-3`"), "{error}");
    for bad in ["@-0", "@-", "@--1", "@-99999999999"] {
        assert!(matches!(store.resolve(bad), Err(Error::UnknownRun { .. })), "{bad}");
    }
    let empty = Folder::new();
    let error = empty.store().resolve("@last").unwrap_err().to_string();
    assert!(error.contains("nothing is stored yet"), "{error}");
}

#[test]
fn the_beginning_of_an_id_is_enough_when_it_is_unique() {
    let folder = Folder::new();
    let (store, ids) = filled(&folder, 3);
    assert_eq!(store.resolve(&ids[1].0).unwrap(), ids[1]);
    assert_eq!(store.resolve(ids[1].short()).unwrap(), ids[1]);
    assert_eq!(store.resolve(&ids[1].short().to_uppercase()).unwrap(), ids[1]);
    let Err(Error::Ambiguous { candidates, .. }) = store.resolve("0") else { panic!("all begin with 0") };
    assert_eq!(candidates.len(), 3);
    // One letter wrong.
    let mut typed = ids[1].short().to_owned();
    typed.replace_range(13..14, if typed.ends_with('z') { "y" } else { "z" });
    let error = store.resolve(&typed).unwrap_err().to_string();
    assert!(error.contains(&format!("did you mean `{}`", ids[1].short())), "{error}");
    for hostile in ["", "%", "' OR 1=1 --", "\u{0}", "é"] {
        assert!(store.resolve(hostile).is_err(), "{hostile}");
    }
}

#[test]
fn a_baseline_is_a_reference() {
    let folder = Folder::new();
    let (mut store, ids) = filled(&folder, 4);
    let new = |name: &str, runs: &[usize]| NewBaseline {
        name: name.to_owned(),
        runs: runs.iter().map(|n| ids[*n].clone()).collect(),
        who: "ann".to_owned(),
        why: "release 1".to_owned(),
        ..NewBaseline::default()
    };
    let set = store.set_baseline(&new("main", &[0, 2])).unwrap();
    assert_eq!((set.suite.as_str(), set.machine.as_str(), set.branch.as_deref()), ("quick", "m1", Some("main")));
    assert_eq!(set.runs, [ids[2].clone(), ids[0].clone()], "newest first");
    assert_eq!(store.resolve("@main").unwrap(), ids[2]);
    assert_eq!(store.set_baseline(&new("main", &[0])).unwrap().runs, [ids[0].clone()], "set again, it is replaced");
    store.set_baseline(&new("main", &[1])).unwrap();
    assert!(matches!(store.resolve("@main"), Err(Error::Ambiguous { .. })), "one of each scenario");
    assert_eq!(store.baseline("main", Some("full"), None).unwrap().run(), &ids[1]);
    assert_eq!(store.baselines().unwrap().len(), 2);
    let error = store.resolve("@mian").unwrap_err().to_string();
    assert!(error.contains("did you mean `main`"), "{error}");
    let Err(Error::BadBaseline { .. }) = store.set_baseline(&new("mixed", &[0, 1])) else { panic!("two scenarios") };
    for name in ["", "last", "auto", "-1", "a b", "a'b", "é"] {
        assert!(matches!(store.set_baseline(&new(name, &[0])), Err(Error::BadBaseline { .. })), "{name}");
    }
    assert!(matches!(store.set_baseline(&new("none", &[])), Err(Error::BadBaseline { .. })));
    assert_eq!(store.remove_baseline("main", Some("full"), None).unwrap().len(), 1);
    assert_eq!(store.resolve("@main").unwrap(), ids[0]);
    store.remove_baseline("main", None, None).unwrap();
    assert!(matches!(store.remove_baseline("main", None, None), Err(Error::UnknownBaseline { .. })));
    assert_eq!(store.list(&Filter::default()).unwrap().len(), 4, "the runs stay");
}

#[test]
fn the_list_is_filtered() {
    let folder = Folder::new();
    let (mut store, ids) = filled(&folder, 4);
    let mut tiny = header("quick", 9);
    tiny.plan.profile = Profile::Tiny;
    tiny.machine = "m2".to_owned();
    tiny.tags.clear();
    store.apply(&run(&tiny, &[1.0])).unwrap();
    let count = |filter: Filter| store.list(&filter).unwrap().len();
    let all = Filter { include_tiny: true, ..Filter::default() };
    assert_eq!(count(Filter::default()), 4, "the tiny profile is kept out");
    assert_eq!(count(all.clone()), 5);
    assert_eq!(count(Filter { suite: Some("quick".into()), ..Filter::default() }), 2);
    assert_eq!(count(Filter { branch: Some("main".into()), ..Filter::default() }), 4);
    assert_eq!(count(Filter { branch: Some("other".into()), ..Filter::default() }), 0);
    assert_eq!(count(Filter { machine: Some("m2".into()), ..all.clone() }), 1);
    assert_eq!(count(Filter { tag: Some(("team".into(), "kernel".into())), ..all.clone() }), 4);
    assert_eq!(count(Filter { tag: Some(("team".into(), "' OR 1".into())), ..all.clone() }), 0);
    assert_eq!(count(Filter { since: Some(Timestamp(EPOCH + 2 * 3_600_000_000)), ..Filter::default() }), 2);
    assert_eq!(count(Filter { limit: Some(3), ..all }), 3);
    let rows = store.list(&Filter::default()).unwrap();
    assert_eq!(rows.iter().map(|row| &row.id).collect::<Vec<_>>(), ids.iter().rev().collect::<Vec<_>>());
    let row = &rows[0];
    assert_eq!((row.steps.planned, row.steps.measured, row.steps.failed), (3, 1, 0));
    assert_eq!((row.dirty, row.branch.as_deref(), row.tags["team"].as_str()), (Some(true), Some("main"), "kernel"));
}
