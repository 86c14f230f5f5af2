//! Answers about runs that have ended. A run of a day has 86,400 readings of the machine: what is made of them is made once.

use engine_core::run::RunId;
use rusqlite::{OptionalExtension as _, params};

use crate::Store;
use crate::error::{At, Error};

impl Store {
    /// The answer of this name that was kept under this key. None where there is none, or where the run goes on, or went on
    /// since.
    ///
    /// # Errors
    /// Those of reading.
    pub fn answer(&self, run: &RunId, name: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT a.body FROM answers a JOIN runs r USING (run) WHERE r.id = ?1 AND a.name = ?2 AND a.key = ?3
                   AND a.sequence = r.sequence AND r.state <> 'running'";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement.query_row(params![run.0, name, key], |row| row.get(0)).optional().at(&self.path)
    }

    /// Keeps an answer about a run that had come to `sequence`, in place of an earlier one of its name. Gives whether it was
    /// kept: nothing is of a run that is unknown, goes on, or went on since.
    ///
    /// # Errors
    /// Those of writing.
    pub fn keep_answer(
        &mut self,
        run: &RunId,
        sequence: u64,
        (name, key): (&str, &str),
        body: &[u8],
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO answers (run, name, key, sequence, body)
                   SELECT run, ?3, ?4, sequence, ?5 FROM runs WHERE id = ?1 AND sequence = ?2 AND state <> 'running'
                   ON CONFLICT (run, name) DO UPDATE
                   SET key = excluded.key, sequence = excluded.sequence, body = excluded.body";
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let kept = self.connection.execute(sql, params![run.0, sequence, name, key, body]).at(&self.path)?;
        Ok(kept > 0)
    }

    /// The names of the answers that are kept about a run.
    ///
    /// # Errors
    /// Those of reading.
    pub fn answer_names(&self, run: &RunId) -> Result<Vec<String>, Error> {
        let sql = "SELECT a.name FROM answers a JOIN runs r USING (run) WHERE r.id = ?1 ORDER BY a.name";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found = statement.query_map([&run.0], |row| row.get(0));
        found.and_then(Iterator::collect).at(&self.path)
    }

    /// How far a run has come: the number of its last event. It rises while the run goes on, and where it is resumed.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; those of reading.
    pub fn sequence(&self, run: &RunId) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached("SELECT sequence FROM runs WHERE id = ?1").at(&self.path)?;
        let found = statement.query_row([&run.0], |row| row.get::<_, i64>(0)).optional().at(&self.path)?;
        found.map(i64::unsigned_abs).ok_or_else(|| self.unknown_run(&run.0))
    }

    /// Of the newest runs that have ended and took at least so many seconds, `most` at most: those without an answer of this
    /// name under this key, newest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn unanswered(&self, (name, key): (&str, &str), seconds: f64, most: u32) -> Result<Vec<RunId>, Error> {
        let sql =
            "SELECT id FROM (SELECT run, id, sequence, started FROM runs WHERE state <> 'running' AND duration >= ?3
                                   ORDER BY started DESC, id DESC LIMIT ?4) r
                   WHERE NOT EXISTS (SELECT 1 FROM answers a
                                     WHERE a.run = r.run AND a.name = ?1 AND a.key = ?2 AND a.sequence = r.sequence)
                   ORDER BY started DESC, id DESC";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found = statement.query_map(params![name, key, seconds, most], |row| row.get(0).map(RunId));
        found.and_then(Iterator::collect).at(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use engine_core::event::{Envelope, Event};

    use super::*;
    use crate::fixture::{Folder, header, run};

    #[test]
    fn an_answer_stays_until_its_run_or_what_it_was_made_of_changes() {
        let folder = Folder::new();
        let mut store = folder.store();
        let events = run(&header("quick", 1), &[1.0, 2.0]);
        store.apply(&events).unwrap();
        let (id, last) = (events[0].run.clone(), events.last().unwrap().sequence);
        let lacking = |store: &Store, key: &str| store.unanswered(("report", key), 0.0, 5).unwrap();
        assert_eq!((lacking(&store, "a"), store.sequence(&id).unwrap()), (vec![id.clone()], last));
        assert!(store.keep_answer(&id, last, ("report", "a"), b"one").unwrap());
        assert_eq!(store.answer(&id, "report", "a").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(store.answer(&id, "report", "b").unwrap(), None, "made of something else");
        assert_eq!(store.answer(&id, "curves", "a").unwrap(), None, "another answer");
        assert_eq!((lacking(&store, "a").len(), lacking(&store, "b").len()), (0, 1));
        assert!(store.unanswered(("report", "b"), 1e9, 5).unwrap().is_empty(), "short runs are made in a moment");
        assert!(store.keep_answer(&id, last, ("report", "b"), b"two").unwrap());
        assert_eq!(store.answer(&id, "report", "a").unwrap(), None, "one of a name is kept");
        assert_eq!(store.answer(&id, "report", "b").unwrap().as_deref(), Some(&b"two"[..]));

        // A run that is resumed has other answers, and none while it goes on.
        assert!(!store.keep_answer(&id, last - 1, ("report", "b"), b"late").unwrap(), "of the run as it was before");
        let again = Envelope {
            sequence: last + 1,
            event: Event::RunStarted(Box::new(header("quick", 1))),
            ..events[0].clone()
        };
        store.apply(&[again]).unwrap();
        assert_eq!(store.answer(&id, "report", "b").unwrap(), None);
        assert!(lacking(&store, "b").is_empty());

        let unknown = RunId("0".repeat(26));
        assert!(!store.keep_answer(&unknown, 1, ("report", "a"), b"one").unwrap());
    }

    #[test]
    fn answers_go_with_their_run() {
        let folder = Folder::new();
        let mut store = folder.store();
        let events = run(&header("quick", 1), &[1.0, 2.0]);
        store.apply(&events).unwrap();
        let (id, last) = (events[0].run.clone(), events.last().unwrap().sequence);
        store.keep_answer(&id, last, ("report", "a"), b"one").unwrap();
        store.remove(&id).unwrap();
        let left: i64 = store.connection.query_row("SELECT count(*) FROM answers", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}
