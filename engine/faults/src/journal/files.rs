//! The files of the journal: whole and synced, or not there.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::{JournalError, Record};

/// So many ended entries are kept for `status`.
const KEPT: usize = 20;

/// How long another one may hold the lock before we go on without: undoing twice does no harm, not undoing does.
const PATIENCE: Duration = Duration::from_secs(4);

/// Makes the folder, and refuses one of another user: what it says is done by us.
pub(super) fn prepare(folder: &Path) -> Result<(), JournalError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(ended(folder)).map_err(JournalError::io(folder, "cannot make the folder of the undo journal"))?;
    for place in [folder, &ended(folder)] {
        let what = std::fs::symlink_metadata(place).map_err(JournalError::io(place, "cannot look at it"))?;
        if !what.is_dir() {
            return Err(JournalError::Folder { path: place.to_owned(), reason: "is no folder" });
        }
        if what.uid() != rustix::process::geteuid().as_raw() {
            return Err(JournalError::Folder { path: place.to_owned(), reason: "belongs to another user" });
        }
        if what.mode() & 0o022 != 0 {
            return Err(JournalError::Folder { path: place.to_owned(), reason: "can be written by others" });
        }
    }
    Ok(())
}

/// Where entries that are over lie.
pub(super) fn ended(folder: &Path) -> PathBuf {
    folder.join("ended")
}

fn file(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.json"))
}

/// Whether an entry is active.
pub(super) fn exists(folder: &Path, id: &str) -> bool {
    file(folder, id).is_file()
}

/// Writes an entry: when this returns it survives a crash of the machine.
pub(super) fn write(folder: &Path, record: &Record) -> Result<(), JournalError> {
    let target = file(folder, &record.id);
    let beside = folder.join(format!(".{}.new", record.id));
    let text =
        serde_json::to_vec(record).map_err(|error| JournalError::io(&target, "cannot write it")(error.into()))?;
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut out| out.write_all(&text).and_then(|()| out.sync_all()))
        .and_then(|()| std::fs::rename(&beside, &target))
        .and_then(|()| File::open(folder)?.sync_all());
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        JournalError::io(&target, "cannot write the undo record")(error)
    })
}

/// One active entry; none when it is over.
pub(super) fn read(folder: &Path, id: &str) -> Result<Option<Record>, JournalError> {
    let path = file(folder, id);
    match std::fs::read(&path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(JournalError::io(&path, "cannot be read as an undo record")(error.into())),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalError::io(&path, "cannot be read")(error)),
    }
}

/// Ids in a folder, oldest first; none when there is no folder.
pub(super) fn ids(folder: &Path) -> Result<Vec<String>, JournalError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io(folder, "cannot be read")(error)),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut ids: Vec<String> = names
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    ids.sort();
    Ok(ids)
}

/// Moves an entry to those that are over, and forgets the oldest of them.
pub(super) fn finish(folder: &Path, record: &Record) -> Result<(), JournalError> {
    let over = ended(folder);
    // The order matters: a crash between the two leaves it active, and undoing again does no harm.
    write(&over, record)?;
    let path = file(folder, &record.id);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(JournalError::io(&path, "cannot be removed")(error)),
    }
    let known = ids(&over)?;
    for old in known.iter().take(known.len().saturating_sub(KEPT)) {
        let _ = std::fs::remove_file(file(&over, old));
    }
    Ok(())
}

/// Held while an entry is undone, so that two do not do it at once. Without it after a few seconds.
pub(super) fn lock(folder: &Path) -> Option<File> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join(".lock")).ok()?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(file),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
    None
}
