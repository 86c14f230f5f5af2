//! Starting programs: what a command costs, and what starting a process costs at all.
//!
//! `process` starts and reaps, `tiny` writes the smallest programs there are, `launch` times one command, and `drain`
//! reads what it says meanwhile.

pub mod command;
pub(crate) mod drain;
pub(crate) mod launch;
pub(crate) mod process;
pub mod spawn;
pub(crate) mod tiny;
