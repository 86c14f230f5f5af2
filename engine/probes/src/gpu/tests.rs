use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::device::{Checks, Gpu};
use super::{adapter, bandwidth, compute, devices, latency, launch, local, transfer};
use crate::harness::tests::{Round, round, values};
use crate::{Context, Probe, ProbeError};
use engine_core::step::SkipKind;

/// A tiny round, or nothing where the machine has no device at all. Where one must be there (as in `.ci/run`, which
/// installs a software device), that is said by `ENGINE_REQUIRE_GPU=1`.
fn tiny(probe: &Probe, given: &[(&str, &str)]) -> Option<Round> {
    match round(probe, given) {
        Ok(round) => Some(round),
        Err(error) => skipped(probe.info.id, error),
    }
}

fn skipped<T>(what: &str, error: ProbeError) -> Option<T> {
    let ProbeError::Skip(skip) = error else { panic!("{what}: {error}") };
    assert!(matches!(skip.kind, SkipKind::Hardware | SkipKind::Platform), "{what}: {skip:?}");
    assert!(!skip.remedy.is_empty(), "{what}: {skip:?}");
    let required = std::env::var_os("ENGINE_REQUIRE_GPU").is_some_and(|value| value == "1");
    assert!(!required, "{what}: ENGINE_REQUIRE_GPU=1, but {skip:?}");
    None
}

/// Runs a part of a probe on the device, where there is one, and gives its outcome.
fn on_device(part: impl FnOnce(&Gpu, &mut Context<'_>) -> Result<(), ProbeError>) -> Option<Result<(), ProbeError>> {
    let cancel = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(600);
    let mut cx = Context::new(Path::new("/"), &cancel, deadline, 2, 7, true);
    let args = local::PROBE.info.args(&std::collections::BTreeMap::new(), true).unwrap();
    let gpu = match Gpu::open(&args, &mut cx) {
        Ok(gpu) => gpu,
        Err(error) => return skipped("device", error),
    };
    Some(part(&gpu, &mut cx))
}

fn told(outcome: Option<Result<(), ProbeError>>) -> Option<String> {
    outcome.map(|outcome| outcome.unwrap_err().to_string())
}

#[test]
fn devices_are_listed_with_their_limits() {
    let Some((records, notes)) = tiny(&devices::PROBE, &[]) else { return };
    let [real, software] = ["devices", "software_devices"].map(|metric| values(&records, metric)[0]);
    let all = real + software;
    assert!(all >= 1.0 && notes.iter().filter(|note| note.contains("driver")).count() as f64 == all, "{notes:?}");
    assert!(values(&records, "binding_limit").iter().all(|bytes| *bytes >= 128.0 * 1_048_576.0));
}

#[test]
fn every_probe_has_a_possible_figure_and_says_what_it_ran_on() {
    type Case<'a> = (&'a Probe, &'a [(&'a str, &'a str)], &'a str, std::ops::Range<f64>);
    let cases: [Case<'_>; 9] = [
        (&bandwidth::PROBE, &[("kernel", "copy")], "rate", 1e6..1e14),
        (&bandwidth::PROBE, &[("kernel", "read")], "rate", 1e6..1e14),
        (&bandwidth::PROBE, &[("kernel", "triad")], "rate", 1e6..1e14),
        (&compute::PROBE, &[("precision", "f32")], "rate", 1e6..1e16),
        (&compute::PROBE, &[("precision", "f16")], "rate", 1e6..1e16),
        (&local::PROBE, &[], "rate", 1e6..1e15),
        (&launch::PROBE, &[], "latency", 1e-7..10.0),
        (&transfer::PROBE, &[], "upload", 1e6..1e14),
        (&latency::PROBE, &[], "latency", 1e-10..1e-3),
    ];
    for (probe, given, metric, possible) in cases {
        let Some((records, notes)) = tiny(probe, given) else { continue };
        let id = probe.info.id;
        let found = values(&records, metric);
        assert!(found.iter().all(|value| possible.contains(value)), "{id} {given:?}: {found:?}");
        for record in &records {
            let labels = &record.labels;
            let software = labels.get("software").unwrap();
            assert!(labels.get("device").is_some() && matches!(software, "true" | "false"), "{id}: {labels}");
            assert!(matches!(labels.get("clock"), Some("timestamps" | "wall")), "{id}: {labels}");
            let warned = notes.iter().any(|note| note.contains("never rank"));
            assert_eq!(software == "true", warned, "{id}: {notes:?}");
        }
    }
}

