//! Statistics over plain `f64` slices: summaries, intervals, rank tests, warm-up, stopping, seeded randomness.
//!
//! Nothing here knows a unit or a metric: values go in and come out in whatever base unit the caller holds.
//! Inputs are finite unless a function says otherwise; [`Summary::checked`] is the gate that proves it.
//!
//! The sampling unit is the caller's choice and decides what an interval means: samples of one process tell
//! nothing about the spread between processes, so compare medians of rounds, not raw iterations.

pub mod bootstrap;
pub mod outlier;
pub mod quantile;
pub mod rank;
pub mod rng;
mod special;
pub mod stopping;
mod summary;
pub mod warmup;
pub mod welch;

pub use rng::Stream;
pub use special::{fisher_upper, normal_cdf, normal_quantile, student_two_sided};
pub use summary::{Interval, SampleError, Summary};
