//! An entry of the journal as it lies on the disk.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::undo::Undo;
use crate::clock::{calendar, since_boot};
use crate::process::{Ident, boot};

/// An entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Raised when the form changes.
    pub version: u32,
    /// Time, process and number: unique on this machine, and sorted by age.
    pub id: String,
    /// What it is, for people.
    pub what: String,
    /// Who made it.
    pub owner: Ident,
    /// When, in seconds of the calendar.
    pub created: f64,
    /// When the janitor undoes it.
    pub deadline: Deadline,
    /// What undoes the changes, in the order in which these were made.
    pub actions: Vec<Undo>,
    /// How it ended; none while it is active.
    pub ended: Option<Ending>,
}

/// A moment that no step of the calendar clock moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// Seconds since the boot named beside it.
    pub since_boot: f64,
    /// The boot; after another one every deadline is over.
    pub boot: String,
    /// Calendar seconds, for people.
    pub calendar: f64,
}

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { since_boot: since_boot() + time.as_secs_f64(), boot: boot(), calendar: calendar() + time.as_secs_f64() }
    }

    /// Seconds left; negative when it is over.
    #[must_use]
    pub fn left(&self) -> f64 {
        if self.boot == boot() { self.since_boot - since_boot() } else { f64::NEG_INFINITY }
    }
}

/// How an entry ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// When, in seconds of the calendar.
    pub at: f64,
    /// Who undid it.
    pub by: By,
    /// Why then.
    pub why: String,
    /// What could not be undone; such an entry stays active and is tried again.
    pub problems: Vec<String>,
}

/// Who undid an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The process that made it.
    Owner,
    /// The janitor.
    Janitor,
    /// A later start.
    Sweep,
    /// A person.
    User,
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Owner => "its run",
            Self::Janitor => "the janitor",
            Self::Sweep => "a later start",
            Self::User => "hand",
        })
    }
}

impl Record {
    pub(super) fn new(owner: Ident, what: &str, longest: Duration, number: u64) -> Self {
        let created = calendar();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds since 1970 fit")]
        let micros = (created * 1e6) as u64;
        Self {
            version: 1,
            id: format!("{micros:016x}-{}-{number}", owner.pid),
            what: what.to_owned(),
            owner,
            created,
            deadline: Deadline::after(longest),
            actions: Vec::new(),
            ended: None,
        }
    }
}
