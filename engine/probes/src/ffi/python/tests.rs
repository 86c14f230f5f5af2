use super::*;
use crate::harness::tests::{round, values};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What a probe makes of an answer: the records, and the remarks.
fn read(binding: &str, answer: &serde_json::Value) -> Result<crate::harness::tests::Round, ProbeError> {
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + LIMIT, 2, 0, true);
    record(binding, answer.to_string().as_bytes(), &mut cx)?;
    Ok(cx.finish())
}

fn row(arrived: u64) -> serde_json::Value {
    let row = json!({"kind": "noop", "binding": "pyo3", "calls": 100, "nanos": [5_000, 7_000], "floors": [1_000, 2_000],
        "arrived": arrived});
    json!({"status": "ok", "version": "3.11.2", "rows": [row], "gaps": {"cffi": "No module named 'cffi'"}})
}

/// Where this machine has no Python of a right age, the skip says so; anything else is measured.
#[test]
fn every_kind_of_call_has_a_possible_cost() {
    let (records, notes) = match round(&PROBE, &[]) {
        Err(ProbeError::Skip(skip)) => {
            return assert!(matches!(skip.kind, SkipKind::Tool | SkipKind::Platform), "{skip}");
        }
        outcome => outcome.unwrap(),
    };
    let latencies: Vec<_> = records.iter().filter(|record| record.metric.id == "latency").collect();
    for kind in &KINDS[1..] {
        // Types are declared or not with ctypes alone.
        let binding = if *kind == "int_undeclared" { "ctypes" } else { "pyo3" };
        let found = |label: &str, of: &str| {
            latencies.iter().any(|r| r.labels.get("kind") == Some(of) && r.labels.get("binding") == Some(label))
        };
        assert!(found(binding, kind) || notes.iter().any(|note| note.contains(binding)), "{kind}: {notes:?}");
    }
    for binding in ["ctypes", "cffi", "python"] {
        let measured = latencies.iter().any(|record| record.labels.get("binding") == Some(binding));
        assert!(measured || notes.iter().any(|note| note.contains(binding)), "{binding}: {notes:?}");
    }
    // No call of Python takes less than a nanosecond, and none a tenth of a second, however busy the machine.
    assert!(latencies.iter().flat_map(|r| &r.values).all(|cost| (0.0..0.1).contains(cost)), "{latencies:?}");
    assert!(records.iter().all(|record| record.labels.get("python").is_some()));
    assert_eq!(values(&records, "speedup").len(), 2);
    assert!(values(&records, "calls")[0] > 1_000.0);
}

#[test]
fn the_floor_is_taken_off_and_shown() {
    let (records, notes) = read("all", &row(200)).unwrap();
    let close = |found: &[f64], expected: &[f64]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15);
    assert!(close(&values(&records, "latency"), &[40e-9, 60e-9]), "{records:?}");
    assert!(close(&values(&records, "floor"), &[10e-9]) && values(&records, "calls") == [200.0], "{records:?}");
    assert_eq!(records[0].labels.get("python"), Some("3.11"));
    assert!(notes[0].contains("`cffi` are skipped"), "{notes:?}");
}

#[test]
fn a_call_that_did_not_arrive_is_a_failure() {
    let error = read("all", &row(199)).unwrap_err().to_string();
    assert_eq!(error, "199 of 200 calls arrived (pyo3 noop)");
    let mut idle = row(200);
    idle["rows"][0]["nanos"] = json!([5_000, 900]);
    assert!(read("all", &idle).unwrap_err().to_string().contains("no longer than an empty turn"));
    let none = json!({"status": "ok", "version": "3.11.2", "rows": []});
    assert!(read("ctypes", &none).unwrap_err().to_string().contains("nothing was measured"));
    let wrong = json!({"status": "wrong", "version": "3.11.2", "message": "pyo3 int gave 41 instead of 42"});
    assert!(read("all", &wrong).unwrap_err().to_string().contains("41 instead of 42"));
    // The import of the shipped extension fails: that is loud, and no number.
    let refused = json!({"status": "refused", "version": "3.11.2", "message": "undefined symbol: PyX"});
    let error = read("all", &refused).unwrap_err();
    assert!(matches!(&error, ProbeError::Failed(_)) && error.to_string().contains("undefined symbol"), "{error}");
    assert!(read("all", &json!("?")).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn what_this_python_lacks_is_a_skip() {
    let kind = |binding, answer| match read(binding, &answer) {
        Err(ProbeError::Skip(skip)) => (skip.kind, skip.reason),
        outcome => panic!("{outcome:?}"),
    };
    let (old, reason) = kind("all", json!({"status": "old", "version": "3.8.18"}));
    assert_eq!((old, reason.as_str()), (SkipKind::Tool, "`python3` is 3.8.18"));
    assert_eq!(
        kind("all", json!({"status": "unlike", "version": "3.13.0", "message": "cpython t"})).0,
        SkipKind::Platform
    );
    assert_eq!(kind("cffi", row(200)).0, SkipKind::Tool);
}

#[test]
fn threads_need_company() {
    let outcome = crate::harness::tests::round_on(1, &PROBE, &[("kind", "threads"), ("threads", "1")]);
    assert!(matches!(outcome, Err(ProbeError::Skip(skip)) if matches!(skip.kind, SkipKind::Hardware | SkipKind::Tool)));
}
