//! Network: what it costs to send bytes to another thread, process or host. Nothing leaves the loopback interface or
//! the namespaces that a probe makes.

pub(crate) mod channel;
pub mod connect;
pub(crate) mod echo;
pub(crate) mod error;
pub(crate) mod flow;
pub(crate) mod hosts;
pub mod latency;
pub(crate) mod message;
pub mod namespaces;
pub(crate) mod netlink;
pub(crate) mod place;
pub(crate) mod ports;
pub mod throughput;
