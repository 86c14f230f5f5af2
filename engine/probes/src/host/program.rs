//! Running a small program for its answer, with a time-out.

use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// More than any answer that we ask for.
const LARGEST: u64 = 4 << 20;

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed.
    #[error("`{program}` is not installed")]
    Missing {
        /// Its name.
        program: String,
    },
    /// It could not be started.
    #[error("`{program}` could not be started: {source}")]
    Start {
        /// Its name.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It took too long and was ended.
    #[error("`{program}` gave no answer within {seconds} s", seconds = limit.as_secs_f64())]
    TimedOut {
        /// Its name.
        program: String,
        /// The time it had.
        limit: Duration,
    },
    /// It ended with an error.
    #[error("`{program}` failed: {message}")]
    Failed {
        /// Its name.
        program: String,
        /// First line of its error output, or its exit status.
        message: String,
    },
}

/// What a program wrote to its standard output, when it ended well within `limit`. It runs in a process group of its
/// own, with the C locale and nothing on standard input; the whole group is killed at the time-out.
pub(crate) fn output(
    program: &str,
    args: &[&str],
    folder: Option<&Path>,
    limit: Duration,
) -> Result<Vec<u8>, ProgramError> {
    let name = || program.to_owned();
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    // Refreshing git's index would take a lock in the user's repository.
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let mut child = command.spawn().map_err(|source| match source.kind() {
        ErrorKind::NotFound => ProgramError::Missing { program: name() },
        _ => ProgramError::Start { program: name(), source },
    })?;
    let started = Instant::now();
    let answers = [drain(child.stdout.take()), drain(child.stderr.take())];
    let mut texts = answers.into_iter().map(|answer| answer.recv_timeout(limit.saturating_sub(started.elapsed())));
    let (out, err) = (texts.next(), texts.next());
    let (Some(Ok(out)), Some(Ok(err))) = (out, err) else {
        end(&mut child);
        return Err(ProgramError::TimedOut { program: name(), limit });
    };
    // Both pipes are closed, so it has ended or is about to.
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < limit => std::thread::sleep(Duration::from_micros(200)),
            Ok(None) => {
                end(&mut child);
                return Err(ProgramError::TimedOut { program: name(), limit });
            }
            Err(source) => return Err(ProgramError::Start { program: name(), source }),
        }
    };
    if status.success() {
        return Ok(out);
    }
    let text = String::from_utf8_lossy(&err);
    let message =
        text.lines().map(str::trim).find(|line| !line.is_empty()).map_or_else(|| status.to_string(), str::to_owned);
    Err(ProgramError::Failed { program: name(), message })
}

/// Reads a pipe to its end on a thread of its own. The thread ends with the pipe, which the end of the group closes.
fn drain(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // A broken pipe ends the answer; what was read until then counts.
            let _ = pipe.take(LARGEST).read_to_end(&mut bytes);
        }
        // Nobody waits any more after a time-out.
        let _ = send.send(bytes);
    });
    receive
}

fn end(child: &mut Child) {
    super::trial::kill_group(child.id());
    // It may have ended by itself in the meantime.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(300);

    #[test]
    fn an_answer_is_read_whole() {
        assert_eq!(output("sh", &["-c", "printf abc"], None, LONG).unwrap(), b"abc");
        // More than a pipe holds.
        assert_eq!(output("sh", &["-c", "head -c 300000 /dev/zero"], None, LONG).unwrap().len(), 300_000);
    }

    #[test]
    fn each_kind_of_failure_is_told() {
        let message = |result: Result<Vec<u8>, ProgramError>| result.unwrap_err().to_string();
        assert_eq!(message(output("no-such-program-here", &[], None, LONG)), "`no-such-program-here` is not installed");
        assert_eq!(message(output("sh", &["-c", "echo no >&2; exit 3"], None, LONG)), "`sh` failed: no");
        // The grandchild holds the pipe open; the whole group must go.
        let slow = output("sh", &["-c", "sleep 600 & sleep 600"], None, Duration::from_millis(100));
        assert_eq!(message(slow), "`sh` gave no answer within 0.1 s");
    }
}
