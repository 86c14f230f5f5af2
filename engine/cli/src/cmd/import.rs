//! `engine import`: a scenario on standard output from what a browser or curl sent.

use std::io::Read;
use std::path::Path;

use crate::app::App;
use crate::args::ImportCommand;
use crate::exit::{Exit, Fatal};
use crate::journey::{Recording, curl, har, write};

/// Longer than any recording: bytes.
const LONGEST: u64 = 1 << 29;

/// Reads, and writes the scenario.
pub(crate) fn run(app: &App, command: ImportCommand) -> Result<Exit, Fatal> {
    match command {
        ImportCommand::Har { file, host, no_static } => {
            let name = file.file_name().map_or_else(|| file.to_string_lossy(), |name| name.to_string_lossy());
            let from = if file.as_os_str() == "-" { "a HAR file".to_owned() } else { format!("the HAR file {name}") };
            let recording = har::read(&contents(&file)?, &har::Filter { hosts: host, no_static })
                .map_err(|error| Fatal::usage(format!("`{}`: {error}", file.display())))?;
            show(app, &recording, &from);
        }
        ImportCommand::Curl { command } => {
            let recording = match command.as_slice() {
                [dash] if dash == "-" => curl::read(&contents(Path::new("-"))?),
                // One argument is a command in quotes; a bare address is one too.
                [whole] => curl::read(whole),
                words => curl::from_words(words),
            };
            show(app, &recording.map_err(Fatal::usage)?, "a command for curl");
        }
    }
    Ok(Exit::Pass)
}

fn show(app: &App, recording: &Recording, from: &str) {
    for remark in &recording.remarks {
        app.note(remark);
    }
    app.out(write::scenario(recording, from).trim_end());
}

fn contents(file: &Path) -> Result<String, Fatal> {
    let fail = |error: std::io::Error| Fatal::usage(format!("cannot read `{}`: {error}", file.display()));
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(LONGEST).read_to_end(&mut bytes).map_err(fail)?;
    } else {
        std::fs::File::open(file).map_err(fail)?.take(LONGEST).read_to_end(&mut bytes).map_err(fail)?;
    }
    String::from_utf8(bytes).map_err(|_| Fatal::usage(format!("`{}` is no text", file.display())))
}
