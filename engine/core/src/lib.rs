//! The vocabulary of Engine: units, metrics, samples, statistics, events and verdicts.
//!
//! Everything here is pure: no I/O, no threads, no clock. What measures, stores or shows depends on this
//! crate, and this crate depends on none of ours.
#![forbid(unsafe_code)]

pub mod args;
pub mod code;
pub mod comparison;
pub mod environment;
pub mod expect;
pub mod fact;
pub mod health;
pub mod histogram;
pub mod host_sample;
pub mod metric;
pub mod nearest;
pub mod probe;
pub mod quantity;
pub mod series;
pub mod step;
pub mod taint;
pub mod unit;
pub mod arrivals;
pub mod clock;
pub mod event;
pub mod judgement;
pub mod measurement;
pub mod plan;
pub mod run;
pub mod stats;
