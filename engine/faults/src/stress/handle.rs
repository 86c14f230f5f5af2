//! The parent's side: starts a stressor within the caps, hears its progress, ends it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::args::{ArgError, ArgValue, Args};

use super::{Needs, Progress, Request, Stressor};
use crate::caps::{Caps, Refused};
use crate::journal::{Entry, Journal, JournalError, Undo};
use crate::process::Ident;
use crate::room;

/// How long an ended stressor may take to say its last word, beyond the grace that it gives its threads.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Why a stressor does not run.
#[derive(Debug, thiserror::Error)]
pub enum StressError {
    /// The options.
    #[error(transparent)]
    Args(#[from] ArgError),
    /// Beyond the caps.
    #[error("{stressor} is refused: {reason}")]
    Refused {
        /// Which.
        stressor: &'static str,
        /// Why.
        reason: Refused,
    },
    /// The undo journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The child.
    #[error("{stressor}: {reason}")]
    Child {
        /// Which.
        stressor: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// A running stressor. Dropping it ends it.
#[derive(Debug)]
pub struct Stress {
    stressor: &'static Stressor,
    request: Request,
    child: Child,
    entry: Entry,
    latest: Arc<Mutex<Progress>>,
    reader: Option<JoinHandle<()>>,
}

/// How a stressor is started, beside its own options.
#[derive(Debug, Clone, Default)]
pub struct Start<'a> {
    /// Seed of everything random.
    pub seed: u64,
    /// Plants one error after so many turns: the proof that the verification sees it.
    pub plant: Option<u64>,
    /// Where its folder for files is made.
    pub scratch: Option<&'a Path>,
}

impl Stress {
    /// Checks options and caps, writes the undo record, and starts the child. Nothing is started when anything is refused.
    ///
    /// # Errors
    /// On options that make no sense, beyond the caps, and when the child does not come up.
    pub fn start(
        journal: &Arc<Journal>,
        caps: &Caps,
        stressor: &'static Stressor,
        given: &BTreeMap<String, ArgValue>,
        tiny: bool,
        start: &Start<'_>,
    ) -> Result<Self, StressError> {
        let id = stressor.info.id;
        let args = stressor.info.args(given, tiny)?;
        let broken = |reason: String| StressError::Child { stressor: id, reason };
        let (mut request, duration) =
            request(caps, stressor, args, start).map_err(|reason| StressError::Refused { stressor: id, reason })?;
        let entry = journal.begin(id, duration + Duration::from_secs(10))?;
        if request.needs.disk > 0 {
            let base = start.scratch.ok_or_else(|| broken("it needs a folder for its files".to_owned()))?;
            caps.disk(base, request.needs.disk).map_err(|reason| StressError::Refused { stressor: id, reason })?;
            let folder = base.join(entry.name("files"));
            entry.will(Undo::RemoveFolder { path: folder.clone() })?;
            std::fs::create_dir(&folder).map_err(|error| broken(format!("{}: {error}", folder.display())))?;
            request.scratch = Some(folder);
        }
        let mark = entry.id();
        entry.will(Undo::KillMarked { mark: mark.clone() })?;
        let mut command = journal.launcher().command("stress");
        let mut child = command
            .env(crate::process::MARK, &mark)
            .spawn()
            .map_err(|error| broken(format!("cannot start: {error}")))?;
        // It does nothing before it has its request, and ends when this process is gone before that.
        let known = Ident::of(child.id()).map(|process| entry.will(Undo::Kill { process }));
        let sent = match known {
            Some(Err(error)) => Err(StressError::Journal(error)),
            Some(Ok(())) | None => {
                crate::launcher::send(&mut child, &request).map_err(|error| broken(format!("its request: {error}")))
            }
        };
        if let Err(error) = sent {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        let latest = Arc::new(Mutex::new(Progress::default()));
        let reader = child.stdout.take().map(|output| {
            let latest = Arc::clone(&latest);
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Ok(progress) = serde_json::from_str(&line) {
                        *latest.lock().unwrap_or_else(PoisonError::into_inner) = progress;
                    }
                }
            })
        });
        Ok(Self { stressor, request, child, entry, latest, reader })
    }

    /// Its last report.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it was asked.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The id of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until its time is over, then ends it.
    ///
    /// # Errors
    /// As [`Self::stop`].
    pub fn wait(mut self) -> Result<Progress, StressError> {
        let deadline = Instant::now() + Duration::from_secs_f64(self.request.duration) + LAST_WORD;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.finish()
    }

    /// Ends it, and gives its last report.
    ///
    /// # Errors
    /// When it died before, or could not work.
    pub fn stop(mut self) -> Result<Progress, StressError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<Progress, StressError> {
        let broken = |reason: String| StressError::Child { stressor: self.stressor.info.id, reason };
        drop(self.child.stdin.take());
        let deadline = Instant::now() + LAST_WORD;
        let mut status = None;
        while status.is_none() && Instant::now() < deadline {
            status = self.child.try_wait().map_err(|error| broken(error.to_string()))?;
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = match status {
            Some(status) => status,
            None => {
                let _ = self.child.kill();
                self.child.wait().map_err(|error| broken(error.to_string()))?
            }
        };
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let undone = self.entry.revert()?;
        let progress = self.progress();
        if !undone.problems.is_empty() {
            return Err(broken(format!("not undone: {}", undone.problems.join("; "))));
        }
        if let Some(failure) = progress.failure {
            return Err(broken(failure));
        }
        if progress.ended.is_none() {
            let why = match status.signal() {
                Some(9) => "; killed from outside, most often because memory ran out",
                Some(24) => "; it used more CPU time than it was granted",
                _ => "",
            };
            return Err(broken(format!("its process died without a last word ({status}{why})")));
        }
        Ok(progress)
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        if self.reader.is_some() {
            let _ = self.finish();
        }
    }
}

/// The request of checked options, within the caps.
fn request(
    caps: &Caps,
    stressor: &'static Stressor,
    args: Args,
    start: &Start<'_>,
) -> Result<(Request, Duration), Refused> {
    let duration = caps.duration(args.number("duration"))?;
    let ramp = args.number("ramp");
    let processors = room::processors();
    let allowed = caps.processors_allowed(processors.len());
    let threads = args.threads("threads", allowed);
    let percent = args.whole("intensity");
    let needs = Needs { threads, ..(stressor.needs)(&args) };
    caps.processors(threads, percent, processors.len())?;
    if needs.memory > 0 {
        caps.memory(needs.memory)?;
    }
    caps.count("processes, connections or descriptors", needs.count)?;
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let intensity = percent as f64 / 100.0;
    let request = Request {
        stressor: stressor.info.id.to_owned(),
        nice: i32::try_from(args.whole("nice")).unwrap_or(0),
        args,
        threads,
        duration: duration.as_secs_f64(),
        ramp,
        intensity,
        seed: start.seed,
        plant: start.plant,
        scratch: None,
        needs,
        // The first ones are left: what is measured and the interrupts of most devices are there.
        processors: processors[processors.len().saturating_sub(allowed)..].to_vec(),
    };
    Ok((request, duration))
}
