//! Whoever dies, the host is restored.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine_faults::journal::{By, Journal, Record, Undo, limit, status, sweep, undo_all};
use engine_faults::process::{Ident, Stat, all, marked};
use rustix::process::{Resource, Signal};

use crate::{CHILD, launcher, names, wait_until};

/// An owner in the middle of things, and one whose limits it changed.
struct Scene {
    folder: tempfile::TempDir,
    scratch: tempfile::TempDir,
    bystander: Child,
    before: Option<u64>,
    owner: Child,
    mark: String,
}

impl Scene {
    fn new(longest: &str) -> Self {
        let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bystander = Command::new("sleep").arg("600").spawn().unwrap();
        std::fs::write(scratch.path().join("bystander"), bystander.id().to_string()).unwrap();
        let before = limit(&Ident::of(bystander.id()).unwrap(), Resource::Nofile).unwrap().current;
        let mut owner = Command::new(CHILD)
            .args(["owner"])
            .args([folder.path(), scratch.path()])
            .arg(longest)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut mark = String::new();
        BufReader::new(owner.stdout.take().unwrap()).read_line(&mut mark).unwrap();
        let mark = mark.trim().to_owned();
        assert!(!mark.is_empty(), "the owner could not make its changes");
        let scene = Self { folder, scratch, bystander, before, owner, mark };
        assert_eq!(Stat::of(scene.bystander.id()).unwrap().state, 'T');
        assert_eq!(status(scene.folder()).unwrap().active.len(), 1);
        assert!(marked(&scene.mark).len() >= 3);
        scene
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn restored(&self) -> bool {
        status(self.folder()).unwrap().active.is_empty()
    }

    /// Nothing is left, and the one who had nothing to do with it is as before. Gives the entry that is over.
    fn check(&mut self) -> Record {
        let left = names(self.scratch.path());
        assert!(left.iter().all(|name| !name.starts_with("engine-fault-")), "{left:?}");
        assert!(marked(&self.mark).is_empty());
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&self.mark), "a mount is left");
        assert!(!Path::new("/sys/fs/cgroup/memory").join(format!("engine-fault-{}-group", self.mark)).exists());
        let bystander = Ident::of(self.bystander.id()).unwrap();
        assert_eq!(limit(&bystander, Resource::Nofile).unwrap().current, self.before);
        assert!(matches!(Stat::of(bystander.pid).unwrap().state, 'S' | 'R'), "still stopped");
        let status = status(self.folder()).unwrap();
        assert!(status.unreadable.is_empty(), "{:?}", status.unreadable);
        status.ended[0].clone()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = undo_all(self.folder.path());
        for child in [&mut self.owner, &mut self.bystander] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The janitors of a folder.
fn janitors(owner: u32) -> Vec<Stat> {
    let is = |stat: &Stat| {
        std::fs::read(format!("/proc/{}/cmdline", stat.pid)).is_ok_and(|line| line.ends_with(b"__faults\0janitor\0"))
    };
    all().into_iter().filter(|stat| stat.parent == owner && is(stat)).collect()
}

#[test]
fn an_owner_that_is_killed_in_the_middle_leaves_a_restored_host() {
    let mut scene = Scene::new("600");
    let janitor = Ident::of(janitors(scene.owner.id())[0].pid).unwrap();
    assert_eq!(janitor.stat().unwrap().session, janitor.pid, "it must not share the owner's session");
    scene.owner.kill().unwrap();
    scene.owner.wait().unwrap();
    wait_until("the janitor restores", || scene.restored());
    let over = scene.check().ended.unwrap();
    assert_eq!((over.by, over.why.as_str()), (By::Janitor, "its owner was gone"));
    wait_until("the janitor goes", || !janitor.lives());
}

#[test]
fn a_deadline_is_kept_although_the_owner_lives_on() {
    // Long enough for a slow machine to see the changes before they are undone.
    let mut scene = Scene::new("15");
    wait_until("the janitor restores", || scene.restored());
    let over = scene.check().ended.unwrap();
    assert_eq!((over.by, over.why.as_str()), (By::Janitor, "the deadline was over"));
    assert!(scene.owner.try_wait().unwrap().is_none());
}

#[test]
fn when_the_janitor_dies_too_the_next_start_sweeps() {
    let mut scene = Scene::new("600");
    for janitor in janitors(scene.owner.id()) {
        Ident::of(janitor.pid).unwrap().signal(Signal::KILL).unwrap();
    }
    assert!(sweep(scene.folder()).unwrap().is_empty(), "the owner still lives");
    scene.owner.kill().unwrap();
    scene.owner.wait().unwrap();
    let journal = Journal::open(scene.folder(), launcher()).unwrap();
    assert_eq!(journal.swept().len(), 1);
    assert_eq!(scene.check().ended.unwrap().by, By::Sweep);
}

#[test]
fn a_person_can_undo_everything_at_once_and_twice() {
    let mut scene = Scene::new("600");
    assert_eq!(undo_all(scene.folder()).unwrap().len(), 1);
    assert_eq!(scene.check().ended.unwrap().by, By::User);
    assert!(undo_all(scene.folder()).unwrap().is_empty());
}

#[test]
fn an_entry_is_undone_once_by_its_owner_and_none_goes_on_without_a_janitor() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = Journal::open(folder.path(), launcher()).unwrap();
    let entry = journal.begin("a file", Duration::from_secs(60)).unwrap();
    let path = scratch.path().join(entry.name("x"));
    entry.will(Undo::RemoveFile { path: path.clone() }).unwrap();
    assert_eq!(status(folder.path()).unwrap().active[0].actions.len(), 1, "it is on the disk before the change");
    std::fs::write(&path, "").unwrap();
    // A janitor that is gone is replaced before anything else is changed.
    let old = Ident::of(journal.janitor().unwrap()).unwrap();
    old.signal(Signal::KILL).unwrap();
    wait_until("it is gone", || !old.lives());
    entry.will(Undo::RemoveFile { path: path.clone() }).unwrap();
    assert!(Ident::of(journal.janitor().unwrap()).unwrap().lives());
    let first = entry.revert().unwrap();
    assert_eq!((first.by, first.problems.len()), (By::Owner, 0));
    assert!(!path.exists());
    assert_eq!(entry.revert().unwrap(), first);
    assert!(entry.will(Undo::RemoveFile { path }).is_err(), "an entry that is over takes no more");
}

#[test]
fn without_a_janitor_nothing_begins() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), engine_faults::Launcher::new("/bin/false", &[])).unwrap();
    let error = journal.begin("anything", Duration::from_secs(1)).unwrap_err().to_string();
    assert!(error.contains("does not start"), "{error}");
}

#[test]
fn what_is_no_record_is_named_and_hinders_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), launcher()).unwrap();
    std::fs::write(folder.path().join("0-broken.json"), "{").unwrap();
    let entry = journal.begin("a fault", Duration::from_secs(60)).unwrap();
    let known = status(folder.path()).unwrap();
    assert_eq!((known.active.len(), known.unreadable.len()), (1, 1));
    drop(entry);
    assert!(status(folder.path()).unwrap().active.is_empty());
}
