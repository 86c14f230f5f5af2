//! A run read back: equal to the record that folding its events gives.

use std::path::Path;

use engine_core::histogram::Packed;
use engine_core::measurement::{Measurement, Round};
use engine_core::metric::Metric;
use engine_core::run::{RunHeader, RunId, RunRecord, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;

use crate::error::{At, Error};
use crate::{Store, faults, hosts, json, owner, windows};

/// Samples as stored: 64-bit IEEE 754, little-endian. Exact for every value, and eight bytes each.
pub(crate) fn encode(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Samples read back; bytes beyond the last whole number are an error.
pub(crate) fn decode(data: &[u8]) -> Result<Vec<f64>, String> {
    let (numbers, rest) = data.as_chunks::<8>();
    if rest.is_empty() {
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    } else {
        Err(format!("{} bytes of samples are not a multiple of 8", data.len()))
    }
}

impl Store {
    /// A run by its whole id.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Unreadable`] where the file was changed by others; those of reading.
    pub fn run(&self, id: &RunId) -> Result<RunRecord, Error> {
        // One snapshot, whatever a writer does meanwhile.
        let snapshot = self.connection.unchecked_transaction().at(&self.path)?;
        let record = read(&snapshot, &self.path, id)?;
        record.ok_or_else(|| self.unknown_run(&id.0))
    }
}

/// Why a row does not become a part of the record.
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Content(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            // A column of another type: the content, not the file, is at fault.
            rusqlite::Error::SqliteFailure(..) => Self::Sqlite(error),
            other => Self::Content(other.to_string()),
        }
    }
}

impl From<String> for Fault {
    fn from(detail: String) -> Self {
        Self::Content(detail)
    }
}

fn read(connection: &Connection, path: &Path, id: &RunId) -> Result<Option<RunRecord>, Error> {
    rows(connection, id).map_err(|fault| match fault {
        Fault::Sqlite(error) => Error::of(path, &error),
        Fault::Content(detail) => Error::Unreadable { path: path.to_owned(), run: id.0.clone(), detail },
    })
}

fn rows(connection: &Connection, id: &RunId) -> Result<Option<RunRecord>, Fault> {
    let sql = "SELECT run, header, state, validity, duration, after, sequence, owner, touched
               FROM runs JOIN headers USING (run) WHERE id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([&id.0], |row| {
            let texts: (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let owner: (Option<String>, i64) = (row.get(7)?, row.get(8)?);
            Ok((
                row.get::<_, i64>(0)?,
                texts,
                row.get(4)?,
                row.get::<_, Option<String>>(5)?,
                row.get::<_, i64>(6)?,
                owner,
            ))
        })
        .optional()?;
    let Some((run, (header, state, validity), duration, after, sequence, (owner, touched))) = found else {
        return Ok(None);
    };
    let mut record = RunRecord::new(json::read::<RunHeader>(&header)?);
    (record.state, record.validity) =
        owner::settled(json::named(&state)?, json::read(&validity)?, owner.as_deref(), Timestamp(touched));
    record.duration = duration;
    record.after = after.as_deref().map(json::read).transpose()?;
    record.sequence = sequence.unsigned_abs();
    steps(connection, run, &mut record)?;
    samples(connection, run, &mut record)?;
    windows::read_all(connection, run, &mut record)?;
    faults::read_all(connection, run, &mut record)?;
    record.host = hosts::after(connection, run, -1)?.into_iter().map(|(_, sample)| sample).collect();
    record.notes = all(connection, run, "SELECT data FROM notes WHERE run = ?1 ORDER BY position")?;
    record.judged = all(connection, run, "SELECT data FROM judged WHERE run = ?1 ORDER BY position")?;
    Ok(Some(record))
}

fn all<T: DeserializeOwned>(connection: &Connection, run: i64, sql: &str) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([run])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(json::read(row.get_ref(0)?.as_str().map_err(|error| error.to_string())?)?);
    }
    Ok(found)
}

