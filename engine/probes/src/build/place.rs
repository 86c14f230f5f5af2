//! Where a build writes: folders of the engine's own, never the user's `target`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use engine_core::step::{Skip, SkipKind};

use crate::ProbeError;
use crate::storage::beneath::Beneath;
use crate::storage::leftover;

/// Less room than this is not worth beginning with.
const ROOM: u64 = 512 << 20;

/// A folder that is gone when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Holds the lock by which others see that the folder is in use.
    _claim: Option<File>,
}

impl Place {
    /// A new folder under `folder`, or in memory.
    ///
    /// # Errors
    /// A skip where there is no tmpfs with room; else when the folder cannot be made.
    pub(crate) fn new(folder: &Path, in_memory: bool) -> Result<Self, ProbeError> {
        let base = if in_memory { tmpfs([folder, Path::new("/dev/shm")])? } else { folder.to_owned() };
        leftover::sweep(&base);
        let path = leftover::fresh(&base, "build");
        fs::create_dir_all(&path)
            .map_err(|error| ProbeError::failed(format!("cannot make the folder `{}`: {error}", path.display())))?;
        let claim = File::open(&path).ok();
        claim.iter().for_each(leftover::claim);
        Ok(Self { path, _claim: claim })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is swept by the next.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The first of these folders that lies in memory and has room.
fn tmpfs<const N: usize>(folders: [&Path; N]) -> Result<PathBuf, Skip> {
    let found = folders.into_iter().filter_map(|folder| {
        let beneath = Beneath::of(&File::open(folder).ok()?).ok()?;
        (beneath.special == Some("tmpfs")).then_some((folder, beneath.free))
    });
    let roomiest = found.max_by_key(|(_, free)| *free);
    match roomiest {
        Some((folder, free)) if free >= ROOM => Ok(folder.to_owned()),
        Some((folder, free)) => Err(Skip::new(
            SkipKind::Resource,
            format!("`{}` has {} MiB left for a build", folder.display(), free >> 20),
            "free memory, or make the tmpfs larger",
        )),
        None => Err(Skip::new(
            SkipKind::Platform,
            "there is no tmpfs at `/dev/shm`",
            "mount one, or set `run.scratch` to a folder in one",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_gone_when_it_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let place = Place::new(scratch.path(), false).unwrap();
        fs::create_dir(place.path().join("target")).unwrap();
        let path = place.path().to_owned();
        drop(place);
        assert!(!path.exists());
        match Place::new(scratch.path(), true) {
            Ok(place) => {
                let beneath = Beneath::of(&File::open(place.path()).unwrap()).unwrap();
                assert_eq!(beneath.special, Some("tmpfs"));
            }
            Err(error) => assert!(matches!(error, ProbeError::Skip(_)), "{error:?}"),
        }
        let error = tmpfs([Path::new("/proc"), Path::new("/no/folder")]).unwrap_err();
        assert_eq!(error.kind, SkipKind::Platform);
    }
}
