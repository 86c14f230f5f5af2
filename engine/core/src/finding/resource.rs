//! Resources: what a gain comes from, and how busy each was (the USE method: utilisation, saturation, errors; Gregg, 2013).

use serde::{Deserialize, Serialize};

use super::Evidence;

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Bandwidth and latency of caches and memory.
    Memory,
    /// Room in memory.
    Capacity,
    /// Storage.
    Storage,
    /// Network and its connections.
    Network,
    /// Locks and whatever else is done one at a time.
    Serial,
    /// Workers of a service and the queue before them.
    Workers,
    /// The compiler and the linker.
    Build,
    /// The way from one language or process to another.
    Boundary,
    /// The measurement's own soundness.
    Trust,
}

impl Resource {
    /// The word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "processors",
            Self::Memory => "memory",
            Self::Capacity => "room in memory",
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Serial => "one at a time",
            Self::Workers => "workers",
            Self::Build => "build",
            Self::Boundary => "boundary",
            Self::Trust => "measurement",
        }
    }

    /// The resource of a word.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [
            Self::Cpu,
            Self::Memory,
            Self::Capacity,
            Self::Storage,
            Self::Network,
            Self::Serial,
            Self::Workers,
            Self::Build,
            Self::Boundary,
            Self::Trust,
        ]
        .into_iter()
        .find(|resource| resource.name() == name)
    }
}

/// How one resource was used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceUse {
    /// What it is: `machine CPU`, `target CPU`, `storage`, ...
    pub name: String,
    /// Busy share, 0 to 1.
    pub utilisation: Option<Evidence>,
    /// Work that waited for it: pressure, queue, lateness.
    pub saturation: Option<Evidence>,
    /// What went wrong at it.
    pub errors: Option<Evidence>,
    /// Whether it is busy and work waits for it.
    pub limits: bool,
    /// What is not known, and how to get it.
    pub unknown: Vec<String>,
}

/// When a resource was first busy with work waiting for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// The resource.
    pub name: String,
    /// When, in seconds since the load's start.
    pub at: f64,
    /// Requests a second that ended well then.
    pub rate: f64,
}

/// The resources of one step, or of the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// The step; empty for the whole run.
    pub step: String,
    /// Its resources.
    pub rows: Vec<ResourceUse>,
    /// The resource that limits; none where none is both busy and waited for.
    pub limits: Option<String>,
    /// For a load: which was first, and at what rate.
    pub first: Option<Saturation>,
    /// One sentence with the evidence.
    pub verdict: String,
}
