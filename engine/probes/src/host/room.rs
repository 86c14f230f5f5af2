//! What probes size their work by: memory that may be taken, caches that are declared, and CPUs a core apart.
#![expect(unsafe_code, reason = "a limit of the process is asked for by a system call")]

use super::tree::{Tree, kibibytes};
use super::{cgroup, cpu, cpu_list};
use engine_core::environment::Cache;
use engine_core::fact::Fact;
use std::path::Path;

/// Bytes that may be taken now: the least of what the kernel calls available, what the control group leaves, and what
/// the limit on the address space (`ulimit -v`) leaves. `None` when the system does not tell.
#[must_use]
pub fn available_memory() -> Option<u64> {
    let tree = Tree::new(Path::new("/"));
    let statm = tree.text("/proc/self/statm");
    let addresses = limit_of_addresses().map(|limit| addresses_left(limit, statm.known().map(String::as_str)));
    available(&tree).into_iter().chain(addresses).min()
}

/// The limit on the address space of this process.
fn limit_of_addresses() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is writable; a call that fails leaves it as it is.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// What is left of the limit; `statm` begins with the pages that are mapped now.
fn addresses_left(limit: u64, statm: Option<&str>) -> u64 {
    let pages = statm.and_then(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0);
    limit.saturating_sub(pages.saturating_mul(PAGE))
}

/// Bytes of the pages that `statm` counts. Systems with larger ones count fewer: then the limit looks looser than it
/// is, and the mapping itself is refused, which is a skip.
const PAGE: u64 = 4096;

fn available(tree: &Tree) -> Option<u64> {
    let machine = tree.text("/proc/meminfo").known().and_then(|text| kibibytes(text, "MemAvailable"));
    let group = cgroup::memory_room(tree).copied().flatten();
    machine.into_iter().chain(group).min()
}

/// Sizes of the data caches that a CPU is declared to have, by level from 1, each as one instance.
#[must_use]
pub fn declared_caches(cpu: usize) -> Vec<u64> {
    let Fact::Known(caches) = all_caches(&Tree::new(Path::new("/"))) else { return Vec::new() };
    of_cpu(&caches, u32::try_from(cpu).unwrap_or(u32::MAX))
}

fn of_cpu(caches: &[Cache], cpu: u32) -> Vec<u64> {
    let here = |cache: &&Cache| {
        cache.shared_cpu_lists.iter().filter_map(|list| cpu_list::parse(list)).any(|cpus| cpus.contains(&cpu))
    };
    let level = |level: u32| {
        let names = [format!("L{level}d"), format!("L{level}")];
        caches.iter().filter(here).find(|cache| names.contains(&cache.name)).map(|cache| cache.size_bytes)
    };
    (1..).map_while(level).collect()
}

/// Bytes of all last-level caches together: every instance of the highest level that is declared. `None` when none is.
#[must_use]
pub fn last_level_caches() -> Option<u64> {
    all_caches(&Tree::new(Path::new("/"))).known().and_then(|caches| last_level(caches))
}

fn last_level(caches: &[Cache]) -> Option<u64> {
    let level = |cache: &Cache| cache.name.trim_start_matches('L').trim_end_matches('d').parse::<u32>().ok();
    let highest = caches.iter().filter_map(level).max()?;
    let last = caches.iter().filter(|cache| level(cache) == Some(highest));
    Some(last.map(|cache| cache.size_bytes * cache.shared_cpu_lists.len() as u64).sum())
}

fn all_caches(tree: &Tree) -> Fact<Vec<Cache>> {
    let cpuinfo = tree.text("/proc/cpuinfo");
    cpu::caches(tree, &cpu::online(tree, &cpuinfo))
}

/// The CPUs in an order that gives each core one before any gets its second, and the number of cores among them.
/// Where the system does not tell, each CPU counts as a core.
#[must_use]
pub fn cores_first(cpus: &[usize]) -> (Vec<usize>, usize) {
    ranked(&Tree::new(Path::new("/")), cpus)
}

