//! The demo target as a child: started before a load, ended with all that it started, whatever happens.
//!
//! The child gets a process group of its own and a pipe as standard input, which it watches: when this process dies in
//! whatever way, the pipe ends and so does the child.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use engine_core::load::{DemoTarget, DemoTargetError};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid};
use thiserror::Error;

/// How long a child may take to say where it listens, beyond the delay that its settings ask for. On a machine with other
/// work a start takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a child may take to end when asked to.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long its end and its last words may take once its output has ended, which it nearly always has because it died.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Lines of what it printed as errors that an error of ours repeats.
const REPEATED: usize = 5;
/// Bytes of a line; the rest counts as the next one.
const LINE: u64 = 4096;

/// Why there is no target.
#[derive(Debug, Error)]
pub enum TargetError {
    /// A setting is impossible.
    #[error(transparent)]
    Settings(#[from] DemoTargetError),
    /// The program cannot be started.
    #[error("the demo target cannot be started: `{program}`: {error}")]
    Start {
        /// Which program.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// It ended before it listened.
    #[error("the demo target ended before it listened ({status}){said}")]
    Died {
        /// How it ended.
        status: String,
        /// What it printed as errors, or nothing.
        said: String,
    },
    /// It did not listen in time.
    #[error("the demo target did not say where it listens within {seconds:.1} s{said}")]
    Silent {
        /// The time.
        seconds: f64,
        /// What it printed instead, or nothing.
        said: String,
    },
}

/// A running demo target. Dropping it ends the process and its group, and waits for that.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub pid: u32,
    /// Where it listens, such as `http://127.0.0.1:40001`.
    pub url: String,
    group: Group,
}

/// The child as leader of its own process group; ends with this value.
#[derive(Debug)]
struct Group {
    child: Child,
}

/// Starts `command` (a program and the arguments that make it a demo target) with the settings as further arguments, and
/// waits until it says where it listens.
///
/// # Errors
/// If settings are impossible, or the program cannot be started, ends at once, or does not listen in time.
pub fn start(command: &[String], settings: &DemoTarget) -> Result<Started, TargetError> {
    start_within(command, settings, PATIENCE + Duration::from_secs_f64(settings.start_delay.clamp(0.0, 86_400.0)))
}

fn start_within(command: &[String], settings: &DemoTarget, patience: Duration) -> Result<Started, TargetError> {
    settings.check()?;
    let cannot = |program: &str, error| TargetError::Start { program: program.to_owned(), error };
    let missing = || cannot("", std::io::Error::new(std::io::ErrorKind::InvalidInput, "no program was given"));
    let (program, arguments) = command.split_first().ok_or_else(missing)?;
    let mut child = Command::new(program)
        .args(arguments)
        .args(settings.arguments())
        .arg("--until-input-ends")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| cannot(program, error))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let group = Group { child };
    let (lines, said) = (lines(output), lines(errors));
    let deadline = Instant::now() + patience;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some((_, url)) = line.split_once(" on http://") {
                    return Ok(Started { pid: group.child.id(), url: format!("http://{}", url.trim()), group });
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                drop(group);
                return Err(TargetError::Silent { seconds: patience.as_secs_f64(), said: repeated(&said) });
            }
            // Its output ended: it is dead, or as good as that.
            Err(RecvTimeoutError::Disconnected) => {
                group.ended_within(LAST_WORDS);
                let status = group.ended().unwrap_or_else(|| "its output ended".to_owned());
                drop(group);
                return Err(TargetError::Died { status, said: repeated(&said) });
            }
        }
    }
}

/// The lines of a pipe, as they come. Goes on reading when nobody listens any more, so that the child is never held up.
fn lines(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, receive) = channel();
    if let Some(pipe) = pipe {
        std::thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let _ = send.send(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
    }
    receive
}

/// The last lines of what an ended child said, as the end of a message.
fn repeated(said: &Receiver<String>) -> String {
    let deadline = Instant::now() + LAST_WORDS;
    let mut lines = Vec::new();
    while let Ok(line) = said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        lines.push(line);
    }
    let last = &lines[lines.len().saturating_sub(REPEATED)..];
    if last.is_empty() { String::new() } else { format!(": {}", last.join("; ")) }
}

impl Started {
    /// How it ended, if it has: a target that dies during a load explains the load's errors.
    pub fn ended(&self) -> Option<String> {
        self.group.ended()
    }
}

impl Group {
    /// How the child ended, if it has. It is not reaped: until then its id, and its group's, cannot become another's.
    fn ended(&self) -> Option<String> {
        let id = WaitId::Pid(self.id()?);
        let status =
            waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT).ok().flatten()?;
        Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "it ended".to_owned(),
        })
    }

    fn ended_within(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Group {
    /// Asks the group to end, waits a little for the child, kills what is left of the group, and waits a little for that:
    /// a killed process is there until it has run once more, which on a busy machine takes its time.
    fn drop(&mut self) {
        let Some(group) = self.id() else { return };
        // A group without processes cannot be signalled, which is what is wanted.
        let _ = kill_process_group(group, Signal::TERM);
        self.ended_within(FAREWELL);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
        let deadline = Instant::now() + FAREWELL;
        while test_kill_process_group(group).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(test)]
mod tests;
