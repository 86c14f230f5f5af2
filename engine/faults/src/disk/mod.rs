//! A disk of the victim's own that can be full: what this machine offers for that, and what is taken.
//!
//! Best first: a file system in memory, which costs no disk and is gone with its mount; ext4 in a file behind a loop device,
//! where memory is short; a project quota on the victim's folder, where nothing can be mounted; and a limit of file sizes,
//! which needs nothing and is the coarsest. What is offered is asked of the system without changing anything ([`Facts`]); the
//! choice is a function of the answers alone ([`choose`]). The file systems of the machine are never filled.

mod image;
mod quota;

use std::path::{Path, PathBuf};

use crate::caps::{Caps, Refused};
use crate::journal::{Entry, Undo};
use crate::mechanism::Mechanism;

pub(crate) use quota::{is_ours as is_our_project, restore as restore_quota, tighten as tighten_quota};

/// Where the victim's bounded disk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// As the engine reaches it.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// How it was made.
    pub mechanism: &'static str,
    /// The project whose quota bounds it; none where it is a file system of its own.
    pub project: Option<u32>,
}

/// An answer of the system: yes, or why not.
pub type Offer = Result<(), String>;

/// What the machine offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The engine may mount.
    pub mount: Offer,
    /// The victim may mount in a namespace of its own.
    pub namespace: Offer,
    /// Loop devices can be had, and ext4 can be made and read.
    pub image: Offer,
    /// Project quotas are enforced where the victim's folder lies, and may be set.
    pub quota: Offer,
    /// So much memory is within the caps.
    pub memory: Result<(), Refused>,
    /// So much disk is within the caps.
    pub room: Result<(), Refused>,
}

impl Facts {
    /// Asks the system. `namespace` tries whether a namespace can be had; it is asked only where the engine may not mount.
    #[must_use]
    pub fn probe(caps: &Caps, folder: &Path, memory: u64, size: u64, namespace: impl FnOnce() -> Offer) -> Self {
        let mount = may_mount();
        Self {
            namespace: if mount.is_ok() { Ok(()) } else { namespace() },
            mount,
            image: image::offer(),
            quota: quota::offer(folder),
            memory: caps.memory(memory.saturating_add(size)),
            room: caps.disk(folder, size),
        }
    }
}

/// What is to be tried, and what is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// To be tried in this order.
    pub ways: Vec<Mechanism>,
    /// What cannot be had, and why.
    pub passed_over: Vec<String>,
    /// Why the caps allow no disk, where nothing but them stands in the way.
    pub refused: Option<Refused>,
}

/// What to try, best first: all that can be had, or the one that is wanted.
#[must_use]
pub fn choose(facts: &Facts, wanted: Option<Mechanism>) -> Choice {
    let both = |one: &Offer, other: &Offer| one.clone().and(other.clone());
    let mut choice = Choice::default();
    for (way, can, caps) in [
        (Mechanism::Tmpfs, facts.mount.clone().or_else(|_| facts.namespace.clone()), &facts.memory),
        (Mechanism::Loop, both(&facts.mount, &facts.image), &facts.room),
        (Mechanism::Quota, facts.quota.clone(), &facts.room),
    ] {
        if wanted.is_some_and(|wanted| wanted != way) {
            continue;
        }
        match (can, caps) {
            (Ok(()), Ok(())) => choice.ways.push(way),
            (Ok(()), Err(refused)) => {
                choice.passed_over.push(format!("{}: {refused}", way.name()));
                choice.refused.get_or_insert_with(|| refused.clone());
            }
            (Err(why), _) => choice.passed_over.push(format!("{}: {why}", way.name())),
        }
    }
    if !choice.ways.is_empty() {
        choice.refused = None;
    }
    if choice.refused.is_none() && wanted.is_none_or(|wanted| wanted == Mechanism::Rlimit) {
        choice.ways.push(Mechanism::Rlimit);
    }
    choice
}

/// Whether this process may mount. Binding nothing is an error that is only seen by those who may.
fn may_mount() -> Offer {
    let nothing = std::ptr::null();
    // SAFETY: the one pointer that is not null is to a literal; without a source nothing is ever bound.
    let done = unsafe { libc::mount(nothing, c"/".as_ptr(), nothing, libc::MS_BIND, nothing.cast()) };
    let error = std::io::Error::last_os_error();
    if done == 0 || error.raw_os_error() == Some(libc::EINVAL) {
        Ok(())
    } else {
        Err(format!("may not mount: {error}"))
    }
}

