//! The binary from outside: commands, exit codes, files, bad input.

mod bad_input;
mod commands;
mod configuration;
mod documents;
mod gate;
mod sandbox;
mod scenarios;