/// The rows of a run beyond a position, with their positions.
pub(crate) fn all_after<T: DeserializeOwned>(
    connection: &Connection,
    table: &str,
    run: i64,
    after: i64,
) -> Result<Vec<(i64, T)>, Fault> {
    let sql = format!("SELECT position, data FROM {table} WHERE run = ?1 AND position > ?2 ORDER BY position");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([run, after])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let data = json::read(row.get_ref(1)?.as_str().map_err(|error| error.to_string())?)?;
        found.push((row.get(0)?, data));
    }
    Ok(found)
}

fn steps(connection: &Connection, run: i64, record: &mut RunRecord) -> Result<(), Fault> {
    let sql = "SELECT step, outcome, stop FROM steps WHERE run = ?1 AND outcome IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([run])?;
    while let Some(row) = rows.next()? {
        let step = index(row, 0)?;
        let (outcome, stop): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let step = record.steps.get_mut(step).ok_or_else(|| format!("step {step} is not in its plan"))?;
        step.outcome = Some(json::read(&outcome)?);
        step.stop = stop.as_deref().map(json::read).transpose()?;
    }
    Ok(())
}

/// Rounds and samples, in the order in which they were stored: a measurement stands where its first one does.
fn samples(connection: &Connection, run: i64, record: &mut RunRecord) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT m.measurement, m.step, m.labels, e.metric, e.unit, e.goal, e.nature,
                r.number, r.attempt, r.at, r.seconds, r.taints, r.superseded, s.data, s.histogram
         FROM measurements m JOIN series e USING (series) JOIN samples s USING (measurement) JOIN rounds r USING (round)
         WHERE m.run = ?1 ORDER BY s.sample",
    )?;
    let mut rows = statement.query([run])?;
    let mut places = std::collections::HashMap::new();
    while let Some(row) = rows.next()? {
        let measurement: i64 = row.get(0)?;
        let step = index(row, 1)?;
        let into = record.steps.get_mut(step).ok_or_else(|| format!("step {step} is not in its plan"))?;
        let place = match places.get(&measurement) {
            Some(place) => *place,
            None => {
                into.measurements.push(measurement_of(row)?);
                places.insert(measurement, into.measurements.len() - 1);
                into.measurements.len() - 1
            }
        };
        into.measurements[place].rounds.push(round_of(row)?);
    }
    Ok(())
}

fn index(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    row.get::<_, i64>(column).map(|step| usize::try_from(step).unwrap_or(usize::MAX))
}

pub(crate) fn measurement_of(row: &Row<'_>) -> Result<Measurement, Fault> {
    let text = |column: usize| row.get::<_, String>(column);
    let metric = Metric {
        id: text(3)?,
        unit: json::named(&text(4)?)?,
        goal: json::named(&text(5)?)?,
        nature: json::named(&text(6)?)?,
    };
    Ok(Measurement { metric, labels: json::read(&text(2)?)?, rounds: Vec::new() })
}

pub(crate) fn round_of(row: &Row<'_>) -> Result<Round, Fault> {
    // SQLite stores a number that is none as null.
    let number = |column: usize| row.get::<_, Option<f64>>(column).map(|value| value.unwrap_or(f64::NAN));
    let data = row.get_ref(13)?.as_blob().map_err(|error| error.to_string())?;
    let histogram = row.get_ref(14)?.as_blob_or_null().map_err(|error| error.to_string())?;
    Ok(Round {
        number: row.get(7)?,
        attempt: row.get(8)?,
        at: number(9)?,
        seconds: number(10)?,
        taints: json::read(&row.get::<_, String>(11)?)?,
        superseded: row.get(12)?,
        values: decode(data)?,
        histogram: histogram.map(|bytes| Packed::read(bytes).map_err(|error| error.to_string())).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_every_bit() {
        let values = [0.0, -0.0, 1.0 / 3.0, f64::MIN_POSITIVE / 2.0, f64::MAX, f64::INFINITY, f64::NAN];
        let back = decode(&encode(&values)).unwrap();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&values));
        assert!(decode(&[0; 9]).is_err());
    }
}
