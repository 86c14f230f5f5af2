//! The one thread that writes. Events reach it through a channel that never blocks the sender; it stores them in
//! batches, so that storing disturbs a measurement at most four times a second and a killed process loses at most the
//! last second. A commit hands rows to the kernel, which survives the death of any process, and does not wait for the
//! disk: on a busy machine a flush takes seconds. Against a power cut the [`Flusher`] follows, at once for what a user
//! would miss most, within seconds for the rest; only the end of a run waits for the disk.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine_core::event::{Envelope, Event};
use rusqlite::TransactionBehavior;

use crate::Store;
use crate::apply::Batch;
use crate::error::{At, Error};
use crate::flusher::Flusher;
use crate::open::BUSY;

/// The longest that an event waits for its commit. The rest of the second that may be lost belongs to a machine on
/// which the writer has to wait for a processor or for the disk.
const INTERVAL: Duration = Duration::from_millis(250);

/// The longest time without a flush of the disk while rounds come.
const FLUSH: Duration = Duration::from_secs(5);

/// How long the end of a run waits for readers.
const READERS: Duration = Duration::from_millis(100);

/// How often a batch is tried while another process holds the file; each try waits for the lock's time-out.
const PATIENCE: u32 = 12;

enum Message {
    Event(Box<Envelope>),
    Finish,
}

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

/// The writer of a store. Dropping it stores what was sent.
#[derive(Debug)]
pub struct Writer {
    sender: EventSender,
    thread: Option<JoinHandle<Result<(), Error>>>,
    path: std::path::PathBuf,
}

impl Writer {
    /// Starts the thread. The store belongs to it; readers open their own.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for a store that was opened for reading only; [`Error::Io`] where no thread can be started.
    pub fn start(store: Store) -> Result<Self, Error> {
        let path = store.path.clone();
        if store.is_readonly() {
            return Err(Error::ReadOnly { path, detail: "it was opened for reading only".to_owned() });
        }
        store.leave_the_log()?;
        let flusher = Flusher::start(&path)?;
        let (channel, inbox) = mpsc::channel();
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let spawned = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || Journal::new(store, flusher, flag).serve(&inbox));
        let thread = Some(spawned.at(&path)?);
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

/// What the thread works on.
struct Journal {
    store: Store,
    pending: Vec<Envelope>,
    /// When the oldest pending event came.
    since: Option<Instant>,
    /// Whether one of the pending events is worth a flush of its own.
    urgent: bool,
    /// Whether one of the pending events ends a run.
    last: bool,
    flusher: Flusher,
    /// When a flush was last asked for.
    flushed: Instant,
    tries: u32,
    /// The first event that could not be stored while others could.
    unstorable: Option<Error>,
    result: Result<(), Error>,
    failed: Arc<AtomicBool>,
}

impl Journal {
    fn new(store: Store, flusher: Flusher, failed: Arc<AtomicBool>) -> Self {
        Self {
            store,
            pending: Vec::new(),
            since: None,
            urgent: false,
            last: false,
            flusher,
            flushed: Instant::now(),
            tries: 0,
            unstorable: None,
            result: Ok(()),
            failed,
        }
    }