fn ranked(tree: &Tree, cpus: &[usize]) -> (Vec<usize>, usize) {
    let rank = |&cpu: &usize| {
        let list = tree.text(&format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"));
        let siblings = list.known().and_then(|list| cpu_list::parse(list)).unwrap_or_default();
        // Siblings that this process may not use do not count.
        siblings.into_iter().filter(|other| (*other as usize) < cpu && cpus.contains(&(*other as usize))).count()
    };
    let mut ranks: Vec<(usize, usize)> = cpus.iter().map(|cpu| (rank(cpu), *cpu)).collect();
    ranks.sort_unstable();
    let cores = ranks.iter().filter(|(rank, _)| *rank == 0).count();
    (ranks.into_iter().map(|(_, cpu)| cpu).collect(), cores)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_group_bounds_memory_and_its_page_cache_does_not_count() {
        let mut files = vec![
            ("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n"),
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", "31 23 0:28 / /c rw - cgroup2 cgroup2 rw\n"),
        ];
        assert_eq!(available(&tree(&files).1), Some(8 << 30));
        files.push(("c/a/memory.max", "1073741824\n"));
        files.push(("c/a/memory.current", "536870912\n"));
        let (_folder, group) = tree(&files);
        assert_eq!(available(&group), Some(512 << 20));
        files.push(("c/a/memory.stat", "anon 1\ninactive_file 268435456\nactive_file 7\n"));
        let (_folder, group) = tree(&files);
        assert_eq!(available(&group), Some(768 << 20));
        assert_eq!(available(&tree(&[]).1), None);
    }

    #[test]
    fn version_1_of_control_groups_bounds_memory_too() {
        let (_folder, group) = tree(&[
            ("proc/meminfo", "MemAvailable: 8388608 kB\n"),
            ("proc/self/cgroup", "4:memory:/a/b\n"),
            ("proc/self/mountinfo", "34 31 0:31 / /cg rw - cgroup cgroup rw,memory\n"),
            ("cg/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cg/a/memory.limit_in_bytes", "268435456\n"),
            ("cg/a/memory.usage_in_bytes", "67108864\n"),
            ("cg/a/memory.stat", "total_inactive_file 33554432\n"),
        ]);
        assert_eq!(available(&group), Some(224 << 20));
    }

    #[test]
    fn the_limit_of_the_address_space_counts_what_is_mapped() {
        assert_eq!(addresses_left(1 << 30, Some("65536 100 3")), (1 << 30) - (256 << 20));
        assert_eq!(addresses_left(1 << 20, Some("65536")), 0);
        assert_eq!(addresses_left(1 << 20, None), 1 << 20);
        assert!(available_memory().is_some_and(|bytes| bytes > 0));
    }

    fn cache(name: &str, size_bytes: u64, lists: &[&str]) -> Cache {
        let shared_cpu_lists = lists.iter().map(|list| (*list).to_owned()).collect();
        Cache { name: name.to_owned(), size_bytes, line_bytes: None, ways: None, shared_cpu_lists }
    }

    #[test]
    fn unlike_last_level_caches_are_told_apart_and_added_up() {
        let caches = [
            cache("L1d", 32 << 10, &["0", "1"]),
            cache("L1i", 32 << 10, &["0", "1"]),
            cache("L2", 1 << 20, &["0", "1"]),
            cache("L3", 32 << 20, &["1"]),
            cache("L3", 96 << 20, &["0"]),
        ];
        assert_eq!(of_cpu(&caches, 0), [32 << 10, 1 << 20, 96 << 20]);
        assert_eq!(of_cpu(&caches, 1), [32 << 10, 1 << 20, 32 << 20]);
        assert_eq!(of_cpu(&caches, 2), [0; 0]);
        assert_eq!(last_level(&caches), Some(128 << 20));
        assert_eq!(last_level(&[]), None);
    }

    #[test]
    fn each_core_comes_before_its_second_thread() {
        let folder = "sys/devices/system/cpu/cpu";
        let files: Vec<(String, &str)> = (0..4)
            .map(|cpu| (format!("{folder}{cpu}/topology/thread_siblings_list"), if cpu < 2 { "0-1" } else { "2-3" }))
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (_folder, tree) = tree(&files);
        assert_eq!(ranked(&tree, &[0, 1, 2, 3]), (vec![0, 2, 1, 3], 2));
        assert_eq!(ranked(&tree, &[1, 3]), (vec![1, 3], 2));
        assert_eq!(ranked(&tree, &[7, 8]), (vec![7, 8], 2));
    }
}
