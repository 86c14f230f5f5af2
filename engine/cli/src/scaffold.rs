//! Files that the program writes for the user to edit. None is ever overwritten.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::exit::Fatal;
use crate::reports;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Where.
    pub(crate) path: PathBuf,
    /// What.
    pub(crate) text: String,
    /// Whether it is a program.
    pub(crate) runs: bool,
}

impl Draft {
    /// A file of text.
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), runs: false }
    }
}

/// Writes the files that are not there yet, or with `dry_run` shows them.
pub(crate) fn write(app: &App, drafts: &[Draft], dry_run: bool) -> Result<(), Fatal> {
    let mut told = Vec::new();
    for draft in drafts {
        let shown = draft.path.display().to_string();
        let there = draft.path.exists();
        let word = match (there, dry_run) {
            (true, _) => "is there and stays as it is",
            (false, true) => "would be written",
            (false, false) => "written",
        };
        told.push(serde_json::json!({ "file": shown, "written": !there && !dry_run, "text": draft.text }));
        if dry_run && !app.output.json {
            app.out(&format!("# {shown}: {word}\n{}", if there { "" } else { &draft.text }));
            continue;
        }
        if !there && !dry_run {
            reports::write(&draft.path, &draft.text)?;
            if draft.runs {
                executable(&draft.path)?;
            }
        }
        app.note(&format!("{shown}: {word}"));
    }
    if app.output.json {
        app.out(&serde_json::json!({ "schema_version": 1, "dry_run": dry_run, "files": told }).to_string());
    }
    Ok(())
}

fn executable(path: &Path) -> Result<(), Fatal> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(|error| {
        Fatal::new(crate::exit::Exit::Store, format!("cannot make `{}` executable: {error}", path.display()))
    })
}
