//! The binary from outside: commands, exit codes, files, bad input.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod bad_input;
mod commands;
mod configuration;
mod documents;
mod foreign;
mod gate;
mod journeys;
mod machines;
mod sandbox;
mod scenarios;
mod series;
mod target;
mod tools;
