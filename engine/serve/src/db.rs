//! Connections to the store: readers that are kept open, and one for writing that is opened when it is needed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use engine_store::{Error, Store};

/// Readers that are kept.
const KEPT: usize = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    readers: Mutex<Vec<(Store, Option<Identity>)>>,
}

/// Which file a path means: a file that was put in its place is another one.
type Identity = (u64, u64);

impl Database {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, readers: Mutex::new(Vec::new()) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads.
    pub(crate) fn read<T, E: From<Error>>(&self, look: impl FnOnce(&Store) -> Result<T, E>) -> Result<T, E> {
        let now = identity(&self.path);
        let kept = {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.retain(|(_, identity)| now.is_some() && *identity == now);
            readers.pop()
        };
        let (store, identity) = match kept {
            Some(kept) => kept,
            None => (self.reader()?, identity(&self.path)),
        };
        let found = look(&store);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_ok() && store.is_readonly() && readers.len() < KEPT {
            readers.push((store, identity));
        }
        found
    }

    /// Writes.
    pub(crate) fn write<T, E: From<Error>>(&self, change: impl FnOnce(&mut Store) -> Result<T, E>) -> Result<T, E> {
        change(&mut Store::open(&self.path)?)
    }

    /// As the command line reads: what a killed run left is taken in, and what is missing or old is made.
    fn reader(&self) -> Result<Store, Error> {
        if Store::has_left(&self.path)
            && let Ok(store) = Store::open(&self.path)
        {
            return Ok(store);
        }
        match Store::open_readonly(&self.path) {
            Err(Error::Missing { .. } | Error::OlderVersion { .. }) => Store::open(&self.path),
            other => other,
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|_| (0, 0))
}
