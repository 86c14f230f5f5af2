//! Loads as plain data: what a load step will send, and the settings of the demo target.

pub use crate::demo_target::{DemoTarget, DemoTargetError, ServiceTime, Stall, TextError, Warmup};
use serde::{Deserialize, Serialize};

/// What a load step will send, for plans and reports.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadShape {
    /// Where the traffic goes, in words.
    pub target: String,
    /// The workload model, in words: `arrivals 200/s, Poisson`.
    pub model: String,
    /// Names of the journeys.
    pub journeys: Vec<String>,
    /// The phases in order.
    pub phases: Vec<PhaseShape>,
}

/// A phase of a load.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PhaseShape {
    /// What rows and expectations call it.
    pub name: String,
    /// Start, in seconds since the load's start.
    pub start: f64,
    /// End, in seconds since the load's start.
    pub end: f64,
    /// Mean arrivals per second, in an open model.
    pub rate: Option<f64>,
    /// Mean users, in a closed model.
    pub users: Option<f64>,
}
