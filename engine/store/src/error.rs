//! What can go wrong with the store. Every message names the file and says what to do.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQLite that is linked has a bug that can lose committed writes.
    #[error("SQLite {found} can lose committed writes; build with SQLite 3.51.3 or newer")]
    Library {
        /// Version of the library.
        found: String,
    },
    /// A newer engine wrote the file.
    #[error(
        "`{}` has schema version {found}, this engine knows up to {supported}; use the newer engine, or another file (`--db`)",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Newest version that this engine knows.
        supported: i64,
    },
    /// An older engine wrote the file, and it was opened for reading only.
    #[error(
        "`{}` has schema version {found}, this engine needs {supported}; open it once for writing (any `engine run`) to migrate it",
        path.display()
    )]
    OlderVersion {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Version that this engine needs.
        supported: i64,
    },
    /// The file is not a database of SQLite.
    #[error("`{}` is not a database; move it away, or name another file (`--db`)", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("`{}` is a database of another program; name another file (`--db`)", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("`{}` is damaged: {detail}; restore a backup, or move it away and a new one is made", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file or its folder cannot be written.
    #[error("`{}` cannot be written: {detail}; name a file in a writable folder (`--db`)", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What refuses.
        detail: String,
    },
    /// There is no schedule of this name, or there is one already.
    #[error("{reason}")]
    BadSchedule {
        /// What is wrong, with what to do.
        reason: String,
    },
    /// The disk is full.
    #[error(
        "no space left for `{}`; free some space, or name a file on another disk (`--db`); what was stored before is intact",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file for longer than the time-out.
    #[error("`{}` is locked by another process; wait for it to end, or stop it", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The folder does not give what a journal needs.
    #[error("`{}` is on {detail}, where a write-ahead log is not safe; name a file on a local disk (`--db`)", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What kind of place it is.
        detail: String,
    },
    /// There is no such file.
    #[error("`{}` does not exist: nothing has been stored there yet; run a scenario, or name another file (`--db`)", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// No stored run is meant by a reference.
    #[error("no run `{typed}` in `{}`{hint}", path.display())]
    UnknownRun {
        /// The file.
        path: PathBuf,
        /// As typed.
        typed: String,
        /// What would work.
        hint: String,
    },
    /// Several runs or baselines are meant by a reference.
    #[error("`{typed}` could be {} in `{}`; say more of it", candidates.join(", "), path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// As typed.
        typed: String,
        /// What it could be; at most eight.
        candidates: Vec<String>,
    },
    /// There is no baseline of that name.
    #[error("no baseline `{name}` in `{}`{hint}", path.display())]
    UnknownBaseline {
        /// The file.
        path: PathBuf,
        /// As typed.
        name: String,
        /// What would work.
        hint: String,
    },
    /// A baseline cannot be set like this.
    #[error("baseline `{name}`: {reason}")]
    BadBaseline {
        /// As typed.
        name: String,
        /// Why not, and what would work.
        reason: String,
    },
    /// There is no such alert, or several.
    #[error("no alert `{id}`{hint}")]
    UnknownAlert {
        /// As typed.
        id: String,
        /// What would work.
        hint: String,
    },
    /// That cannot be done to an alert.
    #[error("alert {id}: {reason}")]
    BadAlert {
        /// Its id.
        id: String,
        /// Why not.
        reason: String,
    },
    /// A stored run cannot be read back.
    #[error("run `{run}` in `{}` cannot be read: {detail}; `engine db check` says more", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The run.
        run: String,
        /// What is wrong.
        detail: String,
    },
    /// Something cannot be stored so that it would be read back as it is.
    #[error("`{}`: {what} cannot be stored: {detail}", path.display())]
    Unstorable {
        /// The file.
        path: PathBuf,
        /// Which thing.
        what: String,
        /// Why not.
        detail: String,
    },
    /// A file is not an exported run.
    #[error("`{}` is not a run that can be imported: {reason}; export it again with `engine runs export`", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file that must not be overwritten is there.
    #[error("`{}` exists already; name another file, or remove it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused something else.
    #[error("`{}`: {detail}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        detail: String,
    },
    /// SQLite reported something else.
    #[error("`{}`: the database reports: {detail}; `engine db check` says more", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        detail: String,
    },
}

impl Error {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// The class of an error of SQLite.
    pub(crate) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let detail = error.to_string();
        let Some(code) = error.sqlite_error() else { return Self::Database { path, detail } };
        match code.code {
            // The shared-memory file could not grow.
            _ if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Self::Full { path },
            ErrorCode::DiskFull => Self::Full { path },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly { path, detail },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                Self::Locked { path }
            }
            ErrorCode::NotADatabase => Self::NotADatabase { path },
            ErrorCode::DatabaseCorrupt => Self::Damaged { path, detail },
            ErrorCode::CannotOpen => cannot_open(&path, detail),
            _ => Self::Database { path, detail },
        }
    }

    /// The class of an error of the operating system.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, detail: error.to_string() }
            }
            ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Io { path, detail: error.to_string() },
        }
    }
}

/// SQLite says only that it cannot open a file; the operating system says why.
fn cannot_open(path: &Path, detail: String) -> Error {
    let mut options = std::fs::OpenOptions::new();
    let opened = match options.append(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            options.create_new(true).open(path).inspect(|_| {
                // It was only to see whether it can be made.
                let _ = std::fs::remove_file(path);
            })
        }
        other => other,
    };
    match opened {
        Err(error) => Error::io(path, &error),
        // The file itself opens: its journal beside it does not.
        Ok(_) => Error::ReadOnly { path: path.to_owned(), detail },
    }
}

/// Gives an error of SQLite its file.
pub(crate) trait At<T> {
    /// The result with the file in the error.
    fn at(self, path: &Path) -> Result<T, Error>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::of(path, &error))
    }
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::io(path, &error))
    }
}
