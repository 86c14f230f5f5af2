//! Starting and reaping a child by `posix_spawn` and `wait4`.
//!
//! `posix_spawn` is called directly, not through the standard library, so that nothing can push a start off the fast
//! path (`vfork` semantics, no copy of the page tables) and so that all preparation lies before the clock.
#![expect(unsafe_code, reason = "posix_spawn, wait4 and kill are calls into libc")]

use std::ffi::{CString, OsStr, OsString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::ptr;

/// A start, ready to be made any number of times. Making it allocates nothing of ours.
pub(crate) struct Order {
    path: CString,
    argv: Pointers,
    envp: Pointers,
    actions: libc::posix_spawn_file_actions_t,
    attributes: libc::posix_spawnattr_t,
    files: Vec<(RawFd, RawFd)>,
}

/// Owned texts and the array of pointers to them that ends with null.
struct Pointers {
    array: Vec<*mut c_char>,
    _texts: Vec<CString>,
}

impl Pointers {
    fn new(texts: Vec<CString>) -> Self {
        let mut array: Vec<*mut c_char> = texts.iter().map(|text| text.as_ptr().cast_mut()).collect();
        array.push(ptr::null_mut());
        Self { array, _texts: texts }
    }
}

impl Order {
    /// Program `path` with `arguments`, the first of which is its name. The child gets this process's environment,
    /// default signals, a process group of its own, and the descriptors `files` as (ours, the child's).
    pub(crate) fn new(path: &Path, arguments: &[OsString], files: &[(RawFd, RawFd)]) -> io::Result<Self> {
        let arguments = arguments.iter().map(|argument| text(argument)).collect::<io::Result<_>>()?;
        let environment = std::env::vars_os()
            .map(|(name, value)| {
                let mut entry = name.into_vec();
                entry.push(b'=');
                entry.extend_from_slice(value.as_bytes());
                CString::new(entry).map_err(io::Error::from)
            })
            .collect::<io::Result<_>>()?;
        let mut actions = MaybeUninit::uninit();
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: both are initialised by these calls, which on Linux only fail for want of memory.
        let (actions, attributes) = unsafe {
            check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            check(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            (actions.assume_init(), attributes.assume_init())
        };
        let (argv, envp) = (Pointers::new(arguments), Pointers::new(environment));
        let files_of_child = files.to_vec();
        let mut order = Self { path: text(path.as_os_str())?, argv, envp, actions, attributes, files: files_of_child };
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
        let flags = libc::POSIX_SPAWN_SETPGROUP | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK;
        // SAFETY: `order` holds initialised objects, and the signal sets are initialised before their use. The Rust
        // runtime ignores SIGPIPE; a program that expects to die of it must not inherit that.
        unsafe {
            for (ours, theirs) in files {
                check(libc::posix_spawn_file_actions_adddup2(&raw mut order.actions, *ours, *theirs))?;
            }
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigemptyset(pipe.as_mut_ptr());
            libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
            check(libc::posix_spawnattr_setsigmask(&raw mut order.attributes, none.as_ptr()))?;
            check(libc::posix_spawnattr_setsigdefault(&raw mut order.attributes, pipe.as_ptr()))?;
            check(libc::posix_spawnattr_setpgroup(&raw mut order.attributes, 0))?;
            // The flags are declared as int and stored as short.
            check(libc::posix_spawnattr_setflags(&raw mut order.attributes, flags as libc::c_short))?;
        }
        Ok(order)
    }

    /// The child works in `folder`.
    pub(crate) fn folder(&mut self, folder: &Path) -> io::Result<()> {
        let folder = text(folder.as_os_str())?;
        // SAFETY: the actions are initialised, and the call copies the path.
        check(unsafe { libc::posix_spawn_file_actions_addchdir_np(&raw mut self.actions, folder.as_ptr()) })
    }

    /// The child gets these variables instead of this process's environment.
    pub(crate) fn environment(&mut self, variables: &[(OsString, OsString)]) -> io::Result<()> {
        let entry = |(name, value): &(OsString, OsString)| {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            text(&entry)
        };
        self.envp = Pointers::new(variables.iter().map(entry).collect::<io::Result<_>>()?);
        Ok(())
    }

    /// Starts the child. An error of `exec` is returned here, not left to the child's exit code.
    pub(crate) fn start(&self) -> io::Result<Child> {
        let mut pid = 0;
        // SAFETY: both arrays end with null and point to texts that live as long as `self`.
        check(unsafe {
            libc::posix_spawn(
                &raw mut pid,
                self.path.as_ptr(),
                &raw const self.actions,
                &raw const self.attributes,
                self.argv.array.as_ptr(),
                self.envp.array.as_ptr(),
            )
        })?;
        Ok(Child { pid, reaped: false })
    }

    /// Starts the child the slow way, by `fork` and `exec`, for comparison: the kernel copies this process's page tables.
    /// A folder is not heeded. An error of `exec` shows as exit code 127.
    pub(crate) fn start_by_fork(&self) -> io::Result<Child> {
        // SAFETY: the child of a process with several threads may only do what is safe in a signal handler, and these
        // calls are. Arrays and texts live as long as `self`, and the child has a copy of them.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: as above; nothing here allocates, locks or returns.
            0 => unsafe {
                libc::setpgid(0, 0);
                for (ours, theirs) in &self.files {
                    libc::dup2(*ours, *theirs);
                }
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                libc::execve(
                    self.path.as_ptr(),
                    self.argv.array.as_ptr().cast::<*const c_char>(),
                    self.envp.array.as_ptr().cast::<*const c_char>(),
                );
                libc::_exit(127)
            },
            pid => Ok(Child { pid, reaped: false }),
        }
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        // SAFETY: both were initialised in `new` and are destroyed once.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&raw mut self.actions);
            libc::posix_spawnattr_destroy(&raw mut self.attributes);
        }
    }
}

