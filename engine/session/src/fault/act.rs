//! The course of a fault in time: a thread beside the load waits for its moment, breaks, waits, and puts right.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine_core::fault::FaultShape;
use engine_faults::fault::FaultError;
use engine_load::Stopper;

use super::scene::Scene;

/// How often an early end is looked for.
const LOOK: f64 = 0.01;

/// What was done, in seconds since the load's start.
#[derive(Debug, Default)]
pub(super) struct Acted {
    /// When the fault was there.
    pub(super) injected: Option<f64>,
    /// When it was taken away: for one that is over when it has happened, the same.
    pub(super) removed: Option<f64>,
    pub(super) mechanism: String,
    pub(super) passed_over: Vec<String>,
    /// Of a fault of the network: how many messages or connections met it, and how many of them it hit.
    pub(super) hits: Option<(u64, u64)>,
    /// Why it is not there, or could not be put right.
    pub(super) error: Option<FaultError>,
}

/// Breaks at the moment that the plan says, and puts right again. `over` ends it early; what is broken is put right in any
/// case.
pub(super) fn act(scene: &Scene, fault: &FaultShape, stopper: &Stopper, over: &AtomicBool) -> Acted {
    let mut acted = Acted::default();
    if !until(fault.after, stopper, over) {
        return acted;
    }
    let now = || stopper.elapsed().unwrap_or(0.0);
    let active = match scene.inject() {
        Ok((active, mechanism, passed_over)) => {
            (acted.mechanism, acted.passed_over) = (mechanism, passed_over);
            active
        }
        Err(error) => {
            acted.error = Some(error);
            // Without the fault the rest of the load says nothing.
            stopper.end_now();
            return acted;
        }
    };
    let injected = now();
    acted.injected = Some(injected);
    if fault.lasts > 0.0 {
        let _ = until(fault.removed().max(injected), stopper, over);
        acted.removed = Some(now());
    } else {
        acted.removed = Some(injected);
    }
    acted.hits = scene.hits();
    acted.error = scene.heal(active).err();
    acted
}

/// Waits for a moment of the load; false when it was over before.
fn until(moment: f64, stopper: &Stopper, over: &AtomicBool) -> bool {
    loop {
        if over.load(Ordering::Relaxed) {
            return false;
        }
        // Without a start yet it is waited for.
        let left = stopper.elapsed().map_or(LOOK, |now| moment - now);
        if left <= 0.0 {
            return true;
        }
        std::thread::sleep(Duration::from_secs_f64(left.min(LOOK)));
    }
}
