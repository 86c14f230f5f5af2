//! Experiments of `engine advise --verify`: predictions of rules, and what was measured then.

use engine_core::finding::{Range, Verified};
use engine_core::run::{RunId, Timestamp};
use rusqlite::params;

use crate::error::{At, Error};
use crate::{Store, owner};

impl Store {
    /// Keeps what came of an experiment.
    ///
    /// # Errors
    /// Those of writing.
    pub fn keep_experiment(&mut self, found: &Verified) -> Result<(), Error> {
        let (before, after) = (found.predicted, found.measured);
        let sql =
            "INSERT INTO experiments (at, rule, predicted_by, measured_by, predicted, predicted_low, predicted_high,
                   measured, measured_low, measured_high) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let values = params![
            owner::now().0,
            found.rule,
            found.predicted_by.0,
            found.measured_by.0,
            before.value,
            before.low,
            before.high,
            after.value,
            after.low,
            after.high
        ];
        self.connection.execute(sql, values).at(&self.path)?;
        Ok(())
    }

    /// All experiments, oldest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn experiments(&self) -> Result<Vec<Verified>, Error> {
        let sql = "SELECT at, rule, predicted_by, measured_by, predicted, predicted_low, predicted_high, measured,
                   measured_low, measured_high FROM experiments ORDER BY experiment";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let range = |row: &rusqlite::Row<'_>, at: usize| -> rusqlite::Result<Range> {
            Ok(Range { value: row.get(at)?, low: row.get(at + 1)?, high: row.get(at + 2)? })
        };
        statement
            .query_map([], |row| {
                Ok(Verified {
                    at: Timestamp(row.get(0)?),
                    rule: row.get(1)?,
                    predicted_by: RunId(row.get(2)?),
                    measured_by: RunId(row.get(3)?),
                    predicted: range(row, 4)?,
                    measured: range(row, 7)?,
                })
            })
            .and_then(Iterator::collect)
            .at(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_is_read_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path().join("e.db")).unwrap();
        let found = Verified {
            at: Timestamp(0),
            rule: "storage.queue_depth".into(),
            predicted_by: RunId("a".into()),
            measured_by: RunId("b".into()),
            predicted: Range::new(3.0, 2.5, 3.5),
            measured: Range::new(3.2, 3.1, 3.3),
        };
        store.keep_experiment(&found).unwrap();
        let all = store.experiments().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(Verified { at: Timestamp(0), ..all[0].clone() }, found);
        assert!(all[0].at.0 > 0);
    }
}
