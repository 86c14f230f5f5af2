//! A child in which Python and the extension run. The engine itself never loads an interpreter: a Python that is missing
//! or old is a skip, and one that dies or hangs is ended and fails its round.
#![expect(unsafe_code, reason = "poll is a call into libc")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine_core::step::{Skip, SkipKind};

use super::foreign::{self, memory_file};
use crate::tool::command::{is_executable, search_path};
use crate::tool::process::{Order, above, exit_code};
use crate::{Context, ProbeError};

/// The extension's bytes; empty when it was not built.
pub(crate) static EXTENSION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engine_python.so"));

/// How often the child is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A child that says more than this is ended.
const MOST_SAID: u64 = 16 << 20;
/// As many of the last bytes of what it said are shown.
const SHOWN: u64 = 1_500;

/// What runs: an interpreter, and a program for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script<'a> {
    /// The interpreter.
    pub(crate) python: &'a Path,
    /// The program's text. It finds the extension at descriptor 3, the shared library of C at 4, and answers to 5.
    pub(crate) program: &'a str,
    /// Its one argument.
    pub(crate) argument: &'a str,
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// `python3` in the search path.
///
/// # Errors
/// A skip where there is none.
pub(crate) fn python3() -> Result<PathBuf, Skip> {
    found(&search_path()).ok_or_else(|| {
        Skip::new(
            SkipKind::Tool,
            "there is no `python3` in PATH",
            "install Python 3.9 or newer (Debian: apt install python3)",
        )
    })
}

fn found(places: &[PathBuf]) -> Option<PathBuf> {
    places.iter().map(|place| place.join("python3")).find(|path| is_executable(path))
}

/// Runs the program with the extension to its end and gives its answer.
///
/// # Errors
/// A skip when there is no extension or no memory file; a failure when the child cannot be started, dies, says nothing or
/// too much, or takes longer than it may. Whatever happens, nothing of it is left.
pub(crate) fn run(script: &Script<'_>, extension: &[u8], cx: &Context<'_>) -> Result<Vec<u8>, ProbeError> {
    if extension.is_empty() {
        let remedy = "build the engine for the machine it is built on, with `cargo build` or `cargo install`";
        return Err(Skip::new(SkipKind::Platform, "the engine was built without its Python extension", remedy).into());
    }
    let name = script.python.display();
    let cannot = |error: io::Error| ProbeError::failed(format!("cannot run `{name}`: {error}"));
    let file = |name, bytes: &[u8]| memory_file(name, bytes).and_then(above);
    let (module, library) =
        (file(c"engine_python", extension).map_err(cannot)?, file(c"ladder", foreign::SHARED).map_err(cannot)?);
    let (answer, said) = (file(c"answer", &[]).map_err(cannot)?, file(c"said", &[]).map_err(cannot)?);
    let null = above(File::options().read(true).write(true).open("/dev/null").map_err(cannot)?).map_err(cannot)?;
    // Isolated from the user's settings and folders, and without byte code left behind.
    let arguments = ["python3", "-I", "-B", "-c", script.program, script.argument].map(OsString::from);
    let files = [(&null, 0), (&said, 1), (&said, 2), (&module, 3), (&library, 4), (&answer, 5)];
    let order = Order::new(script.python, &arguments, &files.map(|(ours, theirs)| (ours.as_raw_fd(), theirs)));

    let started = Instant::now();
    let mut child = order.map_err(cannot)?.start().map_err(cannot)?;
    let said = File::from(said);
    let end = child.end().map_err(cannot)?;
    let trouble = loop {
        if readable(&end, LOOK).map_err(cannot)? {
            // Before the wait, while the group's number is certainly its own.
            child.kill_group();
            break match exit_code(child.wait().map_err(cannot)?.status) {
                0 => None,
                code => Some(format!("ended with exit code {code}")),
            };
        }
        cx.check()?;
        if started.elapsed() > script.limit {
            break Some(format!("did not end within {} s", script.limit.as_secs_f64()));
        }
        if said.metadata().map_err(cannot)?.len() > MOST_SAID {
            break Some("said more than 16 MiB".to_owned());
        }
    };
    drop(child);
    match trouble {
        Some(how) => Err(ProbeError::failed(format!("`{name}` {how}{}", last_words(said)))),
        None => whole(answer).map_err(cannot).and_then(|bytes| match bytes.is_empty() {
            true => Err(ProbeError::failed(format!("`{name}` gave no answer{}", last_words(said)))),
            false => Ok(bytes),
        }),
    }
}

/// Waits so long at most for something to read.
fn readable(file: &OwnedFd, most: Duration) -> io::Result<bool> {
    let mut waited = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let most = i32::try_from(most.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one entry that is writable, for a descriptor that is open.
    match unsafe { libc::poll(&raw mut waited, 1, most) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        ready => Ok(ready > 0),
    }
}

/// A file from its beginning.
fn whole(file: OwnedFd) -> io::Result<Vec<u8>> {
    let (mut file, mut bytes) = (File::from(file), Vec::new());
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The end of what the child said, for an error.
fn last_words(mut said: File) -> String {
    let mut bytes = Vec::new();
    let length = said.metadata().map_or(0, |facts| facts.len());
    let read = said.seek(SeekFrom::Start(length.saturating_sub(SHOWN))).and_then(|_| said.read_to_end(&mut bytes));
    match (read, String::from_utf8_lossy(&bytes).trim()) {
        (Err(_), _) | (_, "") => String::new(),
        (Ok(_), text) => format!("; it said:\n{text}"),
    }
}

#[cfg(test)]
mod tests;
