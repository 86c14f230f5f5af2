//! The one thread that writes. A commit hands rows to the kernel, which survives the death of any process, and does not ask
//! for the disk: on a busy machine a flush takes seconds. Against a power cut the [`Flusher`] follows, at once for what a
//! user would miss most, within seconds for the rest; only the end of a run waits for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use engine_core::event::{Envelope, Event};
use rusqlite::TransactionBehavior;

use crate::Store;
use crate::apply::Batch;
use crate::error::{At, Error};
use crate::flusher::Flusher;
use crate::open::BUSY;

/// The longest time without a flush of the disk while rounds come.
const FLUSH: Duration = Duration::from_secs(5);

/// How long the end of a run waits for readers.
const READERS: Duration = Duration::from_millis(100);

/// How often a batch is tried while another process holds the file; each try waits for the lock's time-out.
const PATIENCE: u32 = 12;

/// What the thread works on.
pub(crate) struct Journal {
    store: Store,
    flusher: Flusher,
    /// When a flush was last asked for.
    flushed: Instant,
    /// The first event that could not be stored while others could.
    unstorable: Option<Error>,
    result: Result<(), Error>,
    failed: Arc<AtomicBool>,
}

impl Journal {
    pub(crate) fn new(store: Store, flusher: Flusher, failed: Arc<AtomicBool>) -> Self {
        Self { store, flusher, flushed: Instant::now(), unstorable: None, result: Ok(()), failed }
    }

    /// Stores batches until no more can come, and says after each that it is done with, stored or not.
    pub(crate) fn serve(mut self, batches: &Receiver<Arc<Vec<Envelope>>>, done: &dyn Fn()) -> Result<(), Error> {
        while let Ok(batch) = batches.recv() {
            if self.result.is_ok() {
                self.commit(&batch);
            }
            done();
        }
        // Its checkpoint would stand in the way of the last one.
        drop(self.flusher);
        if self.result.is_ok() {
            self.store.truncate_log();
        }
        self.result.and(self.unstorable.map_or(Ok(()), Err))
    }

    /// Stores a batch. While the file is locked it is tried again.
    fn commit(&mut self, batch: &[Envelope]) {
        let last = batch.iter().any(|envelope| matches!(envelope.event, Event::RunFinished { .. }));
        let mut tries = 0;
        loop {
            let mut stored = self.store.commits_wait(last).and_then(|()| self.store.apply(batch));
            if let Err(Error::Unstorable { .. }) = stored {
                stored = self.one_by_one(batch);
            }
            match stored {
                Ok(()) => break,
                Err(error) if error.is_locked() && tries < PATIENCE => {
                    tries += 1;
                    tracing::warn!(%error, tries, "the store is locked; trying again");
                }
                Err(error) => {
                    tracing::error!(%error, "nothing more of this run is stored");
                    self.failed.store(true, Ordering::Release);
                    self.store.abandon(batch);
                    self.result = Err(error);
                    return;
                }
            }
        }
        if batch.iter().any(|envelope| is_urgent(&envelope.event)) || self.flushed.elapsed() >= FLUSH {
            self.flusher.wish();
            self.flushed = Instant::now();
        }
    }

    /// Stores events apart, so that one which cannot be stored takes no other with it. It is told in the end.
    fn one_by_one(&mut self, batch: &[Envelope]) -> Result<(), Error> {
        for envelope in batch {
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

/// Whether an event is worth a commit and a flush of its own: the results that a user would miss most.
pub(crate) const fn is_urgent(event: &Event) -> bool {
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
    pub(crate) fn leave_the_log(&self) -> Result<(), Error> {
        self.connection.pragma_update(None, "wal_autocheckpoint", 0).at(&self.path)
    }

    /// Keeps few pages in memory: who writes a run reads next to nothing, and a cache of the usual 2 MB fills with what
    /// nobody reads again, over minutes in which the memory of a load is to stay flat.
    pub(crate) fn keep_few_pages(&self) -> Result<(), Error> {
        self.connection.pragma_update(None, "cache_size", -512).at(&self.path)
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
