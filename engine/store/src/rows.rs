//! The rows of a run: one function for each kind. An event of a live run and a whole run from elsewhere pass through the
//! same ones.

use std::path::Path;

use engine_core::histogram::Packed;
use engine_core::measurement::{Measurement, Record, Round};
use engine_core::run::{RunHeader, RunRecord, RunState, Validity};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{At, Error};
use crate::owner::{self, Owner};
use crate::{faults, hosts, json, record, windows};

/// Writes rows within an open transaction.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) path: &'a Path,
}

impl Rows<'_> {
    /// Stores what is known of a run before its first step. Gives its key.
    pub(crate) fn start(&self, header: &RunHeader, owner: Option<&Owner>) -> Result<i64, Error> {
        let text = self.text("the header of a run", header)?;
        let owner = owner.map(|owner| self.text("a process", owner)).transpose()?;
        let validity = self.text("a validity", &Validity::default())?;
        let tags = self.text("tags", &header.tags)?;
        let code = &header.code;
        let suite = &header.scenario.name;
        let profile = header.plan.profile;
        self.connection
            .prepare_cached(
                "INSERT INTO runs (id, suite, source, hash, profile, tiny, state, validity, started, duration, commit_id,
                 branch, dirty, committed, machine, class, tags, engine, seed, sequence, owner, touched)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0.0, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, 0, ?19, ?20)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    header.id.0,
                    suite,
                    header.scenario.source,
                    header.scenario.hash,
                    profile.name(),
                    profile == engine_core::plan::Profile::Tiny,
                    RunState::Running.name(),
                    validity,
                    header.started.0,
                    code.commit.as_deref(),
                    code.branch.as_deref(),
                    code.dirty.known(),
                    code.committed_at.known(),
                    header.machine,
                    header.environment.class_id(),
                    tags,
                    header.engine,
                    header.plan.seed.to_string(),
                    owner,
                    owner::now().0,
                ])
            })
            .at(self.path)?;
        let run = self.connection.last_insert_rowid();
        self.run("INSERT INTO headers (run, header) VALUES (?1, ?2)", params![run, text])?;
        for (step, index) in header.plan.steps.iter().zip(0_i64..) {
            let labels = self.text("labels", &step.labels)?;
            self.connection
                .prepare_cached("INSERT INTO steps (run, step, name, labels) VALUES (?1, ?2, ?3, ?4)")
                .and_then(|mut statement| statement.execute(params![run, index, step.name, labels]))
                .at(self.path)?;
        }
        Ok(run)
    }

    /// The run goes on in this process: it has just begun, or was resumed.
    pub(crate) fn own(&self, run: i64) -> Result<(), Error> {
        let owner = self.text("a process", &Owner::current())?;
        self.run("UPDATE runs SET state = 'running', owner = ?2 WHERE run = ?1", params![run, owner])
    }

    pub(crate) fn step_finished(
        &self,
        run: i64,
        step: usize,
        outcome: &Outcome,
        stop: Option<String>,
    ) -> Result<(), Error> {
        let text = self.text("an outcome", outcome)?;
        self.run(
            "UPDATE steps SET kind = ?3, outcome = ?4, stop = ?5 WHERE run = ?1 AND step = ?2",
            params![run, self.integer(step as u64)?, json::tag(outcome), text, stop],
        )
    }

    /// Stores a round; gives its key.
    pub(crate) fn round(&self, run: i64, step: i64, round: &Round) -> Result<i64, Error> {
        let taints = self.text("a taint", &round.taints)?;
        self.run(
            "INSERT INTO rounds (run, step, number, attempt, at, seconds, taints, superseded)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![run, step, round.number, round.attempt, round.at, round.seconds, taints, round.superseded],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The key of a series, which is made where it is new.
    pub(crate) fn series(&self, suite: &str, step: &str, labels: &Labels, record: &Record) -> Result<i64, Error> {
        let labels = self.text("labels", &labels.joined(&record.labels))?;
        let metric = &record.metric;
        let (unit, goal, nature) = (json::name(&metric.unit), json::name(&metric.goal), json::name(&metric.nature));
        let row = params![suite, step, metric.id, labels, unit, goal, nature];
        self.key(
            "SELECT series FROM series WHERE suite = ?1 AND step = ?2 AND metric = ?3 AND labels = ?4 AND unit = ?5
             AND goal = ?6 AND nature = ?7",
            "INSERT INTO series (suite, step, metric, labels, unit, goal, nature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            row,
        )
    }

    pub(crate) fn measurement(&self, run: i64, step: i64, series: i64, labels: &Labels) -> Result<i64, Error> {
        let labels = self.text("labels", labels)?;
        self.key(
            "SELECT measurement FROM measurements WHERE run = ?1 AND step = ?2 AND series = ?3 AND labels = ?4",
            "INSERT INTO measurements (run, step, series, labels) VALUES (?1, ?2, ?3, ?4)",
            params![run, step, series, labels],
        )
    }

    pub(crate) fn samples(&self, measurement: i64, key: i64, round: &Round, record: &Record) -> Result<(), Error> {
        let one = Measurement {
            metric: record.metric.clone(),
            labels: Labels::new(),
            rounds: vec![Round { superseded: false, values: record.values.clone(), histogram: None, ..round.clone() }],
        };
        self.run(
            "INSERT INTO samples (measurement, round, value, data, histogram) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                measurement,
                key,
                one.round_values().first(),
                record::encode(&record.values),
                record.histogram.as_ref().map(Packed::bytes)
            ],
        )
    }

    fn key(&self, find: &str, insert: &str, row: &[&dyn rusqlite::ToSql]) -> Result<i64, Error> {
        let mut statement = self.connection.prepare_cached(find).at(self.path)?;
        match statement.query_row(row, |found| found.get(0)).optional().at(self.path)? {
            Some(key) => Ok(key),
            None => {
                self.run(insert, row)?;
                Ok(self.connection.last_insert_rowid())
            }
        }
    }

    /// A number that a query gives.
    pub(crate) fn count(&self, sql: &str, row: &[&dyn rusqlite::ToSql]) -> Result<i64, Error> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(row, |found| found.get(0)))
            .at(self.path)
    }

    pub(crate) fn run(&self, sql: &str, row: &[&dyn rusqlite::ToSql]) -> Result<(), Error> {
        self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(row)).at(self.path)?;
        Ok(())
    }

    pub(crate) fn text<T: Serialize + DeserializeOwned>(&self, what: &str, value: &T) -> Result<String, Error> {
        json::write(value).map_err(|detail| self.unstorable(what, detail))
    }

    pub(crate) fn integer(&self, value: u64) -> Result<i64, Error> {
        i64::try_from(value).map_err(|error| self.unstorable("a number", error.to_string()))
    }

    pub(crate) fn unstorable(&self, what: &str, detail: String) -> Error {
        Error::Unstorable { path: self.path.to_owned(), what: what.to_owned(), detail }
    }

    /// Stores a whole run that came from elsewhere. Gives its key.
    pub(crate) fn insert(&self, record: &RunRecord) -> Result<i64, Error> {
        let header = &record.header;
        let run = self.start(header, None)?;
        // Its process is not here: nobody will finish it.
        let (state, validity) = owner::settled(record.state, record.validity.clone(), None, header.started);
        let validity = self.text("a validity", &validity)?;
        let after = record.after.as_ref().map(|after| self.text("an environment", after)).transpose()?;
        self.run(
            "UPDATE runs SET state = ?2, validity = ?3, duration = ?4, sequence = ?5 WHERE run = ?1",
            params![run, state.name(), validity, record.duration, self.integer(record.sequence)?],
        )?;
        self.run("UPDATE headers SET after = ?2 WHERE run = ?1", params![run, after])?;
        for (step, index) in record.steps.iter().zip(0_i64..) {
            // The rounds of one step are shared by its measurements.
            let mut rounds: Vec<(Round, i64)> = Vec::new();
            for measurement in &step.measurements {
                for round in &measurement.rounds {
                    let about = Round { values: Vec::new(), histogram: None, ..round.clone() };
                    let key = match rounds.iter().find(|(known, _)| *known == about) {
                        Some((_, key)) => *key,
                        None => self.round(run, index, &about)?,
                    };
                    let record = Record {
                        metric: measurement.metric.clone(),
                        labels: measurement.labels.clone(),
                        values: round.values.clone(),
                        histogram: round.histogram.clone(),
                    };
                    let series = self.series(&header.scenario.name, &step.plan.name, &step.plan.labels, &record)?;
                    let into = self.measurement(run, index, series, &record.labels)?;
                    self.samples(into, key, &about, &record)?;
                    rounds.push((about, key));
                }
            }
            for window in &step.windows {
                windows::insert(*self, run, index, window)?;
            }
            if let Some(outcome) = &step.outcome {
                let stop = step.stop.as_ref().map(|stop| self.text("a step's end", stop)).transpose()?;
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                self.step_finished(run, index, outcome, stop)?;
            }
        }
        record.faults.iter().try_for_each(|fault| faults::insert(*self, run, fault))?;
        for (sample, position) in record.host.iter().zip(0_i64..) {
            hosts::insert(*self, run, position, sample)?;
        }
        for (note, position) in record.notes.iter().zip(0_i64..) {
            self.run("INSERT INTO notes VALUES (?1, ?2, ?3)", params![run, position, self.text("a note", note)?])?;
        }
        for (judged, position) in record.judged.iter().zip(0_i64..) {
            let data = self.text("a judgement", judged)?;
            let row = params![run, position, json::name(&judged.judgement), data];
            self.run("INSERT INTO judged VALUES (?1, ?2, ?3, ?4)", row)?;
        }
        Ok(run)
    }
}
