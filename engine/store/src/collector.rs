//! Makes batches of events, hands them to the [`Journal`](crate::journal::Journal) one at a time, and keeps in memory what
//! the disk holds up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use engine_core::event::Envelope;

use crate::journal;
use crate::spool::Spool;

/// The longest that an event waits for its batch.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long a commit may take before its events are kept in memory as well. With [`INTERVAL`] half of the second that may
/// be lost; the other half belongs to a machine on which threads wait for a processor.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the collector waits for.
#[derive(Debug)]
pub(crate) enum Message {
    /// An event to be stored.
    Event(Box<Envelope>),
    /// The journal is done with its batch.
    Committed,
    /// Nothing more will come.
    Finish,
}

/// A batch that the journal is at.
#[derive(Debug)]
struct UnderWay {
    batch: Arc<Vec<Envelope>>,
    since: Instant,
    /// How many of its events are in the spool.
    spooled: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Collector {
    batches: SyncSender<Arc<Vec<Envelope>>>,
    under_way: Option<UnderWay>,
    /// What the next batch will be.
    pending: Vec<Envelope>,
    /// How many of the pending events are in the spool.
    spooled: usize,
    /// When the oldest pending event came that is not in the spool.
    since: Option<Instant>,
    spool: Spool,
    failed: Arc<AtomicBool>,
}

impl Collector {
    /// Hands its batches to `batches`, which holds one.
    pub(crate) fn new(batches: SyncSender<Arc<Vec<Envelope>>>, spool: Spool, failed: Arc<AtomicBool>) -> Self {
        Self { batches, under_way: None, pending: Vec::new(), spooled: 0, since: None, spool, failed }
    }

    /// Works until `Finish`, and until all that came before it is done with.
    pub(crate) fn serve(mut self, inbox: &Receiver<Message>) {
        loop {
            match self.receive(inbox) {
                Ok(Message::Event(envelope)) => self.take(*envelope),
                Ok(Message::Committed) => self.committed(),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Finish) | Err(RecvTimeoutError::Disconnected) => break,
            }
            // Also when messages come so fast that no time-out ever comes.
            if self.due().is_some_and(|due| due <= Instant::now()) {
                self.late();
            }
        }
        self.hand_over();
        while self.under_way.is_some() {
            match self.receive(inbox) {
                Ok(Message::Committed) => {
                    self.committed();
                    self.hand_over();
                }
                Err(RecvTimeoutError::Timeout) => self.late(),
                // Sent after the end.
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Waits for the next message, at most until something is due.
    fn receive(&self, inbox: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match self.due() {
            Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// When something has to be done if nothing comes.
    fn due(&self) -> Option<Instant> {
        let patience = self
            .under_way
            .as_ref()
            .filter(|batch| batch.spooled < batch.batch.len())
            .map(|batch| batch.since + PATIENCE);
        let interval = self.since.map(|since| since + INTERVAL);
        patience.into_iter().chain(interval).min()
    }

    fn take(&mut self, envelope: Envelope) {
        if self.failed.load(Ordering::Acquire) {
            return;
        }
        let urgent = journal::is_urgent(&envelope.event);
        self.since.get_or_insert_with(Instant::now);
        self.pending.push(envelope);
        if urgent {
            self.hand_over();
        }
    }

    /// Time is up: hands over what is pending, or keeps in memory what the journal does not come to.
    fn late(&mut self) {
        let Some(batch) = &mut self.under_way else { return self.hand_over() };
        if batch.since.elapsed() >= PATIENCE {
            self.spool.append(&batch.batch[batch.spooled..]);
            batch.spooled = batch.batch.len();
            self.spool.append(&self.pending[self.spooled..]);
            self.spooled = self.pending.len();
            self.since = None;
        } else {
            // Its patience ends before a pending event has waited too long.
            self.since = self.since.map(|since| since.max(batch.since + PATIENCE - INTERVAL));
        }
    }

    /// Hands what is pending to the journal, if that has nothing to do.
    fn hand_over(&mut self) {
        if self.under_way.is_some() || self.pending.is_empty() {
            return;
        }
        let batch = Arc::new(std::mem::take(&mut self.pending));
        // A journal that is gone has panicked, and whoever joins it is told.
        if self.batches.send(Arc::clone(&batch)).is_ok() {
            self.under_way = Some(UnderWay { batch, since: Instant::now(), spooled: self.spooled });
        }
        self.spooled = 0;
        self.since = None;
    }

    /// The journal wants its next batch.
    fn committed(&mut self) {
        self.under_way = None;
        if self.spooled == 0 {
            self.spool.clear();
        }
        // Those in memory have waited long enough.
        if self.spooled > 0 || self.pending.iter().any(|envelope| journal::is_urgent(&envelope.event)) {
            self.hand_over();
        }
    }
}

#[cfg(test)]
mod tests;
