use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

#[test]
fn every_option_has_a_row_or_a_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let args = PROBE.info.args(&BTreeMap::new(), true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    if let Err(error) = run(&args, &mut cx) {
        // Only a system without io_uring has nothing to compare.
        assert!(matches!(error, ProbeError::Skip(_)) && sandbox::try_uring().is_err(), "{error}");
        return;
    }
    let (records, notes) = cx.finish();
    let rows: BTreeSet<&str> = records.iter().filter_map(|record| record.labels.get("option")).collect();
    for row in ROWS {
        assert!(rows.contains(row.name) || notes.iter().any(|note| note.contains(row.name)), "{} {notes:?}", row.name);
    }
    assert!(rows.contains("nop") && rows.contains("buffered"));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn each_row_adds_to_the_one_before() {
    let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ROWS.len());
    assert!(!ROWS[0].direct && ROWS[1..].iter().all(|row| row.direct));
    assert!(ROWS[2..].iter().all(|row| row.batches) && !ROWS[1].batches);
    assert!(ROWS[7].nop && ROWS[..7].iter().all(|row| !row.nop));
}

#[test]
fn requests_that_do_nothing_all_come_back() {
    let Ok(mut nops) = Nops::new(8) else { return };
    nops.run(100).unwrap();
    assert_eq!(nops.ring.under_way(), 0);
}
