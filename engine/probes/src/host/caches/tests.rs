use super::super::recorded::{CONTAINER, DESKTOP, HYBRID, MANY, SERVER, UNEQUAL, unpack};
use super::*;

fn recorded(record: &str) -> CacheMap {
    map(&Tree::new(unpack(record).path()))
}

fn shapes(map: &CacheMap) -> Vec<(String, Vec<u64>)> {
    map.groups.iter().map(|group| (group.name(), group.sizes().iter().map(|bytes| bytes >> 10).collect())).collect()
}

#[test]
fn one_stacked_cache_is_one_group() {
    let map = recorded(DESKTOP);
    assert_eq!(shapes(&map), [("0-15".to_owned(), vec![32, 1024, 98_304])]);
    assert!(!map.asymmetric_l3 && map.x3d_mode.is_none());
    let ways: Vec<_> = map.groups[0].levels.iter().map(|level| (level.ways, level.shared.len())).collect();
    assert_eq!(ways, [(Some(8), 2), (Some(8), 2), (Some(16), 16)]);
}

#[test]
fn two_unequal_dies_are_two_groups_and_flagged() {
    let map = recorded(UNEQUAL);
    let expected =
        [("0-7,16-23".to_owned(), vec![32, 1024, 98_304]), ("8-15,24-31".to_owned(), vec![32, 1024, 32_768])];
    assert_eq!(shapes(&map), expected);
    assert!(map.asymmetric_l3);
    assert_eq!(map.x3d_mode.as_deref(), Some("frequency"));
    let all: Vec<usize> = (0..32).collect();
    assert_eq!(map.usable(&all).iter().map(|(cpu, _)| *cpu).collect::<Vec<_>>(), [0, 8]);
    // Confined to the second die, only that one is measured.
    assert_eq!(
        map.usable(&[9, 25]).iter().map(|(cpu, group)| (*cpu, group.sizes()[2] >> 20)).collect::<Vec<_>>(),
        [(9, 32)]
    );
}

#[test]
fn equal_complexes_are_groups_of_their_own_and_not_flagged() {
    let map = recorded(SERVER);
    let names: Vec<String> = map.groups.iter().map(Group::name).collect();
    assert_eq!(names, ["0-3,16-19", "4-7,20-23", "8-11,24-27", "12-15,28-31"]);
    assert!(!map.asymmetric_l3);
    let many = recorded(MANY);
    assert_eq!(many.groups.len(), 8);
    assert_eq!(many.groups[7].name(), "56-63,120-127");
    assert!(many.groups.iter().all(|group| group.sizes() == [32 << 10, 512 << 10, 32 << 20] && group.cpus.len() == 16));
    assert!(!many.asymmetric_l3);
}

#[test]
fn unlike_cores_over_one_last_level_are_groups_of_their_own() {
    let map = recorded(HYBRID);
    let expected = [("0-15".to_owned(), vec![48, 1280, 30_720]), ("16-23".to_owned(), vec![32, 2048, 30_720])];
    assert_eq!(shapes(&map), expected);
    assert!(!map.asymmetric_l3, "one last level serves both");
    let sharers = |group: &Group| group.levels.iter().map(|level| level.shared.len()).collect::<Vec<_>>();
    assert_eq!(sharers(&map.groups[0]), [2, 2, 24]);
    assert_eq!(sharers(&map.groups[1]), [1, 4, 24], "four efficiency cores share a second level");
    assert_eq!(map.groups[1].levels[1].sharers(&[0, 16, 17, 20]), 2, "of a team on these CPUs");
}

#[test]
fn without_a_declaration_there_is_no_group() {
    assert_eq!(recorded(CONTAINER), CacheMap::default());
    assert_eq!(map(&Tree::new(Path::new("/nonexistent"))), CacheMap::default());
}

#[test]
fn cpus_that_are_offline_or_without_a_third_level() {
    let cpu = "sys/devices/system/cpu/cpu{0-3}/cache";
    let record = format!(
        "sys/devices/system/cpu/online: 0-1,3\n{cpu}/index0/level: 1\n{cpu}/index0/type: Data\n{cpu}/index0/size: 64K\n\
         {cpu}/index1/level: 2\n{cpu}/index1/type: Unified\n{cpu}/index1/size: 1M\n"
    );
    assert_eq!(shapes(&recorded(&record)), [("0-1,3".to_owned(), vec![64, 1024])], "equal private caches, one group");
}
