//! The keeper: stands between the engine and a victim, and lets nothing of the victim escape.
//!
//! It adopts the orphans among the victim's descendants, so that going into the background leads to it and not away. When
//! its life line ends, be it that the engine asks or is gone, it asks the victim to end, then ends everything.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions};
use serde::{Deserialize, Serialize};

use super::Ended;
use crate::journal::{readable, take};
use crate::process::{Ident, MARK, Stat, descendants, end_all, marked};

/// It looks at least so often.
const TICK: Duration = Duration::from_millis(20);

/// More processes than any honest victim has.
const PROCESSES: usize = 512;

/// The capability to go beyond resource limits, quotas among them.
const RESOURCE: libc::c_ulong = 24;

/// What is to be kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(super) command: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) folder: PathBuf,
    /// Files of the cgroups to enter.
    pub(super) tasks: Vec<PathBuf>,
    /// A file system that a namespace of its own shall have: where, and how large.
    pub(super) disk: Option<(PathBuf, u64)>,
    /// A file that its namespace shall show as `/etc/resolv.conf`.
    pub(super) resolver: Option<PathBuf>,
    /// It shall be bound by quotas whoever it is.
    pub(super) bounded: bool,
    pub(super) mark: String,
    pub(super) grace: f64,
}

/// What it tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Event {
    /// The victim runs; in a namespace of its own when it was to have one and could.
    Started { process: Ident, namespace: bool },
    /// It could not be started.
    Failed(String),
    /// The victim's first process ended.
    Ended(Ended),
}

/// The keeper's life.
pub(crate) fn main(request: &Request) -> Result<(), String> {
    let _ = rustix::process::setsid();
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let wanted = request.disk.is_some() || request.resolver.is_some();
    let tried = start(request, wanted).map(|pid| (pid, wanted));
    // Where no namespace can be had, without: what depends on it will be skipped by name.
    let started = if wanted { tried.or_else(|_| start(request, false).map(|pid| (pid, false))) } else { tried };
    let (pid, namespace) = match started {
        Ok(started) => started,
        Err(error) => {
            say(&Event::Failed(error.to_string()));
            return Ok(());
        }
    };
    let process = Ident::of(pid).unwrap_or(Ident { pid, start: 0, boot: String::new() });
    say(&Event::Started { process: process.clone(), namespace });
    let mut ended = false;
    let mut forks = false;
    loop {
        let gone = readable(0, TICK) && take(0);
        ended |= reap(pid, forks, ended);
        if gone {
            break;
        }
        if descendants(std::process::id()).len() > PROCESSES {
            forks = true;
            end(&request.mark);
        }
    }
    if !ended {
        let _ = process.signal(Signal::TERM);
        // One that is stopped hears nothing.
        let _ = process.signal(Signal::CONT);
        let deadline = Instant::now() + Duration::from_secs_f64(request.grace);
        while !ended && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
            ended = reap(pid, forks, ended);
        }
    }
    end(&request.mark);
    let deadline = Instant::now() + Duration::from_secs(2);
    while !ended && Instant::now() < deadline {
        ended = reap(pid, forks, ended);
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = reap(pid, forks, ended);
    Ok(())
}

/// Ends everything but the keeper.
fn end(mark: &str) {
    let me = std::process::id();
    let _ = end_all(Duration::from_secs(5), || {
        let mut all: Vec<Stat> = descendants(me);
        all.extend(marked(mark).into_iter().filter(|stat| stat.pid != me));
        all
    });
}