/// Mounts a file system in memory.
fn mount_memory(point: &Path, size: u64) -> Result<Disk, String> {
    let options = std::ffi::CString::new(format!("size={size},mode=0777")).map_err(|error| error.to_string())?;
    let name = std::ffi::CString::new(point.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    // SAFETY: all pointers are to C strings that live through the call.
    let done =
        unsafe { libc::mount(c"none".as_ptr(), name.as_ptr(), c"tmpfs".as_ptr(), flags, options.as_ptr().cast()) };
    if done != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    Ok(Disk { path: point.to_owned(), size, mechanism: "a file system in memory", project: None })
}

/// Makes a disk by a mechanism that mounts, or that sets a quota; what undoes it is in the entry before it is there.
pub(crate) fn make(way: Mechanism, entry: &Entry, folder: &Path, point: &Path, size: u64) -> Result<Disk, String> {
    let unmount = || entry.will(Undo::Unmount { path: point.to_owned() }).map_err(|error| error.to_string());
    match way {
        Mechanism::Tmpfs => unmount().and_then(|()| mount_memory(point, size)),
        Mechanism::Loop => unmount().and_then(|()| image::mount(entry, folder, point, size)),
        Mechanism::Quota => quota::give(entry, point, size),
        other => Err(format!("`{}` makes no disk", other.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Facts {
        Facts { mount: Ok(()), namespace: Ok(()), image: Ok(()), quota: Ok(()), memory: Ok(()), room: Ok(()) }
    }

    fn no<T>(why: &str) -> Result<T, String> {
        Err(why.to_owned())
    }

    fn much() -> Result<(), Refused> {
        Err(Refused::Memory { wanted: 9, allowed: 1, share: 50.0, available: 2, left: 1 })
    }

    use Mechanism::{Loop, Quota, Rlimit, Tmpfs};

    #[test]
    fn the_best_that_can_be_had_comes_first() {
        let ways = |facts: &Facts| choose(facts, None).ways;
        assert_eq!(ways(&all()), [Tmpfs, Loop, Quota, Rlimit]);
        // A user in a namespace of its own: no device, no quota.
        let user = Facts { mount: no("not permitted"), image: no("no device"), quota: no("off"), ..all() };
        assert_eq!(ways(&user), [Tmpfs, Rlimit]);
        // Nothing can be mounted, but the folder has quotas.
        let sandbox = Facts { mount: no("not permitted"), namespace: no("refused"), ..all() };
        assert_eq!(ways(&sandbox), [Quota, Rlimit]);
        // Too little memory for a file system in it.
        assert_eq!(ways(&Facts { memory: much(), ..all() }), [Loop, Quota, Rlimit]);
        let nothing = Facts { quota: no("off"), ..sandbox };
        let choice = choose(&nothing, None);
        assert_eq!(choice.ways, [Rlimit]);
        assert_eq!(choice.passed_over, ["tmpfs: refused", "loop: not permitted", "quota: off"]);
    }

    #[test]
    fn one_that_is_wanted_is_taken_or_missed_by_name() {
        for way in [Tmpfs, Loop, Quota, Rlimit] {
            assert_eq!(choose(&all(), Some(way)), Choice { ways: vec![way], ..Choice::default() });
        }
        let choice = choose(&Facts { image: no("`mkfs.ext4` is not there"), ..all() }, Some(Loop));
        assert!(choice.ways.is_empty() && choice.refused.is_none());
        assert_eq!(choice.passed_over, ["loop: `mkfs.ext4` is not there"]);
    }

    #[test]
    fn the_caps_refuse_where_only_they_stand_in_the_way() {
        let small = Facts { memory: much(), room: Err(Refused::Unknown("/x".to_owned())), ..all() };
        let choice = choose(&small, None);
        assert!(choice.ways.is_empty() && matches!(choice.refused, Some(Refused::Memory { .. })), "{choice:?}");
        assert!(matches!(choose(&small, Some(Loop)).refused, Some(Refused::Unknown(_))));
        // The limit of file sizes takes nothing of the machine.
        assert_eq!(choose(&small, Some(Rlimit)).ways, [Rlimit]);
        let other = Facts { memory: much(), ..all() };
        assert_eq!(choose(&other, None).refused, None);
    }

    #[test]
    fn what_this_machine_offers_is_said_with_reasons() {
        let folder = tempfile::tempdir().unwrap();
        let facts = Facts::probe(&Caps::default(), folder.path(), 0, 1 << 20, || no("not asked"));
        for offer in [&facts.mount, &facts.namespace, &facts.image, &facts.quota] {
            assert!(offer.as_ref().err().is_none_or(|why| !why.is_empty()), "{facts:?}");
        }
        assert_eq!(facts.mount.is_ok(), facts.namespace.is_ok(), "a namespace is asked about only without");
    }
}
