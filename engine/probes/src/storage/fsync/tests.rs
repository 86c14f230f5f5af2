use super::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use engine_core::args::ArgValue;
use engine_core::measurement::Record;

fn measure(options: &[(&str, &str)], scratch: &Path) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let given: BTreeMap<String, ArgValue> =
        options.iter().map(|(name, value)| ((*name).to_owned(), ArgValue::Text((*value).to_owned()))).collect();
    let args = PROBE.info.args(&given, true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(scratch, &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    run(&args, &mut cx)?;
    Ok(cx.finish())
}

#[test]
fn every_way_of_writing_gives_a_sample_a_write_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    for method in ["fdatasync", "fsync", "dsync"] {
        for pattern in ["append", "overwrite"] {
            let (records, _) =
                measure(&[("method", method), ("pattern", pattern), ("block", "5 B")], scratch.path()).unwrap();
            let of = |metric: &MetricDef| records.iter().find(|record| record.metric.id == metric.id);
            let latencies = &of(&LATENCY).unwrap().values;
            assert_eq!(latencies.len(), 3, "{method} {pattern}");
            assert!(latencies.iter().all(|latency| (0.0..60.0).contains(latency)));
            assert_eq!(of(&SYNC).is_some(), method != "dsync");
            if let Some(syncs) = of(&SYNC) {
                assert!(syncs.values.iter().zip(latencies).all(|(sync, whole)| sync <= whole));
            }
            // The rate also has the time between the writes.
            let mean = latencies.iter().sum::<f64>() / 3.0;
            let share = of(&RATE).unwrap().values[0] * mean;
            assert!(share > 0.0 && share <= 1.0, "{share}");
        }
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_place_in_memory_is_noted() {
    let scratch = tempfile::tempdir().unwrap();
    if !Path::new("/dev/shm").is_dir() {
        return;
    }
    let (_, notes) = measure(&[("file", "/dev/shm")], scratch.path()).unwrap();
    assert!(notes.iter().any(|note| note.contains("in memory (tmpfs)")), "{notes:?}");
}

#[test]
fn a_file_that_exists_is_not_touched() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("precious");
    fs::write(&file, "data").unwrap();
    let error = measure(&[("file", file.to_str().unwrap())], scratch.path()).unwrap_err();
    assert!(error.to_string().contains("precious` exists"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "data");
}

#[test]
fn a_file_to_be_made_goes_into_its_folder_under_a_name_of_ours() {
    let scratch = tempfile::tempdir().unwrap();
    // As a killed process would have left it: no process has this number.
    let left = scratch.path().join("engine-fsync-2147483646-0");
    fs::write(&left, "data").unwrap();
    let named = scratch.path().join("data");
    let elsewhere = tempfile::tempdir().unwrap();
    measure(&[("file", named.to_str().unwrap())], elsewhere.path()).unwrap();
    assert!(!left.exists() && !named.exists());
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let scratch = tempfile::tempdir().unwrap();
    let error = measure(&[("file", "/no/such/folder/file")], scratch.path()).unwrap_err();
    assert!(error.to_string().contains("cannot create `/no/such/folder/engine-fsync-"), "{error}");
    // Not even the administrator creates files here.
    let error = measure(&[("file", "/sys/kernel")], scratch.path()).unwrap_err();
    let ProbeError::Skip(skip) = error else { panic!("{error:?}") };
    assert_eq!(skip.kind, SkipKind::Permission);
    assert!(skip.reason.contains("/sys/kernel/"), "{skip:?}");
}

#[test]
fn a_full_device_is_a_skip_that_names_the_file() {
    let scratch = tempfile::tempdir().unwrap();
    let args = |writes: &str| {
        let given =
            [("writes", writes), ("block", "64 MiB")].map(|(n, v)| (n.to_owned(), ArgValue::Text(v.to_owned())));
        PROBE.info.args(&given.into(), false).unwrap()
    };
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 5, false);
    // 64 TB are not free on any disk of a test machine.
    let Err(ProbeError::Skip(skip)) = run(&args("1000000"), &mut cx) else { panic!("must be skipped") };
    assert_eq!(skip.kind, SkipKind::Resource);
    assert!(skip.reason.contains(scratch.path().to_str().unwrap()), "{skip:?}");
    let full = StorageError::of("write to", Path::new("/disk/file"), io::Error::from_raw_os_error(libc::ENOSPC));
    assert!(matches!(ProbeError::from(full), ProbeError::Skip(skip) if skip.reason.contains("/disk/file")));
}

#[test]
fn other_bytes_than_written_are_found() {
    let scratch = tempfile::tempdir().unwrap();
    let target = Target::create("", scratch.path(), false).unwrap();
    let cancel = AtomicBool::new(false);
    let cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    let mut bytes = vec![0; 4096];
    random(&mut bytes, cx.seed, 1);
    for at in 0..2 {
        stamp(&mut bytes, cx.seed, at, 1);
        target.file.write_all_at(&bytes, at * 4096).unwrap();
    }
    verify(&target, &mut bytes, 2, &cx).unwrap();
    target.file.write_all_at(&[!bytes[7]], 4096 + 7).unwrap();
    let error = verify(&target, &mut bytes, 2, &cx).unwrap_err();
    assert!(error.to_string().contains("block 1"), "{error}");
}

#[test]
fn no_sector_is_written_twice() {
    let mut seen = std::collections::BTreeSet::new();
    let mut bytes = vec![0; 4096 + 100];
    for pass in [0, 1] {
        random(&mut bytes, 7, pass);
        for block in 0..20 {
            stamp(&mut bytes, 7, block, pass);
            for sector in bytes.chunks(512) {
                assert!(seen.insert(sector.to_vec()), "block {block} of pass {pass}");
            }
        }
    }
}
