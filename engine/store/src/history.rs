//! One metric over many runs: what trends and change points are computed from.

use engine_core::metric::Metric;
use engine_core::run::{RunId, RunState, Timestamp};
use engine_core::series::{Labels, SeriesId};
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde::Serialize;

use crate::error::{At, Error};
use crate::list::Filter;
use crate::{Store, json};

/// Which series, of which runs.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// The metric.
    pub metric: String,
    /// The step's name; none for all that record the metric.
    pub step: Option<String>,
    /// Labels that a series must have.
    pub labels: Labels,
    /// The runs. Its limit is the number of newest runs that are looked at.
    pub runs: Filter,
}

/// A metric of a step of a suite, over runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// Name of the suite.
    pub suite: String,
    /// Step, metric and labels.
    pub series: SeriesId,
    /// The metric, with the unit of all values.
    pub metric: Metric,
    /// One point a run, oldest first.
    pub points: Vec<Point>,
}

/// What one run found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run.
    pub run: RunId,
    /// When it started.
    pub started: Timestamp,
    /// Full commit id of the code under test.
    pub commit: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Stable id of the machine.
    pub machine: String,
    /// Environment class: a change of it is no change of the code.
    pub class: String,
    /// How the run ended.
    pub state: RunState,
    /// One value a counted round, in the metric's unit: its best sample for a capability, its median for a cost.
    pub values: Vec<f64>,
}

impl Store {
    /// A metric over runs, one history for each series; by suite, step and labels. Rounds that were superseded or have
    /// no sample do not count, nor do runs of the tiny profile unless asked for.
    ///
    /// # Errors
    /// Those of reading.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<History>, Error> {
        let path = &self.path;
        let (conditions, mut values) = filter.runs.conditions();
        let limit = filter.runs.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let state = filter.runs.state.map_or(String::new(), |state| format!(" AND r.state = '{}'", state.name()));
        let step = if filter.step.is_some() { " AND e.step = ?" } else { "" };
        let sql = format!(
            "WITH chosen AS (SELECT * FROM runs r WHERE {conditions}{state} ORDER BY started DESC, id DESC LIMIT ?)
             SELECT e.series, e.suite, e.step, e.labels, e.unit, e.goal, e.nature,
                    c.id, c.started, c.commit_id, c.branch, c.machine, c.class, c.state, s.value
             FROM series e JOIN measurements m USING (series) JOIN chosen c USING (run)
                  JOIN samples s USING (measurement) JOIN rounds o USING (round)
             WHERE e.metric = ?{step} AND o.superseded = 0 AND length(s.data) > 0
             ORDER BY e.suite, e.step, e.labels, e.series, c.started, c.id, s.sample"
        );
        values.push(Value::Integer(limit));
        values.push(Value::Text(filter.metric.clone()));
        values.extend(filter.step.clone().map(Value::Text));
        let mut statement = self.connection.prepare_cached(&sql).at(path)?;
        let mut rows = statement.query(params_from_iter(values)).at(path)?;
        let mut found: Vec<(i64, History)> = Vec::new();
        while let Some(row) = rows.next().at(path)? {
            let text = |column: usize| row.get::<_, String>(column).at(path);
            let run = RunId(text(7)?);
            let unreadable = |detail| Error::Unreadable { path: path.clone(), run: run.0.clone(), detail };
            let key: i64 = row.get(0).at(path)?;
            if found.last().is_none_or(|(last, _)| *last != key) {
                let metric = Metric {
                    id: filter.metric.clone(),
                    unit: json::named(&text(4)?).map_err(unreadable)?,
                    goal: json::named(&text(5)?).map_err(unreadable)?,
                    nature: json::named(&text(6)?).map_err(unreadable)?,
                };
                let labels: Labels = json::read(&text(3)?).map_err(unreadable)?;
                let series = SeriesId { step: text(2)?, metric: metric.id.clone(), labels };
                found.push((key, History { suite: text(1)?, series, metric, points: Vec::new() }));
            }
            let Some((_, history)) = found.last_mut() else { continue };
            if history.points.last().is_none_or(|point| point.run != run) {
                history.points.push(Point {
                    started: Timestamp(row.get(8).at(path)?),
                    commit: row.get(9).at(path)?,
                    branch: row.get(10).at(path)?,
                    machine: text(11)?,
                    class: text(12)?,
                    state: json::named(&text(13)?).map_err(unreadable)?,
                    values: Vec::new(),
                    run,
                });
            }
            if let (Some(point), Some(value)) = (history.points.last_mut(), row.get::<_, Option<f64>>(14).at(path)?) {
                point.values.push(value);
            }
        }
        found.retain(|(_, history)| history.series.labels.matches(&filter.labels));
        Ok(found.into_iter().map(|(_, history)| history).collect())
    }
}
