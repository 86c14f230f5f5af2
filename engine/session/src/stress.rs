//! Stress as a step of a run: something is measured in the quiet, and with stressors in the background, in turn.
//!
//! Method: see [`engine_core::stress`]. A stressor counts as there when it has verified a first piece of its work and its
//! ramp is over. Each has a child process of its own within the caps; what is beyond them is refused with the reason, and
//! costs that background its row and the others nothing. A stressor that finds its own work wrong fails the step: a
//! machine that computes wrongly under stress has no other result.
//!
//! What would make the numbers wrong: somebody else's work that comes and goes between a stressed measurement and the
//! quiet ones around it (the control tells how much); what a stressor leaves behind, such as dirty pages that are still
//! being written (`settle`); a measured thing that runs where no stressor does.

mod background;
mod figures;
mod round;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine_core::step::{Skip, SkipKind};
use engine_faults::{Caps, Journal, Launcher};
use engine_probes::ProbeError;

/// Where stressors may be started, and how far they may go.
#[derive(Debug)]
pub struct Ground {
    /// Folder of the undo journal.
    pub folder: PathBuf,
    /// How their processes are started.
    pub launcher: Launcher,
    /// How much of the machine they may take.
    pub caps: Caps,
    /// Plants one error in the work of each stressor after so many turns, to see that it is seen; for tests.
    pub plant: Option<u64>,
    journal: Mutex<Option<Arc<Journal>>>,
}

impl Ground {
    /// A ground with the usual caps.
    #[must_use]
    pub fn new(folder: PathBuf, launcher: Launcher) -> Self {
        Self { folder, launcher, caps: Caps::default(), plant: None, journal: Mutex::new(None) }
    }

    /// The journal: opened when it is needed first.
    fn journal(&self) -> Result<Arc<Journal>, ProbeError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*journal {
            return Ok(Arc::clone(open));
        }
        let opened = Journal::open(&self.folder, self.launcher.clone()).map_err(|error| {
            Skip::new(
                SkipKind::Permission,
                format!("stress needs a place to write down how it is undone: {error}"),
                "make the folder writable, or set `XDG_STATE_HOME` to one that is",
            )
        });
        let opened = opened.map_err(ProbeError::Skip)?;
        *journal = Some(Arc::clone(&opened));
        Ok(opened)
    }
}
