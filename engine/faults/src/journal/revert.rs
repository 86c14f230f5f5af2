//! Undoing entries: by owner, janitor, sweep or hand, all through one function.

use std::path::Path;

use serde::Serialize;

use super::{By, Ending, JournalError, Record, files};
use crate::clock::calendar;

/// What a folder holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// Active entries, oldest first.
    pub active: Vec<Record>,
    /// Those that are over, the latest first.
    pub ended: Vec<Record>,
    /// Files that are no entries.
    pub unreadable: Vec<String>,
}

/// What is active and what was undone lately.
pub(super) fn status(folder: &Path) -> Result<Status, JournalError> {
    let mut status = Status::default();
    for (place, active) in [(folder.to_owned(), true), (files::ended(folder), false)] {
        for id in files::ids(&place)? {
            match files::read(&place, &id) {
                Ok(Some(record)) if active => status.active.push(record),
                Ok(Some(record)) => status.ended.insert(0, record),
                Ok(None) => {}
                Err(error) => status.unreadable.push(error.to_string()),
            }
        }
    }
    Ok(status)
}

/// Undoes one entry, last change first. What cannot be undone leaves it active, with the problems written in it.
pub(super) fn undo(folder: &Path, id: &str, by: By, why: &str) -> Result<Ending, JournalError> {
    let _lock = files::lock(folder);
    let Some(mut record) = files::read(folder, id)? else {
        // Another one was faster.
        let known = files::read(&files::ended(folder), id)?.and_then(|record| record.ended);
        return Ok(known.unwrap_or_else(|| Ending {
            at: calendar(),
            by,
            why: "already undone".to_owned(),
            problems: Vec::new(),
        }));
    };
    let mut problems = Vec::new();
    for action in record.actions.iter().rev() {
        if let Err(problem) = action.apply() {
            problems.push(format!("{action}: {problem}"));
        }
    }
    let ending = Ending { at: calendar(), by, why: why.to_owned(), problems };
    record.ended = Some(ending.clone());
    if ending.problems.is_empty() {
        files::finish(folder, &record)?
    } else {
        files::write(folder, &record)?
    }
    Ok(ending)
}

/// Undoes what dead owners have left.
pub(super) fn sweep(folder: &Path) -> Result<Vec<Record>, JournalError> {
    undo_where(folder, By::Sweep, "its owner was gone", |record| !record.owner.lives())
}

/// Undoes everything.
pub(super) fn undo_all(folder: &Path) -> Result<Vec<Record>, JournalError> {
    undo_where(folder, By::User, "asked for", |_| true)
}

fn undo_where(folder: &Path, by: By, why: &str, wanted: impl Fn(&Record) -> bool) -> Result<Vec<Record>, JournalError> {
    let mut undone = Vec::new();
    if !folder.exists() {
        return Ok(undone);
    }
    // What another user may have written there is not done.
    files::prepare(folder)?;
    // The latest first, as within an entry.
    for id in files::ids(folder)?.into_iter().rev() {
        // One that cannot be read must not keep the others from being undone; `status` names it.
        let Ok(Some(mut record)) = files::read(folder, &id) else { continue };
        if wanted(&record) {
            record.ended = Some(undo(folder, &id, by, why)?);
            undone.push(record);
        }
    }
    Ok(undone)
}
