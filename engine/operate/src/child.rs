//! Runs of a schedule as children: `engine run` with the schedule's arguments, ended when it takes too long.
//!
//! A child is in a process group of its own and holds the lock by its standard input, so it goes on, and keeps others
//! away, when the scheduler is killed. Its results are its own business: it stores them, and is found again by its tags.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use engine_core::schedule::{Ending, Occurrence, REVIEW, Schedule};
use rustix::process::{Pid, Signal};

use crate::lock::Lock;
use crate::scheduler::{Finished, SCHEDULE, Starter, TAG};

/// The variable by which a child knows that a scheduler tells people what it finds.
pub const VARIABLE: &str = "ENGINE_SCHEDULED";

/// Between being asked to end and being ended.
const GRACE: Duration = Duration::from_secs(60);

/// How often it is looked whether the scheduler is to end.
const LOOK: Duration = Duration::from_secs(1);

/// How long its last words may take once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// So much of what a child says last is kept.
const TAIL: usize = 4096;

/// Exit codes after which there is a run, whatever its verdict.
const RAN: [i32; 8] = [0, 10, 11, 12, 13, 14, 31, 40];

/// Starts runs as children.
#[derive(Debug)]
pub struct Children {
    /// The binary with its global options.
    pub command: Vec<String>,
    /// Set when the scheduler is to end.
    pub stop: Arc<AtomicBool>,
}

/// What a child is started with.
#[must_use]
pub fn arguments(schedule: &Schedule, occurrence: &Occurrence) -> Vec<String> {
    if schedule.scenario == REVIEW {
        return vec!["baseline".to_owned(), "review".to_owned(), "--notify".to_owned()];
    }
    let mut all = vec!["run".to_owned(), schedule.scenario.clone()];
    for (name, value) in [(SCHEDULE, schedule.name.clone()), (TAG, occurrence.id.to_string())] {
        all.extend(["--tag".to_owned(), format!("{name}={value}")]);
    }
    all.extend(schedule.args.iter().cloned());
    all
}

impl Starter for Children {
    fn run(&mut self, schedule: &Schedule, occurrence: &Occurrence, lock: &Lock) -> Finished {
        match self.spawn(schedule, occurrence, lock) {
            Ok(child) => self.wait(child, Duration::from_secs_f64(schedule.limit.clamp(1.0, 1e9))),
            Err(reason) => failed(None, reason),
        }
    }
}

