//! Tools and the programs behind them: what a call of a tool costs by the way it is made, what a command costs, and what
//! starting a process costs at all.
//!
//! `process` starts and reaps, `tiny` writes the smallest programs there are, `launch` times one command, `drain`
//! reads what it says meanwhile, and `counters` are those of the processor. `rpc` is a tool server but for its transport, `schema` checks arguments, `serve` is the
//! server that the binary becomes, and `lent` is what the program around the probes gives them. `spent` tells what both
//! sides used.

pub mod command;
pub mod concurrency;
pub(crate) mod counters;
pub(crate) mod drain;
pub mod ladder;
pub(crate) mod launch;
pub mod lent;
pub mod mcp;
pub(crate) mod process;
pub(crate) mod rpc;
pub mod schema;
pub mod serve;
pub mod spawn;
pub(crate) mod spent;
pub(crate) mod tiny;
