//! Faults on a victim that the run started: each by the best mechanism that works here, named in the result.
//!
//! What would undo a fault is in the journal before the fault is there. A mechanism is chosen by trying, best first; where
//! none works the fault is a typed skip with its reason and remedy, never silent.

mod catalogue;
mod neighbour;
mod subject;
mod throttle;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use engine_core::args::ArgValue;
use engine_core::step::{Skip, SkipKind};
use rustix::process::{Rlimit, Signal};

use crate::caps::{Caps, Refused};
use crate::disk::tighten_quota;
use crate::journal::{Ending, Entry, Journal, JournalError, Limit, Undo, limit};
use crate::mechanism::Mechanism;
use crate::process::Ident;
use crate::stress::{Start, Stress, StressError, find};
use crate::victim::Controller;

pub use catalogue::{FaultDef, Plan, find as find_fault, registry as fault_registry};
pub use subject::{NotIt, Subject, process as foreign};
use throttle::Throttle;

/// What is done to a victim.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Ends it at once by a signal, as a crash would.
    Crash(Crash),
    /// Stops it: it neither works nor ends.
    Hang,
    /// Leaves it only so much memory beyond what it uses now, in bytes.
    Memory(u64),
    /// Leaves it no room on its disk.
    Disk,
    /// Leaves it only so many descriptors beyond those that it has open now.
    Descriptors(u64),
    /// Lets it start only so many processes beyond those that it has now.
    Processes(u64),
    /// Leaves it only so large a share of a processor, 0 to 1.
    Cpu(f64),
    /// Takes processors, disk or memory away from it: a stressor with its options.
    Contention(String, BTreeMap<String, ArgValue>),
    /// A stressor on the very processor to which the victim is bound.
    Neighbour(String, BTreeMap<String, ArgValue>),
    /// Puts its calendar clock forward, in seconds; back when that is negative.
    Clock(f64),
    /// Makes its name resolution fail.
    Dns,
}

impl Fault {
    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash(_) => "crash",
            Self::Hang => "hang",
            Self::Memory(_) => "memory",
            Self::Disk => "disk",
            Self::Descriptors(_) => "descriptors",
            Self::Processes(_) => "processes",
            Self::Cpu(_) => "cpu",
            Self::Contention(..) => "contention",
            Self::Neighbour(..) => "noisy neighbour",
            Self::Clock(_) => "clock",
            Self::Dns => "dns",
        }
    }
}

/// How a crash comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// SIGKILL: nothing can be done about it.
    Kill,
    /// SIGABRT: as after a failed assertion.
    Abort,
    /// SIGSEGV: as after a bad access.
    Segv,
}

impl Crash {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Abort => "SIGABRT",
            Self::Segv => "SIGSEGV",
        }
    }

    const fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Abort => Signal::ABORT,
            Self::Segv => Signal::SEGV,
        }
    }
}