impl Children {
    fn spawn(&self, schedule: &Schedule, occurrence: &Occurrence, lock: &Lock) -> Result<Child, String> {
        let Some((program, global)) = self.command.split_first() else {
            return Err("the scheduler does not know the engine's binary".to_owned());
        };
        let lock = lock.share().map_err(|error| error.to_string())?;
        let folder = PathBuf::from(&schedule.folder);
        if !folder.is_dir() {
            return Err(format!("its folder `{}` is gone", folder.display()));
        }
        Command::new(program)
            .args(global)
            .arg("--quiet")
            .args(arguments(schedule, occurrence))
            .current_dir(folder)
            .env(VARIABLE, &schedule.name)
            .stdin(Stdio::from(lock))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("`{program}` cannot be started: {error}"))
    }

    fn wait(&self, mut child: Child, limit: Duration) -> Finished {
        let process = Pid::from_child(&child);
        let said = child.stderr.take().map(|pipe| std::thread::spawn(move || tail(pipe)));
        let (sender, ended) = channel();
        let waiter = std::thread::spawn(move || {
            // Nobody listens any more only when this process ends.
            let _ = sender.send(child.wait());
        });
        let (status, asked) = self.until(&ended, process, limit);
        // What the child left behind may hold the pipe open for ever; what it said is not worth that.
        let began = Instant::now();
        while said.as_ref().is_some_and(|thread| !thread.is_finished()) && began.elapsed() < LAST_WORDS {
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = said.filter(std::thread::JoinHandle::is_finished).and_then(|thread| thread.join().ok());
        let last = said.as_deref().map(last_line).unwrap_or_default();
        if waiter.is_finished() && waiter.join().is_err() {
            tracing::debug!("the thread that waited for a run has panicked");
        }
        finished(status, asked, limit, last)
    }

    /// Waits for the end; asks for it when the time is up or the scheduler is to end.
    fn until(
        &self,
        ended: &Receiver<std::io::Result<ExitStatus>>,
        process: Pid,
        limit: Duration,
    ) -> (std::io::Result<ExitStatus>, Option<Asked>) {
        let began = Instant::now();
        let mut asked: Option<(Asked, Instant)> = None;
        loop {
            match ended.recv_timeout(LOOK) {
                Ok(status) => return (status, asked.map(|(why, _)| why)),
                Err(RecvTimeoutError::Disconnected) => {
                    return (Err(std::io::Error::other("nothing waits for it")), asked.map(|(why, _)| why));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            match asked {
                None => {
                    let why = if self.stop.load(Ordering::Relaxed) {
                        Asked::Stop
                    } else if began.elapsed() >= limit {
                        Asked::Limit
                    } else {
                        continue;
                    };
                    // It may have ended just now.
                    let _ = rustix::process::kill_process(process, Signal::TERM);
                    asked = Some((why, Instant::now()));
                }
                Some((_, at)) if at.elapsed() >= GRACE => {
                    let _ = rustix::process::kill_process_group(process, Signal::KILL);
                }
                Some(_) => {}
            }
        }
    }
}

/// Why a run was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Limit,
    Stop,
}

fn finished(status: std::io::Result<ExitStatus>, asked: Option<Asked>, limit: Duration, last: String) -> Finished {
    let status = match status {
        Ok(status) => status,
        Err(error) => return failed(None, error.to_string()),
    };
    let exit = status.code();
    match (asked, exit) {
        (Some(Asked::Limit), _) => Finished {
            ending: Ending::TimedOut,
            exit,
            reason: format!("it took longer than its limit of {} s and was ended", limit.as_secs()),
        },
        (Some(Asked::Stop), _) => Finished {
            ending: Ending::Skipped,
            exit,
            reason: "it was ended with the scheduler; what it had is stored".to_owned(),
        },
        (None, Some(code)) if RAN.contains(&code) => Finished { ending: Ending::Ran, exit, reason: String::new() },
        (None, Some(code)) if last.is_empty() => failed(exit, format!("exit code {code}")),
        (None, Some(_)) => failed(exit, last),
        (None, None) => failed(None, format!("it was killed ({status})")),
    }
}

fn failed(exit: Option<i32>, reason: String) -> Finished {
    Finished { ending: Ending::Failed, exit, reason }
}

fn tail(mut pipe: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = pipe.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 2 * TAIL {
            kept.drain(..kept.len() - TAIL);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The last line that says what is wrong, else the last line.
fn last_line(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().rfind(|line| line.starts_with("error:")).or_else(|| lines().next_back()).unwrap_or_default();
    engine_report::clean::clip(line.strip_prefix("error: ").unwrap_or(line), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::run::Timestamp;
    use engine_core::schedule::Cause;

    fn run(script: &str, limit: f64, stop: bool) -> Finished {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(&folder.path().join("lock"), "x").unwrap();
        // The shell takes what follows the script as its own arguments.
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let mut schedule = crate::step::tests::schedule("0 2 * * *");
        schedule.limit = limit;
        let occurrence = Occurrence::new("x", Timestamp(0), Cause::Manual, Ending::Running, Timestamp(0));
        let mut children = Children { command, stop: Arc::new(AtomicBool::new(stop)) };
        children.run(&schedule, &occurrence, &lock)
    }

    #[test]
    fn a_verdict_is_a_run_and_an_error_is_none() {
        assert_eq!(run("exit 11", 60.0, false).ending, Ending::Ran);
        let error =
            run("echo noise >&2; echo 'error: there is no scenario `x`' >&2; echo bye >&2; exit 2", 60.0, false);
        assert_eq!((error.ending, error.exit), (Ending::Failed, Some(2)));
        assert_eq!(error.reason, "there is no scenario `x`");
        assert!(run("kill -9 $$", 60.0, false).reason.contains("killed"));
    }

    #[test]
    fn what_takes_too_long_is_ended_and_so_is_what_the_scheduler_leaves() {
        let ended = run("exec sleep 600", 1.0, false);
        assert_eq!(ended.ending, Ending::TimedOut);
        let stopped = run("exec sleep 600", 600.0, true);
        assert_eq!(stopped.ending, Ending::Skipped);
    }

    #[test]
    fn a_child_is_told_its_name_and_reads_no_terminal() {
        let run = run(r#"test "$ENGINE_SCHEDULED" = nightly && test ! -t 0"#, 60.0, false);
        assert_eq!((run.ending, run.exit), (Ending::Ran, Some(0)));
    }
}
