//! What the numbers of a run mean: expectations judged, runs and cases compared, the health of the machine.
//!
//! Everything here is a function of stored records; nothing measures, stores, prints or reads a clock.
#![forbid(unsafe_code)]

pub mod accuracy;
pub mod advice;
mod alike;
mod apart;
mod cases;
pub mod change;
mod compare;
mod compare_samples;
pub mod curves;
pub mod evidence;
pub mod forecast;
pub mod growth;
mod health;
pub mod import;
mod judge;
pub mod knee;
pub mod little;
pub mod news;
pub mod patterns;
pub mod policy;
pub mod queueing;
pub mod recovery;
mod residuals;
pub mod rules;
mod scaling;
pub mod series_file;
mod sets;
mod shape;
mod shift;
mod signals;
mod significance;
pub mod simulate;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulated_history;
pub mod streaming;
mod timeline;
pub mod usl;
mod usual;
mod verdict;
mod watch;

pub use apart::{Apart, apart};
pub use cases::case_ratios;
pub use compare::{Known, Options, compare, compare_among};
pub use compare_samples::{SampleVerdict, compare_samples, median_by_group};
pub use health::{Thresholds, health};
pub use judge::judge_run;
pub use scaling::scaling;
pub use sets::{compare_sets, window_record};
pub use signals::{environment_signal, signals};
pub use significance::adjusted;
pub use timeline::{dated, timelines};
pub use usual::{MOST_RUNS, known};
pub use verdict::{Criteria, Decided, decide};
pub use watch::Watch;
