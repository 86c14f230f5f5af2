//! What every rule needs.

pub(crate) use engine_core::finding::{Effort, Experiment, Input, Range, Resource, Trial};
pub(crate) use engine_core::measurement::Stat;
pub(crate) use engine_core::metric::Goal;
pub(crate) use engine_core::unit::Unit;

pub(crate) use crate::advice::{
    About, CROWDED, Checked, Draft, Facts, LimitDef, Limits, Missing, Pair, RequestPart, Rule, Seen, Side, amdahl,
    beside, bound, derived, kingman, levels, overhead, own_time, pair, part_of, part_of_requests, queue, ratio,
    roofline, trend, unknown, usl_without,
};
