//! The vocabulary of Engine: units, metrics, samples, statistics, events and verdicts.
//!
//! Everything here is pure: no I/O, no threads, no clock. What measures, stores or shows depends on this
//! crate, and this crate depends on none of ours.
#![forbid(unsafe_code)]

pub mod code;
pub mod environment;
pub mod fact;
pub mod host_sample;
pub mod taint;
