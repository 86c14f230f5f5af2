use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::Store;
use crate::fixture::{Folder, events, fold, header, run};

/// A spool for `store` in any folder, as a process that is gone by now has left it.
fn left(folder: &Path, store: &Path, events: &[Envelope]) -> PathBuf {
    let mut spool = Spool::anywhere(folder, store);
    spool.append(events);
    let (_, path) = spool.file.take().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut header: serde_json::Value = serde_json::from_str(first).unwrap();
    header["owner"]["boot"] = "before".into();
    fs::write(&path, format!("{header}\n{rest}")).unwrap();
    path
}

/// The events in the one spool of a folder.
pub(crate) fn kept(folder: &Path) -> Vec<Envelope> {
    let entry = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    super::events(&entry.path())
}

fn open(folder: &Folder, memory: &Path) -> Store {
    let mut store = folder.store();
    let path = store.path.clone();
    recover(&mut store.connection, &path, memory).unwrap();
    drop(store);
    folder.store()
}

#[test]
fn what_a_killed_writer_kept_in_memory_is_stored_at_the_next_opening() {
    let (folder, memory) = (Folder::new(), tempfile::tempdir().unwrap());
    let all = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
    let mut store = folder.store();
    // The first half was committed; the spool begins before its end and holds all but the end of the run.
    store.apply(&all[..all.len() / 2]).unwrap();
    let unfinished = &all[..all.len() - 1];
    let path = left(memory.path(), &store.path, &unfinished[all.len() / 2 - 1..]);
    drop(store);
    let store = open(&folder, memory.path());
    let (found, wanted) = (store.run(&all[0].run).unwrap(), fold(unfinished));
    assert_eq!(found.steps, wanted.steps);
    assert!(!path.exists(), "it is removed");
}

#[test]
fn a_run_that_was_in_memory_only_is_partial() {
    let (folder, memory) = (Folder::new(), tempfile::tempdir().unwrap());
    let all = run(&header("quick", 1), &[1.0, 2.0]);
    let unfinished = &all[..all.len() - 1];
    left(memory.path(), &folder.store().path, unfinished);
    let store = open(&folder, memory.path());
    let found = store.run(&all[0].run).unwrap();
    assert_eq!(found.state, engine_core::run::RunState::Partial);
    assert_eq!(found.steps, fold(unfinished).steps);
}

#[test]
fn a_line_that_was_cut_off_takes_none_before_it() {
    let (folder, memory) = (Folder::new(), tempfile::tempdir().unwrap());
    let all = events(&header("quick", 1), 1, 6);
    let path = left(memory.path(), &folder.store().path, &all);
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() - 10]).unwrap();
    let store = open(&folder, memory.path());
    let mut wanted = fold(&all[..all.len() - 1]);
    wanted.state = engine_core::run::RunState::Partial;
    assert_eq!(store.run(&all[0].run).unwrap().steps, wanted.steps);
}

#[test]
fn what_is_not_ours_to_take_stays() {
    let (folder, other, memory) = (Folder::new(), Folder::new(), tempfile::tempdir().unwrap());
    let all = run(&header("quick", 1), &[1.0]);
    let elsewhere = left(memory.path(), &other.store().path, &all);
    let mut alive = Spool::anywhere(memory.path(), &folder.store().path);
    alive.append(&all);
    let strange = memory.path().join("engine-1-1.journal");
    fs::write(&strange, "not a header\n").unwrap();
    let store = open(&folder, memory.path());
    assert!(store.run(&all[0].run).is_err());
    let lives = alive.file.as_ref().unwrap().1.clone();
    assert!(elsewhere.exists() && lives.exists() && strange.exists());
    drop(alive);
    assert!(!lives.exists(), "a writer that ends takes its file with it");
}

#[test]
fn what_belongs_to_a_store_that_is_gone_is_removed() {
    let (folder, memory) = (Folder::new(), tempfile::tempdir().unwrap());
    let path = left(memory.path(), Path::new("/no/such/store.db"), &run(&header("quick", 1), &[1.0]));
    open(&folder, memory.path());
    assert!(!path.exists());
}

#[test]
fn only_this_user_may_read_it_and_clearing_leaves_the_first_line() {
    let memory = tempfile::tempdir().unwrap();
    let mut spool = Spool::anywhere(memory.path(), Path::new("/no/such/store.db"));
    let all = run(&header("quick", 1), &[1.0]);
    spool.append(&all);
    spool.clear();
    spool.append(&all[..1]);
    let path = spool.file.as_ref().unwrap().1.clone();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(super::events(&path), all[..1]);
}
