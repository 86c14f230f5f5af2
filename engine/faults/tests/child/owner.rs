//! Changes the host in every way that the journal can undo, says so, and waits to be killed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine_faults::journal::{Journal, Undo, limit};
use engine_faults::launcher::Launcher;
use engine_faults::process::{Ident, MARK};
use rustix::process::{Resource, Rlimit, Signal};

/// `longest` is the time of the deadline in seconds.
pub(crate) fn main(folder: &Path, scratch: &Path, longest: &str) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let me = std::env::current_exe().map_err(|error| text(&error))?;
    let launcher = Launcher::new(me.to_string_lossy(), &["__faults"]);
    let journal = Journal::open(folder, launcher).map_err(|error| text(&error))?;
    let longest = Duration::from_secs_f64(longest.parse().map_err(|error| text(&error))?);
    let entry = journal.begin("everything", longest).map_err(|error| text(&error))?;
    let will = |undo: Undo| entry.will(undo).map_err(|error| text(&error));

    let place = scratch.join(entry.name("place"));
    will(Undo::RemoveFolder { path: place.clone() })?;
    std::fs::create_dir(&place).map_err(|error| text(&error))?;
    std::fs::write(place.join("data"), "x").map_err(|error| text(&error))?;
    let file = scratch.join(entry.name("file"));
    will(Undo::RemoveFile { path: file.clone() })?;
    std::fs::write(&file, "x").map_err(|error| text(&error))?;

    // One that shall live on with its own limits, and go on; the test has started it.
    let bystander: u32 =
        std::fs::read_to_string(scratch.join("bystander")).map_err(|error| text(&error))?.parse().map_err(|_| "pid")?;
    let process = Ident::of(bystander).ok_or("no bystander")?;
    let now = limit(&process, Resource::Nofile).ok_or("no limit")?;
    let (soft, hard) = (now.current, now.maximum);
    will(Undo::RestoreLimit {
        process: process.clone(),
        limit: engine_faults::journal::Limit::Descriptors,
        soft,
        hard,
    })?;
    let low = Rlimit { current: Some(16), maximum: hard };
    rustix::process::prlimit(process.id(), Resource::Nofile, low).map_err(|error| text(&error))?;
    will(Undo::Continue { process: process.clone() })?;
    process.signal(Signal::STOP).map_err(|error| text(&error))?;

    let mark = entry.id();
    will(Undo::KillMarked { mark: mark.clone() })?;
    let hog = "sleep 600 & (setsid sleep 601 &) ; wait";
    let child =
        Command::new("sh").args(["-c", hog]).env(MARK, &mark).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child = child.map_err(|error| text(&error))?;
    will(Undo::Kill { process: Ident::of(child.id()).ok_or("gone")? })?;

    if rustix::process::geteuid().is_root() {
        let memory = Path::new("/sys/fs/cgroup/memory");
        if memory.join("memory.limit_in_bytes").exists() {
            let group = memory.join(entry.name("group"));
            will(Undo::RemoveCgroup { folder: group.clone() })?;
            std::fs::create_dir(&group).map_err(|error| text(&error))?;
            std::fs::write(group.join("cgroup.procs"), child.id().to_string()).map_err(|error| text(&error))?;
        }
        let point = place.join("mount");
        std::fs::create_dir(&point).map_err(|error| text(&error))?;
        will(Undo::Unmount { path: point.clone() })?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&point).status();
        if !mounted.is_ok_and(|status| status.success()) {
            std::fs::write(scratch.join("no-mount"), "").map_err(|error| text(&error))?;
        }
    }
    println!("{mark}");
    std::thread::sleep(Duration::from_secs(120));
    Ok(())
}
