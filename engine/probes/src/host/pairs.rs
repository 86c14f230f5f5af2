//! Pairs of CPUs, and how close they are: two threads of a core, neighbours on one last-level cache, and beyond.

use std::path::Path;

use super::cpu_list;
use super::tree::Tree;

/// How close two CPUs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// Threads of one core.
    Sibling,
    /// Cores on one third-level cache.
    SameL3,
    /// Cores of one package on different third-level caches.
    OtherL3,
    /// CPUs of different packages.
    OtherSocket,
    /// The system does not tell.
    Unknown,
}

impl Relation {
    /// The word for a label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sibling => "sibling",
            Self::SameL3 => "same_l3",
            Self::OtherL3 => "other_l3",
            Self::OtherSocket => "other_socket",
            Self::Unknown => "unknown",
        }
    }
}

/// Two CPUs, the lower first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// One CPU.
    pub from: usize,
    /// The other.
    pub to: usize,
    /// How close they are.
    pub relation: Relation,
}

/// The pairs of these CPUs, and whether they are all: when they are more than `limit`, as many of each relation as fit,
/// evenly spread. The same pairs come every time.
#[must_use]
pub fn pairs(cpus: &[usize], limit: usize) -> (Vec<Pair>, bool) {
    choose(all(&Tree::new(Path::new("/")), cpus), limit)
}

/// What the system tells of a CPU's place.
struct Place {
    cpu: usize,
    siblings: Option<String>,
    l3: Option<String>,
    package: Option<String>,
}

impl Place {
    fn read(tree: &Tree, cpu: usize) -> Self {
        let base = format!("/sys/devices/system/cpu/cpu{cpu}");
        let text = |path: String| tree.text(&path).known().filter(|text| !text.is_empty()).cloned();
        let l3 = (0..8).find_map(|index| {
            let level = text(format!("{base}/cache/index{index}/level"))?;
            (level == "3").then(|| text(format!("{base}/cache/index{index}/shared_cpu_list")))?
        });
        Self {
            cpu,
            siblings: text(format!("{base}/topology/thread_siblings_list")),
            l3,
            package: text(format!("{base}/topology/physical_package_id")),
        }
    }

    fn to(&self, other: &Self) -> Relation {
        let shares = |list: &Option<String>| {
            let cpus = cpu_list::parse(list.as_deref()?)?;
            Some(u32::try_from(other.cpu).is_ok_and(|cpu| cpus.contains(&cpu)))
        };
        if shares(&self.siblings) == Some(true) {
            return Relation::Sibling;
        }
        if let (Some(one), Some(two)) = (&self.package, &other.package)
            && one != two
        {
            return Relation::OtherSocket;
        }
        match shares(&self.l3) {
            Some(true) => Relation::SameL3,
            Some(false) => Relation::OtherL3,
            None => Relation::Unknown,
        }
    }
}

fn all(tree: &Tree, cpus: &[usize]) -> Vec<Pair> {
    let places: Vec<Place> = cpus.iter().map(|&cpu| Place::read(tree, cpu)).collect();
    let mut pairs = Vec::with_capacity(cpus.len() * cpus.len().saturating_sub(1) / 2);
    for (at, one) in places.iter().enumerate() {
        pairs.extend(places[at + 1..].iter().map(|two| Pair { from: one.cpu, to: two.cpu, relation: one.to(two) }));
    }
    pairs
}

fn choose(mut pairs: Vec<Pair>, limit: usize) -> (Vec<Pair>, bool) {
    if pairs.len() <= limit {
        return (pairs, true);
    }
    pairs.sort_by_key(|pair| (pair.relation, *pair));
    let mut groups: Vec<&[Pair]> = pairs.chunk_by(|one, two| one.relation == two.relation).collect();
    // Small groups first: what they leave of their share goes to the larger ones.
    groups.sort_by_key(|group| group.len());
    let (mut chosen, mut left, count) = (Vec::new(), limit, groups.len());
    for (at, group) in groups.into_iter().enumerate() {
        let share = (left / (count - at)).max(usize::from(left > 0)).min(group.len());
        chosen.extend((0..share).map(|i| group[i * group.len() / share]));
        left -= share;
    }
    chosen.sort_unstable();
    (chosen, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Two packages of two third-level caches, each with two cores of two threads.
    fn server(files: &[&str]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for cpu in 0..16 {
            let (core, l3, package) = (cpu / 2 * 2, cpu / 4 * 4, cpu / 8);
            for (path, text) in [
                ("topology/thread_siblings_list", format!("{core}-{}", core + 1)),
                ("topology/physical_package_id", package.to_string()),
                ("cache/index0/level", "1".to_owned()),
                ("cache/index3/level", "3".to_owned()),
                ("cache/index3/shared_cpu_list", format!("{l3}-{}", l3 + 3)),
            ] {
                if files.iter().any(|file| path.starts_with(file)) {
                    let path = folder.path().join(format!("sys/devices/system/cpu/cpu{cpu}/{path}"));
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, text + "\n").unwrap();
                }
            }
        }
        let tree = Tree::new(folder.path());
        (folder, tree)
    }

    fn counts(pairs: &[Pair]) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        pairs.iter().for_each(|pair| *counts.entry(pair.relation.name()).or_default() += 1);
        counts
    }

    #[test]
    fn every_pair_of_a_server_has_its_relation() {
        let (_folder, tree) = server(&["topology", "cache/index0", "cache/index3"]);
        let (pairs, whole) = choose(all(&tree, &(0..16).collect::<Vec<_>>()), 120);
        assert!(whole && pairs.len() == 120);
        let expected = [("other_l3", 32), ("other_socket", 64), ("same_l3", 16), ("sibling", 8)];
        assert_eq!(counts(&pairs), BTreeMap::from(expected));
        assert!(pairs.iter().all(|pair| pair.from < pair.to));
    }

    #[test]
    fn a_sample_has_of_every_relation_and_is_the_same_each_time() {
        let (_folder, tree) = server(&["topology", "cache/index0", "cache/index3"]);
        let cpus: Vec<usize> = (0..16).collect();
        for (limit, each) in [(4, 1), (20, 5), (40, 8)] {
            let (pairs, whole) = choose(all(&tree, &cpus), limit);
            assert!(!whole && pairs.len() == limit, "{limit}: {}", pairs.len());
            assert_eq!(counts(&pairs)["sibling"], each, "{limit}");
            assert_eq!(counts(&pairs).len(), 4);
            assert!(pairs.is_sorted_by(|one, two| one < two), "no pair twice");
            assert_eq!(choose(all(&tree, &cpus), limit).0, pairs);
        }
        assert_eq!(choose(all(&tree, &cpus), 1).0.len(), 1);
    }

    #[test]
    fn where_nothing_is_told_the_relation_is_unknown() {
        let (_folder, tree) = server(&[]);
        assert_eq!(counts(&all(&tree, &[0, 1, 9])), BTreeMap::from([("unknown", 3)]));
        let (_folder, tree) = server(&["topology"]);
        let expected = [("other_socket", 2), ("sibling", 1)];
        assert_eq!(counts(&all(&tree, &[0, 1, 9])), BTreeMap::from(expected));
        assert!(pairs(&[0], 5).0.is_empty());
    }
}
