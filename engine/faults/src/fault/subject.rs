//! What a fault is done to: a victim that the run started, or a process that was there and that somebody allowed by name.

use std::path::Path;

use crate::process::{Ident, descendants};
use crate::victim::{Disk, Ended, Group, Victim};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Ours: in a session, a cgroup and a folder of its own.
    Victim(&'a Victim),
    /// Another's: nothing but its id and start is known.
    Process(&'a Ident),
}

impl<'a> From<&'a Victim> for Subject<'a> {
    fn from(victim: &'a Victim) -> Self {
        Self::Victim(victim)
    }
}

/// Why a process may not be broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotIt {
    /// There is none.
    #[error("there is no process {0}")]
    Gone(u32),
    /// Its program is another one.
    #[error("process {pid} runs `{is}` and not `{wanted}`: its id may have changed hands")]
    Other {
        /// The process.
        pid: u32,
        /// What it runs.
        is: String,
        /// What it should run.
        wanted: String,
    },
    /// It is this one, or one that this one descends from.
    #[error("process {0} is the engine itself, or one that started it")]
    Own(u32),
}

/// A process that was there before: by its id and the name of its program, of which both must be right.
///
/// # Errors
/// When there is none, it runs another program, or it is the engine's own.
pub fn process(pid: u32, name: &str) -> Result<Ident, NotIt> {
    let ident = Ident::of(pid).ok_or(NotIt::Gone(pid))?;
    let is = std::fs::read_to_string(format!("/proc/{pid}/comm")).map_err(|_| NotIt::Gone(pid))?;
    let is = is.trim_end();
    // The kernel keeps the first fifteen bytes of a name.
    let kept = |name: &str| name.as_bytes().iter().take(15).copied().collect::<Vec<u8>>();
    if kept(is) != kept(name) {
        return Err(NotIt::Other { pid, is: is.to_owned(), wanted: name.to_owned() });
    }
    let mut above = std::process::id();
    while above > 1 {
        if above == pid {
            return Err(NotIt::Own(pid));
        }
        above = crate::process::Stat::of(above).map_or(0, |stat| stat.parent);
    }
    if pid <= 1 { Err(NotIt::Own(pid)) } else { Ok(ident) }
}

impl<'a> Subject<'a> {
    /// Its first process.
    #[must_use]
    pub const fn process(&self) -> &'a Ident {
        match self {
            Self::Victim(victim) => victim.process(),
            Self::Process(ident) => ident,
        }
    }

    /// It and all that descend from it.
    #[must_use]
    pub fn processes(&self) -> Vec<Ident> {
        let first = self.process();
        let more = descendants(first.pid).into_iter();
        let more = more.map(|stat| Ident { pid: stat.pid, start: stat.start, boot: first.boot.clone() });
        std::iter::once(first.clone()).chain(more).collect()
    }

    /// How it ended; none while it runs.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        match self {
            Self::Victim(victim) => victim.ended(),
            Self::Process(ident) => {
                (!ident.lives()).then_some(Ended { code: None, signal: None, left: 0, forks: false })
            }
        }
    }

    /// Its cgroup, where that is ours.
    #[must_use]
    pub const fn group(&self) -> Option<&'a Group> {
        match self {
            Self::Victim(victim) => Some(victim.group()),
            Self::Process(_) => None,
        }
    }

    /// Its own file system.
    #[must_use]
    pub const fn disk(&self) -> Option<&'a Disk> {
        match self {
            Self::Victim(victim) => victim.disk(),
            Self::Process(_) => None,
        }
    }

    /// By which mechanisms it could not have one, and why.
    #[must_use]
    pub fn passed_over(&self) -> &'a [String] {
        match self {
            Self::Victim(victim) => victim.passed_over(),
            Self::Process(_) => &[],
        }
    }

    /// Its own resolver configuration, as the engine reaches it.
    #[must_use]
    pub fn resolver(&self) -> Option<&'a Path> {
        match self {
            Self::Victim(victim) => victim.resolver(),
            Self::Process(_) => None,
        }
    }

    /// The file from which its calendar clock is read.
    #[must_use]
    pub fn clock(&self) -> Option<&'a Path> {
        match self {
            Self::Victim(victim) => victim.clock(),
            Self::Process(_) => None,
        }
    }

    /// Where files of a fault may lie.
    #[must_use]
    pub fn folder(&self) -> Option<&'a Path> {
        match self {
            Self::Victim(victim) => Some(victim.folder()),
            Self::Process(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_was_named_is_one() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        // The name is that of the program only once it runs.
        while process(child.id(), "sleep").is_err() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let error = process(child.id(), "nginx").unwrap_err().to_string();
        assert!(error.contains("runs `sleep` and not `nginx`"), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process(child.id(), "sleep"), Err(NotIt::Gone(child.id())));
        let me = std::process::id();
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(process(me, name.trim_end()), Err(NotIt::Own(me)));
    }
}
