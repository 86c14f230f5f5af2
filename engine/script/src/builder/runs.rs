//! The points of a declaration, and what they run.

use engine_core::args::Args;
use engine_core::fault::FaultShape;
use engine_core::load::{CapacityShape, LoadShape, ScaleShape};
use engine_core::probe::ProbeInfo;
use engine_core::series::Labels;
use engine_core::stress::StressShape;
use rhai::Map;

use crate::kept::Kept;

/// A `custom` declaration: its function, and the point that belongs to each set of labels.
#[derive(Debug, Clone)]
pub(crate) struct Custom {
    pub(crate) kept: Kept,
    pub(crate) points: Vec<(Labels, Map)>,
}

/// One point of a sweep, or one case.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) labels: Labels,
    pub(crate) value: Map,
}

/// What a point runs.
pub(crate) enum Runs {
    Probe(&'static ProbeInfo, Args),
    Custom { index: usize, metrics: Vec<String> },
    Load { index: usize, shape: LoadShape, seconds: f64, grace: f64 },
    Capacity { index: usize, shape: LoadShape, search: CapacityShape, grace: f64 },
    Scale { index: usize, shape: LoadShape, sweep: ScaleShape, grace: f64 },
    Stress { shape: StressShape, method: u32, starts: bool },
    Fault { index: usize, shape: LoadShape, fault: Box<FaultShape>, grace: f64 },
}

impl Runs {
    /// How long what sends load may take at most, with its grace and a minute to start and stop a target; none for what
    /// sends none.
    pub(super) fn beyond(&self) -> Option<f64> {
        let (seconds, grace) = match self {
            Self::Load { seconds, grace, .. } => (*seconds, *grace),
            Self::Capacity { search, grace, .. } => (search.most as f64 * (search.step + grace), *grace),
            Self::Scale { sweep, grace, .. } => (sweep.levels.len() as f64 * (sweep.most + grace), *grace),
            // What was acknowledged is asked for afterwards.
            Self::Fault { fault, grace, .. } => (2.0 * fault.seconds() + fault.victim.within, *grace),
            _ => return None,
        };
        Some(seconds + grace + 60.0)
    }
}
