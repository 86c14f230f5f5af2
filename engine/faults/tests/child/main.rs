//! Stands in for the engine in tests: the same hidden subcommand, and owners that tests kill in the middle of things.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is how it talks to the tests")]

mod owner;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["__faults", role] => engine_faults::child::main(role).map_err(|error| error.to_string()),
        ["owner", folder, scratch, longest] => owner::main(folder.as_ref(), scratch.as_ref(), longest),
        other => Err(format!("what is {other:?}?")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