/// Why a fault is not there.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// This machine offers no mechanism.
    #[error("{0}")]
    Skip(Skip),
    /// Beyond the caps.
    #[error("the fault is refused: {0}")]
    Refused(#[from] Refused),
    /// The undo journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The stressor.
    #[error(transparent)]
    Stress(#[from] StressError),
    /// There is no victim any more.
    #[error("the victim is gone: {0}")]
    Gone(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
}

/// An active fault. Dropping it heals it.
#[derive(Debug)]
pub struct Injected {
    /// By which mechanism, for the result.
    pub mechanism: String,
    /// What was passed over, and why, best first.
    pub passed_over: Vec<String>,
    entry: Entry,
    stress: Option<Stress>,
    throttle: Option<Throttle>,
}

impl Injected {
    /// Takes the fault away.
    ///
    /// # Errors
    /// When something could not be put back; the janitor goes on trying.
    pub fn heal(mut self) -> Result<Ending, FaultError> {
        drop(self.throttle.take());
        // The entry is undone whatever became of the stressor.
        let stopped = self.stress.take().map_or(Ok(()), |stress| stress.stop().map(drop));
        let ending = self.entry.revert()?;
        stopped?;
        if ending.problems.is_empty() { Ok(ending) } else { Err(JournalError::Left(ending.problems.join("; ")).into()) }
    }
}

/// Injects a fault that is undone after `longest` seconds at the latest, by the best mechanism or by the one that is wanted.
///
/// # Errors
/// A skip where no mechanism works; else when caps, journal or system refuse.
pub fn inject(
    journal: &Arc<Journal>,
    caps: &Caps,
    victim: &Subject<'_>,
    fault: &Fault,
    wanted: Option<Mechanism>,
    longest: f64,
) -> Result<Injected, FaultError> {
    let longest = caps.duration(longest)?;
    if let Some(ended) = victim.ended() {
        return Err(FaultError::Gone(ended.to_string()));
    }
    let entry = journal.begin(&format!("fault {} on process {}", fault.name(), victim.process().pid), longest)?;
    let mut scene = Scene { victim, entry: &entry, wanted, passed_over: Vec::new(), throttle: None };
    let beside = |id: &str, given: &BTreeMap<String, ArgValue>| -> Result<Stress, FaultError> {
        let stressor = find(id).ok_or_else(|| FaultError::Failed(format!("there is no stressor `{id}`")))?;
        let mut given = given.clone();
        given.insert("duration".to_owned(), ArgValue::Text(format!("{} s", longest.as_secs_f64())));
        let start = Start { seed: 1, plant: None, scratch: victim.folder() };
        Ok(Stress::start(journal, caps, stressor, &given, false, &start)?)
    };
    let (mechanism, stress) = match fault {
        Fault::Crash(crash) => (scene.crash(*crash)?, None),
        Fault::Hang => (scene.hang()?, None),
        Fault::Memory(room) => (scene.memory(*room)?, None),
        Fault::Disk => (scene.disk()?, None),
        Fault::Descriptors(room) => (scene.descriptors(*room)?, None),
        Fault::Processes(room) => (scene.processes(*room)?, None),
        Fault::Dns => (scene.dns()?, None),
        Fault::Cpu(share) => (scene.cpu(*share)?, None),
        Fault::Clock(by) => (scene.clock(*by)?, None),
        Fault::Contention(id, given) => (format!("{id} beside it"), Some(beside(id, given)?)),
        Fault::Neighbour(id, given) => {
            let stress = beside(id, given)?;
            (scene.neighbour(id, &stress.request().processors)?, Some(stress))
        }
    };
    let (passed_over, throttle) = (scene.passed_over, scene.throttle);
    Ok(Injected { mechanism, passed_over, entry, stress, throttle })
}

/// A fault in the making.
struct Scene<'a> {
    victim: &'a Subject<'a>,
    entry: &'a Entry,
    wanted: Option<Mechanism>,
    passed_over: Vec<String>,
    throttle: Option<Throttle>,
}

impl Scene<'_> {
    /// Whether a mechanism may be tried: all may, unless one is wanted.
    fn may(&self, which: Mechanism) -> bool {
        self.wanted.is_none_or(|wanted| wanted == which)
    }

    /// A mechanism that comes next was not wanted: the one that was cannot be had.
    fn else_by(&self, next: Mechanism) -> Result<(), FaultError> {
        match self.wanted {
            Some(wanted) if wanted != next => Err(FaultError::Skip(wanted.missing(&self.passed_over))),
            _ => Ok(()),
        }
    }

    /// Notes that there is no such control group, where one might have been taken.
    fn lacks(&mut self, group: &str) {
        if self.may(Mechanism::Cgroup) {
            self.passed_over.push(format!("{group}: none here"));
        }
    }

    fn crash(&self, crash: Crash) -> Result<String, FaultError> {
        let sent =
            self.victim.process().signal(crash.signal()).map_err(|error| FaultError::Failed(error.to_string()))?;
        if sent {
            Ok(format!("{} by pidfd", crash.name()))
        } else {
            Err(FaultError::Gone("it ended meanwhile".to_owned()))
        }
    }

    fn hang(&mut self) -> Result<String, FaultError> {
        let group = self.victim.group().filter(|_| self.may(Mechanism::Cgroup));
        if let Some((group, folder)) = group.and_then(|group| Some((group, group.folder(Controller::Freezer)?))) {
            self.entry.will(Undo::Thaw { folder: folder.to_owned() })?;
            let (file, word) = if group.version(Controller::Freezer) == 2 {
                ("cgroup.freeze", "1")
            } else {
                ("freezer.state", "FROZEN")
            };
            match std::fs::write(folder.join(file), word) {
                Ok(()) => return Ok(format!("freezer cgroup, version {}", group.version(Controller::Freezer))),
                Err(error) => self.passed_over.push(format!("freezer cgroup: {error}")),
            }
        } else {
            self.lacks("freezer cgroup");
        }
        self.else_by(Mechanism::Signal)?;
        for process in self.processes_of() {
            self.entry.will(Undo::Continue { process: process.clone() })?;
            process.signal(Signal::STOP).map_err(|error| FaultError::Failed(error.to_string()))?;
        }
        Ok("SIGSTOP by pidfd".to_owned())
    }

    fn memory(&mut self, room: u64) -> Result<String, FaultError> {
        let group = self.victim.group().filter(|_| self.may(Mechanism::Cgroup));
        let limits = group.and_then(|group| Some((group, group.memory_limit()?, group.memory_used()?)));
        if let Some((group, file, used)) = limits {
            let before = std::fs::read_to_string(&file).map_err(|error| FaultError::Failed(error.to_string()))?;
            self.entry.will(Undo::RestoreControl { path: file.clone(), content: unlimited(before.trim()) })?;
            match std::fs::write(&file, used.saturating_add(room).to_string()) {
                Ok(()) => return Ok(format!("memory cgroup, version {}", group.version(Controller::Memory))),
                Err(error) => self.passed_over.push(format!("memory cgroup: {error}")),
            }
        } else {
            self.lacks("memory cgroup");
        }
        self.else_by(Mechanism::Rlimit)?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.victim.process().pid)).unwrap_or_default();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
        let kib = size.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok());
        let kib = kib.ok_or_else(|| FaultError::Gone("it ended meanwhile".to_owned()))?;
        let bytes = kib.saturating_mul(1024).saturating_add(room);
        self.lower(self.victim.process(), Limit::AddressSpace, bytes)?;
        Ok("address space limit by prlimit".to_owned())
    }

    fn disk(&mut self) -> Result<String, FaultError> {
        self.passed_over.extend_from_slice(self.victim.passed_over());
        if let Some(disk) = self.victim.disk() {
            let failed = |error: std::io::Error| FaultError::Failed(format!("{}: {error}", disk.path.display()));
            if let Some(project) = disk.project {
                let (folder, blocks) = (disk.path.clone(), disk.size.div_ceil(1024));
                self.entry.will(Undo::RestoreQuota { folder, project, blocks, inodes: 0 })?;
                tighten_quota(&disk.path, project).map_err(failed)?;
                return Ok(format!("{}, lowered to what it holds", disk.mechanism));
            }
            let ballast = disk.path.join(self.entry.name("ballast"));
            self.entry.will(Undo::RemoveFile { path: ballast.clone() })?;
            fill(&ballast, disk.size).map_err(failed)?;
            return Ok(format!("{}, filled", disk.mechanism));
        }
        if self.passed_over.is_empty() && self.wanted.is_none() {
            self.passed_over.push("a disk of its own: the victim was started without one".to_owned());
        }
        self.else_by(Mechanism::Rlimit)?;
        for process in self.processes_of() {
            self.lower(&process, Limit::FileSize, 0)?;
        }
        Ok("file size limit by prlimit".to_owned())
    }

    fn descriptors(&self, room: u64) -> Result<String, FaultError> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.victim.process().pid));
        let open = open.map_err(|error| FaultError::Failed(error.to_string()))?.count() as u64;
        self.lower(self.victim.process(), Limit::Descriptors, open.saturating_add(room))?;
        Ok("descriptor limit by prlimit".to_owned())
    }

    fn processes(&mut self, room: u64) -> Result<String, FaultError> {
        let group = self.victim.group().filter(|_| self.may(Mechanism::Cgroup));
        if let Some((group, folder)) = group.and_then(|group| Some((group, group.folder(Controller::Pids)?))) {
            let now: u64 = std::fs::read_to_string(folder.join("pids.current"))
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(1);
            let file = folder.join("pids.max");
            self.entry.will(Undo::RestoreControl { path: file.clone(), content: "max".to_owned() })?;
            match std::fs::write(&file, now.saturating_add(room).to_string()) {
                Ok(()) => return Ok(format!("pids cgroup, version {}", group.version(Controller::Pids))),
                Err(error) => self.passed_over.push(format!("pids cgroup: {error}")),
            }
        } else {
            self.lacks("pids cgroup");
        }
        self.else_by(Mechanism::Rlimit)?;
        if rustix::process::geteuid().is_root() {
            let no_group = if self.wanted.is_none() { ", and there is no pids cgroup" } else { "" };
            return Err(FaultError::Skip(Skip::new(
                SkipKind::Platform,
                format!("the limit of processes binds no privileged user{no_group}"),
                "run as another user, or where cgroups can be made",
            )));
        }
        self.lower(self.victim.process(), Limit::Processes, room)?;
        Ok("process limit of the user by prlimit".to_owned())
    }

    fn dns(&self) -> Result<String, FaultError> {
        let Some(path) = self.victim.resolver() else {
            return Err(FaultError::Skip(Skip::new(
                SkipKind::Permission,
                "the victim has no resolver configuration of its own",
                "start it with one, where a mount namespace can be made",
            )));
        };
        let content = std::fs::read_to_string(path).map_err(|error| FaultError::Failed(error.to_string()))?;
        self.entry.will(Undo::RestoreControl { path: path.to_owned(), content })?;
        // Nobody listens there, and nothing is asked twice. The same file, for its namespace holds that one.
        std::fs::write(path, "nameserver 127.255.255.254\noptions timeout:1 attempts:1\n")
            .map_err(|error| FaultError::Failed(error.to_string()))?;
        Ok("resolver configuration in a mount namespace".to_owned())
    }

    fn clock(&self, by: f64) -> Result<String, FaultError> {
        let Some(path) = self.victim.clock() else {
            return Err(FaultError::Skip(Skip::new(
                SkipKind::Tool,
                "the victim has no calendar clock of its own: libfaketime is not there, or it was started without",
                "install libfaketime (Debian: `apt-get install libfaketime`)",
            )));
        };
        let content = std::fs::read_to_string(path).map_err(|error| FaultError::Failed(error.to_string()))?;
        self.entry.will(Undo::RestoreControl { path: path.to_owned(), content })?;
        std::fs::write(path, format!("{by:+}\n")).map_err(|error| FaultError::Failed(error.to_string()))?;
        Ok("libfaketime, preloaded into it alone".to_owned())
    }

    /// The victim and all that descend from it.
    fn processes_of(&self) -> Vec<Ident> {
        self.victim.processes()
    }

    /// Lowers a soft limit; the hard one stays, so that it can be raised again without privileges.
    fn lower(&self, process: &Ident, which: Limit, to: u64) -> Result<(), FaultError> {
        let gone = || FaultError::Gone("it ended meanwhile".to_owned());
        let now = limit(process, which.resource()).ok_or_else(gone)?;
        let (soft, hard) = (now.current, now.maximum);
        self.entry.will(Undo::RestoreLimit { process: process.clone(), limit: which, soft, hard })?;
        let low = Rlimit { current: Some(hard.map_or(to, |hard| hard.min(to))), maximum: hard };
        match rustix::process::prlimit(process.id(), which.resource(), low) {
            Ok(_) => Ok(()),
            Err(rustix::io::Errno::SRCH) => Err(gone()),
            Err(error) => Err(FaultError::Skip(Skip::new(
                SkipKind::Permission,
                format!("the limit of the victim cannot be changed: {error}"),
                "run as the same user as the victim, where prlimit is allowed",
            ))),
        }
    }
}

/// What to write for "no limit": version 1 shows a number that it does not take.
fn unlimited(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(bytes) if bytes >= 1 << 60 => "-1".to_owned(),
        _ => text.to_owned(),
    }
}

/// Writes until there is no room, never more than the file system's own size.
fn fill(path: &Path, size: u64) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    let block = vec![0xa5_u8; 64 << 10];
    let mut written = 0;
    while written <= size {
        let before = written;
        while written <= size {
            // The last piece may be a single byte: a half full page is room too.
            match file.write(&block) {
                Ok(0) => break,
                Ok(count) => written += count as u64,
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if written == before {
            break;
        }
        // What a file system holds back for its own book-keeping is free again once the data are where they belong.
        file.sync_all()?;
    }
    Ok(())
}
