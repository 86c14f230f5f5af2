//! The list of stored runs.

use std::collections::BTreeMap;
use std::path::Path;

use engine_core::plan::Profile;
use engine_core::run::{RunId, RunState, Timestamp, Validity};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use serde::Serialize;

use crate::error::{At, Error};
use crate::{Store, json, owner};

/// Which runs. Conditions that are none hold for all; the default lists every run but those of the tiny profile.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name of the suite.
    pub suite: Option<String>,
    /// Branch of the code under test.
    pub branch: Option<String>,
    /// Id of the machine.
    pub machine: Option<String>,
    /// A tag with its value.
    pub tag: Option<(String, String)>,
    /// Started at this moment or later.
    pub since: Option<Timestamp>,
    /// How it ended.
    pub state: Option<RunState>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
    /// Whether runs of the tiny profile are listed too.
    pub include_tiny: bool,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Name of the suite.
    pub suite: String,
    /// Where its scenario came from.
    pub source: String,
    /// The profile.
    pub profile: Profile,
    /// Whether everything is here. A run whose process is gone is partial.
    pub state: RunState,
    /// How far it can be trusted.
    pub validity: Validity,
    /// When it started.
    pub started: Timestamp,
    /// Seconds.
    pub duration: f64,
    /// Full commit id of the code under test.
    pub commit: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Whether it differed from the commit.
    pub dirty: Option<bool>,
    /// Stable id of the machine.
    pub machine: String,
    /// Environment class: equal for comparable machines and settings.
    pub class: String,
    /// `--tag K=V`.
    pub tags: BTreeMap<String, String>,
    /// Version of the engine.
    pub engine: String,
    /// Steps by how they ended: planned, measured, skipped, failed.
    pub steps: StepCounts,
    /// Expectations by judgement: pass, fail, unsure, unjudged.
    pub expectations: BTreeMap<String, u32>,
    /// How many annotations it has.
    pub annotations: u32,
    /// Names of the baselines that it belongs to.
    pub baselines: Vec<String>,
}

/// Steps by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct StepCounts {
    /// In the plan.
    pub planned: u32,
    /// With results.
    pub measured: u32,
    /// Not possible on the machine.
    pub skipped: u32,
    /// Gone wrong.
    pub failed: u32,
}

const COLUMNS: &str = "
    SELECT run, id, suite, source, profile, state, validity, started, duration, commit_id, branch, dirty, machine, class,
           tags, engine, owner, touched,
           (SELECT count(*) FROM steps s WHERE s.run = r.run),
           (SELECT count(*) FROM steps s WHERE s.run = r.run AND kind = 'measured'),
           (SELECT count(*) FROM steps s WHERE s.run = r.run AND kind = 'skipped'),
           (SELECT count(*) FROM steps s WHERE s.run = r.run AND kind = 'failed'),
           (SELECT json_group_object(judgement, n)
              FROM (SELECT judgement, count(*) AS n FROM judged j WHERE j.run = r.run GROUP BY judgement)),
           (SELECT count(*) FROM annotations a WHERE a.run = r.run),
           (SELECT json_group_array(name)
              FROM (SELECT DISTINCT name FROM baselines b JOIN baseline_runs m USING (baseline)
                    WHERE m.run = r.run ORDER BY name))
    FROM runs r";

impl Store {
    /// Stored runs, newest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn list(&self, filter: &Filter) -> Result<Vec<RunRow>, Error> {
        let (conditions, mut values) = filter.conditions();
        let limit = filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let state = filter.state;
        // The state is settled after reading, so it is matched and counted there.
        let sql = format!("{COLUMNS} WHERE {conditions} ORDER BY started DESC, id DESC LIMIT ?");
        values.push(Value::Integer(if state.is_some() { -1 } else { limit }));
        let mut statement = self.connection.prepare_cached(&sql).at(&self.path)?;
        let mut rows = statement.query(params_from_iter(values)).at(&self.path)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().at(&self.path)? {
            let row = run_row(&self.path, row)?;
            if state.is_none_or(|state| row.state == state) {
                found.push(row);
            }
            if found.len() == usize::try_from(limit).unwrap_or(usize::MAX) {
                break;
            }
        }
        Ok(found)
    }

    /// The line of one run by its whole id; none where there is no such run.
    ///
    /// # Errors
    /// Those of reading.
    pub fn row(&self, id: &RunId) -> Result<Option<RunRow>, Error> {
        let mut statement = self.connection.prepare_cached(&format!("{COLUMNS} WHERE id = ?1")).at(&self.path)?;
        let mut rows = statement.query([&id.0]).at(&self.path)?;
        rows.next().at(&self.path)?.map(|row| run_row(&self.path, row)).transpose()
    }
}

impl Filter {
    /// The condition over `runs r`, and its values in order.
    pub(crate) fn conditions(&self) -> (String, Vec<Value>) {
        let mut conditions = vec!["1"];
        let mut values = Vec::new();
        for (condition, value) in
            [("r.suite = ?", &self.suite), ("r.branch = ?", &self.branch), ("r.machine = ?", &self.machine)]
        {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(Value::Text(value.clone()));
            }
        }
        if let Some((name, value)) = &self.tag {
            conditions.push("EXISTS (SELECT 1 FROM json_each(r.tags) t WHERE t.key = ? AND t.value = ?)");
            values.extend([Value::Text(name.clone()), Value::Text(value.clone())]);
        }
        if let Some(since) = self.since {
            conditions.push("r.started >= ?");
            values.push(Value::Integer(since.0));
        }
        if !self.include_tiny {
            conditions.push("r.tiny = 0");
        }
        (conditions.join(" AND "), values)
    }
}

fn run_row(path: &Path, row: &Row<'_>) -> Result<RunRow, Error> {
    let id: String = row.get(1).at(path)?;
    let unreadable = |detail: String| Error::Unreadable { path: path.to_owned(), run: id.clone(), detail };
    let text = |column: usize| row.get::<_, String>(column).at(path);
    let owner: Option<String> = row.get(16).at(path)?;
    let (state, validity) = owner::settled(
        json::named(&text(5)?).map_err(unreadable)?,
        json::read(&text(6)?).map_err(unreadable)?,
        owner.as_deref(),
        Timestamp(row.get(17).at(path)?),
    );
    let count = |column: usize| row.get::<_, u32>(column).at(path);
    Ok(RunRow {
        suite: text(2)?,
        source: text(3)?,
        profile: json::named(&text(4)?).map_err(unreadable)?,
        state,
        validity,
        started: Timestamp(row.get(7).at(path)?),
        duration: row.get(8).at(path)?,
        commit: row.get(9).at(path)?,
        branch: row.get(10).at(path)?,
        dirty: row.get(11).at(path)?,
        machine: text(12)?,
        class: text(13)?,
        tags: json::read(&text(14)?).map_err(unreadable)?,
        engine: text(15)?,
        steps: StepCounts { planned: count(18)?, measured: count(19)?, skipped: count(20)?, failed: count(21)? },
        expectations: json::read(&text(22)?).map_err(unreadable)?,
        annotations: count(23)?,
        baselines: json::read(&text(24)?).map_err(unreadable)?,
        id: RunId(id.clone()),
    })
}