/// A started child; killed with its group and reaped when dropped before.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
    reaped: bool,
}

impl Child {
    /// Its process id, which is that of its group too.
    pub(crate) fn id(&self) -> i32 {
        self.pid
    }

    /// Waits for the end; the child's status and what it and its own waited-for children used.
    pub(crate) fn wait(&mut self) -> io::Result<Ended> {
        let ended = wait(self.pid)?;
        self.reaped = true;
        Ok(ended)
    }

    /// A descriptor that can be read once the child has ended.
    pub(crate) fn end(&self) -> io::Result<OwnedFd> {
        // SAFETY: the id is that of our own, not yet reaped child; the result is checked before it is owned.
        unsafe {
            match libc::syscall(libc::SYS_pidfd_open, self.pid, 0) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(OwnedFd::from_raw_fd(fd as RawFd)),
            }
        }
    }

    /// Asks every process of the child's group to end (SIGTERM).
    pub(crate) fn ask_group(&self) {
        if !self.reaped {
            // SAFETY: as in `kill_group`.
            unsafe { libc::kill(-self.pid, libc::SIGTERM) };
        }
    }

    /// Ends every process of the child's group, itself included. To be called before the child is reaped, while its
    /// id is certainly still its own.
    pub(crate) fn kill_group(&self) {
        if !self.reaped {
            // SAFETY: signals a group whose leader is our own, not yet reaped child. The group may be gone: fine.
            unsafe { libc::kill(-self.pid, libc::SIGKILL) };
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_group();
            // Whatever it says, there is nothing more to do.
            let _ = wait(self.pid);
        }
    }
}

/// How a process ended and what it used, as `wait4` tells.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    /// The raw wait status.
    pub(crate) status: i32,
    /// The usage.
    pub(crate) usage: libc::rusage,
}

/// Starts a copy of this process that ends at once, and waits for it. Its exit code is 0.
pub(crate) fn fork() -> io::Result<Ended> {
    // SAFETY: the child of a process with several threads may only do what is safe in a signal handler; `_exit` is.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: ends the child without running anything of ours.
        0 => unsafe { libc::_exit(0) },
        pid => wait(pid),
    }
}

fn wait(pid: libc::pid_t) -> io::Result<Ended> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are writable; an all-zero rusage is a valid one.
        match unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) } {
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            // SAFETY: zeroed, then filled by the kernel.
            _ => return Ok(Ended { status, usage: unsafe { usage.assume_init() } }),
        }
    }
}

/// The exit code of a wait status as a shell shows it: 128 and the signal's number for a killed process.
pub(crate) fn exit_code(status: i32) -> i32 {
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
}

/// The descriptor under a number above those that children are given as their own, so that handing them over one by
/// one never closes one that is still to come. Closed in programs that are started.
pub(crate) fn above(fd: impl Into<OwnedFd>) -> io::Result<OwnedFd> {
    let fd = fd.into();
    // SAFETY: duplicates a descriptor that is open; the result is checked before it is owned.
    unsafe {
        match libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10) {
            -1 => Err(io::Error::last_os_error()),
            raised => Ok(OwnedFd::from_raw_fd(raised)),
        }
    }
}

fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::from)
}

fn check(code: i32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}
