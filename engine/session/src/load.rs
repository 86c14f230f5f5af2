//! A load as a step of a run: the journeys come from the scenario, the traffic from `engine_load`; here its windows become events
//! and its outcome records, and what speaks against it becomes validity.
//!
//! What would make the numbers wrong: requests count in the phase in which they were *meant* to start, windows hold what
//! *ended* in them; rates are per second in which new iterations began, without the warm-up and without the time that
//! the last ones took to end.

mod abort;
mod capacity;
mod collector;
mod drive;
mod reasons;
mod records;
mod scale;
mod shelf;
mod step;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial_tests;
pub(crate) mod trials;
mod watch;

/// What a step is made of that sends load and does something beside it.
pub(crate) mod parts {
    pub(crate) use super::collector::{Collector, Due, Naming};
    pub(crate) use super::drive::{Drive, Driven};
    pub(crate) use super::reasons::{doubts, notes};
    pub(crate) use super::records::Sums;
    pub(crate) use super::watch::{Watching, wanted};
}

use engine_core::load::DemoTarget;
pub use engine_core::process_sample::Watched;
pub(crate) use shelf::Shelf;

/// What the scenario says of a load, made ready.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// The load, complete but for its target, which follows from `at`.
    pub load: engine_load::Load,
    /// Where it goes.
    pub at: TargetAt,
    /// Processes to be watched besides the target's own, by the name that their metrics get.
    pub watch: Vec<(String, Watched)>,
    /// Address of the target's own counters.
    pub counters: Option<String>,
    /// Seconds at the front that count in no total.
    pub warmup: f64,
}

/// Where a load goes.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetAt {
    /// An address that is there already.
    Url(String),
    /// A demo target, which the session starts and ends.
    Demo(DemoTarget),
    /// Nowhere of its own: journeys name full addresses.
    None,
}

impl LoadRequest {
    /// A load against its own target, without anything to watch and without warm-up.
    #[must_use]
    pub const fn new(load: engine_load::Load, at: TargetAt) -> Self {
        Self { load, at, watch: Vec::new(), counters: None, warmup: 0.0 }
    }
}
