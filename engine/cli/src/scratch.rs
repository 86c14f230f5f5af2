//! The private folder of a run's test files. It goes with the run; a killed run's goes with the next start.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Fatal};

/// Held locked by the run that owns the folder; the kernel lets go of it whatever the run dies of.
const LOCK: &str = ".run";

/// Folders of one number that are tried at most.
const MOST: u32 = 1000;

/// See the module.
pub(crate) struct Scratch {
    folder: PathBuf,
    _held: File,
}

impl Scratch {
    /// Makes one in a folder, and removes those whose runs are gone.
    pub(crate) fn new(base: &Path) -> Result<Self, Fatal> {
        thread_local!(static COUNT: RefCell<u32> = const { RefCell::new(0) });
        let failed = |error: std::io::Error| {
            let place = base.display();
            let message = format!("cannot make the folder for test files in `{place}`: {error}; set `run.scratch`");
            Fatal::new(Exit::Store, message)
        };
        std::fs::create_dir_all(base).map_err(failed)?;
        sweep(base);
        let folder = loop {
            let count = COUNT.with_borrow_mut(|count| {
                *count += 1;
                *count
            });
            let folder = base.join(format!("engine-{}-{count}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => break folder,
                // Of a process that was killed and had the same number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && count < MOST => {}
                Err(error) => return Err(failed(error)),
            }
        };
        let held = File::create_new(folder.join(LOCK)).and_then(|file| file.lock().map(|()| file)).map_err(failed)?;
        Ok(Self { folder, _held: held })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot remove the folder of test files");
        }
    }
}

/// Removes the folders of ours whose lock nobody holds any more. One without a lock is left alone: it is just being made, or
/// it is none of a run.
fn sweep(base: &Path) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let ours = name.to_str().and_then(|name| name.strip_prefix("engine-")?.split_once('-'));
        if !ours.is_some_and(|(process, count)| number(process) && number(count)) {
            continue;
        }
        let folder = entry.path();
        let of_us = std::fs::symlink_metadata(&folder).is_ok_and(|what| {
            what.is_dir() && what.uid() == rustix::process::geteuid().as_raw() && what.mode() & 0o077 == 0
        });
        let Some(lock) = of_us.then(|| File::open(folder.join(LOCK)).ok()).flatten() else { continue };
        if lock.try_lock().is_ok()
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            tracing::warn!(folder = %folder.display(), %error, "cannot remove what a killed run has left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_run_of_ours_has_left_is_swept() {
        let base = tempfile::tempdir().unwrap();
        let make = |name: &str, lock: bool| {
            let folder = base.path().join(name);
            std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
            if lock {
                File::create(folder.join(LOCK)).unwrap();
            }
            folder
        };
        let dead = make("engine-4000001-1", true);
        std::fs::write(dead.join("data"), "x").unwrap();
        let kept = [make("engine-4000001-2", false), make("engine-fault-1", true), make("other-1-1", true)];
        let living = Scratch::new(base.path()).unwrap();
        assert!(!dead.exists());
        assert!(kept.iter().all(|folder| folder.exists()));
        let place = living.path().to_owned();
        let second = Scratch::new(base.path()).unwrap();
        assert!(place.exists() && second.path() != place, "one that is in use stays");
        drop(living);
        assert!(!place.exists());
    }

    #[test]
    fn what_a_killed_process_of_the_same_number_left_is_in_nobodys_way() {
        let base = tempfile::tempdir().unwrap();
        let first = Scratch::new(base.path()).unwrap();
        let name = first.path().file_name().unwrap().to_string_lossy().into_owned();
        let number: u32 = name.rsplit('-').next().unwrap().parse().unwrap();
        // Without a lock, so that nobody sweeps it.
        let left = base.path().join(format!("engine-{}-{}", std::process::id(), number + 1));
        std::fs::create_dir(&left).unwrap();
        let second = Scratch::new(base.path()).unwrap();
        assert!(second.path().is_dir() && second.path() != left && left.is_dir());
    }
}
