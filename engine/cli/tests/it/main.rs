//! The binary from outside: commands, exit codes, files, bad input.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod advice;
mod alerts;
mod automation;
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
mod schedules;
mod series;
mod simulated;
mod stress;
mod target;
mod tools;
