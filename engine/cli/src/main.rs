//! The binary `engine`: arguments, configuration, exit codes, wiring.
#![forbid(unsafe_code)]

mod app;
mod args;
mod cmd;
mod config;
mod embedded;
mod exit;
mod machine;
mod output;
mod pipeline;
mod reports;
mod signals;
mod source;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cmd::main(args::Cli::parse()).into()
}
