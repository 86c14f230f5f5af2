//! A run of another process, followed while it runs: what was stored since the last look, as events.
//!
//! The store keeps what events brought, not the events; what is given here folds to the same record, but for rounds that
//! have begun and not ended. Each look reads only what is new.

use std::collections::HashMap;

use engine_core::event::{Envelope, Event, Sampled};
use engine_core::measurement::{Measurement, Record};
use engine_core::run::{RunHeader, RunId, RunRecord, RunState, Timestamp, Validity};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{At, Error};
use crate::record::{Fault, all_after, measurement_of, round_of};
use crate::{Store, hosts, json, owner, windows};

/// A run that is followed, as far as it has been seen.
#[derive(Debug)]
pub struct Follower {
    cursor: Cursor,
    record: RunRecord,
}

/// Where the last look ended.
#[derive(Debug, Clone, Default)]
struct Cursor {
    run: i64,
    round: i64,
    host: i64,
    note: i64,
    judged: String,
    /// How each step ended, as stored.
    ended: HashMap<usize, String>,
    /// Of each step, the round and the end of its last window.
    windows: HashMap<usize, (u32, f64)>,
    finished: bool,
}

impl Follower {
    /// The run as far as it has been seen.
    #[must_use]
    pub const fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Whether its end has been seen: nothing comes any more.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.cursor.finished
    }
}

impl Store {
    /// The runs that some process is doing now, newest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn running(&self) -> Result<Vec<RunId>, Error> {
        let sql = "SELECT id, owner, touched FROM runs WHERE state = 'running' ORDER BY started DESC, id DESC";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found: Vec<(String, Option<String>, i64)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .and_then(Iterator::collect)
            .at(&self.path)?;
        let live = found
            .into_iter()
            .filter(|(_, owner, touched)| state_now(owner.as_deref(), *touched).0 == RunState::Running);
        Ok(live.map(|(id, ..)| RunId(id)).collect())
    }

    /// Begins to follow a run: nothing of it has been seen but its header.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Unreadable`]; those of reading.
    pub fn follow(&self, id: &RunId) -> Result<Follower, Error> {
        let sql = "SELECT run, header FROM runs JOIN headers USING (run) WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found: Option<(i64, String)> =
            statement.query_row([&id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional().at(&self.path)?;
        let Some((run, header)) = found else { return Err(self.unknown_run(&id.0)) };
        let unreadable = |detail| Error::Unreadable { path: self.path.clone(), run: id.0.clone(), detail };
        let header: RunHeader = json::read(&header).map_err(unreadable)?;
        Ok(Follower { cursor: Cursor { run, host: -1, note: -1, ..Cursor::default() }, record: RunRecord::new(header) })
    }

    /// What has been stored of a run since the last look: each event is applied to the follower's record, then `seen` is
    /// told of it. The state of a run whose process is gone is `partial`.
    ///
    /// # Errors
    /// [`Error::UnknownRun`] when it was removed meanwhile; [`Error::Unreadable`]; those of reading. Nothing is seen then.
    pub fn look(&self, follower: &mut Follower, mut seen: impl FnMut(&Envelope, &RunRecord)) -> Result<(), Error> {
        let id = follower.record.header.id.clone();
        // One snapshot, whatever a writer does meanwhile, and a short one.
        let snapshot = self.connection.unchecked_transaction().at(&self.path)?;
        let mut cursor = follower.cursor.clone();
        let found = news(&snapshot, &mut cursor, &follower.record).map_err(|fault| match fault {
            Fault::Sqlite(error) => Error::of(&self.path, &error),
            Fault::Content(detail) => Error::Unreadable { path: self.path.clone(), run: id.0.clone(), detail },
        })?;
        drop(snapshot);
        let Some((duration, events)) = found else { return Err(self.unknown_run(&id.0)) };
        follower.cursor = cursor;
        for event in events {
            let at = match &event {
                Event::Sampled(sampled) => sampled.at + sampled.seconds,
                Event::Host(sample) => sample.at,
                _ => duration,
            };
            let sequence = follower.record.sequence + 1;
            let envelope = Envelope { run: id.clone(), source: "store".to_owned(), sequence, at, event };
            follower.record.apply(&envelope);
            seen(&envelope, &follower.record);
        }
        Ok(())
    }
}

fn state_now(owner: Option<&str>, touched: i64) -> (RunState, Validity) {
    owner::settled(RunState::Running, Validity::default(), owner, Timestamp(touched))
}

/// The duration of the run, and what is new of it; none when it is there no more.
fn news(connection: &Connection, cursor: &mut Cursor, record: &RunRecord) -> Result<Option<(f64, Vec<Event>)>, Fault> {
    let sql = "SELECT state, validity, duration, owner, touched FROM runs WHERE run = ?1 AND id = ?2";
    let row = connection
        .prepare_cached(sql)?
        .query_row(params![cursor.run, record.header.id.0], |row| {
            let texts: (String, String, f64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((texts, row.get::<_, Option<String>>(3)?, row.get::<_, i64>(4)?))
        })
        .optional()?;
    let Some(((state, validity, duration), owner, touched)) = row else { return Ok(None) };
    let mut events = Vec::new();
    sampled(connection, cursor, &mut events)?;
    for step in 0..record.steps.len() {
        let seen = cursor.windows.get(&step).copied();
        let place = i64::try_from(step).unwrap_or(i64::MAX);
        for window in windows::of_step_after(connection, cursor.run, place, seen)? {
            cursor.windows.insert(step, (window.round, window.end()));
            events.push(Event::Window(Box::new(window)));
        }
    }
    for (position, sample) in hosts::after(connection, cursor.run, cursor.host)? {
        cursor.host = position;
        events.push(Event::Host(sample));
    }
    for (position, note) in all_after(connection, "notes", cursor.run, cursor.note)? {
        cursor.note = position;
        events.push(Event::Note(note));
    }
    ended(connection, cursor, &mut events)?;
    judged(connection, cursor, &mut events)?;
    let (state, validity) =
        owner::settled(json::named(&state)?, json::read(&validity)?, owner.as_deref(), Timestamp(touched));
    if state != RunState::Running && !cursor.finished {
        cursor.finished = true;
        events.push(Event::RunFinished { state, validity, after: None });
    }
    Ok(Some((duration, events)))
}

/// Rounds that have ended since.
fn sampled(connection: &Connection, cursor: &mut Cursor, events: &mut Vec<Event>) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT m.measurement, r.step, m.labels, e.metric, e.unit, e.goal, e.nature,
                r.number, r.attempt, r.at, r.seconds, r.taints, r.superseded, coalesce(s.data, x''), s.histogram, r.round
         FROM rounds r LEFT JOIN samples s USING (round) LEFT JOIN measurements m USING (measurement)
         LEFT JOIN series e USING (series)
         WHERE r.run = ?1 AND r.round > ?2 ORDER BY r.round, s.sample",
    )?;
    let mut rows = statement.query(params![cursor.run, cursor.round])?;
    let mut open: Option<(i64, Sampled)> = None;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(15)?;
        let step = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX);
        let round = round_of(row)?;
        if open.as_ref().is_some_and(|(known, _)| *known != key) {
            events.extend(open.take().map(|(_, sampled)| Event::Sampled(sampled)));
        }
        let (_, sampled) = open.get_or_insert_with(|| {
            let sampled = Sampled {
                step,
                round: round.number,
                attempt: round.attempt,
                at: round.at,
                seconds: round.seconds,
                taints: round.taints.clone(),
                records: Vec::new(),
            };
            (key, sampled)
        });
        // A round can end without a sample.
        if row.get::<_, Option<i64>>(0)?.is_some() {
            let Measurement { metric, labels, .. } = measurement_of(row)?;
            sampled.records.push(Record { metric, labels, values: round.values, histogram: round.histogram });
        }
        cursor.round = key;
    }
    events.extend(open.map(|(_, sampled)| Event::Sampled(sampled)));
    Ok(())
}

