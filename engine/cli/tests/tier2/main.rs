//! Tier 2: real kills, real full disks, real read-only places. Needs `--features tier2`; run by `.ci/run`.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod ci;
#[path = "../../../serve/tests/it/client.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which use more of it")]
mod client;
mod described;
mod disk;
mod everywhere;
mod failure;
mod integrate;
mod kill;
mod load;
mod mcp;
mod notices;
mod resume;
#[path = "../it/sandbox.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
mod sandbox;
mod schedules;
#[path = "../it/server.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
mod server;
mod stress;
