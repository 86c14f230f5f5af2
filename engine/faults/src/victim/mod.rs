//! A victim: a program that the run itself started, in a session and, where the system allows it, a cgroup of its own.
//!
//! Between engine and victim stands a keeper ([`keeper`]), a small process that adopts whatever the victim's processes
//! leave behind when they go into the background, ends all of them when the engine wants it or is gone, and reports how
//! the victim itself ended. What the victim prints is read all the time and kept only at its end.

mod cgroup;
pub(crate) mod keeper;
mod output;
mod setup;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::step::Skip;
use serde::{Deserialize, Serialize};

use crate::caps::{Caps, Refused};
use crate::journal::{Entry, Journal, JournalError, Undo};
use crate::mechanism::Mechanism;
use crate::process::{Ident, MARK};

pub use crate::disk::Disk;
pub use cgroup::{Controller, Group};
pub use output::Output;

/// How long a keeper may take to start the victim, on a machine under stress.
const START: Duration = Duration::from_secs(20);

/// What is started, and within which bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Additions to the environment.
    pub environment: BTreeMap<String, String>,
    /// The most memory that it may have; needs a memory cgroup.
    pub memory: Option<u64>,
    /// Size of a disk of its own, at `$ENGINE_DISK`; see [`crate::disk`] for what it can be.
    pub disk: Option<u64>,
    /// By which mechanism it shall have that disk; none for the best one.
    pub mechanism: Option<Mechanism>,
    /// Gives it a resolver configuration of its own, so that name resolution can be made to fail.
    pub dns: bool,
    /// Gives it a calendar clock of its own, so that it can be put forward; needs libfaketime.
    pub clock: bool,
    /// A folder that it may use, beside its own: `{data}` in its arguments.
    pub data: Option<PathBuf>,
    /// Time between the polite request to end and the end, in seconds.
    pub grace: f64,
    /// The longest that it may live, in seconds.
    pub longest: f64,
}

/// Why there is no victim.
#[derive(Debug, thiserror::Error)]
pub enum VictimError {
    /// The undo journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Beyond the caps.
    #[error("the victim is refused: {0}")]
    Refused(#[from] Refused),
    /// This machine has not the mechanism that was asked for.
    #[error("{0}")]
    Skip(Skip),
    /// It could not be started.
    #[error("`{program}` does not start: {reason}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
}

/// How a victim ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// How many processes it left running: it went into the background.
    pub left: usize,
    /// The keeper ended it because it made too many processes.
    pub forks: bool,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.forks, self.signal, self.code) {
            (true, ..) => f.write_str("it made processes without end")?,
            (_, Some(signal), _) => write!(f, "it was ended by signal {signal}")?,
            (_, _, Some(code)) => write!(f, "it ended with code {code}")?,
            _ => f.write_str("it is gone")?,
        }
        match self.left {
            0 => Ok(()),
            left => write!(f, ", and {left} of its processes went on in the background: start it in the foreground"),
        }
    }
}

/// A running victim. Dropping it ends it and all that it started.
#[derive(Debug)]
pub struct Victim {
    process: Ident,
    keeper: Child,
    events: Option<JoinHandle<()>>,
    ended: Arc<Mutex<Option<Ended>>>,
    output: Arc<Output>,
    folder: PathBuf,
    group: Group,
    disk: Option<Disk>,
    passed_over: Vec<String>,
    dns: Option<PathBuf>,
    clock: Option<PathBuf>,
    grace: Duration,
    entry: Entry,
}

