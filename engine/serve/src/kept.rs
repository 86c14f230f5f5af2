//! What was made a moment ago.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engine_core::run::{RunId, RunRecord};

/// How many records are kept: two sides of a comparison, and one more.
const RECORDS: usize = 3;

/// How many bytes of answers: those of many pages that are open.
const ANSWERS: usize = 16 << 20;

/// Records of runs that have ended, and answers about them, as long as the run is the same: one that is resumed goes on to
/// other sequence numbers.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    records: Mutex<VecDeque<Arc<RunRecord>>>,
    answers: Mutex<VecDeque<Told>>,
    /// Held while a record is read: a page asks for several things of one run at the same time.
    reading: Mutex<()>,
}

/// An answer, and what it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) run: RunId,
    pub(crate) sequence: u64,
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) text: Bytes,
}

impl Kept {
    /// Waits until nobody reads a record.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record of a run that has come so far.
    pub(crate) fn record(&self, run: &RunId, sequence: u64) -> Option<Arc<RunRecord>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().find(|record| record.header.id == *run && record.sequence == sequence).cloned()
    }

    /// Keeps the record of a run that has ended.
    pub(crate) fn keep(&self, record: &Arc<RunRecord>) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.retain(|known| known.header.id != record.header.id);
        records.push_front(Arc::clone(record));
        records.truncate(RECORDS);
    }

    /// Lets go of the record of a run.
    pub(crate) fn forget(&self, run: &RunId) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known.header.id != *run);
    }

    /// The answer of this name about a run that has come so far, made of what the key says.
    pub(crate) fn told(&self, run: &RunId, sequence: u64, name: &str, key: &str) -> Option<Bytes> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &&Told| one.run == *run && one.sequence == sequence && one.name == name && one.key == key;
        answers.iter().find(same).map(|one| one.text.clone())
    }

    /// Keeps an answer about a run that has ended, and as many of the last ones as there is room for.
    pub(crate) fn tell(&self, told: Told) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|known| known.run != told.run || known.name != told.name);
        answers.push_front(told);
        let mut bytes = 0;
        answers.retain(|one| {
            bytes += one.text.len();
            bytes <= ANSWERS
        });
    }
}
