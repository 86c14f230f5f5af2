//! The binary `engine`: arguments, configuration, exit codes, wiring.
#![forbid(unsafe_code)]

mod advising;
mod alerting;
mod app;
mod args;
mod baselines;
mod causes;
mod cmd;
mod config;
mod embedded;
mod exit;
mod journey;
mod lock;
mod machine;
mod machines;
mod notify;
mod output;
mod pipeline;
mod reports;
mod resume;
mod scaffold;
mod scheduling;
mod scratch;
mod serving;
mod signals;
mod source;
mod stream;
mod terminal;
mod verdicts;
mod verifying;
mod view;

use std::process::ExitCode;

use clap::Parser;

/// Stack of the thread that does everything: what the user's limit gives the first thread may be far too little.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let work = || cmd::main(args::Cli::parse());
    match std::thread::Builder::new().name("engine".to_owned()).stack_size(STACK).spawn(work) {
        // A panic has already said what it had to say.
        Ok(thread) => thread.join().unwrap_or(exit::Exit::Internal).into(),
        Err(_) => work().into(),
    }
}
