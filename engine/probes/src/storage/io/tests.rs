#![expect(unsafe_code, reason = "space in a file is reserved by a system call")]

use super::*;
use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use engine_core::step::FailureKind;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::Probe;
use crate::storage::stamp::{self, WORDS};
use crate::storage::{randread, randrw, randwrite, seqread, seqwrite};

type Taken = Result<(Vec<Record>, Vec<String>), ProbeError>;

/// Random reads.
fn measure(options: &[(&str, &str)], scratch: &Path) -> Taken {
    measure_with(&randread::PROBE, options, scratch)
}

fn measure_with(probe: &Probe, options: &[(&str, &str)], scratch: &Path) -> Taken {
    let given: BTreeMap<String, ArgValue> =
        options.iter().map(|(name, value)| ((*name).to_owned(), ArgValue::Text((*value).to_owned()))).collect();
    let args = probe.info.args(&given, true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(scratch, &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    (probe.run)(&args, &mut cx)?;
    Ok(cx.finish())
}

fn in_scratch(options: &[(&str, &str)]) -> Taken {
    in_scratch_with(&randread::PROBE, options)
}

fn in_scratch_with(probe: &Probe, options: &[(&str, &str)]) -> Taken {
    let scratch = tempfile::tempdir().unwrap();
    let taken = measure_with(probe, options, scratch.path());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left");
    taken
}

fn values<'a>(records: &'a [Record], metric: &MetricDef) -> &'a [f64] {
    &records.iter().find(|record| record.metric.id == metric.id).unwrap().values
}

fn label<'a>(records: &'a [Record], name: &str) -> Option<&'a str> {
    records[0].labels.get(name)
}

#[test]
fn every_pattern_works_in_every_way() {
    for engine in ["auto", "libaio", "pread"] {
        for probe in [&seqread::PROBE, &seqwrite::PROBE, &randread::PROBE, &randwrite::PROBE, &randrw::PROBE] {
            let pattern = probe.info.name();
            let options = [("engine", engine), ("depth", "3"), ("jobs", "2"), ("block", "16 KiB")];
            let (records, notes) = match in_scratch_with(probe, &options) {
                Ok(taken) => taken,
                // Where there is no direct I/O there is no libaio either.
                Err(ProbeError::Skip(skip)) if engine == "libaio" => {
                    assert!(skip.reason.contains("libaio"), "{skip:?}");
                    continue;
                }
                Err(error) => panic!("{engine} {pattern}: {error}"),
            };
            let iops = values(&records, &IOPS)[0];
            assert_eq!(records[0].metric.id, probe.info.metrics[0].id, "the primary metric comes first");
            assert!((values(&records, &RATE)[0] / iops / 16384.0 - 1.0).abs() < 1e-9, "{engine} {pattern}");
            assert!(!values(&records, &LATENCY).is_empty() && values(&records, &CPU)[0] >= 0.0);
            assert!(records.iter().all(|record| record.labels.get("engine").is_some()));
            assert!(engine == "auto" || label(&records, "engine") == Some(engine));
            assert!(notes.iter().any(|note| note.starts_with("through ")), "{notes:?}");
            let ops = records.iter().filter(|record| record.labels.get("op").is_some()).count();
            assert_eq!(ops, if pattern == "randrw" { 2 } else { 0 });
        }
    }
}

#[test]
fn all_options_of_a_ring_are_had_or_explained() {
    let options = [("iopoll", "true"), ("sqpoll", "true"), ("huge_pages", "true"), ("depth", "4"), ("batch", "0")];
    let (records, notes) = in_scratch(&options).unwrap();
    if label(&records, "engine") == Some("io_uring") {
        let flags = notes.iter().find(|note| note.contains("flags asked for: iopoll sqpoll")).unwrap();
        let effective = flags.split("in effect: ").nth(1).unwrap();
        for name in ["iopoll", "sqpoll"] {
            assert!(effective.contains(name), "in effect or with a reason: {flags}");
        }
    }
    in_scratch(&[("fixed_buffers", "false"), ("fixed_files", "false")]).unwrap();
}

#[test]
fn an_open_loop_keeps_its_rate_and_measures_from_the_intended_time() {
    let (records, notes) = in_scratch(&[("rate", "2000"), ("runtime", "30 ms")]).unwrap();
    // Sixty were due while it counted, each is measured once; more only if the machine stood still all the time.
    let again = notes.iter().any(|note| note.contains("taken again"));
    assert!(again || values(&records, &LATENCY).len() == 60);
    assert!(records.iter().all(|record| record.metric.id != CPU.id), "it spins");
    let error = in_scratch(&[("rate", "10"), ("steady", "true")]).unwrap_err();
    assert!(error.to_string().contains("give one of them"), "{error}");
}