#[test]
fn a_latency_curve_has_a_point_for_each_size() {
    let Some((records, _)) = tiny(&latency::PROBE, &[("least", "4 KiB"), ("most", "64 KiB")]) else { return };
    let sizes: Vec<&str> = records.iter().filter_map(|record| record.labels.get("size")).collect();
    assert_eq!(sizes, ["4 KiB", "16 KiB", "64 KiB"]);
}

#[test]
fn a_device_that_is_not_there_is_a_skip_that_names_the_others() {
    let Err(error) = round(&local::PROBE, &[("adapter", "no such device")]) else { panic!("a device of no name") };
    let ProbeError::Skip(skip) = error else { panic!("{error}") };
    match adapter::all() {
        Ok(found) => assert!(skip.remedy.contains(&found[0].info.name), "{skip:?}"),
        Err(none) => assert_eq!(skip, none),
    }
}

#[test]
fn arrays_larger_than_a_binding_are_done_in_windows() {
    let outcome = on_device(|gpu, cx| {
        let mut narrow = gpu.clone();
        narrow.limits.max_storage_buffer_binding_size = 1 << 20;
        ["copy", "read", "triad"]
            .iter()
            .try_for_each(|kernel| bandwidth::measure(&narrow, kernel, 3 << 20, super::arrays::TEXT, cx))
    });
    assert!(outcome.is_none_or(|outcome| outcome == Ok(())));
}

#[test]
fn lost_stores_loads_and_words_of_a_kernel_are_seen() {
    let text = super::arrays::TEXT;
    let faults = [
        ("copy", "#each LOADS into[at + {k}u * LANESu] = v{k};", "into[at] = v0;", "word"),
        (
            "copy",
            "let at = number * (LANESu * LOADSu) + lane;",
            "let at = (number & 1u) * LANESu * LOADSu + lane;",
            "word",
        ),
        ("read", "#each LOADS sum{k} += v{k};", "sum0 += v0;", "sums over the array are wrong"),
        ("read", "all.x + all.y + all.z + all.w", "all.x + all.y + all.z", "sums over the array are wrong"),
        ("triad", "params.scale * c{k}", "c{k}", "word"),
    ];
    for (kernel, sound, broken, expected) in faults {
        assert!(text.contains(sound), "{sound}");
        let text = text.replace(sound, broken);
        let told = told(on_device(|gpu, cx| bandwidth::measure(gpu, kernel, 2 << 20, &text, cx)));
        assert!(told.as_ref().is_none_or(|told| told.contains(expected)), "{broken}: {told:?}");
    }
}

#[test]
fn folded_chains_and_dropped_accumulators_are_seen() {
    let faults = [
        // Half of the steps.
        ("trip += 1u", "trip += 2u"),
        // One of eight chains is not part of the end.
        ("#each CHAINS mixed = mixed * 31u + mark(x{k}.x);", "#each 7 mixed = mixed * 31u + mark(x{k}.x);"),
        // A chain that does nothing.
        ("// All ends take part", "x3 = x2; // "),
    ];
    for (sound, broken) in faults {
        assert!(compute::TEXT.contains(sound), "{sound}");
        let text = compute::TEXT.replacen(sound, broken, 1);
        let told = told(on_device(|gpu, cx| compute::measure(gpu, "f32", &text, cx)));
        assert!(told.as_ref().is_none_or(|told| told.contains("wrong numbers")), "{broken}: {told:?}");
    }
}

#[test]
fn loads_that_are_left_out_of_the_loop_are_seen() {
    let text = local::TEXT.replace("turn += params.stride", "turn += 0u");
    let told = told(on_device(|gpu, cx| local::measure(gpu, &text, cx)));
    assert!(told.as_ref().is_none_or(|told| told.contains("sums of workgroup memory")), "{told:?}");
}

#[test]
fn a_walk_that_takes_fewer_steps_is_seen() {
    let text = latency::TEXT.replace("trip += 1u", "trip += 2u");
    let told = told(on_device(|gpu, cx| latency::measure(gpu, (4096, 8192), &text, cx)));
    assert!(told.as_ref().is_none_or(|told| told.contains("steps the device is at")), "{told:?}");
}

#[test]
fn what_the_driver_refuses_ends_the_round_and_not_the_process() {
    let told = told(on_device(|gpu, _| gpu.kernel("fn broken( {", "broken", Checks::Off).map(|_| ())));
    assert!(told.as_ref().is_none_or(|told| told.contains("refuses")), "{told:?}");
    let outcome = on_device(|gpu, _| gpu.buffer(1 << 60, wgpu::BufferUsages::STORAGE).map(|_| ()));
    assert!(outcome.is_none_or(|outcome| outcome.is_err()));
}
