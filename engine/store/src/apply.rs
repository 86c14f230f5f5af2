//! Events into rows. What [`RunRecord::apply`](engine_core::run::RunRecord::apply) does in memory is done here in
//! tables, by the same rules: an event at or below the last sequence number
//! of its run changes nothing (a run has one source for now).

use std::collections::HashMap;
use std::path::Path;

use engine_core::event::{Envelope, Event, Note, Sampled};
use engine_core::measurement::Round;
use engine_core::run::RunId;
use engine_core::series::Labels;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{At, Error};
use crate::hosts;
use crate::json;
use crate::owner::{self, Owner};
use crate::rows::Rows;
use crate::{faults, windows};

/// What is known of a run that is being written.
#[derive(Debug)]
struct Known {
    run: i64,
    sequence: u64,
    duration: f64,
    suite: String,
    steps: Vec<(String, Labels)>,
}

/// Applies events to an open transaction. One for each batch: after a rollback nothing that it knows is true.
pub(crate) struct Batch<'a> {
    rows: Rows<'a>,
    runs: HashMap<RunId, Known>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(connection: &'a Connection, path: &'a Path) -> Self {
        Self { rows: Rows { connection, path }, runs: HashMap::new() }
    }

    /// Applies one event.
    pub(crate) fn apply(&mut self, envelope: &Envelope) -> Result<(), Error> {
        let rows = self.rows;
        if !self.runs.contains_key(&envelope.run) {
            match load(rows.connection, &envelope.run).at(rows.path)? {
                Some(known) => {
                    self.runs.insert(envelope.run.clone(), known);
                }
                None => {
                    let Event::RunStarted(header) = &envelope.event else {
                        let detail = "its run was never started".to_owned();
                        return Err(rows.unstorable(&format!("an event of run `{}`", envelope.run), detail));
                    };
                    rows.start(header, Some(&Owner::current()))?;
                    let known = load(rows.connection, &envelope.run).at(rows.path)?;
                    self.runs.extend(known.map(|known| (envelope.run.clone(), known)));
                }
            }
        }
        let Some(known) = self.runs.get_mut(&envelope.run) else { return Ok(()) };
        if envelope.sequence <= known.sequence {
            return Ok(());
        }
        known.sequence = envelope.sequence;
        known.duration = known.duration.max(envelope.at);
        let position = rows.integer(envelope.sequence)?;
        match &envelope.event {
            Event::RunStarted(_) => rows.own(known.run),
            Event::StepStarted { .. } | Event::RoundStarted { round: None, .. } => Ok(()),
            Event::RoundStarted { step, round: Some(round) } => {
                faults::begin(rows, known.run, *step, *round)?;
                windows::begin(rows, known.run, *step, *round)
            }
            Event::Fault(fault) if fault.step < known.steps.len() => faults::insert(rows, known.run, fault),
            Event::Fault(_) => Ok(()),
            Event::Sampled(sampled) => take_samples(rows, known, sampled),
            Event::StepFinished { step, outcome, stop } => {
                let stop = stop.as_ref().map(|stop| rows.text("a step's end", stop)).transpose()?;
                rows.step_finished(known.run, *step, outcome, stop)
            }
            Event::Window(window) if window.step < known.steps.len() => windows::take(rows, known.run, window),
            Event::Window(_) => Ok(()),
            Event::Host(sample) => hosts::insert(rows, known.run, position, sample),
            Event::Note(note) => {
                // As a record takes it.
                let note = Note { at: note.at.or(Some(envelope.at)), ..note.clone() };
                let data = rows.text("a note", &note)?;
                rows.run("INSERT INTO notes VALUES (?1, ?2, ?3)", params![known.run, position, data])
            }
            Event::Judged(judged) => {
                rows.run("DELETE FROM judged WHERE run = ?1", params![known.run])?;
                for (judged, position) in judged.iter().zip(0_i64..) {
                    let data = rows.text("a judgement", judged)?;
                    let judgement = json::name(&judged.judgement);
                    let row = params![known.run, position, judgement, data];
                    rows.run("INSERT INTO judged VALUES (?1, ?2, ?3, ?4)", row)?;
                }
                Ok(())
            }
            Event::RunFinished { state, validity, after } => {
                let validity = rows.text("a validity", validity)?;
                let after = after.as_ref().map(|after| rows.text("an environment", after)).transpose()?;
                rows.run(
                    "UPDATE runs SET state = ?2, validity = ?3, owner = NULL WHERE run = ?1",
                    params![known.run, state.name(), validity],
                )?;
                rows.run("UPDATE headers SET after = ?2 WHERE run = ?1", params![known.run, after])
            }
        }
    }

    /// Writes how far each run has come. To be called once, before the commit.
    pub(crate) fn seal(self) -> Result<(), Error> {
        let touched = owner::now().0;
        for known in self.runs.values() {
            let sequence = self.rows.integer(known.sequence)?;
            self.rows.run(
                "UPDATE runs SET sequence = ?2, duration = max(duration, ?3), touched = ?4 WHERE run = ?1",
                params![known.run, sequence, known.duration, touched],
            )?;
        }
        Ok(())
    }
}

/// The samples of a round.
fn take_samples(rows: Rows<'_>, known: &Known, sampled: &Sampled) -> Result<(), Error> {
    let Some((name, labels)) = known.steps.get(sampled.step) else { return Ok(()) };
    let step = rows.integer(sampled.step as u64)?;
    if sampled.attempt > 0 {
        rows.run(
            "UPDATE rounds SET superseded = 1 WHERE run = ?1 AND step = ?2 AND number = ?3",
            params![known.run, step, sampled.round],
        )?;
    }
    let round = Round {
        number: sampled.round,
        attempt: sampled.attempt,
        at: sampled.at,
        seconds: sampled.seconds,
        taints: sampled.taints.clone(),
        superseded: false,
        values: Vec::new(),
        histogram: None,
    };
    let key = rows.round(known.run, step, &round)?;
    for record in &sampled.records {
        let series = rows.series(&known.suite, name, labels, record)?;
        let measurement = rows.measurement(known.run, step, series, &record.labels)?;
        rows.samples(measurement, key, &round, record)?;
    }
    Ok(())
}

fn load(connection: &Connection, id: &RunId) -> rusqlite::Result<Option<Known>> {
    let row = connection
        .prepare_cached("SELECT run, sequence, duration, suite FROM runs WHERE id = ?1")?
        .query_row([&id.0], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((run, sequence, duration, suite)) = row else { return Ok(None) };
    let mut statement = connection.prepare_cached("SELECT name, labels FROM steps WHERE run = ?1 ORDER BY step")?;
    let steps = statement
        .query_map([run], |row| Ok((row.get(0)?, json::read(&row.get::<_, String>(1)?).unwrap_or_default())))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Known { run, sequence: sequence.unsigned_abs(), duration, suite, steps }))
}
