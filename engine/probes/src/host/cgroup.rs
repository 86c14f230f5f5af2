//! The limits of our control group, version 1 or 2: the tightest on the way from our group to the root, since each
//! ancestor binds too.

use super::mounts::{self, Mount};
use super::tree::Tree;
use engine_core::environment::Cgroup;
use engine_core::fact::Fact;
use std::path::Path;

/// Version 1 writes "no limit" as a number near the largest signed one, rounded down to a page.
const V1_NO_LIMIT: u64 = 1 << 62;

/// Where our group of one controller lies.
#[derive(Debug)]
pub(crate) struct Place {
    /// Whether it is the unified hierarchy.
    pub(crate) unified: bool,
    /// The mount point of the hierarchy.
    mount: String,
    /// Our group below it; empty for its root.
    group: String,
}

impl Place {
    /// Our own folder.
    pub(crate) fn folder(&self) -> String {
        format!("{}{}", self.mount, self.group)
    }

    /// Our folder and those above, up to the mount point.
    fn folders(&self) -> Vec<String> {
        let mut group = self.group.as_str();
        let mut folders = vec![format!("{}{group}", self.mount)];
        while let Some((parent, _)) = group.rsplit_once('/') {
            group = parent;
            folders.push(format!("{}{group}", self.mount));
        }
        folders
    }
}

/// Finds our group for a controller such as `cpu`. The unified hierarchy serves what no version 1 mount serves.
pub(crate) fn place(tree: &Tree, controller: &str) -> Fact<Place> {
    let groups = tree.text("/proc/self/cgroup");
    let table = tree.text("/proc/self/mountinfo");
    let (groups, table) = match (groups, table) {
        (Fact::Known(groups), Fact::Known(table)) => (groups, mounts::parse(&table)),
        (Fact::Unknown(reason), _) | (_, Fact::Unknown(reason)) => return Fact::Unknown(reason),
    };
    let found = v1(&groups, &table, controller).or_else(|| v2(&groups, &table));
    Fact::or_unknown(found, format!("no `{controller}` control group is mounted"))
}

fn v1(groups: &str, table: &[Mount], controller: &str) -> Option<Place> {
    let group = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, names, group) = (parts.next()?, parts.next()?, parts.next()?);
        names.split(',').any(|name| name == controller).then_some(group)
    })?;
    let mount =
        table.iter().find(|mount| mount.kind == "cgroup" && mount.options.split(',').any(|o| o == controller))?;
    Some(below(mount, group, false))
}

fn v2(groups: &str, table: &[Mount]) -> Option<Place> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mount = table.iter().find(|mount| mount.kind == "cgroup2")?;
    Some(below(mount, group, true))
}

/// In a container the mount shows only a part of the hierarchy: the group's path starts with that part.
fn below(mount: &Mount, group: &str, unified: bool) -> Place {
    let group = group.trim_end_matches('/');
    let shown = mount.root.trim_end_matches('/');
    let group = match group.strip_prefix(shown) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        // Our group lies outside what is mounted: its root is the nearest that can be read.
        _ => "",
    };
    Place { unified, mount: mount.point.to_string_lossy().into_owned(), group: group.to_owned() }
}

/// Reads all limits.
pub(crate) fn read(tree: &Tree) -> Cgroup {
    Cgroup {
        version: version(tree),
        cpu_quota: place(tree, "cpu").and_then(|place| cpu_quota(tree, &place)),
        memory_limit_bytes: place(tree, "memory").and_then(|place| memory_limit(tree, &place)),
        cpuset: place(tree, "cpuset").and_then(|place| cpuset(tree, &place)),
        memory_used_bytes: place(tree, "memory").and_then(|place| memory_used(tree, &place)),
        memory_limit_hits: place(tree, "memory").and_then(|place| event(tree, &place, "max", "memory.failcnt")),
        oom_kills: place(tree, "memory").and_then(|place| event(tree, &place, "oom_kill", "memory.oom_control")),
    }
}

fn version(tree: &Tree) -> Fact<String> {
    tree.text("/proc/self/mountinfo").and_then(|text| {
        let table = mounts::parse(&text);
        let has = |kind: &str| table.iter().any(|mount| mount.kind == kind);
        match (has("cgroup"), has("cgroup2")) {
            (true, true) => Fact::Known("hybrid".to_owned()),
            (true, false) => Fact::Known("1".to_owned()),
            (false, true) => Fact::Known("2".to_owned()),
            (false, false) => Fact::unknown("no control group is mounted"),
        }
    })
}

