//! `engine faults`: what was broken on purpose, and how it is put back; and the engine's own children that break things.

use std::path::Path;

use engine_faults::journal::{self, Record};
use engine_faults::{Caps, Launcher, child, clock};
use engine_session::Faults;
use engine_session::stress::Ground;

use crate::app::App;
use crate::args::FaultsCommand;
use crate::exit::{Exit, Fatal};

/// Shows or undoes.
pub(crate) fn run(app: &App, command: &FaultsCommand) -> Result<Exit, Fatal> {
    let folder = crate::app::state_home()?.join("faults");
    let failed = |error: journal::JournalError| Fatal::new(Exit::Internal, error.to_string());
    match command {
        FaultsCommand::Status => {
            let status = journal::status(&folder).map_err(failed)?;
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "faults": status }).to_string());
                return Ok(Exit::Pass);
            }
            if status.active.is_empty() {
                app.out("no fault is active");
            }
            for record in &status.active {
                app.out(&active(record));
            }
            for record in &status.ended {
                app.out(&over(record));
            }
            for problem in &status.unreadable {
                app.output.err(problem);
            }
            Ok(Exit::Pass)
        }
        FaultsCommand::Undo { all: _ } => {
            let undone = journal::undo_all(&folder).map_err(failed)?;
            let failures = undone.iter().filter(|record| !problems(record).is_empty()).count();
            if app.output.json {
                app.out(&serde_json::json!({ "schema_version": 1, "undone": undone }).to_string());
            } else {
                for record in &undone {
                    app.out(&over(record));
                }
                app.note(&format!("{} undone, {failures} not", undone.len() - failures));
            }
            Ok(if failures == 0 { Exit::Pass } else { Exit::Internal })
        }
    }
}

/// What stress and faults of a run need: a place for the undo journal, and this program in its other roles. None without a
/// place.
pub(crate) fn setup(myself: &Path) -> Option<(Ground, Faults)> {
    let journal = crate::app::state_home().ok()?.join("faults");
    let program = myself.to_string_lossy().into_owned();
    let launcher = Launcher::new(program.clone(), &["__faults"]);
    let target = vec![program, "target".to_owned()];
    let ground = Ground::new(journal.clone(), launcher.clone());
    Some((ground, Faults { journal, launcher, caps: Caps::default(), target }))
}

/// Undoes what a killed run has left; said only when there was something.
pub(crate) fn sweep(app: &App) {
    // Without a place for it nothing was ever begun.
    let Ok(folder) = crate::app::state_home().map(|home| home.join("faults")) else { return };
    match journal::sweep(&folder) {
        Ok(swept) => swept.iter().for_each(|record| app.note(&over(record))),
        Err(error) => app.output.err(&format!("warning: {error}")),
    }
}

/// The hidden subcommand: a janitor, a stressor, the keeper of a victim.
pub(crate) fn child(role: &str) -> Result<Exit, Fatal> {
    child::main(role).map(|()| Exit::Pass).map_err(|error| Fatal::usage(format!("the engine's own child: {error}")))
}

fn problems(record: &Record) -> &[String] {
    record.ended.as_ref().map_or(&[], |ending| &ending.problems)
}

fn active(record: &Record) -> String {
    let left = record.deadline.left();
    let when = if left > 0.0 { format!("undone in {left:.0} s at the latest") } else { "overdue".to_owned() };
    let owner = if record.owner.lives() { "runs" } else { "is gone" };
    let mut text = format!("active: {} (process {}, which {owner}); {when}", record.what, record.owner.pid);
    for problem in problems(record) {
        text.push_str("\n  not undone: ");
        text.push_str(problem);
    }
    text
}

fn over(record: &Record) -> String {
    let Some(ending) = &record.ended else { return record.what.clone() };
    let ago = (clock::calendar() - ending.at).max(0.0);
    let mut text = format!(
        "undone: {} by {} {ago:.0} s ago, {:.1} s after it began: {}",
        record.what,
        ending.by,
        (ending.at - record.created).max(0.0),
        ending.why
    );
    for problem in &ending.problems {
        text.push_str("\n  not undone: ");
        text.push_str(problem);
    }
    text
}
