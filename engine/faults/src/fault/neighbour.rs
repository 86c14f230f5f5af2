//! A noisy neighbour: the victim is bound to the processor on which a stressor works, so that the two must share it.

use super::{FaultError, Scene};
use crate::journal::{Undo, affinity, bind};

impl Scene<'_> {
    /// Binds the victim to these processors.
    pub(super) fn neighbour(&mut self, id: &str, processors: &[usize]) -> Result<String, FaultError> {
        let failed = |error: std::io::Error| FaultError::Failed(error.to_string());
        for process in self.processes_of() {
            let Some(before) = affinity(process.pid) else { continue };
            self.entry.will(Undo::RestoreAffinity { process: process.clone(), processors: before })?;
            bind(process.pid, processors).map_err(failed)?;
        }
        Ok(format!("{id} on the same processor"))
    }
}
