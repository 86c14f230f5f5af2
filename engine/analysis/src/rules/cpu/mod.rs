//! Rules about the processor.

pub(super) mod branch_misses;
pub(super) mod clock_drop;
pub(super) mod declared_clock;
pub(super) mod false_sharing;
pub(super) mod governor;
pub(super) mod kernel_share;
pub(super) mod pinning;
pub(super) mod scaling_limit;
pub(super) mod smt;
pub(super) mod threads;
pub(super) mod threads_fight;
pub(super) mod too_many_threads;
pub(super) mod top_down;
pub(super) mod vectorisation;
