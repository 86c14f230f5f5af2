use super::*;
use crate::harness::tests::{round, values};

/// Layers that need nothing of the program around the probes.
const ALONE: [&str; 14] = [
    "function",
    "registry",
    "jsonrpc",
    "schema_cached",
    "schema_compile",
    "thread",
    "unix",
    "http_keepalive",
    "http_new",
    "spawn",
    "fork",
    "spawn_large",
    "fork_large",
    "shell",
];

#[test]
fn each_layer_alone_gives_samples_and_what_they_cost() {
    for layer in ALONE {
        let (records, notes) = round(&PROBE, &[("layer", layer)]).unwrap();
        assert!(records.iter().all(|record| record.labels.get("layer") == Some(layer)), "{records:?}");
        let one = |metric: &str| values(&records, metric)[0];
        assert!(values(&records, "latency").len() >= 5, "{layer}: {records:?} {notes:?}");
        assert!(one("calls") >= 5.0 && one("errors") == 0.0 && one("rate") > 0.0, "{layer}: {records:?}");
        // The caller's part of a new connection is a part of the call.
        let (calls, parts) = (values(&records, "latency"), values(&records, "connect"));
        assert_eq!(parts.len(), if layer == "http_new" { calls.len() } else { 0 }, "{layer}");
        assert!(parts.iter().zip(&calls).all(|(part, call)| 0.0 < *part && part < call), "{parts:?} {calls:?}");
        assert!(one("floor") > 0.0 && one("batch") >= 1.0, "{layer}: {records:?}");
        // A start is long enough to time alone, and faults pages; the clock alone says nothing of a function.
        if layer.starts_with("spawn") || layer.starts_with("fork") || layer == "shell" {
            assert!(one("minor_faults") > 1.0 && values(&records, "efficiency").is_empty(), "{layer}: {records:?}");
        }
    }
}

#[test]
fn the_ladder_names_what_it_leaves_out() {
    let (records, notes) = round(&PROBE, &[]).unwrap();
    let seen: Vec<&str> =
        records.iter().filter(|record| record.metric.id == "latency").filter_map(|r| r.labels.get("layer")).collect();
    assert_eq!(seen, ALONE);
    for layer in ["rhai", "stdio"] {
        assert!(notes.iter().any(|note| note.contains(&format!("`{layer}` is left out"))), "{notes:?}");
        assert!(matches!(round(&PROBE, &[("layer", layer)]), Err(ProbeError::Skip(_))));
    }
}

#[test]
fn bytes_come_back_as_they_are_over_transports_only() {
    for layer in ["thread", "unix", "http_keepalive", "http_new"] {
        for payload in ["1 B", "1 KiB", "4 KiB"] {
            let (records, _) = round(&PROBE, &[("layer", layer), ("content", "echo"), ("payload", payload)]).unwrap();
            assert!(values(&records, "latency").len() >= 5, "{layer} {payload}");
        }
    }
    let skip = round(&PROBE, &[("layer", "jsonrpc"), ("content", "echo")]);
    assert!(matches!(skip, Err(ProbeError::Skip(_))), "{skip:?}");
}

#[test]
fn the_share_of_work_is_recorded_where_there_is_work() {
    // Other tests run in this process, whose CPU time is counted too: the share itself proves nothing here.
    for (layer, work, recorded) in
        [("jsonrpc", "20 us", true), ("unix", "5 us", true), ("jsonrpc", "0 s", false), ("spawn", "20 us", false)]
    {
        let (records, _) = round(&PROBE, &[("layer", layer), ("work", work)]).unwrap();
        let shares = values(&records, "efficiency");
        assert_eq!(!shares.is_empty(), recorded, "{layer} {work}");
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        // The work is really done in each call.
        assert!(!recorded || values(&records, "latency").iter().all(|time| *time > 1e-6), "{records:?}");
    }
}

#[test]
fn an_interruption_ends_the_ladder() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), true).unwrap();
    let cancel = std::sync::atomic::AtomicBool::new(true);
    let deadline = std::time::Instant::now() + Duration::from_secs(600);
    let scratch = tempfile::tempdir().unwrap();
    let mut cx = Context::new(scratch.path(), &cancel, deadline, 2, 7, true);
    assert_eq!(run(&args, &mut cx), Err(ProbeError::Cancelled));
}
