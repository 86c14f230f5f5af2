//! Baselines: named runs that others are compared with.

use std::path::Path;

use engine_core::nearest::hint;
use engine_core::run::{RunId, Timestamp};
use rusqlite::{Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::error::{At, Error};
use crate::{Store, json, owner};

/// A name for a run, or for a window of runs, of one scenario on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The name, such as `main`.
    pub name: String,
    /// Scenario of its runs.
    pub suite: String,
    /// Machine of its runs.
    pub machine: String,
    /// Branch that it stands for; none where there is no repository.
    pub branch: Option<String>,
    /// When it was set.
    pub created: Timestamp,
    /// Who set it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Whether pruning leaves its runs alone, until it expires.
    pub protected: bool,
    /// From then on it is not used and protects nothing.
    pub expires: Option<Timestamp>,
    /// Its runs, newest first; at least one.
    pub runs: Vec<RunId>,
}

impl Baseline {
    /// Its newest run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        // A baseline is never stored or read without a run.
        &self.runs[0]
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// A baseline to be set.
#[derive(Debug, Clone, Default)]
pub struct NewBaseline {
    /// The name: letters, digits and `_ . / -`, not `last`.
    pub name: String,
    /// Its runs, all of one scenario and one machine.
    pub runs: Vec<RunId>,
    /// Who sets it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Whether pruning may take its runs.
    pub unprotected: bool,
    /// From then on it is not used.
    pub expires: Option<Timestamp>,
    /// The branch that it stands for, where that is not the one of its newest run.
    pub branch: Option<String>,
}

impl Store {
    /// Sets a baseline, in place of one of the same name, scenario, machine and branch.
    ///
    /// # Errors
    /// [`Error::BadBaseline`] for a name that no reference could say or that has a meaning of its own, for no run, and for
    /// runs of several scenarios or machines; [`Error::UnknownRun`].
    pub fn set_baseline(&mut self, new: &NewBaseline) -> Result<Baseline, Error> {
        let bad = |reason: &str| Error::BadBaseline { name: new.name.clone(), reason: reason.to_owned() };
        if !is_name(&new.name) {
            return Err(bad(
                "a name has letters, digits and `_ . / -`, does not start with `-` and is neither `last` nor `auto`",
            ));
        }
        let path = self.path.clone();
        let mut rows = Vec::new();
        for id in &new.runs {
            let sql = "SELECT run, suite, machine, branch, started, state FROM runs WHERE id = ?1";
            let found = self.connection.query_row(sql, [&id.0], |row| {
                let (suite, machine): (String, String) = (row.get(1)?, row.get(2)?);
                Ok((
                    row.get::<_, i64>(4)?,
                    row.get::<_, i64>(0)?,
                    suite,
                    machine,
                    row.get::<_, Option<String>>(3)?,
                    row.get::<_, String>(5)?,
                ))
            });
            match found {
                Err(rusqlite::Error::QueryReturnedNoRows) => return Err(self.unknown_run(&id.0)),
                other => rows.push(other.at(&path)?),
            }
        }
        rows.sort();
        let Some((_, _, suite, machine, branch, _)) = rows.last() else {
            return Err(bad("it needs at least one run"));
        };
        if rows.iter().any(|row| (&row.2, &row.3) != (suite, machine)) {
            return Err(bad("its runs must be of one scenario and one machine"));
        }
        if rows.iter().any(|row| row.5 == "running") {
            return Err(bad("a run that is still going cannot be a baseline; wait for its end"));
        }
        let branch = new.branch.clone().or_else(|| branch.clone()).unwrap_or_default();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let old = "DELETE FROM baselines WHERE name = ?1 AND suite = ?2 AND machine = ?3 AND branch = ?4";
        transaction.execute(old, params![new.name, suite, machine, branch]).at(&path)?;
        transaction
            .execute(
                "INSERT INTO baselines (name, suite, machine, branch, created, who, why, protected, expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    new.name,
                    suite,
                    machine,
                    branch,
                    owner::now().0,
                    new.who,
                    new.why,
                    !new.unprotected,
                    new.expires.map(|end| end.0),
                ],
            )
            .at(&path)?;
        let baseline = transaction.last_insert_rowid();
        for row in &rows {
            let sql = "INSERT OR IGNORE INTO baseline_runs (baseline, run) VALUES (?1, ?2)";
            transaction.execute(sql, params![baseline, row.1]).at(&path)?;
        }
        transaction.commit().at(&path)?;
        let set = self.baselines_named(&new.name, Some(suite), Some(machine))?;
        set.into_iter()
            .find(|set| set.branch.as_deref().unwrap_or_default() == branch)
            .ok_or_else(|| bad("it is not there"))
    }

