//! What counts as normal: levels that somebody accepted, runs that were judged worse, and the newest accepted runs of a
//! branch on a machine, which are its automatic baseline.

use engine_core::history::SeriesKey;
use engine_core::plan::Profile;
use engine_core::run::{RunId, Timestamp};
use engine_core::selector::Selector;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::{At, Error};
use crate::{Store, owner};

/// From a run on, a level is the new normal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Scenario.
    pub suite: String,
    /// Machine.
    pub machine: String,
    /// Branch; none where there is no repository.
    pub branch: Option<String>,
    /// Which series, as a selector; empty for all.
    pub series: String,
    /// The first run that counts. It may be pruned by now.
    pub run: RunId,
    /// When that run started.
    pub started: Timestamp,
    /// When it was accepted.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
    /// Why.
    pub why: String,
}

impl Acceptance {
    /// Whether it is about a series.
    #[must_use]
    pub fn covers(&self, key: &SeriesKey) -> bool {
        let selected =
            || self.series.parse::<Selector>().is_ok_and(|selector| selector.matches(&key.suite, &key.series));
        self.suite == key.suite
            && self.machine == key.machine
            && self.branch == key.branch
            && (self.series.is_empty() || selected())
    }
}

/// Whose newest runs are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Scenario.
    pub suite: &'a str,
    /// Machine.
    pub machine: &'a str,
    /// Branch; none where there is no repository.
    pub branch: Option<&'a str>,
}

impl Store {
    /// Accepts the level of a run's scenario, on its machine and branch, from that run on; of the series that a selector
    /// means, or of all when it is empty. A rejection of the run is taken back.
    ///
    /// # Errors
    /// [`Error::UnknownRun`] and those of writing.
    pub fn accept(&mut self, run: &RunId, series: &str, who: &str, why: &str) -> Result<Acceptance, Error> {
        let sql = "INSERT INTO acceptances (suite, machine, branch, series, run, started, at, who, why)
                   SELECT suite, machine, coalesce(branch, ''), ?2, id, started, ?3, ?4, ?5 FROM runs WHERE id = ?1";
        if self.connection.execute(sql, params![run.0, series, owner::now().0, who, why]).at(&self.path)? == 0 {
            return Err(self.unknown_run(&run.0));
        }
        self.connection
            .execute("DELETE FROM rejections WHERE run = (SELECT run FROM runs WHERE id = ?1)", [&run.0])
            .at(&self.path)?;
        let mut all = self.acceptances()?;
        all.pop().ok_or_else(|| self.unknown_run(&run.0))
    }

    /// Every acceptance, in the order in which they were made.
    ///
    /// # Errors
    /// Those of reading.
    pub fn acceptances(&self) -> Result<Vec<Acceptance>, Error> {
        let sql = "SELECT suite, machine, nullif(branch, ''), series, run, started, at, who, why FROM acceptances
                   ORDER BY acceptance";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_map([], |row| {
                Ok(Acceptance {
                    suite: row.get(0)?,
                    machine: row.get(1)?,
                    branch: row.get(2)?,
                    series: row.get(3)?,
                    run: RunId(row.get(4)?),
                    started: Timestamp(row.get(5)?),
                    at: Timestamp(row.get(6)?),
                    who: row.get(7)?,
                    why: row.get(8)?,
                })
            })
            .and_then(Iterator::collect)
            .at(&self.path)
    }

    /// Notes that a run was judged worse than what it was held against.
    ///
    /// # Errors
    /// Those of writing.
    pub fn reject(&mut self, run: &RunId, why: &str) -> Result<(), Error> {
        let sql = "INSERT OR REPLACE INTO rejections (run, at, why) SELECT run, ?2, ?3 FROM runs WHERE id = ?1";
        self.connection.execute(sql, params![run.0, owner::now().0, why]).at(&self.path).map(|_| ())
    }

    /// Why a run was rejected; none when it was not.
    ///
    /// # Errors
    /// Those of reading.
    pub fn rejection(&self, run: &RunId) -> Result<Option<String>, Error> {
        let sql = "SELECT why FROM rejections JOIN runs USING (run) WHERE id = ?1";
        self.connection.query_row(sql, [&run.0], |row| row.get(0)).optional().at(&self.path)
    }

    /// The newest accepted runs of a place, at most `limit`, newest first: complete, valid or degraded, of this profile,
    /// not judged worse, and not before the newest acceptance of all series of the place. Where `before` is a stored run,
    /// only what had started before it, and what was accepted up to it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn normal_runs(
        &self,
        place: Place<'_>,
        profile: Profile,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, Error> {
        let sql = "SELECT id FROM runs r
                   WHERE suite = ?1 AND machine = ?2 AND coalesce(branch, '') = ?3 AND profile = ?4
                   AND state = 'complete' AND json_extract(validity, '$.level') <> 'invalid'
                   AND started < coalesce((SELECT b.started FROM runs b WHERE b.id = ?5), started + 1)
                   AND NOT EXISTS (SELECT 1 FROM rejections j WHERE j.run = r.run)
                   AND started >= coalesce((SELECT max(a.started) FROM acceptances a WHERE a.suite = ?1
                                            AND a.machine = ?2 AND a.branch = ?3 AND a.series = '' AND a.started
                                            <= coalesce((SELECT b.started FROM runs b WHERE b.id = ?5), a.started)), started)
                   ORDER BY started DESC, id DESC LIMIT ?6";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let before = before.map_or("", |run| run.0.as_str());
        let (suite, machine, branch) = (place.suite, place.machine, place.branch.unwrap_or_default());
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_map(params![suite, machine, branch, profile.name(), before, limit], |row| row.get(0).map(RunId))
            .and_then(Iterator::collect)
            .at(&self.path)
    }
}
