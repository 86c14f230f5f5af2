//! The undo journal: what will undo a change is on the disk before the change is made.
//!
//! A folder holds one file an entry: owner, deadline, and the actions that undo, in the order in which the changes were made.
//! Each write is a new file, synced, renamed over the old one, and the folder synced. An entry is undone by its owner when
//! it is done with it; by the janitor, a process of its own session, at the deadline or when the owner is gone; by the next
//! start; or by hand. Undoing is idempotent, so it does not matter when two of them meet.

mod affinity;
mod files;
pub mod janitor;
mod link;
mod record;
mod revert;
mod undo;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use record::{By, Deadline, Ending, Record};
pub use revert::Status;
pub use undo::{Limit, PREFIX, Undo, is_ours, limit};

use crate::launcher::Launcher;
use crate::process::Ident;
pub(crate) use affinity::{affinity, bind};
use link::Link;
pub(crate) use link::{readable, take};

/// Why the journal cannot do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file in it.
    #[error("{}: {what}: {source}", path.display())]
    Io {
        /// What was at hand.
        path: PathBuf,
        /// What failed.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The folder belongs to another user, or is none.
    #[error("{}: {reason}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The janitor does not come up: without it nothing is broken.
    #[error("the process that would undo this after a crash does not start: {0}")]
    Janitor(String),
    /// An action that could hit what is not ours.
    #[error("`{0}` is not allowed to be undone: {1}")]
    Foreign(String, &'static str),
    /// Something could not be undone; the entry stays active.
    #[error("not undone: {0}")]
    Left(String),
    /// The entry was undone meanwhile, by its deadline or by hand.
    #[error("the fault was undone meanwhile: {0}")]
    Over(String),
}

impl JournalError {
    fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, what, source }
    }
}

/// The open journal of this process.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    owner: Ident,
    launcher: Launcher,
    link: Mutex<Option<Link>>,
    count: AtomicU64,
    swept: Vec<Record>,
}

impl Journal {
    /// Opens the journal in a folder, makes the folder where it is missing, and undoes what dead owners have left.
    ///
    /// # Errors
    /// When the folder cannot be made or is another user's.
    pub fn open(folder: &Path, launcher: Launcher) -> Result<Arc<Self>, JournalError> {
        files::prepare(folder)?;
        let swept = revert::sweep(folder)?;
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            owner: Ident::current(),
            launcher,
            link: Mutex::new(None),
            count: AtomicU64::new(0),
            swept,
        }))
    }

    /// What the opening found of dead owners and undid.
    #[must_use]
    pub fn swept(&self) -> &[Record] {
        &self.swept
    }

    /// How children of ours are started.
    #[must_use]
    pub const fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    /// The id of the janitor's process, once something began.
    #[must_use]
    pub fn janitor(&self) -> Option<u32> {
        locked(&self.link).as_ref().map(Link::id)
    }

    /// Where the journal lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins an entry: it is on the disk, and the janitor knows it, when this returns. Nothing was changed yet.
    ///
    /// # Errors
    /// When it cannot be written, or no janitor can be started.
    pub fn begin(self: &Arc<Self>, what: &str, longest: Duration) -> Result<Entry, JournalError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let record = Record::new(self.owner.clone(), what, longest, number);
        let entry = Entry { journal: Arc::clone(self), record: Mutex::new(record), done: Mutex::new(None) };
        self.write(&locked(&entry.record))?;
        Ok(entry)
    }

    /// Writes the record, then makes sure that a janitor lives and has heard of it.
    fn write(&self, record: &Record) -> Result<(), JournalError> {
        files::write(&self.folder, record)?;
        let mut link = locked(&self.link);
        if link.as_mut().is_some_and(Link::wake) {
            return Ok(());
        }
        *link = Some(Link::start(&self.launcher, &self.folder, &self.owner)?);
        Ok(())
    }
}

/// What is active and what was undone lately in a folder; also without an open journal.
///
/// # Errors
/// When the folder cannot be read.
pub fn status(folder: &Path) -> Result<Status, JournalError> {
    revert::status(folder)
}

/// Undoes everything in a folder now, whoever owns it. Gives what was undone, each with its ending.
///
/// # Errors
/// When the folder cannot be read.
pub fn undo_all(folder: &Path) -> Result<Vec<Record>, JournalError> {
    revert::undo_all(folder)
}

/// Undoes what dead owners have left in a folder. Gives what was undone.
///
/// # Errors
/// When the folder cannot be read.
pub fn sweep(folder: &Path) -> Result<Vec<Record>, JournalError> {
    revert::sweep(folder)
}

/// One change of the host with what undoes it. Dropping it undoes it.
#[derive(Debug)]
pub struct Entry {
    journal: Arc<Journal>,
    record: Mutex<Record>,
    done: Mutex<Option<Ending>>,
}

impl Entry {
    /// Its id: also the end of the names of everything that is made for it.
    #[must_use]
    pub fn id(&self) -> String {
        locked(&self.record).id.clone()
    }

    /// A name for a file, folder or cgroup of this entry: only such names are ever removed.
    #[must_use]
    pub fn name(&self, what: &str) -> String {
        format!("{PREFIX}{}-{what}", locked(&self.record).id)
    }

    /// Seconds until the janitor undoes it.
    #[must_use]
    pub fn left(&self) -> Duration {
        Duration::from_secs_f64(locked(&self.record).deadline.left().max(0.0))
    }

    /// Puts an action on the disk that will undo the change which comes next. When this returns, make the change.
    ///
    /// # Errors
    /// When the action could hit what is not ours, the entry is over, or it cannot be written.
    pub fn will(&self, undo: Undo) -> Result<(), JournalError> {
        undo.check()?;
        let mut record = locked(&self.record);
        if locked(&self.done).is_some() || !files::exists(&self.journal.folder, &record.id) {
            return Err(JournalError::Over(record.what.clone()));
        }
        record.actions.push(undo);
        self.journal.write(&record)
    }

    /// Undoes everything of this entry, last change first. A second call gives the same ending.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub fn revert(&self) -> Result<Ending, JournalError> {
        let mut done = locked(&self.done);
        if let Some(ending) = &*done {
            return Ok(ending.clone());
        }
        let id = locked(&self.record).id.clone();
        let ending = revert::undo(&self.journal.folder, &id, By::Owner, "done")?;
        if ending.problems.is_empty() {
            *done = Some(ending.clone());
        }
        Ok(ending)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // What cannot be undone here stays on the disk for the janitor.
        let _ = self.revert();
    }
}

/// A lock whose holder panicked is as good as any: every state of what it guards is on the disk too.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
