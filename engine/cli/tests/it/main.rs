//! The binary from outside: commands, exit codes, files, bad input.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod advice;
mod alerts;
mod automation;
mod bad_input;
mod baselines;
#[path = "../../../serve/tests/it/client.rs"]
#[expect(dead_code, reason = "shared with the tests of the server, which use more of it")]
mod client;
mod commands;
mod configuration;
mod documents;
mod failure;
mod faults;
mod foreign;
mod gate;
mod histories;
mod journeys;
mod load;
mod machines;
mod ourselves;
mod sandbox;
mod scenarios;
mod schedules;
mod series;
mod server;
mod serving;
mod simulated;
mod stress;
mod target;
mod tools;
