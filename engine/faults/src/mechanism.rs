//! The kinds of mechanism by which a fault can come about, as a scenario asks for one: `faults::disk(#{ mechanism: "loop" })`.
//! Without a wish the best one that works here is taken.

use engine_core::step::{Skip, SkipKind};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// A control group, version 2 or 1.
    Cgroup,
    /// A limit of a process, by `prlimit`.
    Rlimit,
    /// Signals through a pidfd.
    Signal,
    /// A file system in memory, mounted by the engine or in a namespace of the victim's own.
    Tmpfs,
    /// A file system in a file, behind a loop device.
    Loop,
    /// A project quota on a folder.
    Quota,
}

impl Mechanism {
    const ALL: [Self; 6] = [Self::Cgroup, Self::Rlimit, Self::Signal, Self::Tmpfs, Self::Loop, Self::Quota];

    /// As it is written in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Rlimit => "rlimit",
            Self::Signal => "signal",
            Self::Tmpfs => "tmpfs",
            Self::Loop => "loop",
            Self::Quota => "quota",
        }
    }

    /// The one that a word names; none for any other word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == word)
    }

    /// The skip of a fault that was asked for by this one alone, where it cannot be had.
    #[must_use]
    pub fn missing(self, reasons: &[String]) -> Skip {
        let (kind, remedy) = match self {
            Self::Cgroup => {
                (SkipKind::Platform, "run where control groups can be made, such as in a delegated unit of systemd")
            }
            Self::Rlimit => (SkipKind::Permission, "run as the same user as the victim, where prlimit is allowed"),
            Self::Signal => (SkipKind::Permission, "run as the same user as the victim"),
            Self::Tmpfs => (SkipKind::Permission, "run as root, or where user namespaces can be made"),
            Self::Loop => {
                (SkipKind::Permission, "run as root with `/dev/loop-control` and `mkfs.ext4` (Debian: e2fsprogs)")
            }
            Self::Quota => {
                (SkipKind::Platform, "run as root, with the temporary folder on ext4 or XFS mounted with `prjquota`")
            }
        };
        let why = if reasons.is_empty() { "it cannot be had here".to_owned() } else { reasons.join("; ") };
        Skip::new(kind, format!("the mechanism `{}` was asked for: {why}", self.name()), remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_is_found_by_its_name_and_says_what_it_needs() {
        for one in Mechanism::ALL {
            assert_eq!(Mechanism::named(one.name()), Some(one));
            let skip = one.missing(&["no luck".to_owned()]);
            assert!(skip.reason.contains(one.name()) && skip.reason.contains("no luck") && !skip.remedy.is_empty());
        }
        assert_eq!(Mechanism::named("best"), None);
    }
}
