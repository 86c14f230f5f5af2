//! What the numbers of a run mean: expectations judged, runs and cases compared, the health of the machine.
//!
//! Everything here is a function of stored records; nothing measures, stores, prints or reads a clock.
#![forbid(unsafe_code)]

mod alike;
mod cases;
pub mod change;
mod compare;
mod compare_samples;
mod health;
mod judge;
pub mod policy;
pub mod recovery;
pub mod series_file;
mod shape;
mod shift;
mod significance;
#[cfg(test)]
mod simulated;
pub mod streaming;
mod verdict;
mod watch;

pub use cases::case_ratios;
pub use compare::{Options, compare};
pub use compare_samples::{SampleVerdict, compare_samples, median_by_group};
pub use health::{Thresholds, health};
pub use judge::judge_run;
pub use significance::adjusted;
pub use verdict::{Criteria, Decided, decide};
pub use watch::Watch;