impl Victim {
    /// Starts a victim. `scratch` is where its folder is made.
    ///
    /// # Errors
    /// When it goes beyond the caps, or cannot be started; then nothing is left.
    pub fn start(journal: &Arc<Journal>, caps: &Caps, spec: &Spec, scratch: &Path) -> Result<Self, VictimError> {
        let program = spec.command.first().cloned().unwrap_or_default();
        let broken = |reason: String| VictimError::Start { program: program.clone(), reason };
        if program.is_empty() {
            return Err(broken("no program is named".to_owned()));
        }
        caps.memory(spec.memory.unwrap_or(0))?;
        let longest = caps.duration(spec.longest)?;
        let entry = journal.begin(&format!("victim {program}"), longest + Duration::from_secs(10))?;
        let mark = entry.id();
        let mut setup = setup::Setup::prepare(spec, &entry, scratch).map_err(broken)?;
        if let Some(size) = spec.disk {
            setup.room(caps, spec, size, &entry)?;
        }
        let group = Group::make(&entry, spec.memory)?;
        entry.will(Undo::KillMarked { mark: mark.clone() })?;
        let request = keeper::Request {
            command: setup.command(spec),
            environment: setup.environment(spec),
            folder: setup.folder.clone(),
            tasks: group.tasks(),
            disk: setup.inner_disk(),
            resolver: setup.resolver.clone(),
            bounded: setup.disk.as_ref().is_some_and(|disk| disk.project.is_some()),
            mark: mark.clone(),
            grace: spec.grace.clamp(0.0, 30.0),
        };
        let mut command = journal.launcher().command("keep");
        let mut keeper =
            command.env(MARK, &mark).stderr(Stdio::piped()).spawn().map_err(|error| broken(error.to_string()))?;
        // The keeper starts nothing before it has its request.
        let known = Ident::of(keeper.id()).map_or(Ok(()), |process| entry.will(Undo::Kill { process }));
        if let Err(error) = known {
            let _ = keeper.kill();
            let _ = keeper.wait();
            return Err(error.into());
        }
        let sent = crate::launcher::send(&mut keeper, &request);
        let output = Arc::new(Output::default());
        if let Some(pipe) = keeper.stderr.take() {
            output::read(pipe, Arc::clone(&output));
        }
        let ended = Arc::new(Mutex::new(None));
        let (first, started) = std::sync::mpsc::channel();
        let events = keeper.stdout.take().map(|pipe| {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    match serde_json::from_str(&line) {
                        Ok(keeper::Event::Ended(how)) => *locked(&ended) = Some(how),
                        Ok(event) => drop(first.send(event)),
                        Err(_) => {}
                    }
                }
            })
        });
        let answer = sent
            .map_err(|error| error.to_string())
            .and_then(|()| started.recv_timeout(START).map_err(|_| "no word from its keeper".to_owned()));
        let reason = match answer {
            Ok(keeper::Event::Started { process, namespace }) => {
                setup.settle(&process, namespace);
                let grace = Duration::from_secs_f64(request.grace);
                let (folder, disk, dns) = (setup.folder, setup.disk, setup.resolver.filter(|_| namespace));
                let (clock, passed_over) = (setup.clock, setup.passed_over);
                return Ok(Self {
                    process,
                    keeper,
                    events,
                    ended,
                    output,
                    folder,
                    group,
                    disk,
                    passed_over,
                    dns,
                    clock,
                    grace,
                    entry,
                });
            }
            Ok(keeper::Event::Failed(reason)) => reason,
            Ok(keeper::Event::Ended(how)) => how.to_string(),
            Err(reason) => reason,
        };
        drop(keeper.stdin.take());
        let _ = keeper.kill();
        let _ = keeper.wait();
        Err(broken(reason))
    }

    /// Its first process.
    #[must_use]
    pub const fn process(&self) -> &Ident {
        &self.process
    }

    /// How it ended; none while it runs.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        locked(&self.ended).clone()
    }

    /// The folder in which it works.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its cgroup; without controllers where there is none.
    #[must_use]
    pub const fn group(&self) -> &Group {
        &self.group
    }

    /// Its own file system.
    #[must_use]
    pub const fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// By which mechanisms it could not have one, and why.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Its own resolver configuration, as the engine reaches it.
    #[must_use]
    pub fn resolver(&self) -> Option<&Path> {
        self.dns.as_deref()
    }

    /// The file from which its calendar clock is read.
    #[must_use]
    pub fn clock(&self) -> Option<&Path> {
        self.clock.as_deref()
    }

    /// What it printed.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Ends it: politely, then not. Gives how it ended.
    ///
    /// # Errors
    /// When something of it cannot be ended or removed.
    pub fn stop(mut self) -> Result<Option<Ended>, JournalError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<Option<Ended>, JournalError> {
        drop(self.keeper.stdin.take());
        let deadline = Instant::now() + self.grace + Duration::from_secs(8);
        while matches!(self.keeper.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let ending = self.entry.revert();
        // Killed by the undoing, if it was still there.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        if let Some(events) = self.events.take() {
            let _ = events.join();
        }
        let ending = ending?;
        if ending.problems.is_empty() { Ok(self.ended()) } else { Err(JournalError::Left(ending.problems.join("; "))) }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if self.events.is_some() {
            let _ = self.finish();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
