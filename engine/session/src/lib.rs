//! Runs a plan: order, rounds, warm-up, stopping, taint, time-outs, events, resume. Knows no scripts.

pub mod scripted;

pub use engine_probes::{Probe, ProbeError};
pub use scripted::{CustomContext, Scripted};
