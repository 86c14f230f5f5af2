//! Processes by name for ever: id, start time and boot. A reused id is never hit: the process is held by a `pidfd` first,
//! and only then its start time is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// The variable of the environment that everything started for a fault inherits.
pub const MARK: &str = "ENGINE_FAULT_MARK";

/// A process, named for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ident {
    /// Its id.
    pub pid: u32,
    /// Clock ticks from boot to its start.
    pub start: u64,
    /// The kernel's id of this boot.
    pub boot: String,
}

impl Ident {
    /// The process that has this id now; none when there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Stat::of(pid).map(|stat| Self { pid, start: stat.start, boot: boot() })
    }

    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or_else(|| Self { pid, start: 0, boot: boot() })
    }

    /// Whether it still runs: a zombie has ended, only its parent has not noticed.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.stat().is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// What `/proc` says of it; none when it is gone, also when its id was given to another.
    #[must_use]
    pub fn stat(&self) -> Option<Stat> {
        let stat = Stat::of(self.pid)?;
        (stat.start == self.start && self.boot == boot()).then_some(stat)
    }

    /// Sends a signal. False when the process is gone.
    ///
    /// # Errors
    /// When the system refuses, such as for a process of another user.
    pub fn signal(&self, signal: Signal) -> std::io::Result<bool> {
        let Some(pid) = self.id() else { return Ok(false) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // The descriptor holds the process that has the id now; the comparison says whether it is the one meant.
            Ok(held) => match self.stat() {
                Some(_) => match pidfd_send_signal(held, signal) {
                    Ok(()) => Ok(true),
                    Err(rustix::io::Errno::SRCH) => Ok(false),
                    Err(error) => Err(error.into()),
                },
                None => Ok(false),
            },
            Err(rustix::io::Errno::SRCH) => Ok(false),
            // Before Linux 5.3, and in sandboxes that do not know the call: the id may change hands between the two lines.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) if self.stat().is_some() => {
                match rustix::process::kill_process(pid, signal) {
                    Ok(()) => Ok(true),
                    Err(rustix::io::Errno::SRCH) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            Err(_) if self.stat().is_none() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The id as the system calls take it.
    #[must_use]
    pub fn id(&self) -> Option<Pid> {
        i32::try_from(self.pid).ok().and_then(Pid::from_raw)
    }
}

/// A line of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The id.
    pub pid: u32,
    /// State letter: `R S D T Z ..`.
    pub state: char,
    /// The parent.
    pub parent: u32,
    /// The process group.
    pub group: u32,
    /// The session.
    pub session: u32,
    /// User and system time so far, clock ticks.
    pub ticks: u64,
    /// Clock ticks from boot to its start.
    pub start: u64,
    /// Resident memory, pages.
    pub resident: u64,
}

impl Stat {
    /// Of a process; none when there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Self::parse(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(pid: u32, text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold any character, a parenthesis too.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let id = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Self {
            pid,
            state: fields.first()?.chars().next()?,
            parent: id(1)?,
            group: id(2)?,
            session: id(3)?,
            ticks: number(11)? + number(12)?,
            start: number(19)?,
            resident: number(21)?,
        })
    }
}

/// All processes that `/proc` shows.
#[must_use]
pub fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter_map(Stat::of).collect()
}

/// All that descend from a process, without itself.
#[must_use]
pub fn descendants(of: u32) -> Vec<Stat> {
    let mut children: BTreeMap<u32, Vec<Stat>> = BTreeMap::new();
    for stat in all() {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([of]);
    let mut open = vec![of];
    while let Some(parent) = open.pop() {
        for stat in children.remove(&parent).unwrap_or_default() {
            if seen.insert(stat.pid) {
                open.push(stat.pid);
                found.push(stat);
            }
        }
    }
    found
}

/// All that carry a mark in their environment.
#[must_use]
pub fn marked(mark: &str) -> Vec<Stat> {
    let wanted = format!("{MARK}={mark}");
    let carries = |pid: u32| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|bytes| bytes.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()))
    };
    all().into_iter().filter(|stat| stat.state != 'Z' && carries(stat.pid)).collect()
}

/// Ends all that `find` gives, again and again until it gives none or the time is over: first everything is stopped, so
/// that nothing forks away from under the list, then killed. Itself it spares. Gives what still lives.
pub fn end_all(longest: Duration, find: impl Fn() -> Vec<Stat>) -> Vec<Ident> {
    let me = std::process::id();
    let boot = boot();
    let living = || -> Vec<Ident> {
        let found =
            find().into_iter().filter(|stat| stat.pid != me && stat.pid > 1 && !matches!(stat.state, 'Z' | 'X'));
        found.map(|stat| Ident { pid: stat.pid, start: stat.start, boot: boot.clone() }).collect()
    };
    let deadline = Instant::now() + longest;
    let mut stopped = BTreeSet::new();
    loop {
        let found = living();
        if found.is_empty() {
            return found;
        }
        let fresh: Vec<&Ident> = found.iter().filter(|ident| !stopped.contains(*ident)).collect();
        if fresh.is_empty() || Instant::now() >= deadline {
            for ident in &found {
                let _ = ident.signal(Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(2));
            if Instant::now() >= deadline {
                return living();
            }
        } else {
            for ident in fresh {
                let _ = ident.signal(Signal::STOP);
            }
            stopped.extend(found);
        }
    }
}

/// The kernel's id of this boot; empty when it does not tell.
#[must_use]
pub fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) b (c) S 1 7 6 0 -1 0 0 0 0 0 11 22 0 0 20 0 1 0 4242 0 99 0";
        let stat = Stat::parse(7, text).unwrap();
        assert_eq!((stat.state, stat.parent, stat.group, stat.session), ('S', 1, 7, 6));
        assert_eq!((stat.ticks, stat.start, stat.resident), (33, 4242, 99));
    }

    #[test]
    fn a_reused_id_is_never_hit() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let ident = Ident::of(child.id()).unwrap();
        let other = Ident { start: ident.start + 1, ..ident.clone() };
        assert!(!other.signal(Signal::KILL).unwrap() && !other.lives());
        let before = Ident { boot: "another".to_owned(), ..ident.clone() };
        assert!(!before.signal(Signal::KILL).unwrap() && !before.lives());
        assert!(ident.lives() && child.try_wait().unwrap().is_none());
        assert!(ident.signal(Signal::KILL).unwrap());
        child.wait().unwrap();
        assert!(!ident.lives() && !ident.signal(Signal::KILL).unwrap());
    }

    #[test]
    fn descendants_and_marked_are_found_and_ended() {
        let mark = format!("test-{}", std::process::id());
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 61 & (sleep 62 & wait) & wait"])
            .env(MARK, &mark)
            .spawn()
            .unwrap();
        while descendants(shell.id()).len() < 3 {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(marked(&mark).len() >= 4);
        assert!(end_all(Duration::from_secs(300), || marked(&mark)).is_empty());
        shell.wait().unwrap();
        assert!(marked(&mark).is_empty());
    }
}
