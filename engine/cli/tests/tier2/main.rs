//! Tier 2: real kills, real full disks, real read-only places. Needs `--features tier2`; run by `.ci/run`.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod ci;
mod disk;
mod everywhere;
mod failure;
mod kill;
mod load;
mod mcp;
mod notices;
mod resume;
#[path = "../it/sandbox.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use more of it")]
mod sandbox;
mod schedules;
