//! The vocabulary of Engine: units, metrics, samples, statistics, events and verdicts.
//!
//! Everything here is pure: no I/O, no threads, no clock. What measures, stores or shows depends on this
//! crate, and this crate depends on none of ours.
#![forbid(unsafe_code)]

pub mod alert;
pub mod args;
pub mod arrivals;
pub mod change;
pub mod clock;
pub mod code;
pub mod comparison;
mod demo_target;
pub mod environment;
pub mod event;
pub mod evidence;
pub mod expect;
pub mod expected;
pub mod fact;
pub mod fault;
pub mod finding;
pub mod forecast;
pub mod health;
pub mod histogram;
pub mod history;
pub mod host_sample;
pub mod judgement;
pub mod load;
pub mod measurement;
pub mod metric;
pub mod nearest;
pub mod notice;
pub mod plan;
pub mod probe;
pub mod process_sample;
pub mod progress;
pub mod quantity;
pub mod run;
pub mod schedule;
pub mod selector;
pub mod series;
pub mod stats;
pub mod step;
pub mod stress;
pub mod taint;
pub mod unit;
pub mod usage;
