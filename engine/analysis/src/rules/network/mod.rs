//! Rules about the network.

pub(super) mod connection_reuse;
pub(super) mod keep_alive;
pub(super) mod nagle;
pub(super) mod name_lookup;
pub(super) mod ports;
pub(super) mod tls_resumption;
pub(super) mod transfer;
pub(super) mod unix_sockets;