/// Takes in all that have ended; true once the victim's first process has, which is told once.
fn reap(pid: u32, forks: bool, told: bool) -> bool {
    let mut ended = told;
    while let Ok(Some((of, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if of.as_raw_nonzero().get().cast_unsigned() == pid && !ended {
            ended = true;
            let left = descendants(std::process::id()).into_iter().filter(|stat| stat.state != 'Z').count();
            say(&Event::Ended(Ended { code: status.exit_status(), signal: status.terminating_signal(), left, forks }));
        }
    }
    ended
}

fn say(event: &Event) {
    let Ok(line) = serde_json::to_string(event) else { return };
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What the child does between fork and exec, prepared so that it only makes system calls there.
struct Inside {
    tasks: Vec<OwnedFd>,
    namespace: bool,
    bounded: bool,
    root: bool,
    maps: [(CString, Vec<u8>); 3],
    disk: Option<(CString, CString)>,
    resolver: Option<CString>,
}

impl Inside {
    fn new(namespace: bool, disk: Option<(&Path, u64)>, resolver: Option<&Path>) -> std::io::Result<Self> {
        let name = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes()).map_err(std::io::Error::other);
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let options = |size: u64| CString::new(format!("size={size},mode=0777")).map_err(std::io::Error::other);
        Ok(Self {
            tasks: Vec::new(),
            namespace,
            bounded: false,
            root: user == 0,
            maps: [
                (c"/proc/self/setgroups".to_owned(), b"deny".to_vec()),
                (c"/proc/self/uid_map".to_owned(), format!("{user} {user} 1").into_bytes()),
                (c"/proc/self/gid_map".to_owned(), format!("{group} {group} 1").into_bytes()),
            ],
            disk: disk.map(|(path, size)| Ok::<_, std::io::Error>((name(path)?, options(size)?))).transpose()?,
            resolver: resolver.map(name).transpose()?,
        })
    }
}

/// Tries whether a child may mount a file system in memory in a namespace of its own. The child is gone afterwards, and
/// what it mounted with it.
pub(super) fn may_mount(point: &Path, size: u64) -> std::io::Result<()> {
    let inside = Inside::new(true, Some((point, size)), None)?;
    // SAFETY: the child makes system calls only, on what was prepared before, and ends without running anything of ours.
    let child = unsafe {
        match libc::fork() {
            0 => {
                let done = prepare(&inside);
                libc::_exit(done.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO)));
            }
            child => child,
        }
    };
    if child < 0 {
        return Err(std::io::Error::last_os_error());
    }
    let mut status = 0;
    // SAFETY: the pointer is to a live number, and the child is ours.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    match libc::WEXITSTATUS(status) {
        0 if libc::WIFEXITED(status) => Ok(()),
        code => Err(std::io::Error::from_raw_os_error(code)),
    }
}

fn start(request: &Request, namespace: bool) -> std::io::Result<u32> {
    let (program, arguments) = request.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let open = |path: &PathBuf| std::fs::OpenOptions::new().write(true).open(path).map(OwnedFd::from);
    let disk = request.disk.as_ref().map(|(path, size)| (path.as_path(), *size));
    let mut inside = Inside::new(namespace, disk, request.resolver.as_deref())?;
    inside.tasks = request.tasks.iter().map(open).collect::<Result<_, _>>()?;
    inside.bounded = request.bounded;
    // SAFETY: duplicating our own standard error.
    let output = || unsafe {
        match libc::fcntl(2, libc::F_DUPFD_CLOEXEC, 3) {
            fd if fd >= 0 => Ok(Stdio::from(OwnedFd::from_raw_fd(fd))),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(&request.environment).env(MARK, &request.mark).current_dir(&request.folder);
    command.stdin(Stdio::null()).stdout(output()?).stderr(output()?);
    // SAFETY: between fork and exec only system calls are made, on what was prepared before.
    unsafe { command.pre_exec(move || prepare(&inside)) };
    command.spawn().map(|child| child.id())
}

/// In the child, before exec. Allocates nothing.
fn prepare(inside: &Inside) -> std::io::Result<()> {
    let failed = || Err(std::io::Error::last_os_error());
    // SAFETY: plain system calls; every pointer is to something that `inside` holds or to a literal.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        // Where a limit of file sizes stands for a full disk, writing must fail, not kill.
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        // First to go when memory runs out. Refused only where `/proc` cannot be written.
        let score = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if score >= 0 {
            libc::write(score, b"1000".as_ptr().cast(), 4);
            libc::close(score);
        }
        if inside.bounded {
            // Gone with the next program. That it is gone is looked at afterwards.
            libc::prctl(libc::PR_CAPBSET_DROP, RESOURCE, 0, 0, 0);
        }
        for task in &inside.tasks {
            if libc::write(task.as_raw_fd(), b"0".as_ptr().cast(), 1) != 1 {
                return failed();
            }
        }
        if !inside.namespace {
            return Ok(());
        }
        let kinds = if inside.root { libc::CLONE_NEWNS } else { libc::CLONE_NEWNS | libc::CLONE_NEWUSER };
        if libc::unshare(kinds) != 0 {
            return failed();
        }
        if !inside.root {
            for (path, content) in &inside.maps {
                let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                let written = file >= 0 && libc::write(file, content.as_ptr().cast(), content.len()) > 0;
                if !written {
                    return failed();
                }
                libc::close(file);
            }
        }
        let private = libc::MS_REC | libc::MS_PRIVATE;
        let nothing = std::ptr::null();
        if libc::mount(nothing, c"/".as_ptr(), nothing, private, nothing.cast()) != 0 {
            return failed();
        }
        if let Some((path, options)) = &inside.disk {
            let flags = libc::MS_NOSUID | libc::MS_NODEV;
            if libc::mount(c"none".as_ptr(), path.as_ptr(), c"tmpfs".as_ptr(), flags, options.as_ptr().cast()) != 0 {
                return failed();
            }
        }
        if let Some(file) = &inside.resolver {
            let bind = libc::MS_BIND;
            if libc::mount(file.as_ptr(), c"/etc/resolv.conf".as_ptr(), nothing, bind, nothing.cast()) != 0 {
                return failed();
            }
        }
    }
    Ok(())
}
