//! Rules about storage.

pub(super) mod engine_options;
pub(super) mod fsync_pattern;
pub(super) mod fsync_share;
pub(super) mod mount_options;
pub(super) mod program_waits;
pub(super) mod queue_depth;
pub(super) mod scheduler;
pub(super) mod small_blocks;
pub(super) mod space;
pub(super) mod tail;
pub(super) mod waiting;
pub(super) mod write_cache;
