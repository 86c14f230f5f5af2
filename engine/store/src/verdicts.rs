//! Verdicts that were shown, with what they rest on.

use engine_core::evidence::Evidence;
use engine_core::nearest::hint;
use engine_core::run::Timestamp;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use crate::error::{At, Error};
use crate::{Store, json, owner};

/// How many verdicts are kept: the oldest go first.
const KEPT: i64 = 20_000;

/// A stored verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVerdict {
    /// Its short id.
    pub id: String,
    /// What showed it first: `compare`, `gate`, `trend`, `alert`.
    pub kind: String,
    /// When it was first shown.
    pub at: Timestamp,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Store {
    /// Keeps what verdicts rest on; gives their ids, in order. A verdict that is there already stays as it is.
    ///
    /// # Errors
    /// Those of writing.
    pub fn keep_verdicts(&mut self, kind: &str, evidence: &[Evidence]) -> Result<Vec<String>, Error> {
        let path = self.path.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let mut ids = Vec::new();
        for one in evidence {
            let id = one.id();
            let data = serde_json::to_string(one).map_err(|error| Error::Unreadable {
                path: path.clone(),
                run: id.clone(),
                detail: error.to_string(),
            })?;
            transaction
                .execute(
                    "INSERT OR IGNORE INTO verdicts (id, kind, at, data) VALUES (?1, ?2, ?3, ?4)",
                    params![id, kind, owner::now().0, data],
                )
                .at(&path)?;
            ids.push(id);
        }
        let old = "DELETE FROM verdicts WHERE id IN (SELECT id FROM verdicts ORDER BY at DESC LIMIT -1 OFFSET ?1)
                   AND id NOT IN (SELECT verdict FROM alerts WHERE verdict IS NOT NULL)";
        transaction.execute(old, [KEPT]).at(&path)?;
        transaction.commit().at(&path)?;
        Ok(ids)
    }

    /// The verdict of an id; none when there is no such one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn verdict(&self, id: &str) -> Result<Option<StoredVerdict>, Error> {
        let sql = "SELECT id, kind, at, data FROM verdicts WHERE id = ?1";
        let found = self
            .connection
            .query_row(sql, [id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, String>(3)?))
            })
            .optional()
            .at(&self.path)?;
        let Some((id, kind, at, data)) = found else { return Ok(None) };
        let evidence = json::read(&data).map_err(|detail| Error::Unreadable {
            path: self.path.clone(),
            run: format!("of verdict {id}"),
            detail,
        })?;
        Ok(Some(StoredVerdict { id, kind, at: Timestamp(at), evidence }))
    }

    /// What an id that is not there may have meant: `, did you mean ..`, or nothing.
    ///
    /// # Errors
    /// Those of reading.
    pub fn verdict_hint(&self, id: &str) -> Result<String, Error> {
        let sql = "SELECT id FROM verdicts ORDER BY at DESC LIMIT 1000";
        let mut statement = self.connection.prepare(sql).at(&self.path)?;
        let ids: Vec<String> = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).at(&self.path)?;
        Ok(hint(id, ids.iter().map(String::as_str)))
    }
}
