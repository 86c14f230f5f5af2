//! One metric over many runs: what trends and change points are computed from.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine_core::histogram::Packed;
use engine_core::history::{History, LeftOut, Point, SeriesKey};
use engine_core::measurement::{QUANTILES, quantile_of};
use engine_core::metric::Metric;
use engine_core::plan::{PlannedStep, Work};
use engine_core::run::{RunId, RunState, Timestamp, Validity, ValidityLevel};
use engine_core::selector::Selector;
use engine_core::series::{Labels, SeriesId};
use rusqlite::types::{FromSql, Value};
use rusqlite::{params, params_from_iter};

use crate::error::{At, Error};
use crate::list::Filter;
use crate::{Store, json, owner};

/// Which series, of which runs.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// The series; all by default.
    pub selector: Selector,
    /// The runs. Its limit is the number of newest points that each history keeps; runs of the tiny profile are counted
    /// as left out, or taken where it includes them; its state is not looked at: only complete runs count.
    pub runs: Filter,
}

/// A row of the table of series.
struct SeriesRow {
    key: i64,
    suite: String,
    id: SeriesId,
    metric: Metric,
    /// The quantile of its latencies that is meant, in percent, with the metric that they are; none for the series as it is.
    quantile: Option<(f64, Metric)>,
}

impl SeriesRow {
    /// The quantile of the latencies of this series as a series, if it can have one.
    fn quantile(&self, percent: f64) -> Option<Self> {
        let metric = self.metric.quantile(percent)?;
        let id = SeriesId { metric: metric.id.clone(), ..self.id.clone() };
        let (key, suite) = (self.key, self.suite.clone());
        Some(Self { key, suite, id, metric, quantile: Some((percent, self.metric.clone())) })
    }
}

/// What one measurement's run says of it.
struct Measured {
    measurement: i64,
    machine: String,
    branch: Option<String>,
    point: Point,
    tiny: bool,
    state: RunState,
    run: i64,
    step: usize,
}

/// Of each step of a plan: what it does, what makes it the same as another, and the version of its method.
type Steps = Vec<(Work, String, u32)>;

/// The identity of a history: machine, branch, work and version of the method.
type Identity = (String, Option<String>, String, u32);

