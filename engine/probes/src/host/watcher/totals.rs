//! What a watched process and its descendants have used, and what that was since the last look.

use std::collections::{HashMap, HashSet};

use engine_core::process_sample::Watched;

use super::super::live;
use super::super::tree::{Tree, kibibytes, member};
use super::table::{Process, Table};

/// With more threads than this in a process, reading each one's switches would cost more than they tell.
const MOST_THREADS: usize = 1000;

/// What was used since the last look, and what is held now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) processes: u32,
    /// CPU seconds.
    pub(crate) cpu: Option<f64>,
    /// Bytes.
    pub(crate) rss: Option<u64>,
    pub(crate) fds: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) switches: Option<f64>,
    /// Bytes.
    pub(crate) read: Option<f64>,
    /// Bytes.
    pub(crate) written: Option<f64>,
}

/// Totals at the last look.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Of each family, by its head's id and start.
    families: HashMap<(u32, u64), Family>,
    /// Switches of each thread.
    switches: HashMap<(u32, u32), u64>,
    /// All processes that there were, watched or not.
    seen: HashSet<(u32, u64)>,
    ticks_per_second: f64,
}

/// Totals of a family that only grow: what a member used passes to its parent when the parent takes note of its end.
#[derive(Debug, Clone, Copy, Default)]
struct Family {
    ticks: u64,
    read: Option<u64>,
    written: Option<u64>,
}

/// What one process holds and has used.
#[derive(Debug, Default)]
struct One {
    rss: Option<u64>,
    fds: Option<u64>,
    threads: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    /// By thread; `None` where there are too many.
    switches: Option<Vec<(u32, u64)>>,
}

impl Totals {
    /// The first look: what was used before it does not count.
    pub(crate) fn new(tree: &Tree, table: &Table, watched: Option<&Watched>) -> Self {
        let mut totals = Self { ticks_per_second: live::ticks_per_second() as f64, ..Self::default() };
        totals.look(tree, table, watched, true);
        totals
    }

    /// Looks again.
    pub(crate) fn advance(&mut self, tree: &Tree, table: &Table, watched: Option<&Watched>) -> Usage {
        self.look(tree, table, watched, false)
    }

    fn look(&mut self, tree: &Tree, table: &Table, watched: Option<&Watched>, first: bool) -> Usage {
        let Some(watched) = watched else { return Usage::default() };
        let (mut families, mut switches) = (HashMap::new(), HashMap::new());
        let mut usage = Usage::default();
        for family in table.families(tree, watched) {
            let members: Vec<&Process> = family.iter().filter_map(|pid| table.processes.get(pid)).collect();
            let Some(head) = members.first() else { continue };
            let key = (head.pid, head.started);
            let mut now = Family::default();
            for process in &members {
                let one = One::read(tree, process.pid);
                usage.processes += 1;
                now.ticks = now.ticks.saturating_add(process.ticks);
                add(&mut now.read, one.read);
                add(&mut now.written, one.written);
                add(&mut usage.rss, one.rss);
                add(&mut usage.fds, one.fds);
                add(&mut usage.threads, one.threads);
                let known = one.switches.map(|all| {
                    let pid = process.pid;
                    all.iter().map(|(thread, count)| self.switched(&mut switches, (pid, *thread), *count, first)).sum()
                });
                add_float(&mut usage.switches, known);
            }
            // All that one used which was born since counts; of one that has only now come to be watched (its head died, or
            // it changed its name), or at the first look, nothing does.
            let born = !first && !self.seen.contains(&key);
            let unknown = || if born { Family::default() } else { now };
            let before = self.families.get(&key).copied().unwrap_or_else(unknown);
            let ticks = now.ticks.saturating_sub(before.ticks) as f64;
            add_float(&mut usage.cpu, Some(ticks / self.ticks_per_second.max(1.0)));
            let since = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before.unwrap_or(0)) as f64);
            add_float(&mut usage.read, since(now.read, before.read));
            add_float(&mut usage.written, since(now.written, before.written));
            families.insert(key, now);
        }
        self.families = families;
        self.switches = switches;
        self.seen = table.processes.values().map(|process| (process.pid, process.started)).collect();
        usage
    }

    /// Remembers a thread's switches; gives those since the last look.
    fn switched(&self, to: &mut HashMap<(u32, u32), u64>, thread: (u32, u32), count: u64, first: bool) -> f64 {
        to.insert(thread, count);
        let before = if first { count } else { self.switches.get(&thread).copied().unwrap_or(0) };
        count.saturating_sub(before) as f64
    }
}

fn add(sum: &mut Option<u64>, value: Option<u64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0).saturating_add(value));
    }
}

fn add_float(sum: &mut Option<f64>, value: Option<f64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0.0) + value);
    }
}

impl One {
    fn read(tree: &Tree, pid: u32) -> Self {
        let status = tree.text(&format!("/proc/{pid}/status"));
        let Some(status) = status.known() else { return Self::default() };
        let io = tree.text(&format!("/proc/{pid}/io"));
        let bytes = |name: &str| io.known().and_then(|io| member(io, name)?.parse().ok());
        let threads = member(status, "Threads").and_then(|count| count.parse().ok());
        Self {
            // A process that is ending has no memory any more.
            rss: kibibytes(status, "VmRSS"),
            fds: descriptors(tree, pid),
            threads,
            read: bytes("read_bytes"),
            written: bytes("write_bytes"),
            switches: switches(tree, pid, status, threads),
        }
    }
}

