//! Rules about the measurement itself.

pub(super) mod battery;
pub(super) mod busy_before;
pub(super) mod clock_source;
pub(super) mod debug_build;
pub(super) mod disturbed;
pub(super) mod generator;
pub(super) mod little;
pub(super) mod quota;
pub(super) mod spread;
pub(super) mod steal;
