//! A fault as a step of a run: a victim under load is broken and watched until it is well again. What breaks it, and puts
//! it back whatever happens, is `engine_faults`; the traffic is `engine_load`'s; here they are brought together in time.
//!
//! The method: load comes in an open loop all the time, so that what the service owes while it is down is counted. Windows
//! hold what was *meant to start* in them, so that an answer that is late by seconds counts where it was due: the schedule
//! is cut into slices, and each slice is a phase of the load. The fault is timed by the load's own clock. A repetition is a
//! round: a fresh victim, a baseline, the fault, its removal, and the time in which the service may get well.
//!
//! What would make the numbers wrong: a fault that is injected late, which its marks would show; a victim that was not warm;
//! a load that the generator itself cannot keep up, which makes the run invalid.

mod act;
mod figures;
mod scene;
mod step;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use engine_core::fault::{Criteria, Recovery, Window};
use engine_faults::{Caps, Launcher};

/// What faults need beside a plan.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Folder of the undo journal.
    pub journal: PathBuf,
    /// How children of the fault library are started: janitors, keepers, stressors.
    pub launcher: Launcher,
    /// The most that may be taken of the machine.
    pub caps: Caps,
    /// Program and arguments that make a demo target.
    pub target: Vec<String>,
}

/// What follows from the windows around a fault: the windows, when it was injected and removed, and what counts as well.
pub type Analyse<'a> = &'a dyn Fn(&[Window], f64, f64, &Criteria) -> Recovery;
