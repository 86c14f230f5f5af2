use super::*;
use crate::harness::tests::{round_within, values};
use crate::kernel::curve::Point;
use engine_core::measurement::Record;
use std::path::Path;
use std::sync::atomic::AtomicBool;

#[test]
fn a_tiny_round_has_a_curve_of_possible_latencies() {
    for variant in ["random_2m", "random_4k", "page_local"] {
        let given = [("variant", variant), ("groups", "first")];
        let (records, notes) = round_within(&PROBE, &given, &[("curve", 2e-10..1e-4)]).unwrap();
        let curve = values(&records, "curve");
        assert_eq!(curve.len(), 10, "2 KiB to 1 MiB");
        assert!(curve.iter().all(|value| (2e-10..1e-4).contains(value)), "{curve:?}");
        assert!((values(&records, "latency")[0] - curve[0]).abs() < 1e-15);
        assert_eq!(variant != "random_2m", notes.iter().any(|note| note.contains("small pages")));
        let huge = values(&records, "huge_pages");
        assert!(huge.is_empty() || variant == "random_2m" || huge == [0.0], "{variant}: {huge:?}");
    }
}

/// Three plateaus of the given ends, then memory.
fn synthetic(ends: [usize; 3], max: usize) -> Curve {
    let ns = |bytes: usize| match ends.iter().position(|end| bytes <= *end) {
        Some(level) => [1.0, 4.0, 15.0][level],
        None => 90.0,
    };
    let points = curve::sizes(LEAST, max, 8)
        .into_iter()
        .map(|bytes| Point { bytes, min_ns: ns(bytes), median_ns: ns(bytes) })
        .collect();
    Curve { points, obtained: None, mapped: max }
}

fn recorded(curve: &Curve, declared: &[u64]) -> (Vec<Record>, String) {
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
    record(&mut cx, curve, declared, &Labels::new());
    let (records, notes) = cx.finish();
    (records, notes.join("; "))
}

#[test]
fn a_known_curve_gives_its_sizes_and_latencies_back() {
    let curve = synthetic([32 << 10, 1 << 20, 3 << 20], 128 << 20);
    let (records, notes) = recorded(&curve, &[32 << 10, 1 << 20, 32 << 20]);
    for (metric, bytes) in [("l1_size", 32e3), ("l2_size", 1.05e6), ("l3_size", 3.15e6)] {
        let ratio = values(&records, metric)[0] / bytes;
        assert!((0.9..1.15).contains(&ratio), "{metric}: {ratio}");
        let (low, high) =
            (values(&records, &format!("{metric}_low"))[0], values(&records, &format!("{metric}_high"))[0]);
        assert!(low <= bytes * 1.05 && bytes * 0.95 <= high && high < 2.0 * low, "{metric}: {low}..{high}");
    }
    for (metric, ns) in [("l1_latency", 1.0), ("l2_latency", 4.0), ("memory_latency", 90.0)] {
        let ratio = values(&records, metric)[0] * 1e9 / ns;
        assert!((0.97..1.03).contains(&ratio), "{metric}: {ratio}");
    }
    assert!(notes.contains("32 MiB of L3 are declared, but its effective size is another"), "{notes}");
    assert!(!notes.contains("L1") && !notes.contains("L2"), "{notes}");
    assert!(records.iter().any(|r| r.metric.id == "curve" && r.labels.get("size") == Some("4 KiB")));
}

#[test]
fn what_is_not_seen_is_not_invented() {
    let curve = synthetic([32 << 10, 1 << 20, 3 << 20], 512 << 10);
    let (records, notes) = recorded(&curve, &[32 << 10, 1 << 20, 32 << 20]);
    assert_eq!(values(&records, "l1_size").len(), 1);
    for metric in ["l2_size", "l3_size", "l2_latency", "memory_latency"] {
        assert!(values(&records, metric).is_empty(), "{metric}");
    }
    assert_eq!(values(&records, "l3_declared"), [33_554_432.0]);
    assert!(notes.contains("1 MiB of L2 are declared, and the curve has no knee for it"), "{notes}");
    assert!(notes.contains("raise `max`"), "{notes}");
}

#[test]
fn the_default_is_the_one_that_grows() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
    assert_eq!(args.whole(MAX.name), DEFAULT);
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
    assert_eq!(plan(&args, &mut cx, Some(96 << 20)).sizes.last(), Some(&(256 << 20)));
    assert_eq!(plan(&args, &mut cx, None).sizes.last(), Some(&(64 << 20)));
}
