//! Remarks on runs.

use std::collections::BTreeSet;

use engine_core::run::{RunId, Timestamp};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::error::{At, Error};
use crate::{Store, owner};

/// A remark on a run. A run that has one is not pruned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// When it was made.
    pub at: Timestamp,
    /// The text.
    pub text: String,
}

impl Store {
    /// Adds a remark to a run.
    ///
    /// # Errors
    /// [`Error::UnknownRun`] and those of writing.
    pub fn annotate(&mut self, run: &RunId, text: &str) -> Result<(), Error> {
        let sql = "INSERT INTO annotations (run, at, text) SELECT run, ?2, ?3 FROM runs WHERE id = ?1";
        match self.connection.execute(sql, params![run.0, owner::now().0, text]).at(&self.path)? {
            0 => Err(self.unknown_run(&run.0)),
            _ => Ok(()),
        }
    }

    /// The runs that have a remark.
    ///
    /// # Errors
    /// Those of reading.
    pub fn annotated(&self) -> Result<BTreeSet<RunId>, Error> {
        let sql = "SELECT id FROM runs WHERE run IN (SELECT run FROM annotations)";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement.query_map([], |row| row.get(0).map(RunId)).and_then(Iterator::collect).at(&self.path)
    }

    /// The remarks on a run, oldest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn annotations(&self, run: &RunId) -> Result<Vec<Annotation>, Error> {
        let sql =
            "SELECT a.at, a.text FROM annotations a JOIN runs r USING (run) WHERE r.id = ?1 ORDER BY a.annotation";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_map([&run.0], |row| Ok(Annotation { at: Timestamp(row.get(0)?), text: row.get(1)? }))
            .and_then(Iterator::collect)
            .at(&self.path)
    }
}
