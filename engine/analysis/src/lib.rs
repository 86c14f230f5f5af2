//! What the numbers of a run mean: expectations judged, runs and cases compared, the health of the machine.
//!
//! Everything here is a function of stored records; nothing measures, stores, prints or reads a clock.
#![forbid(unsafe_code)]

mod alike;
mod cases;
pub mod change;
mod compare;
mod health;
mod judge;
mod shift;
#[cfg(test)]
mod simulated;
mod verdict;
mod watch;

pub use cases::case_ratios;
pub use compare::{Options, compare};
pub use health::{Thresholds, health};
pub use judge::judge_run;
pub use verdict::{Criteria, Decided, decide};
pub use watch::Watch;
