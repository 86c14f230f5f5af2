//! Opening the file: what is checked, and which settings make it survive.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, MAIN_DB, OpenFlags};

use crate::error::{At, Error};
use crate::schema::{Identity, MIGRATIONS, VERSION};
use crate::{owner, place, schema, spool};

/// SQLite before this can lose committed writes when two connections share a write-ahead log
/// (<https://sqlite.org/wal.html#walresetbug>).
const OLDEST_LIBRARY: i32 = 3_051_003;

/// How long a statement waits for another process's lock.
pub(crate) const BUSY: Duration = Duration::from_millis(5000);

/// How long between two tries where SQLite itself does not wait.
const RETRY: Duration = Duration::from_millis(10);

/// An open store.
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    readonly: bool,
}

impl Store {
    /// Opens a store for reading and writing; makes it, with its folders, where there is none; migrates an older one
    /// after copying it; takes what killed runs had kept in memory, and marks the runs whose process is gone as `partial`.
    ///
    /// # Errors
    /// Every variant about the file: newer, foreign, damaged, not a database, read-only, full, locked.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        library()?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).at(path)?;
        }
        inspect(path)?;
        place::check(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).at(path)?;
        if connection.is_readonly(MAIN_DB).at(path)? {
            let detail = "the file is read-only".to_owned();
            return Err(Error::ReadOnly { path: path.to_owned(), detail });
        }
        connection.busy_timeout(BUSY).at(path)?;
        // Some steps report a lock at once, whatever the time-out: changing the journal's mode, and recovering a log that
        // another process is recovering.
        let start = Instant::now();
        loop {
            match prepare(&mut connection, path) {
                Err(error) if error.is_locked() && start.elapsed() < BUSY => std::thread::sleep(RETRY),
                other => break other?,
            }
        }
        Ok(Self { connection, path: path.to_owned(), readonly: false })
    }

    /// Opens an existing store for reading only; changes nothing. Also works on a read-only disk.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, [`Error::OlderVersion`] where it must be migrated first, and every
    /// variant about the file.
    pub fn open_readonly(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        library()?;
        if !inspect(path)? {
            return Err(Error::Missing { path: path.to_owned() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).at(path)?;
        connection.busy_timeout(BUSY).at(path)?;
        let mut found = schema::identity(&connection);
        if found.is_err() && !has_log(path) {
            // A read-only disk has no room for the log's shared memory. Without a log the file is all there is.
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            if let Ok(frozen) = Connection::open_with_flags(immutable(path), flags) {
                found = schema::identity(&frozen);
                connection = frozen;
            }
        }
        match found.at(path)? {
            Identity::Empty => return Err(Error::Missing { path: path.to_owned() }),
            Identity::Foreign => return Err(Error::Foreign { path: path.to_owned() }),
            Identity::Store(found) if found > VERSION => {
                return Err(Error::NewerVersion { path: path.to_owned(), found, supported: VERSION });
            }
            Identity::Store(found) if found < VERSION => {
                return Err(Error::OlderVersion { path: path.to_owned(), found, supported: VERSION });
            }
            Identity::Store(_) => {}
        }
        settings(&connection, path)?;
        Ok(Self { connection, path: path.to_owned(), readonly: true })
    }

    /// Whether a killed run of the store at `path` left events in memory, which the next opening for writing takes.
    #[must_use]
    pub fn has_left(path: impl AsRef<Path>) -> bool {
        spool::has_left(path.as_ref(), Path::new(spool::SHARED))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was opened for reading only.
    #[must_use]
    pub const fn is_readonly(&self) -> bool {
        self.readonly
    }
}

/// Checks the library: a build with another SQLite must not write.
fn library() -> Result<(), Error> {
    if rusqlite::version_number() >= OLDEST_LIBRARY {
        Ok(())
    } else {
        Err(Error::Library { found: rusqlite::version().to_owned() })
    }
}

/// Makes a connection that writes ready: its settings, the schema, the state of abandoned runs.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    // Before the first write: what is not ours is left alone.
    acceptable(connection, path)?;
    settings(connection, path)?;
    journal(connection, path)?;
    schema::migrate(connection, path, MIGRATIONS)?;
    spool::recover(connection, path, Path::new(spool::SHARED))?;
    owner::settle_orphans(connection, path)?;
    Ok(())
}

/// Looks at the file before SQLite does. False when it does not exist or is empty.
///
/// SQLite notices a missing tail only when it comes to read it, which may be months later. A file that another process
/// is writing to can look cut off for a moment, so it is looked at more than once.
fn inspect(path: &Path) -> Result<bool, Error> {
    let mut looks = 0;
    loop {
        match look(path) {
            Err(Error::Damaged { .. }) if looks < 5 => std::thread::sleep(RETRY),
            other => return other,
        }
        looks += 1;
    }
}

fn look(path: &Path) -> Result<bool, Error> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        other => other.at(path)?,
    };
    let about = file.metadata().at(path)?;
    if !about.is_file() {
        return Err(Error::Io { path: path.to_owned(), detail: "is not a file; name one (`--db`)".to_owned() });
    }
    if about.len() == 0 {
        return Ok(false);
    }
    let mut header = [0; 100];
    if file.read_exact(&mut header).is_err() || !header.starts_with(b"SQLite format 3\0") {
        return Err(Error::NotADatabase { path: path.to_owned() });
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    // With a log, the missing pages may lie there.
    if about.len() < page * pages && !has_log(path) {
        let detail = format!("{} of its {} bytes are there", about.len(), page * pages);
        return Err(Error::Damaged { path: path.to_owned(), detail });
    }
    Ok(true)
}

/// Refuses what is not ours or too new.
fn acceptable(connection: &Connection, path: &Path) -> Result<(), Error> {
    match schema::identity(connection).at(path)? {
        Identity::Foreign => Err(Error::Foreign { path: path.to_owned() }),
        Identity::Store(found) if found > VERSION => {
            Err(Error::NewerVersion { path: path.to_owned(), found, supported: VERSION })
        }
        Identity::Store(_) | Identity::Empty => Ok(()),
    }
}

/// Settings of every connection.
fn settings(connection: &Connection, path: &Path) -> Result<(), Error> {
    connection.busy_timeout(BUSY).at(path)?;
    connection.pragma_update(None, "foreign_keys", true).at(path)?;
    connection.pragma_update(None, "cell_size_check", true).at(path)?;
    connection.pragma_update(None, "trusted_schema", false).at(path)
}

/// Settings of a connection that writes.
fn journal(connection: &Connection, path: &Path) -> Result<(), Error> {
    // Counts only for a file without tables: lets `prune` give pages back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").at(path)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).at(path)?;
    if mode != "wal" {
        let detail = format!("a file system that only allows the journal mode `{mode}`");
        return Err(Error::Unsafe { path: path.to_owned(), detail });
    }
    connection.pragma_update(None, "synchronous", "FULL").at(path)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024).at(path)
}

/// Whether a write-ahead log with anything in it lies beside the file.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|about| about.len() > 0)
}

/// The URI that tells SQLite that nobody changes the file.
fn immutable(path: &Path) -> PathBuf {
    use std::fmt::Write as _;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = String::from("file:");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(OsString::from(uri))
}
