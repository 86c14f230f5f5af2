//! Rules about tool calls.

pub(super) mod fork;
pub(super) mod persistent;
pub(super) mod schema;
pub(super) mod serial_server;
pub(super) mod shell;
