//! The table of processes: who is whose child, and who is meant by a name.

use std::collections::{HashMap, HashSet};

use engine_core::process_sample::Watched;

use super::super::tree::Tree;

/// One process, from its `stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// The first 15 bytes of its name.
    pub(crate) name: String,
    /// Ticks of CPU time: its own, and that of descendants whose end it has taken note of.
    pub(crate) ticks: u64,
    /// Ticks from the machine's start to its own: with the id it names a process for ever.
    pub(crate) started: u64,
}

/// All processes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) processes: HashMap<u32, Process>,
}

impl Table {
    pub(crate) fn read(tree: &Tree) -> Self {
        let names = tree.names("/proc");
        let pids = names.known().into_iter().flatten().filter_map(|name| name.parse::<u32>().ok());
        let one = |pid| {
            let text = tree.text(&format!("/proc/{pid}/stat"));
            Some((pid, Process::parse(text.known()?)?))
        };
        Self { processes: pids.filter_map(one).collect() }
    }

    /// The processes that are meant: those watched, and under each all its descendants, itself first. A process that is a
    /// descendant of another one of the same name belongs to that.
    pub(crate) fn families(&self, tree: &Tree, watched: &Watched) -> Vec<Vec<u32>> {
        let meant: HashSet<u32> = match watched {
            Watched::Pid(pid) => self.processes.contains_key(pid).then_some(*pid).into_iter().collect(),
            Watched::Name(name) => {
                let own = std::process::id();
                let all = self.processes.values().filter(|process| process.is_called(tree, name));
                // The engine that watches is never its own target.
                all.map(|process| process.pid).filter(|pid| !tree.is_live() || *pid != own).collect()
            }
        };
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for process in self.processes.values() {
            children.entry(process.parent).or_default().push(process.pid);
        }
        let mut heads: Vec<u32> = meant.iter().copied().filter(|pid| !self.has_ancestor(*pid, &meant)).collect();
        heads.sort_unstable();
        heads.into_iter().map(|head| family(head, &children)).collect()
    }

    /// CPU time of all living descendants of a process, in ticks, each with what it has taken note of. Together with the
    /// process's own account of ended children this only grows.
    pub(crate) fn ticks_below(&self, pid: u32) -> u64 {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for process in self.processes.values() {
            children.entry(process.parent).or_default().push(process.pid);
        }
        let below = family(pid, &children).into_iter().filter(|one| *one != pid);
        below.filter_map(|one| self.processes.get(&one)).map(|process| process.ticks).fold(0, u64::saturating_add)
    }

    fn has_ancestor(&self, pid: u32, among: &HashSet<u32>) -> bool {
        // Processes come and go while the table is read, so a circle cannot be ruled out.
        let mut at = pid;
        for _ in 0..self.processes.len() {
            let Some(process) = self.processes.get(&at) else { return false };
            if process.parent == at {
                return false;
            }
            at = process.parent;
            if at != pid && among.contains(&at) {
                return true;
            }
        }
        false
    }
}

fn family(head: u32, children: &HashMap<u32, Vec<u32>>) -> Vec<u32> {
    let (mut all, mut seen) = (vec![head], HashSet::from([head]));
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        next += 1;
        let born: Vec<u32> = children.get(pid).into_iter().flatten().copied().filter(|pid| seen.insert(*pid)).collect();
        all.extend(born);
    }
    all
}

impl Process {
    /// Reads a line of `stat`. The name stands in brackets and may hold anything, brackets too.
    fn parse(stat: &str) -> Option<Self> {
        let (pid, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        // From the third field, the state, on.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        // User and system time of its own and of ended children; a child's may be written as negative.
        let ticks = (11..15).map(|at| number(at).unwrap_or(0)).fold(0, u64::saturating_add);
        Some(Self {
            pid: pid.parse().ok()?,
            parent: u32::try_from(number(1)?).ok()?,
            name: name.to_owned(),
            ticks,
            started: number(19)?,
        })
    }

    fn is_called(&self, tree: &Tree, name: &str) -> bool {
        const KEPT: usize = 15;
        if name.len() <= KEPT {
            return self.name == name;
        }
        // The kernel keeps 15 bytes of a name; the rest is in the command line.
        if !self.name.as_bytes().starts_with(&name.as_bytes()[..KEPT]) {
            return false;
        }
        let line = tree.bytes(&format!("/proc/{}/cmdline", self.pid));
        let program = line.known().and_then(|line| line.split(|byte| *byte == 0).next().map(<[u8]>::to_vec));
        program.is_some_and(|program| program.rsplit(|byte| *byte == b'/').next() == Some(name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[(u32, u32, &str)]) -> Table {
        let process = |(pid, parent, name): &(u32, u32, &str)| {
            (*pid, Process { pid: *pid, parent: *parent, name: (*name).to_owned(), ticks: 0, started: 0 })
        };
        Table { processes: rows.iter().map(process).collect() }
    }

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let line = "42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 5 -1 20 0 9 0 5555 1 2";
        let process = Process::parse(line).unwrap();
        assert_eq!((process.pid, process.parent, process.name.as_str()), (42, 7, "a) (b c"));
        assert_eq!((process.ticks, process.started), (125, 5555));
    }

    #[test]
    fn families_hold_all_descendants_once() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::new(folder.path());
        let table = table(&[
            (1, 0, "init"),
            (10, 1, "shop"),
            (11, 10, "worker"),
            (12, 11, "shop"),
            (20, 1, "other"),
            (30, 1, "shop"),
            // A circle, as a torn table might have.
            (40, 41, "loop"),
            (41, 40, "loop"),
        ]);
        let families = |watched: &Watched| table.families(&tree, watched);
        assert_eq!(families(&Watched::Pid(10)), vec![vec![10, 11, 12]]);
        assert_eq!(families(&Watched::Name("shop".into())), vec![vec![10, 11, 12], vec![30]]);
        assert_eq!(families(&Watched::Pid(99)), Vec::<Vec<u32>>::new());
        assert!(families(&Watched::Name("loop".into())).len() <= 2);
    }

    #[test]
    fn the_time_of_descendants_is_theirs_alone() {
        let mut table =
            table(&[(1, 0, "init"), (10, 1, "engine"), (11, 10, "cargo"), (12, 11, "rustc"), (20, 1, "other")]);
        table.processes.values_mut().for_each(|process| process.ticks = u64::from(process.pid));
        assert_eq!((table.ticks_below(10), table.ticks_below(12), table.ticks_below(99)), (23, 0, 0));
    }

    #[test]
    fn long_names_are_told_apart_by_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::new(folder.path());
        for (pid, line) in [(5, "/bin/a-very-long-name\0--x\0"), (6, "a-very-long-namesake\0")] {
            std::fs::create_dir_all(folder.path().join(format!("proc/{pid}"))).unwrap();
            std::fs::write(folder.path().join(format!("proc/{pid}/cmdline")), line).unwrap();
        }
        let table = table(&[(5, 1, "a-very-long-nam"), (6, 1, "a-very-long-nam"), (7, 1, "a-very-long-nam")]);
        assert_eq!(table.families(&tree, &Watched::Name("a-very-long-name".into())), vec![vec![5]]);
    }

    proptest! {
        #[test]
        fn no_line_panics(text in "\\PC{0,80}") {
            let _ = Process::parse(&text);
            let _ = Process::parse(&format!("1 (x) {text}"));
        }
    }
}