impl Store {
    /// Metrics over runs: one history for each branch, machine, scenario, step, metric and labels, and one more for each
    /// unit, direction, method version and set of options in which it was measured; by scenario, step, metric and
    /// labels, then by machine, branch and the time of the first point. Rounds that were superseded or have no sample do
    /// not count, nor do runs that are of the tiny profile, not complete, or invalid; those are counted.
    ///
    /// # Errors
    /// Those of reading.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<History>, Error> {
        // One snapshot, whatever a writer does meanwhile.
        let _snapshot = self.connection.unchecked_transaction().at(&self.path)?;
        let mut found = Vec::new();
        let mut plans = HashMap::new();
        for row in self.series_rows(&filter.selector)? {
            found.extend(self.of_series(&row, filter, &mut plans)?);
        }
        Ok(found)
    }

    /// The stored series that a selector means, each as it is selected: `scenario/step.metric{labels}`.
    ///
    /// # Errors
    /// Those of reading.
    pub fn series_names(&self, selector: &Selector) -> Result<Vec<String>, Error> {
        let rows = self.series_rows(selector)?;
        let mut names: Vec<String> = rows.iter().map(|row| format!("{}/{}", row.suite, row.id)).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }

    fn series_rows(&self, selector: &Selector) -> Result<Vec<SeriesRow>, Error> {
        let path = &self.path;
        let mut percents = QUANTILES.to_vec();
        percents.extend(selector.percent().filter(|percent| !QUANTILES.contains(percent)));
        // Whether the newest measurement kept latencies tells of the whole series.
        let sql = "SELECT series, suite, step, metric, labels, unit, goal, nature, coalesce((
                       SELECT s.histogram IS NOT NULL FROM samples s WHERE s.measurement = (
                           SELECT max(m.measurement) FROM measurements m WHERE m.series = series.series) LIMIT 1), 0)
                   FROM series ORDER BY suite, step, metric, labels, series";
        let mut statement = self.connection.prepare_cached(sql).at(path)?;
        let mut rows = statement.query([]).at(path)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().at(path)? {
            let text = |column: usize| row.get::<_, String>(column).at(path);
            let unreadable = |detail| Error::Unreadable { path: path.clone(), run: "of a series".to_owned(), detail };
            let labels: Labels = json::read(&text(4)?).map_err(unreadable)?;
            let metric = Metric {
                id: text(3)?,
                unit: json::named(&text(5)?).map_err(unreadable)?,
                goal: json::named(&text(6)?).map_err(unreadable)?,
                nature: json::named(&text(7)?).map_err(unreadable)?,
            };
            let id = SeriesId { step: text(2)?, metric: metric.id.clone(), labels };
            let row_of = SeriesRow { key: row.get(0).at(path)?, suite: text(1)?, id, metric, quantile: None };
            let latencies: bool = row.get(8).at(path)?;
            let tails: Vec<SeriesRow> = match latencies {
                true => percents.iter().filter_map(|percent| row_of.quantile(*percent)).collect(),
                false => Vec::new(),
            };
            let meant = |row: &SeriesRow| selector.matches(&row.suite, &row.id);
            found.extend(std::iter::once(row_of).chain(tails).filter(meant));
        }
        Ok(found)
    }

    fn of_series(
        &self,
        series: &SeriesRow,
        filter: &HistoryFilter,
        plans: &mut HashMap<i64, Steps>,
    ) -> Result<Vec<History>, Error> {
        let mut values = match &series.quantile {
            None => self.round_values(series.key)?,
            Some((percent, metric)) => self.round_quantiles(series.key, metric, *percent)?,
        };
        let mut found: BTreeMap<Identity, History> = BTreeMap::new();
        for one in self.measured(series.key, &filter.runs)? {
            let steps = match plans.entry(one.run) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(self.steps_of(one.run, &one.point.run)?),
            };
            let Some((work, same, method)) = steps.get(one.step) else { continue };
            let identity = (one.machine.clone(), one.branch.clone(), same.clone(), *method);
            let history = found.entry(identity).or_insert_with(|| History {
                key: SeriesKey {
                    suite: series.suite.clone(),
                    series: series.id.clone(),
                    machine: one.machine.clone(),
                    branch: one.branch.clone(),
                },
                metric: series.metric.clone(),
                work: work.clone(),
                method: *method,
                points: Vec::new(),
                left_out: LeftOut::default(),
            });
            let left_out = &mut history.left_out;
            if one.tiny && !filter.runs.include_tiny {
                left_out.tiny += 1;
            } else if one.state != RunState::Complete {
                left_out.unfinished += 1;
            } else if one.point.validity == ValidityLevel::Invalid {
                left_out.invalid += 1;
            } else {
                let own = values.remove(&one.measurement).unwrap_or_default();
                // Two measurements of a run can have the same labels once those of the step are joined.
                match history.points.last_mut().filter(|last| last.run == one.point.run) {
                    Some(last) => last.values.extend(own),
                    None => history.points.push(Point { values: own, ..one.point }),
                }
            }
        }
        let mut all: Vec<History> = found.into_values().collect();
        for history in &mut all {
            history.points.retain(|point| !point.values.is_empty());
            if let Some(limit) = filter.runs.limit {
                history.points.drain(..history.points.len().saturating_sub(limit));
            }
        }
        all.retain(|history| !history.points.is_empty() || history.left_out.total() > 0);
        let began = |history: &History| history.points.first().map(|point| point.started);
        all.sort_by_key(|history| (history.key.machine.clone(), history.key.branch.clone(), began(history)));
        Ok(all)
    }

    /// The measurements of a series with their runs, oldest run first.
    fn measured(&self, series: i64, runs: &Filter) -> Result<Vec<Measured>, Error> {
        let path = &self.path;
        let (conditions, mut values) = Filter { include_tiny: true, ..runs.clone() }.conditions();
        let sql = format!(
            "SELECT m.measurement, r.id, r.started, r.commit_id, r.dirty, r.class, r.machine, r.branch, r.tiny, r.state,
                    r.validity, r.owner, r.touched, r.run, m.step
             FROM measurements m JOIN runs r USING (run)
             WHERE {conditions} AND m.series = ? ORDER BY r.started, r.id, m.measurement"
        );
        values.push(Value::Integer(series));
        let mut statement = self.connection.prepare_cached(&sql).at(path)?;
        let mut rows = statement.query(params_from_iter(values)).at(path)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().at(path)? {
            let run = RunId(row.get(1).at(path)?);
            let unreadable = |detail| Error::Unreadable { path: path.clone(), run: run.0.clone(), detail };
            let text = |column: usize| row.get::<_, String>(column).at(path);
            let owner: Option<String> = row.get(11).at(path)?;
            let validity: Validity = json::read(&text(10)?).map_err(unreadable)?;
            let state = json::named(&text(9)?).map_err(unreadable)?;
            let (state, validity) = owner::settled(state, validity, owner.as_deref(), Timestamp(row.get(12).at(path)?));
            found.push(Measured {
                measurement: row.get(0).at(path)?,
                machine: text(6)?,
                branch: row.get(7).at(path)?,
                tiny: row.get(8).at(path)?,
                state,
                run: row.get(13).at(path)?,
                step: usize::try_from(row.get::<_, i64>(14).at(path)?).unwrap_or(usize::MAX),
                point: Point {
                    started: Timestamp(row.get(2).at(path)?),
                    commit: row.get(3).at(path)?,
                    dirty: row.get(4).at(path)?,
                    class: text(5)?,
                    validity: validity.level,
                    values: Vec::new(),
                    run,
                },
            });
        }
        Ok(found)
    }

    /// What the steps of a run's plan do. Read once a run, whatever the number of its series.
    fn steps_of(&self, key: i64, run: &RunId) -> Result<Steps, Error> {
        let sql = "SELECT json_extract(header, '$.plan.steps') FROM headers WHERE run = ?1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let text: String = statement.query_row([key], |row| row.get(0)).at(&self.path)?;
        let unreadable = |detail| Error::Unreadable { path: self.path.clone(), run: run.0.clone(), detail };
        let steps: Vec<PlannedStep> = json::read(&text).map_err(unreadable)?;
        Ok(steps.into_iter().map(|step| (step.work.clone(), same_work(&step.work), step.method)).collect())
    }

    /// What each counted round of a series counts with, by measurement.
    fn round_values(&self, series: i64) -> Result<HashMap<i64, Vec<f64>>, Error> {
        self.rounds(series, "value", |value: f64| Ok(Some(value)))
    }

    /// What each counted round of a series counts with where a quantile of its latencies is meant, by measurement. A round
    /// with too few latencies for it has none.
    fn round_quantiles(&self, series: i64, metric: &Metric, percent: f64) -> Result<HashMap<i64, Vec<f64>>, Error> {
        self.rounds(series, "histogram", |bytes: Vec<u8>| {
            let unreadable =
                |detail: String| Error::Unreadable { path: self.path.clone(), run: "of a series".to_owned(), detail };
            let latencies = Packed::read(&bytes).map_err(|error| unreadable(error.to_string()))?;
            Ok(quantile_of(&latencies, metric, percent))
        })
    }

    /// One column of the samples of each counted round of a series, read by `read`, by measurement.
    fn rounds<T: FromSql>(
        &self,
        series: i64,
        column: &str,
        read: impl Fn(T) -> Result<Option<f64>, Error>,
    ) -> Result<HashMap<i64, Vec<f64>>, Error> {
        let path = &self.path;
        let sql = format!(
            "SELECT s.measurement, s.{column}
             FROM measurements m JOIN samples s USING (measurement) JOIN rounds o USING (round)
             WHERE m.series = ?1 AND o.superseded = 0 AND s.{column} IS NOT NULL ORDER BY s.sample"
        );
        let mut statement = self.connection.prepare_cached(&sql).at(path)?;
        let mut rows = statement.query(params![series]).at(path)?;
        let mut found: HashMap<i64, Vec<f64>> = HashMap::new();
        while let Some(row) = rows.next().at(path)? {
            let value = read(row.get(1).at(path)?)?;
            found.entry(row.get(0).at(path)?).or_default().extend(value);
        }
        Ok(found)
    }
}

/// What makes two steps the same work. That a script's function has another place in its file does not matter.
fn same_work(work: &Work) -> String {
    match work {
        // Options are sorted by name, so that the same ones are the same text.
        Work::Probe { .. } => serde_json::to_string(work).unwrap_or_default(),
        Work::Custom { .. } => "custom".to_owned(),
        // Where it goes may change from run to run: a demo target has another port each time.
        Work::Load { shape, .. } => format!("{} {:?} {:?}", shape.model, shape.journeys, shape.phases),
        Work::Capacity { shape, search, .. } => format!("{:?} {search:?}", shape.journeys),
        Work::Scale { shape, sweep, .. } => format!("{:?} {sweep:?}", shape.journeys),
        Work::Stress { shape } => serde_json::to_string(&shape.same()).unwrap_or_default(),
        Work::Fault { shape, fault, .. } => format!("{} {:?} {fault:?}", shape.model, shape.journeys),
        Work::Finish => "finish".to_owned(),
    }
}
