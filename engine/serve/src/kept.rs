//! Runs that were looked at a moment ago.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use engine_core::run::{RunId, RunRecord};

/// How many are kept: two sides of a comparison, and one more.
const KEPT: usize = 3;

/// Records of runs that have ended, which never change.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<VecDeque<Arc<RunRecord>>>);

impl Records {
    pub(crate) fn get(&self, run: &RunId) -> Option<Arc<RunRecord>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|record| record.header.id == *run).cloned()
    }

    pub(crate) fn keep(&self, record: &Arc<RunRecord>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.header.id != record.header.id);
        kept.push_front(Arc::clone(record));
        kept.truncate(KEPT);
    }
}
