//! Storing the events of a live run. They go through a channel that never blocks the sender to the [`Collector`], which makes
//! batches of them, and from there to the one thread that writes, the [`Journal`]. So storing disturbs a measurement at most
//! four times a second, and a killed process loses at most the last second: what the disk holds up is kept in memory
//! that outlives the process ([`Spool`]).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use engine_core::event::Envelope;

use crate::Store;
use crate::collector::{Collector, Message};
use crate::error::{At, Error};
use crate::flusher::Flusher;
use crate::journal::Journal;
use crate::spool::{self, Spool};

/// Sends events to the writer. Clones send to the same one.
#[derive(Clone)]
pub struct EventSender {
    channel: Sender<Message>,
    failed: Arc<AtomicBool>,
}

impl EventSender {
    /// Takes an event; returns at once.
    pub fn send(&self, envelope: &Envelope) {
        // A writer that is gone has said why in `finish`.
        let _ = self.channel.send(Message::Event(Box::new(envelope.clone())));
    }

    /// Whether an error ended the storing: events sent from now on are lost.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSender").field("failed", &self.failed()).finish_non_exhaustive()
    }
}

/// Tells the collector that the journal is done with a batch, also with the one at which it panicked.
struct Reply(Sender<Message>);

impl Reply {
    fn done(&self) {
        // A collector that is gone needs no answer.
        let _ = self.0.send(Message::Committed);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.done();
    }
}

/// The writer of a store. Dropping it stores what was sent.
#[derive(Debug)]
pub struct Writer {
    sender: EventSender,
    thread: Option<JoinHandle<Result<(), Error>>>,
    path: PathBuf,
}

impl Writer {
    /// Starts the threads. The store belongs to them; readers open their own.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for a store that was opened for reading only; [`Error::Io`] where no thread can be started.
    pub fn start(store: Store) -> Result<Self, Error> {
        let path = store.path.clone();
        if store.is_readonly() {
            return Err(Error::ReadOnly { path, detail: "it was opened for reading only".to_owned() });
        }
        store.leave_the_log()?;
        store.keep_few_pages()?;
        let flusher = Flusher::start(&path)?;
        let (channel, inbox) = mpsc::channel();
        // One batch under way: what comes meanwhile becomes the next.
        let (batches, to_write) = mpsc::sync_channel(1);
        let failed = Arc::new(AtomicBool::new(false));
        let journal = Journal::new(store, flusher, Arc::clone(&failed));
        let reply = Reply(channel.clone());
        let writing = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || journal.serve(&to_write, &|| reply.done()))
            .at(&path)?;
        let spool = Spool::new(Path::new(spool::SHARED), &path);
        let collector = Collector::new(batches, spool, Arc::clone(&failed));
        let collecting = std::thread::Builder::new().name("collect".to_owned()).spawn(move || {
            collector.serve(&inbox);
            match writing.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        let thread = Some(collecting.at(&path)?);
        Ok(Self { sender: EventSender { channel, failed }, thread, path })
    }

    /// What takes the events.
    #[must_use]
    pub fn sender(&self) -> EventSender {
        self.sender.clone()
    }

    /// Takes an event; returns at once.
    pub fn send(&self, envelope: &Envelope) {
        self.sender.send(envelope);
    }

    /// Whether an error ended the storing, so that a run can end early. `finish` says which.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.sender.failed()
    }

    /// Stores everything sent so far and ends the thread; senders that are left send into the void.
    ///
    /// # Errors
    /// The first that happened. What was stored before it is intact.
    pub fn finish(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // When the thread is gone, joining tells why.
        let _ = self.sender.channel.send(Message::Finish);
        thread.join().unwrap_or_else(|_| {
            self.sender.failed.store(true, Ordering::Release);
            Err(Error::Database { path: self.path.clone(), detail: "the writer panicked".to_owned() })
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the run was not stored whole");
        }
    }
}

#[cfg(test)]
mod tests;
