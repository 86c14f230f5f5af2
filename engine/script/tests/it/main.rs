//! Tests of the script crate from outside: scenarios in, plans and diagnostics out. Probes are fakes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codes;
mod declare;
mod docs;
mod errors;
mod expect;
mod fakes;
mod files;
mod journeys;
mod limits;
mod load;
mod permissions;
mod protocols;
mod run;
mod server;
mod shop;
mod stress;
mod targets;
mod traps;
mod trials;