/// The smallest of the limits on the way up. The root has no file, which is no limit; a group of ours whose file is
/// missing as well means that the controller is not on there, which binds nothing either.
fn tightest<T: PartialOrd>(tree: &Tree, place: &Place, read: impl Fn(&str) -> Fact<Option<T>>) -> Fact<Option<T>> {
    if !Path::new(&tree.path(&place.mount)).is_dir() {
        return Fact::Unknown(format!("no `{}`", place.mount));
    }
    let mut tightest: Option<T> = None;
    for folder in place.folders() {
        match read(&folder) {
            Fact::Known(Some(limit)) if tightest.as_ref().is_none_or(|least| limit < *least) => tightest = Some(limit),
            Fact::Known(_) => {}
            Fact::Unknown(reason) if reason.starts_with("no `") => {}
            Fact::Unknown(reason) => return Fact::Unknown(reason),
        }
    }
    Fact::Known(tightest)
}

fn cpu_quota(tree: &Tree, place: &Place) -> Fact<Option<f64>> {
    tightest(tree, place, |folder| {
        if place.unified {
            let path = format!("{folder}/cpu.max");
            return tree
                .text(&path)
                .and_then(|text| Fact::or_unknown(cpu_max(&text), format!("`{path}` holds `{text}`")));
        }
        let quota = tree.value::<i64>(&format!("{folder}/cpu.cfs_quota_us"));
        let period = tree.value::<i64>(&format!("{folder}/cpu.cfs_period_us"));
        match (quota, period) {
            (Fact::Known(quota), Fact::Known(period)) if quota > 0 && period > 0 => {
                Fact::Known(Some(quota as f64 / period as f64))
            }
            (Fact::Known(_), Fact::Known(_)) => Fact::Known(None),
            (Fact::Unknown(reason), _) | (_, Fact::Unknown(reason)) => Fact::Unknown(reason),
        }
    })
}

/// `max 100000` or `150000 100000`, in CPUs; the outer `None` when it is neither.
fn cpu_max(text: &str) -> Option<Option<f64>> {
    let mut words = text.split_ascii_whitespace();
    let quota = words.next()?;
    let period = words.next().map_or(Some(100_000), |period| period.parse::<u64>().ok())?;
    if quota == "max" {
        return Some(None);
    }
    let quota = quota.parse::<u64>().ok()?;
    (period > 0).then(|| Some(quota as f64 / period as f64))
}

fn memory_limit(tree: &Tree, place: &Place) -> Fact<Option<u64>> {
    let file = if place.unified { "memory.max" } else { "memory.limit_in_bytes" };
    tightest(tree, place, |folder| {
        let path = format!("{folder}/{file}");
        tree.text(&path).and_then(|text| match text.as_str() {
            "max" => Fact::Known(None),
            number => Fact::or_unknown(
                number.parse::<u64>().ok().map(|bytes| Some(bytes).filter(|bytes| *bytes < V1_NO_LIMIT)),
                format!("`{path}` holds `{text}`"),
            ),
        })
    })
}

/// What our own group holds now, page cache included.
fn memory_used(tree: &Tree, place: &Place) -> Fact<u64> {
    let file = if place.unified { "memory.current" } else { "memory.usage_in_bytes" };
    tree.value(&format!("{}/{file}", place.folder()))
}

/// How often something happened to our own group since it was made: a line of `memory.events` in version 2, in version 1
/// a file of one number, or a line of that name in a file of several.
fn event(tree: &Tree, place: &Place, name: &str, v1: &str) -> Fact<u64> {
    let file = if place.unified { "memory.events" } else { v1 };
    let path = format!("{}/{file}", place.folder());
    tree.text(&path).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
        let found = line.or_else(|| text.parse().ok().filter(|_| !place.unified));
        Fact::or_unknown(found, format!("no `{name}` in `{path}`"))
    })
}