/// Steps that have ended since.
fn ended(connection: &Connection, cursor: &mut Cursor, events: &mut Vec<Event>) -> Result<(), Fault> {
    let sql = "SELECT step, outcome, stop FROM steps WHERE run = ?1 AND outcome IS NOT NULL ORDER BY step";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([cursor.run])?;
    while let Some(row) = rows.next()? {
        let step = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX);
        let (outcome, stop): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let both = format!("{outcome}{}", stop.as_deref().unwrap_or_default());
        if cursor.ended.get(&step) != Some(&both) {
            cursor.ended.insert(step, both);
            let stop = stop.as_deref().map(json::read).transpose()?;
            events.push(Event::StepFinished { step, outcome: json::read(&outcome)?, stop });
        }
    }
    Ok(())
}

/// All judgements, when one of them is new.
fn judged(connection: &Connection, cursor: &mut Cursor, events: &mut Vec<Event>) -> Result<(), Fault> {
    let sql = "SELECT coalesce(json_group_array(json(data)), '[]') FROM (SELECT data FROM judged WHERE run = ?1 ORDER BY position)";
    let text: String = connection.prepare_cached(sql)?.query_row([cursor.run], |row| row.get(0))?;
    // Before anything was judged there is nothing, and so there is when all of it was taken back.
    if text != cursor.judged && (text != "[]" || !cursor.judged.is_empty()) {
        events.push(Event::Judged(json::read(&text)?));
        cursor.judged = text;
    }
    Ok(())
}
