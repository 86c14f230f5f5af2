//! Keeping the file in order: pruning, copies, checks.

use std::path::Path;

use engine_core::run::{RunId, Timestamp};
use rusqlite::{TransactionBehavior, params};
use serde::Serialize;

use crate::error::{At, Error};
use crate::{Store, owner, schema};

/// Which runs go. A run goes only when every condition that is given holds; with none, no run goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrunePolicy {
    /// Keep so many of the newest runs of each scenario; runs of the tiny profile are counted apart.
    pub keep: Option<u32>,
    /// Only runs that started before this moment.
    pub older_than: Option<Timestamp>,
    /// And then, oldest first, as many more as make the rest fit into so many bytes.
    pub max_bytes: Option<u64>,
    /// Only say which.
    pub dry_run: bool,
}

/// The state of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What the database's own check found; empty when all is well.
    pub problems: Vec<String>,
    /// Version of the schema.
    pub version: i64,
    /// Version of the library.
    pub library: String,
    /// Stored runs.
    pub runs: u64,
    /// Stored baselines.
    pub baselines: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the write-ahead log beside it.
    pub log_bytes: u64,
}

impl Health {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Store {
    /// Removes old runs; gives them, oldest first. Running and annotated runs and those of protected baselines that have
    /// not expired stay; any other baseline goes with its last run.
    ///
    /// # Errors
    /// Those of writing, after which no run is gone.
    pub fn prune(&mut self, policy: PrunePolicy) -> Result<Vec<RunId>, Error> {
        let by_rule = policy.keep.is_some() || policy.older_than.is_some();
        if !by_rule && policy.max_bytes.is_none() {
            return Ok(Vec::new());
        }
        let path = self.path.clone();
        let behavior = if policy.dry_run { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
        let transaction = self.connection.transaction_with_behavior(behavior).at(&path)?;
        let mut going: Vec<(i64, String)> = transaction
            .prepare(
                "SELECT run, id FROM (
                     SELECT *, row_number() OVER (PARTITION BY suite, tiny ORDER BY started DESC, id DESC) AS place
                     FROM runs) r
                 WHERE ?4 AND state <> 'running' AND (?1 IS NULL OR place > ?1) AND (?2 IS NULL OR started < ?2)
                 AND NOT EXISTS (SELECT 1 FROM annotations a WHERE a.run = r.run)
                 AND NOT EXISTS (SELECT 1 FROM baseline_runs m JOIN baselines b USING (baseline)
                                 WHERE m.run = r.run AND b.protected AND (b.expires IS NULL OR b.expires > ?3))
                 ORDER BY started, id",
            )
            .and_then(|mut found| {
                found
                    .query_map(
                        params![policy.keep, policy.older_than.map(|moment| moment.0), owner::now().0, by_rule],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )?
                    .collect()
            })
            .at(&path)?;
        if let Some(most) = policy.max_bytes {
            let more = beyond(&transaction, most, &going).at(&path)?;
            going.extend(more);
        }
        if !policy.dry_run {
            for (run, _) in &going {
                transaction.execute("DELETE FROM baseline_runs WHERE run = ?1", [run]).at(&path)?;
                transaction.execute("DELETE FROM runs WHERE run = ?1", [run]).at(&path)?;
            }
            let orphans = "DELETE FROM baselines WHERE baseline NOT IN (SELECT baseline FROM baseline_runs)";
            transaction.execute(orphans, []).at(&path)?;
            let series = "DELETE FROM series WHERE series NOT IN (SELECT series FROM measurements)";
            transaction.execute(series, []).at(&path)?;
            transaction.commit().at(&path)?;
            self.shrink();
        }
        Ok(going.into_iter().map(|(_, id)| RunId(id)).collect())
    }

    /// Gives free pages back to the disk. That another process is reading is no error: they are used again later.
    fn shrink(&self) {
        // Each step gives back one page.
        let given = self.connection.prepare("PRAGMA incremental_vacuum").and_then(|mut vacuum| {
            vacuum.query([]).and_then(|mut pages| {
                while pages.next()?.is_some() {}
                Ok(())
            })
        });
        if let Err(error) = given {
            tracing::debug!(%error, "no pages were given back");
        }
        self.truncate_log();
    }

