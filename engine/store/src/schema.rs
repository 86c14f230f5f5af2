//! The schema and its versions. Each version is one file of SQL; a file is brought up to date in one transaction, after
//! a copy of it was made.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{At, Error};

/// `engn`: tells the engine's databases from others.
pub(crate) const APPLICATION: i64 = 0x656e_676e;

/// What each version adds to the one before. Only ever append.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/operate.sql"),
    include_str!("schema/advice.sql"),
    include_str!("schema/faults.sql"),
    include_str!("schema/hosts.sql"),
    include_str!("schema/answers.sql"),
];

/// The version of the schema that this engine writes.
pub const VERSION: i64 = version_of(MIGRATIONS);

#[expect(clippy::cast_possible_wrap, reason = "a handful of migrations")]
const fn version_of(migrations: &[&str]) -> i64 {
    migrations.len() as i64
}

/// What a file says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nothing is in it yet.
    Empty,
    /// A store of this version.
    Store(i64),
    /// A database of another program.
    Foreign,
}

/// Asks a file what it is. Reads its first page, so a file that is no database is found here.
pub(crate) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    // One statement, so one moment: another process may be making the file right now.
    let sql =
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
               (SELECT count(*) FROM sqlite_schema)";
    let (application, version, objects): (i64, i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match (application, version, objects) {
        (APPLICATION, version, _) => Identity::Store(version),
        (0, 0, 0) => Identity::Empty,
        _ => Identity::Foreign,
    })
}

/// Brings a file up to date. Gives the place of the copy that was made of it before, if there was anything to copy.
///
/// # Errors
/// [`Error::NewerVersion`] and [`Error::Foreign`] before anything is touched; those of writing, after which the file
/// is as it was.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<Option<PathBuf>, Error> {
    let supported = version_of(migrations);
    let version = match identity(connection).at(path)? {
        Identity::Foreign => return Err(Error::Foreign { path: path.to_owned() }),
        Identity::Store(found) if found > supported => {
            return Err(Error::NewerVersion { path: path.to_owned(), found, supported });
        }
        Identity::Store(found) if found == supported => return Ok(None),
        Identity::Store(found) => found,
        Identity::Empty => 0,
    };
    let copy = if version > 0 { Some(copy_before(connection, path, version)?) } else { None };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
    // Asked again under the lock: another process may have been faster.
    let version = match identity(&transaction).at(path)? {
        Identity::Store(found) => found,
        _ => 0,
    };
    for step in migrations.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step).at(path)?;
    }
    if version < supported {
        transaction.pragma_update(None, "application_id", APPLICATION).at(path)?;
        transaction.pragma_update(None, "user_version", supported).at(path)?;
    }
    transaction.commit().at(path)?;
    if let Some(copy) = &copy {
        tracing::info!(from = version, to = supported, copy = %copy.display(), "the store was migrated");
    }
    Ok(copy)
}

/// Copies the file beside itself, as `NAME.v1.bak`, or with a number when that name is taken.
fn copy_before(connection: &Connection, path: &Path, version: i64) -> Result<PathBuf, Error> {
    let beside = |suffix: String| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        path.with_file_name(name)
    };
    let copy = (0..)
        .map(|n| beside(if n == 0 { format!(".v{version}.bak") } else { format!(".v{version}.{n}.bak") }))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| beside(".bak".to_owned()));
    copy_to(connection, path, &copy)?;
    Ok(copy)
}

/// Writes a compact, consistent copy of an open database to a new file.
pub(crate) fn copy_to(connection: &Connection, path: &Path, copy: &Path) -> Result<(), Error> {
    if copy.exists() {
        return Err(Error::Exists { path: copy.to_owned() });
    }
    let Some(target) = copy.to_str() else {
        let detail = "the name of a copy must be UTF-8".to_owned();
        return Err(Error::Io { path: copy.to_owned(), detail });
    };
    let result = connection.execute("VACUUM INTO ?1", [target]);
    if let Err(error) = result {
        // What is there is half a copy. That it may not exist is no matter.
        let _ = std::fs::remove_file(copy);
        let error = Error::of(copy, &error);
        tracing::warn!(%error, from = %path.display(), "no copy was made");
        return Err(error);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