    fn serve(mut self, inbox: &Receiver<Message>) -> Result<(), Error> {
        loop {
            let received = match self.since {
                Some(since) => inbox.recv_timeout(INTERVAL.saturating_sub(since.elapsed())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(Message::Event(_)) if self.result.is_err() => {}
                Ok(Message::Event(envelope)) => {
                    self.urgent |= is_urgent(&envelope.event);
                    self.last |= matches!(envelope.event, Event::RunFinished { .. });
                    let since = *self.since.get_or_insert_with(Instant::now);
                    self.pending.push(*envelope);
                    if self.urgent || since.elapsed() >= INTERVAL {
                        self.commit();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.commit(),
                Ok(Message::Finish) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        while self.since.is_some() {
            self.commit();
        }
        // Its checkpoint would stand in the way of the last one.
        drop(self.flusher);
        if self.result.is_ok() {
            self.store.truncate_log();
        }
        self.result.and(self.unstorable.map_or(Ok(()), Err))
    }

    /// Stores what is pending. While the file is locked it stays pending.
    fn commit(&mut self) {
        if self.pending.is_empty() {
            self.since = None;
            return;
        }
        let mut stored = self.store.commits_wait(self.last).and_then(|()| self.store.apply(&self.pending));
        if let Err(Error::Unstorable { .. }) = stored {
            stored = self.one_by_one();
        }
        match stored {
            Ok(()) => {
                self.tries = 0;
                if self.urgent || self.flushed.elapsed() >= FLUSH {
                    self.flusher.wish();
                    self.flushed = Instant::now();
                }
            }
            Err(error) if error.is_locked() && self.tries < PATIENCE => {
                self.tries += 1;
                tracing::warn!(%error, tries = self.tries, "the store is locked; trying again");
                self.since = Some(Instant::now());
                return;
            }
            Err(error) => {
                tracing::error!(%error, "nothing more of this run is stored");
                self.failed.store(true, Ordering::Release);
                self.store.abandon(&self.pending);
                self.result = Err(error);
            }
        }
        self.pending.clear();
        self.since = None;
        self.urgent = false;
        self.last = false;
    }

    /// Stores the pending events apart, so that one which cannot be stored takes no other with it. It is told by
    /// `finish`.
    fn one_by_one(&mut self) -> Result<(), Error> {
        for envelope in &self.pending {
            match self.store.apply(std::slice::from_ref(envelope)) {
                Err(error @ Error::Unstorable { .. }) => {
                    tracing::error!(%error, sequence = envelope.sequence, "an event was not stored");
                    self.unstorable.get_or_insert(error);
                }
                other => other?,
            }
        }
        Ok(())
    }
}

/// Whether an event is worth a flush of its own: the results that a user would miss most.
const fn is_urgent(event: &Event) -> bool {
    matches!(event, Event::RunStarted(_) | Event::StepFinished { .. } | Event::Judged(_) | Event::RunFinished { .. })
}

impl Store {
    /// Stores events in one transaction: all of them or, after an error, none. Events stored before change nothing.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::ReadOnly`], [`Error::Locked`], [`Error::Unstorable`] and those of the database.
    pub fn apply(&mut self, envelopes: &[Envelope]) -> Result<(), Error> {
        let path = &self.path;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
        let mut batch = Batch::new(&transaction, path);
        for envelope in envelopes {
            batch.apply(envelope)?;
        }
        batch.seal()?;
        transaction.commit().at(path)
    }

    /// Whether commits from now on wait until the disk has them (and all before them), or only until the kernel has.
    fn commits_wait(&self, wait: bool) -> Result<(), Error> {
        self.connection.pragma_update(None, "synchronous", if wait { "FULL" } else { "NORMAL" }).at(&self.path)
    }

    /// Leaves the log to the [`Flusher`]: no commit copies it into the file.
    fn leave_the_log(&self) -> Result<(), Error> {
        self.connection.pragma_update(None, "wal_autocheckpoint", 0).at(&self.path)
    }

    /// After an error that ended the storing: says of the runs, as far as the disk still takes it, that they are
    /// partial. Where it does not, the next opening will find their process gone.
    fn abandon(&mut self, envelopes: &[Envelope]) {
        self.truncate_log();
        let mut runs: Vec<&str> = envelopes.iter().map(|envelope| envelope.run.0.as_str()).collect();
        runs.dedup();
        for run in runs {
            let sql =
                "UPDATE runs SET state = 'partial', owner = NULL, validity = ?2 WHERE id = ?1 AND state = 'running'";
            let mut validity = engine_core::run::Validity::default();
            validity
                .lower(engine_core::run::ValidityLevel::Degraded, "the store took no more; later results were lost");
            let Ok(validity) = crate::json::write(&validity) else { continue };
            if let Err(error) = self.connection.execute(sql, [run, &validity]) {
                tracing::warn!(%error, run, "the run could not be marked as partial");
            }
        }
    }

    /// Moves the log into the file and empties it. What readers still need stays, and they are not waited for long; that
    /// is no error.
    pub(crate) fn truncate_log(&self) {
        let patience = |time| self.connection.busy_timeout(time);
        let moved = patience(READERS).and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        });
        let restored = patience(BUSY);
        tracing::debug!(?moved, ?restored, "checkpoint");
    }
}

#[cfg(test)]
mod tests;
