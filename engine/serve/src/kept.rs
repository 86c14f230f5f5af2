//! Runs that were looked at a moment ago.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine_core::run::{RunId, RunRecord, RunState};

use crate::error::ApiError;

/// How many are kept: two sides of a comparison, and one more.
const KEPT: usize = 3;

/// How many of their time lines: one for each width of a page that is open.
const TOLD: usize = 8;

/// Records of runs that have ended, which never change, and their time lines as they were answered.
#[derive(Debug, Default)]
pub(crate) struct Records {
    kept: Mutex<VecDeque<Arc<RunRecord>>>,
    told: Mutex<VecDeque<(RunId, usize, Bytes)>>,
}

impl Records {
    pub(crate) fn get(&self, run: &RunId) -> Option<Arc<RunRecord>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|record| record.header.id == *run).cloned()
    }

    pub(crate) fn keep(&self, record: &Arc<RunRecord>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.header.id != record.header.id);
        kept.push_front(Arc::clone(record));
        kept.truncate(KEPT);
    }

    /// The time line of a run with so many points; made where it is not kept. That of a run which is going is never kept.
    pub(crate) fn timeline(
        &self,
        record: &RunRecord,
        points: usize,
        make: impl FnOnce() -> Result<Bytes, ApiError>,
    ) -> Result<Bytes, ApiError> {
        let id = &record.header.id;
        let of = |told: &(RunId, usize, Bytes)| told.0 == *id && told.1 == points;
        if let Some((.., text)) = self.told.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|one| of(one)) {
            return Ok(text.clone());
        }
        let text = make()?;
        if record.state != RunState::Running {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|one| !of(one));
            told.push_front((id.clone(), points, text.clone()));
            told.truncate(TOLD);
        }
        Ok(text)
    }
}