#[test]
fn a_steady_load_ends() {
    let (records, _) = in_scratch(&[("steady", "true"), ("runtime", "20 ms")]).unwrap();
    assert_eq!(values(&records, &DRIFT).len(), 1);
}

#[test]
fn reads_of_the_page_cache_are_labelled() {
    let (records, notes) = in_scratch(&[("direct", "false")]).unwrap();
    assert_eq!(label(&records, "cached"), Some("true"));
    assert!(notes.iter().any(|note| note.contains("`direct` is off")), "{notes:?}");
    if Path::new("/dev/shm").is_dir() {
        let (records, notes) = in_scratch(&[("file", "/dev/shm")]).unwrap();
        assert_eq!(label(&records, "cached"), Some("true"));
        assert!(notes.iter().any(|note| note.contains("not the speed of a device")), "{notes:?}");
    }
    // A file system that takes O_DIRECT and keeps the file in memory all the same.
    assert!(cached(None, None, Some(0.8)).unwrap().contains("80 % of the file"));
    assert_eq!((cached(None, None, Some(0.01)), cached(None, None, None)), (None, None));
}

/// A file of ours with `spoil` done to its words.
fn planted(folder: &Path, spoil: impl FnOnce(&mut [u64])) -> String {
    let mut words = vec![0; 256 * WORDS];
    for (index, unit) in (0..).zip(words.chunks_exact_mut(WORDS)) {
        stamp::make(unit, 3, index);
    }
    spoil(&mut words);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let path = folder.join("planted");
    fs::write(&path, bytes).unwrap();
    fs::File::open(&path).unwrap().sync_all().unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn wrong_blocks_fail_the_round() {
    let folder = tempfile::tempdir().unwrap();
    let good = planted(folder.path(), |_| {});
    let (records, _) = measure(&[("file", &good)], folder.path()).unwrap();
    assert_eq!(label(&records, "compressible"), None);
    // Every unit but those that are looked at before is another's.
    let bad = planted(folder.path(), |words| {
        for unit in (0..256).filter(|unit| unit % 16 != 0) {
            words[unit * WORDS + 2] += 1;
        }
    });
    let Err(ProbeError::Failed(failure)) = measure_with(&seqread::PROBE, &[("file", &bad)], folder.path()) else {
        panic!("must fail")
    };
    assert_eq!(failure.kind, FailureKind::Verification);
    assert!(failure.message.contains("at byte 4096 brought other bytes"), "{failure}");
}

#[test]
fn unwritten_extents_fail_the_round_and_compressible_bytes_are_labelled() {
    use std::os::fd::AsRawFd;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reserved");
    let file = fs::File::create(&path).unwrap();
    // SAFETY: reserves space in a file of our own; where that is not to be had, the file is one hole.
    if unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, 4 << 20) } != 0 {
        file.set_len(4 << 20).unwrap();
    }
    let name = path.to_str().unwrap();
    let Err(ProbeError::Failed(failure)) = measure(&[("file", name)], folder.path()) else { panic!("must fail") };
    assert_eq!(failure.kind, FailureKind::Verification);
    assert!(failure.message.contains("no measure of its device"), "{failure}");
    file.write_all_at(&vec![0; 4 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let (records, notes) = measure(&[("file", name)], folder.path()).unwrap();
    assert_eq!(label(&records, "compressible"), Some("true"));
    assert!(notes.iter().any(|note| note.contains("could not be compared")), "{notes:?}");
}

#[test]
fn impossible_options_are_said() {
    let error = in_scratch(&[("block", "5000 B")]).unwrap_err();
    assert!(error.to_string().contains("multiple of 4 KiB"), "{error}");
}

#[test]
fn a_written_block_that_is_not_what_was_written_is_noticed() {
    let scratch = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let cx = Context::new(scratch.path(), &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    let args = randwrite::PROBE.info.args(&BTreeMap::new(), true).unwrap();
    let file = TestFile::take("", 1 << 20, false, &cx).unwrap();
    let plan = Plan { blocks: 256, key: file.key, ..plan(&args, Pattern::RandWrite, &cx).unwrap() };
    let tally = load::run(&plan, file.plain(), choice::Engine::Pread, Wishes::PLAIN, &|| false).unwrap();
    verify(&file, &plan, &tally).unwrap();
    // A write that never reached the file.
    let mut old = vec![0; WORDS];
    stamp::make(&mut old, file.key.unwrap(), tally.written[0]);
    let bytes: Vec<u8> = old.iter().flat_map(|word| word.to_ne_bytes()).collect();
    file.plain().write_all_at(&bytes, tally.written[0] * 4096).unwrap();
    let error = verify(&file, &plan, &tally).unwrap_err();
    assert!(error.to_string().contains("not what was written last"), "{error}");
}
