//! Where the two ends of a channel run: on two CPUs, or on one.

use std::path::Path;

use engine_core::probe::{ParamDef, ParamKind};

use crate::Context;
use crate::harness::pin;
use crate::host::cpu_list;
use crate::host::tree::Tree;

/// The option that chooses.
pub(crate) const PLACEMENT: ParamDef = ParamDef {
    name: "placement",
    kind: ParamKind::Choice(&["other", "same"]),
    default: Some("other"),
    tiny: None,
    doc: "client and server on two CPUs, or both on the same",
};

/// The CPUs of both sides; empty when they cannot be read, and then nobody is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    cpus: Vec<usize>,
    same: bool,
}

impl Places {
    /// Chooses among the CPUs that this process may use, and notes what it chose.
    pub(crate) fn choose(wanted: &str, cx: &mut Context<'_>) -> Self {
        let cpus = match pin::allowed() {
            Ok(cpus) => cpus,
            Err(error) => {
                cx.note(format!("nothing is pinned: the usable CPUs cannot be read: {error}"));
                Vec::new()
            }
        };
        let places = Self { same: wanted == "same" || cpus.len() < 2, cpus };
        if let Some(note) = places.describe(wanted, &Tree::new(Path::new("/"))) {
            cx.note(note);
        }
        places
    }

    /// The CPU of client `index`.
    pub(crate) fn client(&self, index: usize) -> Option<usize> {
        self.at(if self.same { index } else { 2 * index })
    }

    /// The CPU of server `index`.
    pub(crate) fn server(&self, index: usize) -> Option<usize> {
        self.at(if self.same { index } else { 2 * index + 1 })
    }

    /// Whether a client and its server share a CPU.
    pub(crate) fn shared(&self) -> bool {
        self.same
    }

    fn at(&self, index: usize) -> Option<usize> {
        self.cpus.get(index % self.cpus.len().max(1)).copied()
    }

    fn describe(&self, wanted: &str, tree: &Tree) -> Option<String> {
        let (client, server) = (self.client(0)?, self.server(0)?);
        Some(if client != server {
            format!("client on CPU {client}, server on CPU {server}: {}", relation(tree, client, server))
        } else if wanted == "same" {
            format!("client and server share CPU {client}")
        } else {
            format!("client and server share CPU {client}, the only one that this process may use")
        })
    }
}

/// Pins the calling thread where a CPU is chosen. The error is for a note.
pub(crate) fn sit(cpu: Option<usize>) -> Option<String> {
    let cpu = cpu?;
    let error = pin::pin_current(cpu).err()?;
    Some(format!("a thread is not pinned: CPU {cpu} is refused: {error}"))
}

/// How near two CPUs are, as the kernel declares it.
fn relation(tree: &Tree, one: usize, other: usize) -> &'static str {
    let shares = |path: &str| {
        let list = tree.text(&format!("/sys/devices/system/cpu/cpu{one}/{path}"));
        let cpus = list.known().and_then(|list| cpu_list::parse(list))?;
        Some(u32::try_from(other).is_ok_and(|other| cpus.contains(&other)))
    };
    match (shares("topology/thread_siblings_list"), shares("cache/index3/shared_cpu_list")) {
        (Some(true), _) => "two threads of one core",
        (_, Some(true)) => "two cores with one last-level cache",
        (_, Some(false)) => "two cores with a last-level cache each",
        _ => "what they share is not known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_get_cpus_in_turn() {
        let two = Places { cpus: vec![0, 1], same: false };
        assert_eq!((two.client(0), two.server(0), two.client(1), two.server(1)), (Some(0), Some(1), Some(0), Some(1)));
        let four = Places { cpus: vec![2, 3, 6, 7], same: false };
        assert_eq!((four.client(1), four.server(1), four.client(2)), (Some(6), Some(7), Some(2)));
        let same = Places { cpus: vec![2, 3], same: true };
        assert_eq!(
            (same.client(0), same.server(0), same.client(1), same.server(1)),
            (Some(2), Some(2), Some(3), Some(3))
        );
        let unknown = Places { cpus: Vec::new(), same: true };
        assert_eq!((unknown.client(3), unknown.describe("other", &Tree::new(Path::new("/")))), (None, None));
    }

    #[test]
    fn what_two_cpus_share_is_read_from_the_system() {
        let root = tempfile::tempdir().unwrap();
        for (cpu, siblings, cache) in [(0, "0,8", "0-3,8-11"), (4, "4,12", "4-7,12-15")] {
            let folder = root.path().join(format!("sys/devices/system/cpu/cpu{cpu}"));
            std::fs::create_dir_all(folder.join("topology")).unwrap();
            std::fs::create_dir_all(folder.join("cache/index3")).unwrap();
            std::fs::write(folder.join("topology/thread_siblings_list"), siblings).unwrap();
            std::fs::write(folder.join("cache/index3/shared_cpu_list"), cache).unwrap();
        }
        let tree = Tree::new(root.path());
        assert_eq!(relation(&tree, 0, 8), "two threads of one core");
        assert_eq!(relation(&tree, 0, 3), "two cores with one last-level cache");
        assert_eq!(relation(&tree, 4, 0), "two cores with a last-level cache each");
        assert_eq!(relation(&tree, 1, 0), "what they share is not known");
        let places = |cpus: &[usize], same| Places { cpus: cpus.to_vec(), same };
        let note = places(&[0, 8], false).describe("other", &tree).unwrap();
        assert_eq!(note, "client on CPU 0, server on CPU 8: two threads of one core");
        assert!(places(&[4], true).describe("other", &tree).unwrap().contains("the only one"));
        assert_eq!(places(&[4, 5], true).describe("same", &tree).unwrap(), "client and server share CPU 4");
    }
}
