//! What a load step asks for.

use engine_core::load::DemoTarget;
use engine_load::Load;

/// A load as a scenario asks for it.
#[derive(Debug)]
pub struct LoadRequest {
    /// The load, complete but for its target, which follows from `at`.
    pub load: Load,
    /// Where it goes.
    pub at: TargetAt,
    /// Processes to watch beside the target itself, by name.
    pub watch: Vec<(String, Watched)>,
    /// Address of the target's own counters.
    pub counters: Option<String>,
    /// Seconds at the front that count in no total.
    pub warmup: f64,
}

/// Where a load goes.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetAt {
    /// An address.
    Url(String),
    /// A demo target that is started for it.
    Demo(DemoTarget),
    /// Nowhere: its requests have full addresses.
    None,
}

/// A process to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// By number.
    Pid(u32),
    /// By the name of its program.
    Name(String),
}
