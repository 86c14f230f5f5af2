//! The whole history: into JSON lines and back, from another store, and by size.

use engine_core::run::RunId;
use engine_store::{Error, Filter, NewBaseline, PrunePolicy, Store};

use crate::fixture::{Folder, header, run};

/// A store with three runs, a remark, a baseline and an accepted level; and the runs' ids.
fn filled(folder: &Folder, suite: &str, machine: &str) -> (Store, Vec<RunId>) {
    let mut store = folder.store();
    let mut ids = Vec::new();
    for n in 0..3 {
        let mut header = header(suite, n);
        header.machine = machine.to_owned();
        header.id = RunId::new(header.started, n + 7 * machine.len() as u64);
        store.apply(&run(&header, &[1.0, 2.0, 3.0])).unwrap();
        ids.push(header.id);
    }
    store.annotate(&ids[0], "look").unwrap();
    let main = NewBaseline { name: "main".into(), runs: vec![ids[1].clone()], why: "ok".into(), ..Default::default() };
    store.set_baseline(&main).unwrap();
    store.accept(&ids[2], "", "ann", "the new level").unwrap();
    (store, ids)
}

fn same(here: &Store, there: &Store, ids: &[RunId]) {
    for id in ids {
        assert_eq!(here.run(id).unwrap(), there.run(id).unwrap());
        assert_eq!(here.annotations(id).unwrap(), there.annotations(id).unwrap());
    }
}

#[test]
fn a_history_comes_back_from_lines_as_it_was() {
    let (here, there) = (Folder::new(), Folder::new());
    let (store, ids) = filled(&here, "quick", "one");
    let file = here.temp.path().join("all.jsonl");
    let told = store.export_all(&file).unwrap();
    assert_eq!((told.runs, told.baselines, told.acceptances), (3, 1, 1));
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 5);
    let mut other = there.store();
    let told = other.import_all(&file).unwrap();
    assert_eq!((told.runs, told.known, told.baselines, told.acceptances), (3, 0, 1, 1));
    assert_eq!(told.machines, [("one".to_owned(), 3)].into());
    same(&store, &other, &ids);
    assert_eq!(store.baselines().unwrap(), other.baselines().unwrap(), "set when and by whom it was");
    assert_eq!(store.acceptances().unwrap(), other.acceptances().unwrap());
    let again = other.import_all(&file).unwrap();
    assert_eq!((again.runs, again.known, again.baselines, again.acceptances), (0, 3, 0, 0), "nothing is there twice");
    // A file that is wrong anywhere changes nothing, and the line is named.
    let third = Folder::new();
    let mut empty = third.store();
    let lines: Vec<&str> = text.lines().collect();
    for (wrong, at) in [("{", 4), ("{\"format\":\"engine-baseline\",\"version\":1}", 2), ("{\"format\":\"x\"}", 1)] {
        let mut lines = lines.clone();
        lines[at - 1] = wrong;
        std::fs::write(&file, lines.join("\n")).unwrap();
        let error = empty.import_all(&file).unwrap_err();
        assert!(
            matches!(&error, Error::Import { reason, .. } if reason.starts_with(&format!("line {at}:"))),
            "{error}"
        );
        assert_eq!(empty.list(&Filter::default()).unwrap().len(), 0);
    }
    let hostile = text.replace("\"name\":\"main\"", "\"name\":\"last\"");
    std::fs::write(&file, hostile).unwrap();
    assert!(empty.import_all(&file).is_err(), "a name that means something else");
}

#[test]
fn the_stores_of_several_machines_become_one() {
    let folders = [Folder::new(), Folder::new()];
    let (first, ids) = filled(&folders[0], "quick", "one");
    let (second, others) = filled(&folders[1], "quick", "another");
    let together = Folder::new();
    let mut all = together.store();
    assert_eq!(all.merge(&folders[0].file()).unwrap().machines, [("one".to_owned(), 3)].into());
    let told = all.merge(&folders[1].file()).unwrap();
    assert_eq!((told.runs, told.machines), (3, [("another".to_owned(), 3)].into()));
    same(&first, &all, &ids);
    same(&second, &all, &others);
    assert_eq!(all.baselines().unwrap().len(), 2, "each machine has its own");
    let of_one = Filter { machine: Some("one".into()), ..Filter::default() };
    assert_eq!(all.list(&of_one).unwrap().len(), 3);
    assert_eq!(all.merge(&folders[0].file()).unwrap().known, 3);
    assert!(all.merge(&together.file()).is_err(), "with itself");
    assert!(all.merge(&together.temp.path().join("none.db")).is_err());
    assert!(all.check().unwrap().is_ok());
}

#[test]
fn pruning_by_size_takes_the_oldest_until_the_rest_fits() {
    let folder = Folder::new();
    let mut store = folder.store();
    let values: Vec<f64> = (0..400).map(f64::from).collect();
    let ids: Vec<RunId> = (0..6)
        .map(|n| {
            store.apply(&run(&header("quick", n), &values)).unwrap();
            header("quick", n).id
        })
        .collect();
    store.annotate(&ids[0], "keep me").unwrap();
    let policy = |max_bytes| PrunePolicy { max_bytes: Some(max_bytes), ..PrunePolicy::default() };
    assert_eq!(store.prune(policy(1 << 30)).unwrap(), [], "it fits");
    let bytes = store.check().unwrap().bytes;
    let half = store.prune(PrunePolicy { dry_run: true, ..policy(bytes / 2) }).unwrap();
    assert_eq!(half, ids[1..=half.len()], "the oldest that nothing protects");
    assert!((2..=4).contains(&half.len()), "{half:?}");
    assert_eq!(store.prune(policy(bytes / 2)).unwrap(), half);
    assert_eq!(store.prune(policy(0)).unwrap().len(), 5 - half.len());
    assert_eq!(store.list(&Filter::default()).unwrap().len(), 1, "what is protected stays, however large");
}