/// Open descriptors. Newer kernels give their number as the size of the folder, without listing it.
fn descriptors(tree: &Tree, pid: u32) -> Option<u64> {
    let path = tree.path(&format!("/proc/{pid}/fd"));
    if tree.is_live() && std::fs::metadata(&path).ok()?.len() > 0 {
        // The folder itself must be readable: its size alone is told to everybody.
        std::fs::read_dir(&path).ok()?;
        return Some(std::fs::metadata(&path).ok()?.len());
    }
    Some(std::fs::read_dir(path).ok()?.count() as u64)
}

/// Switches of each thread: the process's own `status` tells only those of its first.
fn switches(tree: &Tree, pid: u32, status: &str, threads: Option<u64>) -> Option<Vec<(u32, u64)>> {
    let count = |status: &str| -> Option<u64> {
        let one = |name: &str| member(status, name)?.parse::<u64>().ok();
        Some(one("voluntary_ctxt_switches")?.saturating_add(one("nonvoluntary_ctxt_switches")?))
    };
    if threads == Some(1) {
        return Some(vec![(pid, count(status)?)]);
    }
    let names = tree.names(&format!("/proc/{pid}/task"));
    let names = names.known()?;
    if names.len() > MOST_THREADS {
        return None;
    }
    let one = |name: &String| {
        let text = tree.text(&format!("/proc/{pid}/task/{name}/status"));
        Some((name.parse().ok()?, count(text.known()?)?))
    };
    Some(names.iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A process of two threads in a recorded tree.
    fn put(root: &Path, pid: u32, parent: u32, name: &str, ticks: u64, io: u64) {
        let folder = root.join(format!("proc/{pid}"));
        std::fs::create_dir_all(folder.join("fd")).unwrap();
        for fd in 0..3 {
            std::fs::write(folder.join(format!("fd/{fd}")), "").unwrap();
        }
        let stat = format!("{pid} ({name}) S {parent} 1 1 0 -1 0 1 2 3 4 {ticks} 0 0 0 20 0 2 0 {} 1 2", 1000 + pid);
        std::fs::write(folder.join("stat"), stat).unwrap();
        let switched = format!("voluntary_ctxt_switches:\t{ticks}\nnonvoluntary_ctxt_switches:\t1\n");
        std::fs::write(folder.join("status"), format!("Name:\t{name}\nVmRSS:\t  100 kB\nThreads:\t2\n{switched}"))
            .unwrap();
        std::fs::write(folder.join("io"), format!("rchar: 9\nread_bytes: {io}\nwrite_bytes: {}\n", 2 * io)).unwrap();
        for thread in [pid, pid + 1000] {
            let task = folder.join(format!("task/{thread}"));
            std::fs::create_dir_all(&task).unwrap();
            std::fs::write(task.join("status"), &switched).unwrap();
        }
    }

    #[test]
    fn a_family_is_added_up_and_only_what_is_new_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (root, tree) = (folder.path(), Tree::new(folder.path()));
        put(root, 10, 1, "shop", 500, 4096);
        let watched = Watched::Name("shop".into());
        let mut totals = Totals::new(&tree, &Table::read(&tree), Some(&watched));
        totals.ticks_per_second = 100.0;
        let mut look = || totals.advance(&tree, &Table::read(&tree), Some(&watched));
        let held = |processes: u32| {
            let count = u64::from(processes);
            (processes, Some(count * 102_400), Some(3 * count), Some(2 * count))
        };
        // A worker is born, and both work.
        put(root, 10, 1, "shop", 550, 5096);
        put(root, 11, 10, "worker", 30, 100);
        let usage = look();
        assert_eq!((usage.processes, usage.rss, usage.fds, usage.threads), held(2));
        assert_eq!((usage.cpu, usage.read, usage.written), (Some(0.8), Some(1100.0), Some(2200.0)));
        assert_eq!(usage.switches, Some(2.0 * 50.0 + 2.0 * 31.0), "of both threads of both");
        // The worker ends and is taken note of: what it used is its parent's now, and counts once.
        std::fs::remove_dir_all(root.join("proc/11")).unwrap();
        put(root, 10, 1, "shop", 580, 5196);
        let usage = look();
        assert_eq!((usage.processes, usage.cpu, usage.read), (1, Some(0.0), Some(0.0)));
        // The process is killed, and started again by another name's child.
        std::fs::remove_dir_all(root.join("proc/10")).unwrap();
        assert_eq!(look(), Usage::default(), "nothing is known of what is not there");
        put(root, 20, 1, "shop", 70, 10);
        assert_eq!(look().cpu, Some(0.7), "it was born since the last look");
        // One that was there all along and only now has the name.
        put(root, 30, 1, "other", 9000, 0);
        look();
        put(root, 30, 1, "shop", 9000, 0);
        let usage = look();
        assert_eq!((usage.processes, usage.cpu), (2, Some(0.0)));
    }

    #[test]
    fn what_may_not_be_read_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let (root, tree) = (folder.path(), Tree::new(folder.path()));
        put(root, 10, 1, "shop", 0, 0);
        for name in ["io", "fd"] {
            let path = root.join("proc/10").join(name);
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
        let mut totals = Totals::new(&tree, &Table::read(&tree), Some(&Watched::Pid(10)));
        let usage = totals.advance(&tree, &Table::read(&tree), Some(&Watched::Pid(10)));
        assert_eq!((usage.fds, usage.read, usage.written), (None, None, None));
        assert_eq!((usage.rss, usage.cpu), (Some(102_400), Some(0.0)));
    }
}
