use super::*;
use engine_core::args::ArgValue;
use engine_core::measurement::Record;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

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
fn each_kind_of_call_has_a_rate_and_a_sample_a_call() {
    let scratch = tempfile::tempdir().unwrap();
    let (records, _) = measure(&[("files", "20"), ("bytes", "700 B")], scratch.path()).unwrap();
    for op in ["create", "stat", "rename", "readdir", "unlink"] {
        let of = |metric: &MetricDef| {
            records.iter().find(|record| record.metric.id == metric.id && record.labels.get("op") == Some(op)).unwrap()
        };
        let latencies = &of(&LATENCY).values;
        assert_eq!(latencies.len(), if op == "readdir" { 2 } else { 20 }, "{op}");
        let mean = latencies.iter().sum::<f64>() / latencies.len() as f64;
        assert!((of(&RATE).values[0] * mean - 1.0).abs() < 1e-9, "{op}");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn many_calls_are_kept_as_their_quantiles() {
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 1, 5, true);
    let times: Vec<f64> = (0..5000).map(|at| f64::from(5000 - at) * 1e-6).collect();
    record(&mut cx, "stat", &times);
    let (records, _) = cx.finish();
    let kept = &records[1].values;
    assert_eq!(kept.len(), KEPT);
    assert!((kept[990] - 4951e-6).abs() < 2e-6 && (kept[500] - 2500e-6).abs() < 2e-6, "{} {}", kept[990], kept[500]);
}

#[test]
fn a_file_too_many_or_too_few_is_noticed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Folder::create(scratch.path()).unwrap();
    fs::write(folder.path.join("a"), "x").unwrap();
    folder.count("create", 1).unwrap();
    let error = ProbeError::from(folder.count("create", 2).unwrap_err());
    assert!(error.to_string().contains("has 1 entries after `create`, and should have 2"), "{error}");
    assert!(
        matches!(error, ProbeError::Failed(failure) if failure.kind == engine_core::step::FailureKind::Verification)
    );
    let path = folder.path.clone();
    drop(folder);
    assert!(!path.exists());
}

#[test]
fn places_that_cannot_be_used_are_said() {
    let scratch = tempfile::tempdir().unwrap();
    let Err(ProbeError::Skip(skip)) = measure(&[("file", "/sys/kernel")], scratch.path()) else { panic!("a skip") };
    assert_eq!(skip.kind, SkipKind::Permission);
    if Path::new("/dev/shm").is_dir() {
        let (_, notes) = measure(&[("file", "/dev/shm")], scratch.path()).unwrap();
        assert!(notes.iter().any(|note| note.contains("in memory (tmpfs)")), "{notes:?}");
    }
}