    /// All baselines, by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn baselines(&self) -> Result<Vec<Baseline>, Error> {
        self.select("1", &[])
    }

    /// The baselines of a name, for a scenario and a machine where these are given; by scenario, machine and branch.
    ///
    /// # Errors
    /// Those of reading.
    pub fn baselines_of(&self, name: &str, suite: Option<&str>, machine: Option<&str>) -> Result<Vec<Baseline>, Error> {
        self.baselines_named(name, suite, machine)
    }

    /// The one baseline of a name, for a scenario and a machine where these are given.
    ///
    /// # Errors
    /// [`Error::UnknownBaseline`], and [`Error::Ambiguous`] when there are several.
    pub fn baseline(&self, name: &str, suite: Option<&str>, machine: Option<&str>) -> Result<Baseline, Error> {
        let mut found = self.baselines_named(name, suite, machine)?;
        match found.len() {
            0 => Err(self.unknown_baseline(name)?),
            1 => Ok(found.remove(0)),
            _ => {
                let branch = |found: &Baseline| {
                    found.branch.as_ref().map_or_else(String::new, |branch| format!(", branch `{branch}`"))
                };
                let candidates = found
                    .iter()
                    .map(|found| format!("`{}` on machine `{}`{}", found.suite, found.machine, branch(found)))
                    .collect();
                Err(Error::Ambiguous { path: self.path.clone(), typed: name.to_owned(), candidates })
            }
        }
    }

    /// Forgets the baselines of a name, of one scenario and branch or of all; their runs stay. Gives what was forgotten.
    ///
    /// # Errors
    /// [`Error::UnknownBaseline`] when there is none.
    pub fn remove_baseline(
        &mut self,
        name: &str,
        suite: Option<&str>,
        branch: Option<&str>,
    ) -> Result<Vec<Baseline>, Error> {
        let mut found = self.baselines_named(name, suite, None)?;
        found.retain(|found| branch.is_none() || found.branch.as_deref() == branch);
        if found.is_empty() {
            return Err(self.unknown_baseline(name)?);
        }
        let sql =
            "DELETE FROM baselines WHERE name = ?1 AND (?2 IS NULL OR suite = ?2) AND (?3 IS NULL OR branch = ?3)";
        self.connection.execute(sql, params![name, suite, branch]).at(&self.path)?;
        Ok(found)
    }

    /// Writes the newest run of a baseline to a file of its own; gives the run.
    ///
    /// # Errors
    /// Those of [`Store::baseline`] and [`Store::export`].
    pub fn export_baseline(&self, name: &str, suite: Option<&str>, to: &Path) -> Result<RunId, Error> {
        let baseline = self.baseline(name, suite, None)?;
        self.export(baseline.run(), to)?;
        Ok(baseline.run().clone())
    }

    /// The baselines of a name.
    pub(crate) fn baselines_named(
        &self,
        name: &str,
        suite: Option<&str>,
        machine: Option<&str>,
    ) -> Result<Vec<Baseline>, Error> {
        let condition = "name = ?1 AND (?2 IS NULL OR suite = ?2) AND (?3 IS NULL OR machine = ?3)";
        self.select(condition, params![name, suite, machine])
    }

    pub(crate) fn unknown_baseline(&self, name: &str) -> Result<Error, Error> {
        let known = self.baselines()?;
        let mut near = hint(name, known.iter().map(|baseline| baseline.name.as_str()));
        if near.is_empty() {
            near = "; `engine baseline list` shows those there are, `engine baseline set` makes one".to_owned();
        }
        Ok(Error::UnknownBaseline { path: self.path.clone(), name: name.to_owned(), hint: near })
    }

    fn select(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Baseline>, Error> {
        let sql = format!(
            "SELECT name, suite, machine, nullif(branch, ''), created, who, why, protected, expires,
                    (SELECT json_group_array(id) FROM (SELECT id FROM baseline_runs m JOIN runs r USING (run)
                     WHERE m.baseline = b.baseline ORDER BY r.started DESC, r.id DESC))
             FROM baselines b WHERE {condition} AND EXISTS (SELECT 1 FROM baseline_runs m WHERE m.baseline = b.baseline)
             ORDER BY name, suite, machine, branch"
        );
        let mut statement = self.connection.prepare_cached(&sql).at(&self.path)?;
        statement.query_map(values, baseline_of).and_then(Iterator::collect).at(&self.path)
    }
}

/// Whether a baseline can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let taken = ["last", "auto"].contains(&name);
    !name.is_empty() && !taken && !name.starts_with('-') && name.chars().all(plain)
}

fn baseline_of(row: &Row<'_>) -> rusqlite::Result<Baseline> {
    Ok(Baseline {
        name: row.get(0)?,
        suite: row.get(1)?,
        machine: row.get(2)?,
        branch: row.get(3)?,
        created: Timestamp(row.get(4)?),
        who: row.get(5)?,
        why: row.get(6)?,
        protected: row.get(7)?,
        expires: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        // The query makes this JSON itself.
        runs: json::read(&row.get::<_, String>(9)?).unwrap_or_default(),
    })
}
