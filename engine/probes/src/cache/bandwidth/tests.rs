use super::*;
use crate::harness::tests::{round_within, values};
use std::path::Path;
use std::sync::atomic::AtomicBool;

#[test]
fn every_operation_has_a_possible_rate() {
    for operation in ["read", "write", "copy"] {
        for (threads, isa) in [("1", "auto"), ("all", "auto"), ("1", "sse2")] {
            let given = [("operation", operation), ("threads", threads), ("isa", isa), ("groups", "first")];
            match round_within(&PROBE, &given, &[("l1_rate", 1e7..1e14)]) {
                Ok((records, notes)) => {
                    let rates = values(&records, "l1_rate");
                    // From a crowded single-board computer to many first-level caches.
                    assert!(rates.iter().all(|rate| (1e7..1e14).contains(rate)), "{given:?}: {rates:?}");
                    assert!(values(&records, "l1_region")[0] >= 512.0);
                    // The memory row of a tiny round fits a cache, unless nobody knows their size.
                    let memory = values(&records, "memory_rate");
                    assert!(
                        memory.is_empty() == notes.iter().any(|note| note.contains("fits the caches")),
                        "{notes:?}"
                    );
                }
                Err(ProbeError::Skip(skip)) => assert!(isa != "auto", "{skip:?}"),
                Err(error) => panic!("{given:?}: {error}"),
            }
        }
    }
}

fn with<R>(test: impl FnOnce(&mut Context<'_>) -> R) -> (R, String) {
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
    let result = test(&mut cx);
    (result, cx.finish().1.join("; "))
}

/// Levels of these sizes, each shared by so many threads.
fn levels(sizes: &[u64], sharers: &[u64]) -> Vec<Share> {
    sizes.iter().zip(sharers).enumerate().map(|(level, (bytes, sharers))| (level, *bytes, *sharers)).collect()
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

#[test]
fn regions_are_half_a_level_or_a_quarter_for_stores() {
    let zen = |sharers: &[u64]| levels(&[32 * KIB, MIB, 32 * MIB], sharers);
    let (alone, notes) = with(|cx| regions(&zen(&[1, 1, 1]), Operation::Read, cx));
    assert_eq!(alone, [(0, 16 * KIB), (1, 512 * KIB), (2, 16 * MIB)]);
    assert!(notes.is_empty());
    let (stores, _) = with(|cx| regions(&zen(&[1, 1, 1]), Operation::Write, cx));
    assert_eq!(stores, [(0, 8 * KIB), (1, 256 * KIB), (2, 8 * MIB)]);
}

#[test]
fn a_shared_level_is_split_with_a_floor() {
    let zen = |sharers: &[u64]| levels(&[32 * KIB, MIB, 32 * MIB], sharers);
    let (eight, _) = with(|cx| regions(&zen(&[1, 1, 8]), Operation::Read, cx));
    assert_eq!(eight[2], (2, 2 * MIB));
    // A quarter of a share would lie in the second level: the floor is twice of that.
    let (stores, notes) = with(|cx| regions(&zen(&[1, 1, 8]), Operation::Write, cx));
    assert_eq!((stores[2], notes.as_str()), ((2, 2 * MIB), ""));
    // Two threads of a core have half of its private levels each.
    let (threads, _) = with(|cx| regions(&zen(&[2, 2, 16]), Operation::Read, cx));
    assert_eq!(threads, [(0, 8 * KIB), (1, 256 * KIB), (2, MIB)]);
    // No room between the levels: no row, and it is said.
    let small = levels(&[32 * KIB, MIB, 6 * MIB], &[1, 1, 8]);
    let (rows, notes) = with(|cx| regions(&small, Operation::Read, cx));
    assert_eq!(rows.len(), 2);
    assert!(notes.contains("L3"), "{notes}");
}

#[test]
fn a_team_over_unlike_cores_takes_what_fits_all() {
    use crate::host::caches::Level;
    let level = |bytes, cpus: std::ops::Range<u32>| Level { bytes, ways: None, shared: cpus.collect() };
    let seat = |cpu, levels| Seat { cpu, levels, labels: Labels::new() };
    // Performance cores with a second level each, efficiency cores of which four share one.
    let performance = seat(0, vec![level(48 * KIB, 0..2), level(1280 * KIB, 0..2), level(30 * MIB, 0..24)]);
    let efficiency = seat(16, vec![level(32 * KIB, 16..17), level(2 * MIB, 16..20), level(30 * MIB, 0..24)]);
    let cpus = [0, 2, 16, 17, 18, 19];
    let found = Found { declared: performance.sizes(), ..Found::default() };
    let shares = shares(&found, &[performance, efficiency], &cpus);
    assert_eq!(shares, [(0, 32 * KIB, 1), (1, 2 * MIB, 4), (2, 30 * MIB, 6)]);
}

/// The fault: an array that fits the cache where memory is meant.
#[test]
fn an_array_that_fits_the_cache_is_no_memory() {
    let choose = |asked: u64, caches: Option<u64>, room: Option<u64>| with(|cx| memory_region(asked, caches, room, cx));
    let (region, notes) = choose(16 * MIB, Some(32 * MIB), None);
    assert!(region.is_none() && notes.contains("fits the caches"), "{notes}");
    let (region, notes) = choose(DEFAULT, Some(32 * MIB), Some(48 * MIB));
    assert!(region.is_none() && notes.contains("fits the caches"), "{notes}");
    let (region, notes) = choose(100 * MIB, Some(32 * MIB), None);
    assert!(region == Some(100 * MIB) && notes.contains("below four times"), "{notes}");
    assert_eq!(choose(DEFAULT, Some(96 * MIB), Some(8 << 30)), (Some(384 * MIB), String::new()));
    assert_eq!(choose(DEFAULT, Some(8 * MIB), None), (Some(DEFAULT), String::new()));
    assert!(choose(DEFAULT, None, None).1.contains("unknown"));
}

#[test]
fn the_default_is_the_one_that_grows() {
    let args = PROBE.info.args(&std::collections::BTreeMap::new(), false).unwrap();
    assert_eq!(args.whole(MEMORY.name), DEFAULT);
}
