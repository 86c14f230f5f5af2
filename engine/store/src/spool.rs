//! Where events wait in memory while the disk does not take them.
//!
//! A commit hands rows to the kernel, and on a busy disk the kernel itself may hold a process up for seconds: while the
//! file system's journal is being flushed, whoever changes a page of it waits, though he asked for no flush. What is not
//! committed within a fraction of a second is therefore also appended to a file in the machine's shared memory, which
//! outlives a killed process and is never held up by a disk. The next opening of the store for writing takes what it finds
//! there and removes it. Usually nothing is ever written here.
//!
//! A line says who writes and for which store; each following line is an event. A line that was cut off ends the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use engine_core::event::{Envelope, Event};
use engine_core::run::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::apply::Batch;
use crate::error::{At, Error};
use crate::owner::{self, Owner};
use crate::place;

/// A folder that lies in memory on every Linux.
pub(crate) const SHARED: &str = "/dev/shm";

/// More than this is not kept in memory: then the disk has stood still for very long.
const MOST: u64 = 64 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    owner: Owner,
    store: PathBuf,
}

/// The file of one writer; there is none until the first event is put in.
#[derive(Debug)]
pub(crate) struct Spool {
    /// None where nothing can be kept: then a killed run loses what the disk held up.
    folder: Option<PathBuf>,
    store: PathBuf,
    file: Option<(File, PathBuf)>,
    /// Length of the first line, and of all.
    header: u64,
    length: u64,
}

impl Spool {
    /// For the store at `store`, in `folder` if that lies in memory.
    pub(crate) fn new(folder: &Path, store: &Path) -> Self {
        let folder = place::in_memory(folder).then(|| folder.to_owned());
        Self { folder, store: resolved(store), file: None, header: 0, length: 0 }
    }

    /// In any folder, for tests.
    #[cfg(test)]
    pub(crate) fn anywhere(folder: &Path, store: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), store: resolved(store), file: None, header: 0, length: 0 }
    }

    /// Appends events. What cannot be kept is no error: the disk may still take it.
    pub(crate) fn append(&mut self, events: &[Envelope]) {
        if events.is_empty() {
            return;
        }
        if let Err(error) = self.try_append(events) {
            tracing::warn!(%error, "events that the disk holds up cannot be kept in memory");
            self.folder = None;
        }
    }

    fn try_append(&mut self, events: &[Envelope]) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if self.file.is_none() {
            let (mut file, path) = fresh(folder)?;
            let mut line = serde_json::to_vec(&Header { owner: Owner::current(), store: self.store.clone() })?;
            line.push(b'\n');
            file.write_all(&line)?;
            self.header = line.len() as u64;
            self.length = self.header;
            self.file = Some((file, path));
        }
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        if self.length + lines.len() as u64 > MOST {
            return Err(io::Error::other(format!("more than {} MiB", MOST >> 20)));
        }
        file.write_all(&lines)?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Forgets all events: they are committed.
    pub(crate) fn clear(&mut self) {
        if self.length == self.header {
            return;
        }
        let Some((file, _)) = &mut self.file else { return };
        // Events that stay are known by their numbers when they are found.
        let cleared = file.set_len(self.header).and_then(|()| file.seek(SeekFrom::Start(self.header)));
        match cleared {
            Ok(_) => self.length = self.header,
            Err(error) => tracing::warn!(%error, "the events in memory cannot be cleared"),
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some((_, path)) = self.file.take() {
            // Gone already is as good.
            let _ = fs::remove_file(path);
        }
    }
}

/// A new file that only this user may read. Nobody else's file is opened, whatever its name.
fn fresh(folder: &Path) -> io::Result<(File, PathBuf)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("engine-{}-{number}.journal", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            // Of a process that had this id before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {}
            other => return Ok((other?, path)),
        }
    }
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Stores what killed writers of this store left in `folder`, and removes it. A file that cannot be read or stored stays
/// where it is, and is told; the runs that are there remain readable.
pub(crate) fn recover(connection: &mut Connection, store: &Path, folder: &Path) -> Result<(), Error> {
    let store = resolved(store);
    for (path, header) in abandoned(folder) {
        if header.store == store {
            let events = events(&path);
            take(connection, &store, &events)?;
            tracing::warn!(events = events.len(), "events that a killed run had kept in memory are stored now");
        } else if header.store.exists() {
            continue;
        }
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// Whether there is anything for [`recover`] to take.
pub(crate) fn has_left(store: &Path, folder: &Path) -> bool {
    let store = resolved(store);
    abandoned(folder).any(|(_, header)| header.store == store)
}

/// The files in `folder` whose writers are gone. Of each only the first line is read: this is done at every start.
fn abandoned(folder: &Path) -> impl Iterator<Item = (PathBuf, Header)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with("engine-") && name.ends_with(".journal"));
        let (header, written) = ours.then(|| first(&entry.path())).flatten()?;
        (!header.owner.lives(written, owner::now())).then(|| (entry.path(), header))
    })
}

/// First line and time of the last change of a file of this user; none when it is no such file.
fn first(path: &Path) -> Option<(Header, Timestamp)> {
    // A link would lead elsewhere.
    let about = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    if about.uid() != fs::metadata("/proc/self").ok()?.uid() || about.len() > 2 * MOST {
        return None;
    }
    let written = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_micros();
    let mut line = Vec::new();
    BufReader::new(File::open(path).ok()?).read_until(b'\n', &mut line).ok()?;
    Some((serde_json::from_slice(&line).ok()?, Timestamp(i64::try_from(written).unwrap_or(i64::MAX))))
}

/// The events behind the first line, up to one that was cut off.
fn events(path: &Path) -> Vec<Envelope> {
    let text = fs::read(path).unwrap_or_default();
    text.split(|byte| *byte == b'\n').skip(1).map_while(|line| serde_json::from_slice(line).ok()).collect()
}

/// Stores events of dead runs. Those that are stored already change nothing.
fn take(connection: &mut Connection, path: &Path, events: &[Envelope]) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
    let mut batch = Batch::new(&transaction, path);
    for envelope in events {
        match batch.apply(envelope) {
            // A run whose beginning was lost, or a value that no row can hold: the others are worth having.
            Err(error @ Error::Unstorable { .. }) => tracing::warn!(%error, "an event in memory is not stored"),
            other => other?,
        }
    }
    batch.seal()?;
    for envelope in events.iter().filter(|envelope| matches!(envelope.event, Event::RunStarted(_))) {
        // A run that begins here would seem to be written by this process.
        let sql = "UPDATE runs SET owner = NULL WHERE id = ?1 AND state = 'running'";
        transaction.execute(sql, params![envelope.run.0]).at(path)?;
    }
    transaction.commit().at(path)
}

#[cfg(test)]
pub(crate) mod tests;
