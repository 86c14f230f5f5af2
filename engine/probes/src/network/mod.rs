//! Network: what it costs to send bytes to another thread, process or host. Nothing leaves the loopback interface or
//! the namespaces that a probe makes.

pub(crate) mod channel;
pub(crate) mod echo;
pub(crate) mod error;
pub(crate) mod flow;
pub mod latency;
pub(crate) mod message;
pub(crate) mod place;
pub mod throughput;
