//! Stressors: loads on one part of the machine, as background of what is measured and as contention for a victim.
//!
//! A stressor is data, as a probe is: a declaration ([`ProbeInfo`]) and a function that works. It runs in a child of its
//! own ([`Stress`]) with limits, is the first to be ended when memory runs out, and ends with whoever started it. Each
//! verifies its own work; an error planted on purpose ([`Request::plant`]) must be seen, which tests prove for each of them.

mod governor;
mod handle;
mod kernel;
mod limits;
mod registry;
mod work;

use engine_core::args::Args;
use engine_core::probe::ProbeInfo;
use serde::{Deserialize, Serialize};

pub use handle::{Start, Stress, StressError};
pub use registry::{find, registry};
pub use work::Worker;

pub(crate) use work::main;

/// A stressor as code.
#[derive(Debug, Clone, Copy)]
pub struct Stressor {
    /// Name, options, metrics, method.
    pub info: &'static ProbeInfo,
    /// What it will take of the machine, to be checked against the caps.
    pub needs: fn(&Args) -> Needs,
    /// Works in one thread until the worker says stop.
    pub work: fn(&Args, &mut Worker) -> Result<(), String>,
}

/// What a stressor takes at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Threads, each of which may load a processor.
    pub threads: usize,
    /// Bytes of memory, all threads together.
    pub memory: u64,
    /// Bytes of disk, all threads together.
    pub disk: u64,
    /// Processes, connections or descriptors at once.
    pub count: u64,
}

/// What the child is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Id of the stressor.
    pub stressor: String,
    /// Its checked options.
    pub args: Args,
    /// Its threads.
    pub threads: usize,
    /// How long, in seconds.
    pub duration: f64,
    /// Time in which the intensity goes from nothing to what is asked, in seconds.
    pub ramp: f64,
    /// Share of the time that is worked, 0 to 1.
    pub intensity: f64,
    /// Priority that is given up, 0 to 19.
    pub nice: i32,
    /// Seed of everything random.
    pub seed: u64,
    /// Flips one bit of the first thread's work after so many turns: the proof that its verification sees it.
    pub plant: Option<u64>,
    /// Folder for files; none for stressors without.
    pub scratch: Option<std::path::PathBuf>,
    /// What it may take.
    pub needs: Needs,
    /// The processors, by number, that the threads are bound to in turn; none for any.
    pub processors: Vec<usize>,
}

/// How a stressor is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds since it began.
    pub seconds: f64,
    /// What was done so far, in the stressor's own turns.
    pub operations: u64,
    /// CPU time of its threads, in seconds.
    pub cpu: f64,
    /// Results that were checked.
    pub checked: u64,
    /// Results that were wrong.
    pub errors: u64,
    /// The first wrong result, in words.
    pub first_error: Option<String>,
    /// Why it ended, when it did; none while it works.
    pub ended: Option<String>,
    /// What kept it from working, when something did.
    pub failure: Option<String>,
}
