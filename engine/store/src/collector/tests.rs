use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::fixture::{Folder, fold, header, run};
use crate::spool;

/// A collector whose journal is the test, and the folder of its spool.
fn collector(folder: &Path, store: &Path) -> (Collector, Receiver<Arc<Vec<Envelope>>>) {
    let (batches, to_write) = mpsc::sync_channel(1);
    (Collector::new(batches, Spool::anywhere(folder, store), Arc::default()), to_write)
}

#[test]
fn what_the_journal_does_not_come_to_is_in_memory_in_time_and_in_order() {
    let (folder, memory) = (Folder::new(), tempfile::tempdir().unwrap());
    let store = folder.store();
    let all = run(&header("quick", 1), &[1.0, 2.0, 3.0]);
    let (mut collector, to_write) = collector(memory.path(), store.path());
    let long_ago = Instant::now().checked_sub(PATIENCE * 2).unwrap();
    // The first is urgent, and the journal never answers.
    collector.take(all[0].clone());
    collector.under_way.as_mut().unwrap().since = long_ago;
    collector.take(all[1].clone());
    collector.late();
    collector.take(all[2].clone());
    collector.late();
    assert_eq!(collector.due(), None, "all is safe");
    assert_eq!(*to_write.recv().unwrap(), all[..1]);
    // As much is found as the killed process had kept.
    let kept = spool::tests::kept(memory.path());
    assert_eq!(kept, all[..3]);
    collector.committed();
    assert_eq!(*to_write.recv().unwrap(), all[1..3], "what waits in memory is the next batch");
    collector.committed();
    assert_eq!(spool::tests::kept(memory.path()), [], "what is committed is forgotten");
}

#[test]
fn nothing_is_kept_in_memory_while_the_disk_keeps_up() {
    let (folder, memory) = (Folder::new(), tempfile::tempdir().unwrap());
    let store = folder.store();
    let (path, all) = (store.path().to_owned(), run(&header("quick", 1), &[1.0, 2.0]));
    let (mut collector, to_write) = collector(memory.path(), &path);
    for envelope in &all {
        collector.take(envelope.clone());
        if let Ok(batch) = to_write.try_recv() {
            crate::Store::open(&path).unwrap().apply(&batch).unwrap();
            collector.committed();
        }
    }
    drop(store);
    assert_eq!(folder.store().run(&all[0].run).unwrap(), fold(&all));
    assert!(std::fs::read_dir(memory.path()).unwrap().next().is_none());
}
