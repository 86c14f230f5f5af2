//! Recorded machines, unpacked from `tests/data/hosts` and read as if they were this one.

mod parts;

use super::collect::{Options, collect};
use super::{cpu_list, tree::Tree};
use engine_core::environment::{Environment, L3Group};
use engine_core::fact::Fact;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::path::{Path, PathBuf};

pub(super) const DESKTOP: &str = include_str!("../../tests/data/hosts/7800x3d.txt");
pub(super) const UNEQUAL: &str = include_str!("../../tests/data/hosts/7950x3d.txt");
pub(super) const SERVER: &str = include_str!("../../tests/data/hosts/epyc-9124.txt");
pub(super) const HYBRID: &str = include_str!("../../tests/data/hosts/i9-12900k.txt");
pub(super) const MANY: &str = include_str!("../../tests/data/hosts/epyc-7763.txt");
pub(super) const CONTAINER: &str = include_str!("../../tests/data/hosts/container-without-sys.txt");
const RECORDS: [&str; 6] = [DESKTOP, UNEQUAL, SERVER, MANY, HYBRID, CONTAINER];

/// A path with each number that it stands for.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (numbers, after) = rest.split_once('}').unwrap();
    cpu_list::parse(numbers).unwrap().into_iter().map(|number| format!("{before}{number}{after}")).collect()
}

fn first(path: &str) -> String {
    expanded(path).swap_remove(0)
}

pub(super) fn unpack(record: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for line in record.lines().filter(|line| !line.starts_with('#')) {
        let (path, content) = line.split_once(": ").unwrap();
        let content = content.replace("\\n", "\n").replace("\\t", "\t");
        for path in expanded(path) {
            let place = folder.path().join(&path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, &content).unwrap();
        }
    }
    folder
}

fn read(folder: &Path) -> Environment {
    let options = Options { results: Some(PathBuf::from("/var/results")), ..Options::default() };
    collect(folder, &options)
}

fn environment(record: &str) -> Environment {
    read(unpack(record).path())
}

fn groups(env: &Environment) -> Vec<(&str, u64)> {
    let mib = |group: &'_ L3Group| group.size_bytes >> 20;
    env.cpu.l3_groups.known().unwrap().iter().map(|group| (group.cpus.as_str(), mib(group))).collect()
}

fn counts(env: &Environment) -> [Option<u32>; 4] {
    [
        env.cpu.sockets.copied(),
        env.cpu.physical_cores.copied(),
        env.cpu.logical_cpus.copied(),
        env.cpu.allowed_count.copied(),
    ]
}

#[test]
fn a_desktop_with_one_large_cache() {
    let env = environment(DESKTOP);
    assert_eq!(env.cpu.model.as_deref(), Some("AMD Ryzen 7 7800X3D 8-Core Processor"));
    assert_eq!(groups(&env), [("0-15", 96)]);
    assert_eq!(counts(&env), [Some(1), Some(8), Some(16), Some(16)]);
    let caches = env.cpu.caches.known().unwrap();
    let shapes: Vec<_> =
        caches.iter().map(|c| (c.name.as_str(), c.size_bytes >> 10, c.shared_cpu_lists.len())).collect();
    assert_eq!(shapes, [("L1d", 32, 8), ("L1i", 32, 8), ("L2", 1024, 8), ("L3", 98304, 1)]);
    assert_eq!(env.cpu.max_mhz, Fact::Known(5050.0));
    assert_eq!((env.cpu.governor.as_deref(), env.cpu.boost.copied()), (Some("powersave"), Some(true)));
    assert_eq!(env.virtualization.hypervisor, Fact::Known(None));
    assert_eq!(env.cgroup.cpu_quota, Fact::Known(None));
    assert_eq!(env.storage.results.device.as_deref(), Some("nvme0n1"));
    assert_eq!(env.storage.results.scheduler.as_deref(), Some("none"));
    assert_eq!(env.storage.results.size_bytes, Fact::Known(1_953_525_168 * 512));
    let gpus = env.gpus.known().unwrap();
    assert_eq!((gpus.len(), gpus[0].name.as_str(), gpus[0].driver.as_deref()), (1, "AMD 0x744c", Some("amdgpu")));
    let sensors = env.temperatures.known().unwrap();
    assert_eq!((sensors[0].label.as_str(), sensors[0].celsius), ("k10temp Tctl", 48.25));
    assert_eq!(env.power.rapl.known().unwrap(), &["package-0"]);
    assert_eq!(env.load.before.pressure_cpu, Fact::Known(0.015));
    assert_eq!(env.os.thp.as_deref(), Some("madvise"));
    assert_eq!(env.os.libc.reason(), Some("a recorded tree"));
}

#[test]
fn two_unequal_groups_are_told_apart() {
    let env = environment(UNEQUAL);
    assert_eq!(groups(&env), [("0-7,16-23", 96), ("8-15,24-31", 32)]);
    assert_eq!(counts(&env), [Some(1), Some(16), Some(32), Some(32)]);
    assert_eq!(env.cpu.x3d_mode.as_deref(), Some("frequency"));
}

