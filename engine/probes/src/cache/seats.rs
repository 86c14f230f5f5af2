//! Where a probe of the caches sits down: on one CPU of each group of them, or of the first.

use engine_core::probe::{ParamDef, ParamKind};
use engine_core::series::Labels;

use crate::Context;
use crate::harness::pin;
use crate::host::caches::{CacheMap, Level, cache_map};

/// One measurement for each group of CPUs that share a last-level cache.
pub(super) const ALL_GROUPS: ParamDef = groups("all");
/// One measurement, on the first group.
pub(super) const FIRST_GROUP: ParamDef = groups("first");

const fn groups(default: &'static str) -> ParamDef {
    ParamDef {
        name: "groups",
        kind: ParamKind::Choice(&["all", "first"]),
        default: Some(default),
        tiny: None,
        doc: "groups of CPUs that share a last-level cache (and have equal private ones): each, or the first",
    }
}

/// A CPU to measure on, and what its caches are declared to be.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// The CPU, the first usable one of its group.
    pub(super) cpu: usize,
    /// Declared data caches; empty where nothing is declared.
    pub(super) levels: Vec<Level>,
    /// The group, where the machine has several.
    pub(super) labels: Labels,
}

impl Seat {
    /// Declared bytes by level.
    pub(super) fn sizes(&self) -> Vec<u64> {
        self.levels.iter().map(|level| level.bytes).collect()
    }
}

/// The seats that `groups` asks for, at least one. Notes what is odd about the caches as a whole.
pub(super) fn seats(cx: &mut Context<'_>, which: &str) -> Vec<Seat> {
    let allowed = pin::allowed().unwrap_or_else(|_| vec![0]);
    let map = cache_map();
    note_unequal(cx, &map);
    of(&map, &allowed, which)
}

fn of(map: &CacheMap, allowed: &[usize], which: &str) -> Vec<Seat> {
    let several = map.groups.len() > 1;
    let mut seats: Vec<Seat> = map
        .usable(allowed)
        .into_iter()
        .map(|(cpu, group)| {
            let labels = if several { Labels::new().with("group", group.name()) } else { Labels::new() };
            Seat { cpu, levels: group.levels.clone(), labels }
        })
        .collect();
    if seats.is_empty() {
        let cpu = allowed.first().copied().unwrap_or(0);
        seats.push(Seat { cpu, levels: Vec::new(), labels: Labels::new() });
    }
    if which == "first" {
        seats.truncate(1);
    }
    seats
}

fn note_unequal(cx: &mut Context<'_>, map: &CacheMap) {
    if map.asymmetric_l3 {
        cx.note("asymmetric_l3: third-level caches of unequal size are declared, so results depend on the CPU");
    }
    if let Some(mode) = &map.x3d_mode {
        cx.note(format!("the driver for stacked caches prefers `{mode}`"));
    }
}

/// Whether the machine declares third-level caches of unequal size.
pub(super) fn asymmetric_l3() -> bool {
    cache_map().asymmetric_l3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::caches::Group;
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    fn map() -> CacheMap {
        let level = |bytes, cpus: std::ops::Range<u32>| Level { bytes, ways: None, shared: cpus.collect() };
        let group = |cpus: std::ops::Range<u32>, mib: u64| Group {
            cpus: cpus.clone().collect::<BTreeSet<u32>>(),
            levels: vec![level(32 << 10, 0..1), level(1 << 20, 0..1), level(mib << 20, cpus)],
        };
        CacheMap {
            groups: vec![group(0..8, 96), group(8..16, 32)],
            asymmetric_l3: true,
            x3d_mode: Some("cache".into()),
        }
    }

    #[test]
    fn each_group_has_one_seat_under_its_name() {
        let all: Vec<usize> = (0..16).collect();
        let seats = of(&map(), &all, "all");
        let places: Vec<_> = seats.iter().map(|s| (s.cpu, s.sizes()[2] >> 20, s.labels.get("group"))).collect();
        assert_eq!(places, [(0, 96, Some("0-7")), (8, 32, Some("8-15"))]);
        assert_eq!(of(&map(), &all, "first").len(), 1);
        let second = of(&map(), &[12, 13], "first");
        assert_eq!((second[0].cpu, second[0].labels.get("group")), (12, Some("8-15")));
    }

    #[test]
    fn without_groups_there_is_a_seat_without_a_name() {
        let seats = of(&CacheMap::default(), &[3, 4], "all");
        assert_eq!((seats.len(), seats[0].cpu, seats[0].levels.len()), (1, 3, 0));
        assert!(seats[0].labels.is_empty());
        assert_eq!(of(&CacheMap::default(), &[], "all")[0].cpu, 0);
    }

    #[test]
    fn unequal_caches_and_the_driver_are_told() {
        let cancel = AtomicBool::new(false);
        let mut cx = Context::new(Path::new("/"), &cancel, std::time::Instant::now(), 1, 0, false);
        note_unequal(&mut cx, &map());
        let notes = cx.finish().1.join("; ");
        assert!(notes.contains("asymmetric_l3") && notes.contains("`cache`"), "{notes}");
    }
}
