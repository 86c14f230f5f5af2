//! One scheduled run at a time on a machine: a lock on a file, which the kernel gives back when the last process that
//! holds it is gone. What a dead process leaves behind is a file, not a lock.
//!
//! The run itself holds it too: it gets the file as its standard input. So a run whose scheduler was killed still keeps
//! others away until it has ended.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another scheduled run is going{holder}")]
    Held {
        /// ` (process 12, `nightly`)`, or nothing when it is not known.
        holder: String,
    },
    /// The file cannot be used.
    #[error("the lock `{}` cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The lock; given back when it and every copy of its file are closed.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be made.
    pub fn take(path: &Path, schedule: &str) -> Result<Self, LockError> {
        let failed = |source| LockError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { holder: holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Only for people: the kernel holds the lock, not this text.
        let text = format!("{} {schedule}\n", std::process::id());
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(text.as_bytes()))
            .and_then(|()| file.seek(SeekFrom::End(0)));
        if let Err(error) = written {
            tracing::debug!(path = %path.display(), %error, "the lock does not say who holds it");
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// The file, for the run to hold the lock too.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn share(&self) -> Result<File, LockError> {
        self.file.try_clone().map_err(|source| LockError::File { path: self.path.clone(), source })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text).is_ok();
    match text.trim().split_once(' ') {
        Some((process, schedule)) if read => format!(" (process {process}, `{schedule}`)"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_others_are_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/run.lock");
        let lock = Lock::take(&path, "nightly").unwrap();
        let error = Lock::take(&path, "quick").unwrap_err().to_string();
        assert!(error.contains(&format!("process {}, `nightly`", std::process::id())), "{error}");
        drop(lock);
        Lock::take(&path, "quick").unwrap();
    }

    #[test]
    fn a_copy_of_the_file_holds_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        let lock = Lock::take(&path, "a").unwrap();
        let copy = lock.share().unwrap();
        drop(lock);
        assert!(matches!(Lock::take(&path, "b"), Err(LockError::Held { .. })), "the run still goes");
        drop(copy);
        Lock::take(&path, "b").unwrap();
    }

    #[test]
    fn what_a_dead_process_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        std::fs::write(&path, "4194304 nightly\n").unwrap();
        Lock::take(&path, "quick").unwrap();
    }
}
