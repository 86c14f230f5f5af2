//! `engine init`: a project to start from.

use std::path::PathBuf;

use crate::app::App;
use crate::args::InitArgs;
use crate::exit::{Exit, Fatal};
use crate::scaffold::{self, Draft};

const IGNORED: &str = include_str!("../../templates/gitignore");
const FIRST: &str = include_str!("../../templates/scenarios/first.rhai");

/// Writes what is not there yet.
pub(crate) fn run(app: &App, args: &InitArgs) -> Result<Exit, Fatal> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(""));
    let ignored = folder.join(".gitignore");
    let mut drafts = vec![
        Draft::new("config/engine.toml", crate::config::text()),
        Draft::new("scenarios/first.rhai", FIRST),
        Draft::new(".gitignore", IGNORED),
    ];
    drafts.extend(super::ci::drafts(args.ci, &["quick".to_owned()], "30 s", None));
    for draft in &mut drafts {
        draft.path = folder.join(&draft.path);
    }
    let own = std::fs::read_to_string(&ignored).ok();
    scaffold::write(app, &drafts, args.dry_run)?;
    if own.is_some_and(|own| !own.lines().any(|line| line.trim() == ".engine/")) {
        app.note("your `.gitignore` is left alone: add `.engine/` and `engine-reports/` to it");
    }
    if !args.dry_run {
        super::ci::after(app, args.ci, false);
        app.note("next: `engine doctor`, then `engine run scenarios/first.rhai`");
    }
    Ok(Exit::Pass)
}
