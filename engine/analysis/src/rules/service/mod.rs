//! Rules about services under load.

pub(super) mod contention;
pub(super) mod head_of_line;
pub(super) mod knee;
pub(super) mod past_the_peak;
pub(super) mod pauses;
pub(super) mod queueing;
pub(super) mod saturation;
pub(super) mod tail;
pub(super) mod too_many_workers;
pub(super) mod variation;
pub(super) mod wasted_work;
pub(super) mod workers;
