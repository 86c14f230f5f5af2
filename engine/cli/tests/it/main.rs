//! The binary from outside: commands, exit codes, files, bad input.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod alerts;
mod bad_input;
mod baselines;
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
mod series;
mod simulated;
mod target;
mod tools;
