//! What is printed about the program itself: the welcome, completions, manual pages.

use std::path::Path;

use clap::CommandFactory;

use crate::app::App;
use crate::args::Cli;
use crate::exit::{Exit, Fatal};
use crate::output::Output;
use crate::reports::write;

const WELCOME: &str = "\
engine measures machines and the software on them, and says what changed.

  engine run quick                 is this machine healthy? at most five minutes
  engine time 'sort a' 'sort b'    which command is faster, and is it sure?
  engine probe memory.stream       one number, measured properly
  engine check my.rhai             find the errors of a scenario without running it
  engine doctor                    what this machine can and cannot measure

`engine help` lists all commands, `engine doc` the script language.";

/// Five commands, not thirty.
pub(crate) fn welcome(quiet: bool) -> Exit {
    Output { quiet, json: false, color: false, width: 100 }.out(WELCOME);
    Exit::Pass
}

/// Completions for a shell, on standard output.
pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "engine", &mut text);
    Output { quiet: false, json: false, color: false, width: 100 }.out(&String::from_utf8_lossy(&text));
    Exit::Pass
}

/// The manual page on standard output, or one page per command into a folder.
pub(crate) fn man(app: &App, out: Option<&Path>) -> Result<Exit, Fatal> {
    let command = Cli::command();
    let page = |command: clap::Command| -> Result<String, Fatal> {
        let mut text = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut text)
            .map_err(|error| Fatal::new(Exit::Internal, error.to_string()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let Some(folder) = out else {
        app.out(&page(command)?);
        return Ok(Exit::Pass);
    };
    let mut command = command;
    // Gives each its whole name.
    command.build();
    let mut open = vec![command];
    while let Some(command) = open.pop() {
        let inner = command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
        open.extend(inner.cloned());
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        write(&folder.join(format!("{name}.1")), &page(command)?)?;
    }
    Ok(Exit::Pass)
}
