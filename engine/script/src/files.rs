//! Files that a scenario reads. Each is read once: the threads of a load make their own copies of the program from the
//! same bytes, whatever happens to the file meanwhile, and share the rows of its data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::sources::read_file;
use crate::table::Table;

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Files {
    bytes: Mutex<BTreeMap<PathBuf, Arc<Vec<u8>>>>,
    tables: Mutex<BTreeMap<PathBuf, Arc<Table>>>,
}

impl Files {
    /// The bytes of a file, no more than one over the limit.
    pub(crate) fn read(&self, path: &Path, limit: usize) -> std::io::Result<Arc<Vec<u8>>> {
        let mut known = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known.get(path) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = Arc::new(read_file(path, limit)?);
        known.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }

    /// What was read, in the order of the paths.
    pub(crate) fn all(&self) -> Vec<(PathBuf, Arc<Vec<u8>>)> {
        let known = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(path, bytes)| (path.clone(), Arc::clone(bytes))).collect()
    }

    /// The rows of a file, made by `make` the first time.
    pub(crate) fn table<E>(&self, path: &Path, make: impl FnOnce() -> Result<Table, E>) -> Result<Arc<Table>, E> {
        let mut known = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = known.get(path) {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(make()?);
        known.insert(path.to_owned(), Arc::clone(&table));
        Ok(table)
    }
}