#[test]
fn a_server_with_four_groups_and_a_limit() {
    let env = environment(SERVER);
    assert_eq!(groups(&env), [("0-3,16-19", 16), ("4-7,20-23", 16), ("8-11,24-27", 16), ("12-15,28-31", 16)]);
    assert_eq!(counts(&env), [Some(1), Some(16), Some(32), Some(8)]);
    assert_eq!(env.os.numa_nodes.known().unwrap().len(), 4);
    assert_eq!(env.cgroup.cpu_quota, Fact::Known(Some(4.0)));
    assert_eq!(env.cgroup.memory_limit_bytes, Fact::Known(Some(16 << 30)));
    assert_eq!(env.machine.product.as_deref(), Some("Supermicro AS -1015CS-TNR"));
}

#[test]
fn both_kinds_of_core_keep_their_caches() {
    let env = environment(HYBRID);
    assert_eq!(counts(&env), [Some(1), Some(16), Some(24), Some(24)]);
    assert_eq!(groups(&env), [("0-23", 30)]);
    let types: Vec<_> =
        env.cpu.core_types.known().unwrap().iter().map(|t| (t.name.as_str(), t.cpus.as_str())).collect();
    assert_eq!(types, [("performance", "0-15"), ("efficiency", "16-23")]);
    let caches = env.cpu.caches.known().unwrap();
    let l2: Vec<_> =
        caches.iter().filter(|c| c.name == "L2").map(|c| (c.size_bytes >> 10, c.shared_cpu_lists.len())).collect();
    assert_eq!(l2, [(1280, 8), (2048, 2)]);
    assert_eq!((env.cpu.min_mhz.copied(), env.cpu.max_mhz.copied()), (Some(800.0), Some(5200.0)));
    assert_eq!(env.cpu.boost, Fact::Known(true));
    assert_eq!(env.power.source.as_deref(), Some("battery"));
}

#[test]
fn a_container_without_sys_is_unknown_where_it_must_be() {
    let env = environment(CONTAINER);
    assert_eq!(counts(&env), [None, None, Some(2), Some(1)]);
    assert_eq!(env.virtualization.hypervisor, Fact::Known(Some("unnamed".into())));
    assert_eq!(env.virtualization.container, Fact::Known(Some("docker".into())));
    for reason in [
        env.cpu.l3_groups.reason(),
        env.cpu.governor.reason(),
        env.cpu.core_types.reason(),
        env.gpus.reason(),
        env.cgroup.memory_limit_bytes.reason(),
        env.os.thp.reason(),
        env.storage.results.device.reason(),
        env.power.rapl.reason(),
        env.temperatures.reason(),
        env.machine.id.reason(),
        env.os.kernel.reason(),
    ] {
        assert!(reason.is_some_and(|reason| reason.len() > 5), "{reason:?}");
    }
    assert_eq!(env.storage.results.filesystem.as_deref(), Some("overlay"));
}

#[test]
fn an_empty_tree_knows_nothing_but_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    let known: Vec<_> = read(folder.path())
        .fields()
        .into_iter()
        .filter(|(field, value)| !value.starts_with("unknown (") && !field.starts_with("binary."))
        .collect();
    assert_eq!(known, []);
}

#[test]
fn unlike_machines_are_told_apart_and_equal_ones_are_not() {
    let ids: std::collections::BTreeSet<_> = RECORDS.iter().map(|record| environment(record).class_id()).collect();
    assert_eq!(ids.len(), RECORDS.len());
    assert!(environment(SERVER).differences(&environment(SERVER)).is_empty());
}

#[test]
fn a_record_holds_no_path_of_the_tree_it_was_read_from() {
    let folder = unpack(CONTAINER);
    let json = serde_json::to_string(&read(folder.path())).unwrap();
    assert!(!json.contains(folder.path().to_str().unwrap()));
    assert!(Tree::new(Path::new("/")).is_live() && !Tree::new(folder.path()).is_live());
}

/// Whatever one file holds, nothing panics and the record keeps all its fields.
#[test]
fn odd_contents_do_no_harm() {
    let folder = unpack(HYBRID);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let paths: Vec<_> = HYBRID.lines().filter_map(|line| line.split_once(": ")).map(|(path, _)| first(path)).collect();
    let case = (proptest::sample::select(paths), any::<String>(), any::<proptest::sample::Index>());
    let expected = Environment::default().fields().len();
    let outcome = runner.run(&case, |(path, garbage, cut)| {
        let place = folder.path().join(path);
        let whole = std::fs::read(&place).unwrap();
        // Torn somewhere, then garbage.
        let kept = if whole.is_empty() { 0 } else { cut.index(whole.len()) };
        std::fs::write(&place, [&whole[..kept], garbage.as_bytes()].concat()).unwrap();
        let fields = read(folder.path()).fields().len();
        std::fs::write(&place, whole).unwrap();
        prop_assert_eq!(fields, expected);
        Ok(())
    });
    outcome.unwrap();
}