/// Bytes that our group and those above it may still take; `None` without a limit. Page cache that lies idle is given
/// back under pressure and does not count as taken.
pub(crate) fn memory_room(tree: &Tree) -> Fact<Option<u64>> {
    let place = match place(tree, "memory") {
        Fact::Known(place) => place,
        Fact::Unknown(reason) => return Fact::Unknown(reason),
    };
    let (most, taken, idle) = if place.unified {
        ("memory.max", "memory.current", "inactive_file ")
    } else {
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
    };
    tightest(tree, &place, |folder| {
        tree.text(&format!("{folder}/{most}")).and_then(|text| {
            let Some(limit) = text.parse::<u64>().ok().filter(|bytes| *bytes < V1_NO_LIMIT) else {
                return Fact::Known(None);
            };
            let stat = tree.text(&format!("{folder}/memory.stat"));
            let idle =
                stat.known().and_then(|stat| stat.lines().find_map(|line| line.strip_prefix(idle)?.parse().ok()));
            tree.value::<u64>(&format!("{folder}/{taken}"))
                .map(|taken| Some(limit.saturating_sub(taken.saturating_sub(idle.unwrap_or(0)))))
        })
    })
}

fn cpuset(tree: &Tree, place: &Place) -> Fact<Option<String>> {
    let folder = place.folder();
    let effective = if place.unified { "cpuset.cpus.effective" } else { "cpuset.effective_cpus" };
    let list = tree.text(&format!("{folder}/{effective}"));
    let list = if list.is_known() { list } else { tree.text(&format!("{folder}/cpuset.cpus")) };
    match list {
        Fact::Known(list) => Fact::Known(Some(list).filter(|list| !list.is_empty())),
        // Without the controller nothing is kept from us.
        Fact::Unknown(_) if tree.exists(&folder) => Fact::Known(None),
        Fact::Unknown(reason) => Fact::Unknown(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tree = Tree::new(folder.path());
        (folder, tree)
    }

    #[test]
    fn an_ancestor_of_the_unified_hierarchy_binds() {
        let (_folder, tree) = tree(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/a/memory.max", "2147483648\n"),
        ]);
        let cgroup = read(&tree);
        assert_eq!(cgroup.version.as_deref(), Some("2"));
        assert_eq!(cgroup.cpu_quota, Fact::Known(Some(1.5)));
        assert_eq!(cgroup.memory_limit_bytes, Fact::Known(Some(1 << 30)));
        assert_eq!(cgroup.cpuset, Fact::Known(None));
    }

    #[test]
    fn version_1_has_its_own_files_and_numbers() {
        let mount = "34 31 0:31 / /cg/NAME rw - cgroup cgroup rw,NAME\n";
        let (_folder, tree) = tree(&[
            ("proc/self/cgroup", "4:memory:/docker/x\n1:cpu,cpuacct:/docker/x\n"),
            (
                "proc/self/mountinfo",
                &(mount.replace("NAME", "memory") + &mount.replace("NAME", "cpu").replace(" / /", " /docker/x /")),
            ),
            ("cg/memory/docker/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cg/memory/docker/x/memory.usage_in_bytes", "4096\n"),
            ("cg/memory/docker/x/memory.failcnt", "3\n"),
            ("cg/memory/docker/x/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            ("cg/cpu/cpu.cfs_quota_us", "50000\n"),
            ("cg/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        let cgroup = read(&tree);
        assert_eq!(cgroup.version.as_deref(), Some("1"));
        assert_eq!(cgroup.cpu_quota, Fact::Known(Some(0.5)));
        assert_eq!(cgroup.memory_limit_bytes, Fact::Known(None));
        assert!(!cgroup.cpuset.is_known());
        assert_eq!((cgroup.memory_used_bytes, cgroup.memory_limit_hits), (Fact::Known(4096), Fact::Known(3)));
        assert_eq!(cgroup.oom_kills, Fact::Known(2));
    }

    #[test]
    fn a_strange_limit_is_unknown_and_not_none() {
        let (_folder, tree) = tree(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", "31 23 0:28 / /c rw - cgroup2 cgroup2 rw\n"),
            ("c/cpu.max", "lots\n"),
        ]);
        assert_eq!(read(&tree).cpu_quota.reason(), Some("`/c/cpu.max` holds `lots`"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = cpu_max(&text);
            let table = mounts::parse(&format!("1 2 3:4 {text} /c rw - cgroup2 x rw"));
            if let Some(place) = v2(&format!("0::{text}"), &table) {
                prop_assert!(!place.folders().is_empty());
            }
            let _ = v1(&text, &table, "cpu");
        }
    }
}
