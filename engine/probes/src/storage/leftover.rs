//! What a killed process left behind: test files and folders carry the id of their process in the name and a lock that
//! ends with it. The next probe in the same folder removes what nobody holds.
#![expect(unsafe_code, reason = "flock and kill are system calls")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "engine-";
/// Kinds of names that are ours: `engine-KIND-PID-NUMBER`.
const KINDS: [&str; 4] = ["build", "files", "fsync", "io"];

/// A name in `folder` that nobody has.
pub(crate) fn fresh(folder: &Path, kind: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{PREFIX}{kind}-{}-{number}", std::process::id()))
}

/// Says that the file or folder is in use for as long as it is open.
pub(crate) fn claim(file: &File) {
    lock(file);
}

fn lock(file: &File) -> bool {
    // SAFETY: a lock on a descriptor that is open; where locks do not exist nothing is claimed and nothing swept.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// Removes what processes left that are no more: from `folder`, and from folders of killed runs beside it, which go with
/// the last of it. Best effort: what cannot be removed stays.
pub(crate) fn sweep(folder: &Path) {
    clear(folder);
    let Some(entries) = folder.parent().and_then(|beside| fs::read_dir(beside).ok()) else { return };
    for entry in entries.flatten().filter(|entry| entry.path() != folder) {
        let of_a_run = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if of_a_run && entry.file_type().is_ok_and(|kind| kind.is_dir()) && clear(&entry.path()) {
            // Only when nothing else is in it.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Removes what is left over in one folder; whether there was anything.
fn clear(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let mut found = false;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(owner) else { continue };
        // A process of another container may have the same folder: then its id says nothing, but its lock does.
        if is_alive(owner) || !File::open(entry.path()).is_ok_and(|file| lock(&file)) {
            continue;
        }
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
            _ => fs::remove_file(entry.path()),
        };
        found |= removed.is_ok();
    }
    found
}

/// The process that a name of ours belongs to.
fn owner(name: &str) -> Option<i32> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let kind = parts.next()?;
    let (owner, number) = (parts.next()?.parse().ok()?, parts.next()?.parse::<u32>());
    (KINDS.contains(&kind) && number.is_ok() && parts.next().is_none() && owner > 0).then_some(owner)
}

fn is_alive(process: i32) -> bool {
    // SAFETY: signal 0 only asks whether the process is there.
    let asked = unsafe { libc::kill(process, 0) };
    asked == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of a process that is no more.
    fn gone() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn only_what_a_dead_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: String| folder.path().join(name);
        let gone = gone();
        let dead = [at(format!("engine-fsync-{gone}-0")), at(format!("engine-io-{gone}-7"))];
        let tree = at(format!("engine-files-{gone}-1"));
        let kept = [
            at(format!("engine-fsync-{}-0", std::process::id())),
            at(format!("engine-other-{gone}-0")),
            at(format!("engine-fsync-{gone}")),
            at("data".to_owned()),
        ];
        dead.iter().chain(&kept).for_each(|path| fs::write(path, "x").unwrap());
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("inner"), "x").unwrap();
        // Another container's process: its id is unknown here, its lock is not.
        let locked = at(format!("engine-fsync-{gone}-9"));
        let holder = File::create(&locked).unwrap();
        claim(&holder);
        sweep(folder.path());
        assert!(dead.iter().all(|path| !path.exists()) && !tree.exists());
        assert!(kept.iter().all(|path| path.exists()) && locked.exists());
        drop(holder);
        // A child that another test starts just now may hold the lock too, until it runs its own program.
        let free = (0..500).any(|_| {
            sweep(folder.path());
            std::thread::sleep(std::time::Duration::from_millis(10));
            !locked.exists()
        });
        assert!(free);
    }

    #[test]
    fn the_folder_of_a_killed_run_goes_with_the_last_of_it() {
        let base = tempfile::tempdir().unwrap();
        let gone = gone();
        let folders = ["engine-1-1", "engine-2-1", "engine-3-1", "other"].map(|name| base.path().join(name));
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let [mine, killed, busy, foreign] = &folders;
        for folder in [killed, busy, foreign] {
            fs::write(folder.join(format!("engine-fsync-{gone}-0")), "x").unwrap();
        }
        fs::write(busy.join("data"), "x").unwrap();
        sweep(mine);
        assert!(mine.exists() && !killed.exists() && busy.join("data").exists());
        assert_eq!((fs::read_dir(busy).unwrap().count(), fs::read_dir(foreign).unwrap().count()), (1, 1));
    }

    #[test]
    fn names_do_not_repeat_and_are_recognised() {
        let (one, two) = (fresh(Path::new("/x"), "io"), fresh(Path::new("/x"), "io"));
        assert_ne!(one, two);
        let name = one.file_name().unwrap().to_str().unwrap();
        assert_eq!(owner(name), i32::try_from(std::process::id()).ok());
    }
}
