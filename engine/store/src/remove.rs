//! One run, removed because somebody said so.

use engine_core::run::{RunId, RunState, Timestamp, Validity};
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use crate::error::{At, Error};
use crate::{Store, owner};

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The run is gone, with all that it measured.
    Done,
    /// It is still running.
    Running,
    /// A protected baseline needs it.
    Protected,
}

impl Store {
    /// Removes a run. A running one and those of protected baselines that have not expired stay; any other baseline goes
    /// with its last run.
    ///
    /// # Errors
    /// [`Error::UnknownRun`], and those of writing, after which nothing is gone.
    pub fn remove(&mut self, id: &RunId) -> Result<Removal, Error> {
        let path = self.path.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let found: Option<(i64, String, Option<String>, i64, bool)> = transaction
            .query_row(
                "SELECT run, state, owner, touched,
                        EXISTS (SELECT 1 FROM baseline_runs m JOIN baselines b USING (baseline)
                                WHERE m.run = r.run AND b.protected AND (b.expires IS NULL OR b.expires > ?2))
                 FROM runs r WHERE id = ?1",
                params![id.0, owner::now().0],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
            )
            .optional()
            .at(&path)?;
        let Some((run, state, owner, touched, protected)) = found else {
            drop(transaction);
            return Err(self.unknown_run(&id.0));
        };
        let lives = || {
            let settled = owner::settled(RunState::Running, Validity::default(), owner.as_deref(), Timestamp(touched));
            settled.0 == RunState::Running
        };
        if state == RunState::Running.name() && lives() {
            return Ok(Removal::Running);
        }
        if protected {
            return Ok(Removal::Protected);
        }
        transaction.execute("DELETE FROM baseline_runs WHERE run = ?1", [run]).at(&path)?;
        transaction.execute("DELETE FROM runs WHERE run = ?1", [run]).at(&path)?;
        for orphans in [
            "DELETE FROM baselines WHERE baseline NOT IN (SELECT baseline FROM baseline_runs)",
            "DELETE FROM series WHERE series NOT IN (SELECT series FROM measurements)",
        ] {
            transaction.execute(orphans, []).at(&path)?;
        }
        transaction.commit().at(&path)?;
        Ok(Removal::Done)
    }
}
