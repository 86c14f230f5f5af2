//! Brings to the disk what the writer has committed, on a thread and a connection of its own: on a busy disk a flush takes
//! seconds, and the writer must not wait for it while a run goes on.
//!
//! A passive checkpoint is all that is needed: it syncs the log, copies it into the file and syncs that, and it neither
//! waits for readers nor holds up the writer.

use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::error::{At, Error};

/// The thread. Dropping it waits for the flush that it is at.
#[derive(Debug)]
pub(crate) struct Flusher {
    wishes: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread for the file of a store that is open for writing.
    pub(crate) fn start(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path).at(path)?;
        // One wish at a time: whatever is committed before its flush begins is flushed with it.
        let (wishes, inbox) = mpsc::sync_channel(1);
        let work = move || {
            while inbox.recv().is_ok() {
                let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(0));
                if let Err(error) = done {
                    // What keeps the log from the disk also meets the writer, which tells.
                    tracing::warn!(%error, "the log was not flushed");
                }
            }
        };
        let thread = std::thread::Builder::new().name("flush".to_owned()).spawn(work).at(path)?;
        Ok(Self { wishes: Some(wishes), thread: Some(thread) })
    }

    /// Asks for a flush of what is committed; returns at once.
    pub(crate) fn wish(&self) {
        if let Some(wishes) = &self.wishes {
            // A wish that is still waiting covers this one.
            let _ = wishes.try_send(());
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            // The thread reports for itself.
            let _ = thread.join();
        }
    }
}
