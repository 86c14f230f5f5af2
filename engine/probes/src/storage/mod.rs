//! Storage: what the device under a folder can do, and what it costs to have data on it and not only in memory.

pub mod ablation;
pub(crate) mod beneath;
pub(crate) mod direct;
pub(crate) mod drive;
pub(crate) mod extents;
pub(crate) mod file;
pub mod files;
pub mod fsync;
pub(crate) mod health;
mod io;
pub(crate) mod leftover;
pub(crate) mod load;
pub(crate) mod queue;
pub mod randread;
pub mod randrw;
pub mod randwrite;
pub(crate) mod resident;
pub mod seqread;
pub mod seqwrite;
pub(crate) mod spread;
pub(crate) mod stamp;
pub(crate) mod used;
