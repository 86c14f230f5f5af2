//! The janitor: a process of its own session that outlives a `kill -9` of its owner, and undoes what the owner has left.
//!
//! It holds one end of a pipe whose other end only the owner has: the kernel closes it whatever the owner dies of. Beside
//! that it watches the deadlines. Ctrl-C, hang-ups and polite requests to end do not reach it: it goes when its work is done.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::link::{readable, take};
use super::{By, JournalError, files, revert};
use crate::process::Ident;

/// What it says once nothing but `kill -9` ends it.
pub(super) const READY: &str = "ready";

/// It looks at least so often: a stopped owner does not write.
const TICK: Duration = Duration::from_millis(500);

/// So often it tries what does not work, before it leaves the rest to the next start.
const TRIES: u32 = 20;

/// What it is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The folder of the journal.
    pub folder: PathBuf,
    /// Whose entries.
    pub owner: Ident,
}

/// The janitor's life.
pub(crate) fn main(request: Request) -> Result<(), JournalError> {
    // Fails only where it already leads a session of its own.
    let _ = rustix::process::setsid();
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP, libc::SIGPIPE] {
        // SAFETY: ignoring a signal installs no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // When memory runs out, those that it would have to undo shall go first. Lowering the score needs privileges.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-900");
    say(READY);
    let mut failures = 0;
    loop {
        let line = readable(0, wait(&request));
        let gone = (line && take(0)) || !request.owner.lives();
        let (undone, failed) = round(&request, gone);
        failures = if failed { failures + 1 } else { 0 };
        let stuck = failures >= TRIES;
        if gone && (!failed || stuck) {
            return Ok(());
        }
        if failed || undone {
            std::thread::sleep(Duration::from_millis(if failed { 250 } else { 0 }));
        }
    }
}

/// Time until the next deadline, at most a tick.
fn wait(request: &Request) -> Duration {
    let ids = files::ids(&request.folder).unwrap_or_default();
    let records = ids.iter().filter_map(|id| files::read(&request.folder, id).ok()?);
    let left = records.filter(|record| record.owner == request.owner).map(|record| record.deadline.left());
    left.fold(TICK, |least, left| least.min(Duration::from_secs_f64(left.clamp(0.0, TICK.as_secs_f64()))))
}

/// Undoes what is due: everything of the owner when it is gone. Gives whether something was undone, and whether something
/// could not be.
fn round(request: &Request, gone: bool) -> (bool, bool) {
    let (mut undone, mut failed) = (false, false);
    let Ok(ids) = files::ids(&request.folder) else { return (false, true) };
    // The latest first: a victim that stands still does not end before it goes on again.
    for id in ids.into_iter().rev() {
        let Ok(Some(record)) = files::read(&request.folder, &id) else { continue };
        let over = record.deadline.left() <= 0.0;
        if record.owner != request.owner || !(gone || over) {
            continue;
        }
        let why = if over { "the deadline was over" } else { "its owner was gone" };
        match revert::undo(&request.folder, &id, By::Janitor, why) {
            Ok(ending) if ending.problems.is_empty() => undone = true,
            Ok(_) | Err(_) => failed = true,
        }
    }
    (undone, failed)
}

fn say(word: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Who does not listen is gone, which the line tells.
    let _ = writeln!(out, "{word}").and_then(|()| out.flush());
}
