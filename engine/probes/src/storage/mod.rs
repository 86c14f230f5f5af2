//! Storage: what it costs to have data on the device and not only in memory.

pub(crate) mod beneath;
pub mod fsync;
