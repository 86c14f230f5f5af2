//! `engine new`: a scenario to start from.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::args::{Kind, NewCommand};
use crate::exit::{Exit, Fatal};
use crate::scaffold::{self, Draft};

/// The text of each kind.
const fn template(kind: Kind) -> &'static str {
    match kind {
        Kind::Probe => include_str!("../../templates/scenarios/probe.rhai"),
        Kind::Command => include_str!("../../templates/scenarios/command.rhai"),
        Kind::Http => include_str!("../../templates/scenarios/http.rhai"),
        Kind::Capacity => include_str!("../../templates/scenarios/capacity.rhai"),
        Kind::Stress => include_str!("../../templates/scenarios/stress.rhai"),
        Kind::Custom => include_str!("../../templates/scenarios/custom.rhai"),
        Kind::Ci => include_str!("../../templates/scenarios/ci.rhai"),
    }
}

/// Writes the scenario; a file of this name is an error, because it would not be the one asked for.
pub(crate) fn run(app: &App, command: &NewCommand) -> Result<Exit, Fatal> {
    let NewCommand::Scenario { kind, name, dry_run } = command;
    let stem = name.strip_suffix(".rhai").unwrap_or(name);
    if !engine_core::series::is_step_name(stem) || stem.contains('/') {
        let message = format!("`{name}` cannot name a scenario: names are made of letters, digits, `_`, `.` and `-`");
        return Err(Fatal::usage(message));
    }
    let folder = if Path::new("scenarios").is_dir() { PathBuf::from("scenarios") } else { PathBuf::new() };
    let path = folder.join(format!("{stem}.rhai"));
    if path.exists() {
        return Err(Fatal::usage(format!("`{}` is there already; take another name", path.display())));
    }
    scaffold::write(app, &[Draft::new(&path, template(*kind).replace("@NAME@", stem))], *dry_run)?;
    if !dry_run {
        app.note(&format!("next: `engine check {0}`, then `engine run {0}`", path.display()));
    }
    Ok(Exit::Pass)
}