    /// Writes a compact, consistent copy to a new file, also while a run is live.
    ///
    /// # Errors
    /// [`Error::Exists`] when the file is there; those of writing, after which it is not.
    pub fn backup(&self, to: &Path) -> Result<(), Error> {
        schema::copy_to(&self.connection, &self.path, to)
    }

    /// Checks every page, every index and every reference.
    ///
    /// # Errors
    /// Those of reading; what the check finds is in the result.
    pub fn check(&self) -> Result<Health, Error> {
        let path = &self.path;
        let mut problems: Vec<String> = self
            .connection
            .prepare("PRAGMA integrity_check")
            .and_then(|mut check| check.query_map([], |row| row.get(0))?.collect())
            .at(path)?;
        problems.retain(|problem| problem != "ok");
        let mut references = self.connection.prepare("PRAGMA foreign_key_check").at(path)?;
        let mut rows = references.query([]).at(path)?;
        while let Some(row) = rows.next().at(path)? {
            let (table, parent): (String, String) = (row.get(0).at(path)?, row.get(2).at(path)?);
            problems.push(format!("a row of `{table}` refers to a missing row of `{parent}`"));
        }
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs).at(path)
        };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Health {
            problems,
            version: self.connection.pragma_query_value(None, "user_version", |row| row.get(0)).at(path)?,
            library: rusqlite::version().to_owned(),
            runs: count("runs")?,
            baselines: count("baselines")?,
            bytes: std::fs::metadata(path).at(path)?.len(),
            log_bytes: std::fs::metadata(log).map_or(0, |about| about.len()),
        })
    }
}

/// The oldest runs beyond those that go already whose going makes the rest fit. What a run takes of the file is its share
/// of all samples and windows, which are nearly all that a file holds.
fn beyond(
    connection: &rusqlite::Connection,
    most: u64,
    going: &[(i64, String)],
) -> rusqlite::Result<Vec<(i64, String)>> {
    let used: i64 = connection.query_row(
        "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)
              - (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size)",
        [],
        |row| row.get(0),
    )?;
    // A run without samples still takes its rows.
    let sql = "SELECT run, id,
                   4096 + coalesce((SELECT sum(length(s.data) + coalesce(length(s.histogram), 0) + 64)
                             FROM samples s JOIN measurements m USING (measurement) WHERE m.run = r.run), 0)
                        + coalesce((SELECT sum(length(x.counts) + length(x.labels) + coalesce(length(x.response), 0)
                                            + coalesce(length(x.service), 0) + coalesce(length(x.lag), 0) + 64)
                             FROM window_rows x JOIN windows w USING (window) WHERE w.run = r.run), 0)
                        + coalesce((SELECT sum(length(h.data) + 32) FROM host h WHERE h.run = r.run), 0)
                        + coalesce((SELECT sum(length(h.header)) FROM headers h WHERE h.run = r.run), 0),
                   state <> 'running'
                   AND NOT EXISTS (SELECT 1 FROM annotations a WHERE a.run = r.run)
                   AND NOT EXISTS (SELECT 1 FROM baseline_runs m JOIN baselines b USING (baseline)
                                   WHERE m.run = r.run AND b.protected AND (b.expires IS NULL OR b.expires > ?1))
               FROM runs r ORDER BY started, id";
    let rows: Vec<(i64, String, i64, bool)> = connection
        .prepare(sql)?
        .query_map([owner::now().0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let weight: i64 = rows.iter().map(|row| row.2).sum();
    #[expect(clippy::cast_precision_loss, reason = "an estimate of bytes")]
    let per_weight = used as f64 / (weight.max(1)) as f64;
    #[expect(clippy::cast_precision_loss, reason = "an estimate of bytes")]
    let bytes = |weight: i64| weight as f64 * per_weight;
    let goes = |run: i64| going.iter().any(|(known, _)| *known == run);
    let mut left: f64 = rows.iter().filter(|row| !goes(row.0)).map(|row| bytes(row.2)).sum();
    let mut more = Vec::new();
    for (run, id, weight, free) in rows {
        #[expect(clippy::cast_precision_loss, reason = "an estimate of bytes")]
        let fits = left <= most as f64;
        if fits {
            break;
        }
        if free && !goes(run) {
            left -= bytes(weight);
            more.push((run, id));
        }
    }
    Ok(more)
}
