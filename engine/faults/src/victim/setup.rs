//! What a victim finds when it starts: a folder, a file system of its own, a resolver configuration of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Spec, VictimError, keeper};
use crate::caps::Caps;
use crate::disk::{Choice, Disk, Facts, choose, make};
use crate::journal::{Entry, Undo};
use crate::mechanism::Mechanism;
use crate::process::Ident;

/// The variable that tells the victim where its file system is.
const DISK: &str = "ENGINE_DISK";

/// Made before the victim starts; all of it is in the journal.
#[derive(Debug)]
pub(super) struct Setup {
    /// Where the victim works.
    pub(super) folder: PathBuf,
    /// Its file system, when the engine could mount it itself or the victim's namespace shall.
    pub(super) disk: Option<Disk>,
    /// A copy of the resolver configuration that its namespace shows in place of the machine's.
    pub(super) resolver: Option<PathBuf>,
    /// What its calendar clock is off by.
    pub(super) clock: Option<PathBuf>,
    /// By which mechanisms it could not have a disk, and why.
    pub(super) passed_over: Vec<String>,
    faketime: Option<PathBuf>,
    inner: Option<(PathBuf, u64)>,
}

impl Setup {
    pub(super) fn prepare(spec: &Spec, entry: &Entry, scratch: &Path) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let will = |undo: Undo| entry.will(undo).map_err(|error| error.to_string());
        let folder = scratch.join(entry.name("victim"));
        will(Undo::RemoveFolder { path: folder.clone() })?;
        std::fs::create_dir(&folder).map_err(text)?;
        let passed_over = Vec::new();
        let mut setup =
            Self { folder, disk: None, resolver: None, clock: None, passed_over, faketime: None, inner: None };
        if spec.dns {
            let path = setup.folder.join("resolv.conf");
            std::fs::write(&path, std::fs::read("/etc/resolv.conf").unwrap_or_default()).map_err(text)?;
            setup.resolver = Some(path);
        }
        setup.faketime = spec.clock.then(faketime).flatten();
        if setup.faketime.is_some() {
            let path = setup.folder.join("clock");
            std::fs::write(&path, "+0\n").map_err(text)?;
            setup.clock = Some(path);
        }
        Ok(setup)
    }

    /// A disk of its own, by the best mechanism that works or by the one that is wanted.
    pub(super) fn room(&mut self, caps: &Caps, spec: &Spec, size: u64, entry: &Entry) -> Result<(), VictimError> {
        let program = || spec.command.first().cloned().unwrap_or_default();
        let path = self.folder.join("disk");
        std::fs::create_dir(&path)
            .map_err(|error| VictimError::Start { program: program(), reason: error.to_string() })?;
        let namespace = || keeper::may_mount(&path, size).map_err(|error| format!("no namespace of its own: {error}"));
        let facts = Facts::probe(caps, &path, spec.memory.unwrap_or(0), size, namespace);
        let Choice { ways, passed_over, refused } = choose(&facts, spec.mechanism);
        self.passed_over = passed_over;
        if let Some(refused) = refused {
            return Err(refused.into());
        }
        for way in ways {
            if way == Mechanism::Rlimit {
                return Ok(());
            }
            if way == Mechanism::Tmpfs && facts.mount.is_err() {
                self.inner = Some((path, size));
                return Ok(());
            }
            match make(way, entry, &self.folder, &path, size) {
                Ok(disk) => {
                    self.disk = Some(disk);
                    return Ok(());
                }
                Err(why) => self.passed_over.push(format!("{}: {why}", way.name())),
            }
        }
        let wanted = spec.mechanism.unwrap_or(Mechanism::Tmpfs);
        Err(VictimError::Skip(wanted.missing(&self.passed_over)))
    }

    /// The command, with the place of its data: on its own file system where it has one.
    pub(super) fn command(&self, spec: &Spec) -> Vec<String> {
        let own = spec.disk.map(|_| self.folder.join("disk"));
        let data = own.or_else(|| spec.data.clone()).unwrap_or_else(|| self.folder.clone());
        let data = data.to_string_lossy();
        let mut command: Vec<String> = spec.command.iter().map(|word| word.replace("{data}", &data)).collect();
        // A path is meant from here, and the victim starts elsewhere.
        if let Some(program) = command.first_mut().filter(|program| program.contains('/'))
            && let Ok(path) = std::path::absolute(&*program)
        {
            *program = path.to_string_lossy().into_owned();
        }
        command
    }

    /// What its namespace has to mount.
    pub(super) fn inner_disk(&self) -> Option<(PathBuf, u64)> {
        self.inner.clone()
    }

    /// The environment, with the place of the file system when there is one.
    pub(super) fn environment(&self, spec: &Spec) -> BTreeMap<String, String> {
        let mut all = spec.environment.clone();
        if spec.disk.is_some() {
            all.insert(DISK.to_owned(), self.folder.join("disk").to_string_lossy().into_owned());
        }
        if let (Some(library), Some(clock)) = (&self.faketime, &self.clock) {
            let words = [
                ("LD_PRELOAD", library.to_string_lossy().into_owned()),
                ("FAKETIME_TIMESTAMP_FILE", clock.to_string_lossy().into_owned()),
                ("FAKETIME_NO_CACHE", "1".to_owned()),
                // Time-outs and pauses go by the other clock, which no administrator sets.
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ];
            all.extend(words.map(|(name, value)| (name.to_owned(), value)));
        }
        all
    }

    /// After the start: what the namespace has mounted is reached through the process, and a quota counts only where it
    /// binds.
    pub(super) fn settle(&mut self, process: &Ident, namespace: bool) {
        if let Some((path, size)) = self.inner.take() {
            let path = PathBuf::from(format!("/proc/{}/root{}", process.pid, path.display()));
            let mechanism = "a file system in memory in a namespace of its own";
            if namespace {
                self.disk = Some(Disk { path, size, mechanism, project: None });
            } else {
                self.passed_over.push("tmpfs: the victim has no namespace of its own".to_owned());
            }
        }
        if self.disk.as_ref().is_some_and(|disk| disk.project.is_some()) && unbound(process) {
            self.disk = None;
            self.passed_over.push("quota: the victim may go beyond every resource limit".to_owned());
        }
    }
}

/// The library that shows a program another time, where it is installed.
fn faketime() -> Option<PathBuf> {
    const NAME: &str = "faketime/libfaketime.so.1";
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let places = [format!("/usr/lib/{triple}/{NAME}"), format!("/usr/lib/{NAME}"), format!("/usr/lib64/{NAME}")];
    places.into_iter().map(PathBuf::from).find(|path| path.is_file())
}

/// Whether a process has the capability by which quotas do not bind it.
fn unbound(process: &Ident) -> bool {
    const RESOURCE: u32 = 24;
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits >> RESOURCE & 1 == 1)
}
