//! Schedules, how far each has been followed, and what came of each of its times.

use engine_core::nearest::hint;
use engine_core::run::{RunId, Timestamp};
use engine_core::schedule::{Ending, Mark, Occurrence, Schedule};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::error::{At, Error};
use crate::owner::{self, Owner};
use crate::{Store, json};

/// How many occurrences of a schedule are kept: the oldest go first.
const KEPT: i64 = 5_000;

/// A schedule with how far it has been followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The schedule.
    pub schedule: Schedule,
    /// How far.
    pub mark: Mark,
}

/// Whether a step along a schedule is this process's to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is: the numbers of the occurrences that were noted.
    Taken(Vec<i64>),
    /// Another process was faster, or the schedule is gone.
    Lost,
}

const COLUMNS: &str =
    "SELECT occurrence, schedule, due, cause, started, ended, ending, times, reason, exit, run, owner FROM occurrences";

impl Store {
    /// Adds a schedule that is followed from `now` on.
    ///
    /// # Errors
    /// [`Error::BadSchedule`] when the name is taken; those of writing.
    pub fn add_schedule(&mut self, schedule: &Schedule, now: Timestamp) -> Result<(), Error> {
        let data = self.schedule_text(schedule)?;
        let sql = "INSERT OR IGNORE INTO schedules (name, data, enabled, due, checked) VALUES (?1, ?2, ?3, ?4, ?4)";
        let added =
            self.connection.execute(sql, params![schedule.name, data, schedule.enabled, now.0]).at(&self.path)?;
        if added == 0 {
            let reason = format!(
                "there is a schedule `{0}` already; `engine schedule remove {0}` first, or take another name",
                schedule.name
            );
            return Err(Error::BadSchedule { reason });
        }
        Ok(())
    }

    /// Removes a schedule; what came of its times stays.
    ///
    /// # Errors
    /// [`Error::BadSchedule`] when there is none; those of writing.
    pub fn remove_schedule(&mut self, name: &str) -> Result<Schedule, Error> {
        let found = self.schedule(name)?;
        self.connection.execute("DELETE FROM schedules WHERE name = ?1", [name]).at(&self.path)?;
        Ok(found.schedule)
    }

    /// Switches a schedule on or off. Switched on, it is followed from `now` on: what it would have run is not made up for.
    ///
    /// # Errors
    /// [`Error::BadSchedule`] when there is none; those of writing.
    pub fn enable_schedule(&mut self, name: &str, enabled: bool, now: Timestamp) -> Result<Schedule, Error> {
        let found = self.schedule(name)?;
        if found.schedule.enabled == enabled {
            return Ok(found.schedule);
        }
        // From here on its runs are expected: that none came while it was off is no news.
        let created = if enabled { now } else { found.schedule.created };
        let schedule = Schedule { enabled, created, ..found.schedule };
        let data = self.schedule_text(&schedule)?;
        let due = if enabled { now.0 } else { found.mark.due.0 };
        let sql = "UPDATE schedules SET data = ?2, enabled = ?3, due = ?4, checked = ?5 WHERE name = ?1";
        self.connection.execute(sql, params![name, data, enabled, due, now.0]).at(&self.path)?;
        Ok(schedule)
    }

    /// All schedules, by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn schedules(&self) -> Result<Vec<Followed>, Error> {
        let sql = "SELECT data, due, checked FROM schedules ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let rows: Vec<(String, i64, i64)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .and_then(Iterator::collect)
            .at(&self.path)?;
        rows.into_iter().map(|row| self.followed(row)).collect()
    }

    /// The schedule of a name.
    ///
    /// # Errors
    /// [`Error::BadSchedule`] when there is none, with the nearest; those of reading.
    pub fn schedule(&self, name: &str) -> Result<Followed, Error> {
        let sql = "SELECT data, due, checked FROM schedules WHERE name = ?1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let row =
            statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional().at(&self.path)?;
        if let Some(row) = row {
            return self.followed(row);
        }
        let known = self.schedules()?;
        let near = hint(name, known.iter().map(|followed| followed.schedule.name.as_str()));
        let near = if known.is_empty() { "; there is none yet: `engine schedule add`".to_owned() } else { near };
        Err(Error::BadSchedule { reason: format!("there is no schedule `{name}`{near}") })
    }

    /// Takes a step along a schedule, if nobody has taken one since `seen`: moves its mark and notes what is to come of
    /// its times. What is started is noted with this process as its owner.
    ///
    /// # Errors
    /// Those of writing, after which nothing of it is stored.
    pub fn claim_due(&mut self, name: &str, seen: Mark, next: Mark, notes: &[Occurrence]) -> Result<Claim, Error> {
        let path = self.path.clone();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let sql = "UPDATE schedules SET due = ?2, checked = ?3 WHERE name = ?1 AND due = ?4 AND enabled = 1";
        let taken = transaction.execute(sql, params![name, next.due.0, next.checked.0, seen.due.0]).at(&path)?;
        if taken == 0 {
            return Ok(Claim::Lost);
        }
        let mut ids = Vec::new();
        for note in notes {
            ids.push(insert(&transaction, note).at(&path)?);
        }
        transaction.commit().at(&path)?;
        Ok(Claim::Taken(ids))
    }

    /// Notes what is to come of a run that no time of a pattern asked for.
    ///
    /// # Errors
    /// Those of writing.
    pub fn note_occurrence(&mut self, note: &Occurrence) -> Result<i64, Error> {
        insert(&self.connection, note).at(&self.path)
    }

    /// Notes how an occurrence ended.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish_occurrence(&mut self, note: &Occurrence) -> Result<(), Error> {
        let sql = "UPDATE occurrences SET ended = ?2, ending = ?3, reason = ?4, exit = ?5, run = ?6, owner = NULL
                   WHERE occurrence = ?1";
        let row = params![
            note.id,
            note.ended.map(|at| at.0),
            note.ending.name(),
            note.reason,
            note.exit,
            note.run.as_ref().map(|run| &run.0)
        ];
        self.connection.execute(sql, row).at(&self.path)?;
        let old = "DELETE FROM occurrences WHERE schedule = ?1 AND occurrence NOT IN
                   (SELECT occurrence FROM occurrences WHERE schedule = ?1 ORDER BY occurrence DESC LIMIT ?2)";
        self.connection.execute(old, params![note.schedule, KEPT]).at(&self.path).map(|_| ())
    }

    /// What came of the times of a schedule, or of all; the newest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn occurrences(&self, schedule: Option<&str>, limit: usize) -> Result<Vec<Occurrence>, Error> {
        let sql = format!("{COLUMNS} WHERE ?1 IS NULL OR schedule = ?1 ORDER BY occurrence DESC LIMIT ?2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(&sql).at(&self.path)?;
        let found: Vec<(Occurrence, Option<String>)> =
            statement.query_map(params![schedule, limit], occurrence_of).and_then(Iterator::collect).at(&self.path)?;
        Ok(found.into_iter().map(|(occurrence, _)| occurrence).collect())
    }

    /// Marks what is noted as going while its process is gone as lost; gives those.
    ///
    /// # Errors
    /// Those of writing.
    pub fn settle_occurrences(&mut self, now: Timestamp) -> Result<Vec<Occurrence>, Error> {
        let sql = format!("{COLUMNS} WHERE ending = 'running'");
        let mut statement = self.connection.prepare_cached(&sql).at(&self.path)?;
        let going: Vec<(Occurrence, Option<String>)> =
            statement.query_map([], occurrence_of).and_then(Iterator::collect).at(&self.path)?;
        drop(statement);
        let mut lost = Vec::new();
        for (mut note, owner) in going {
            let owner = owner.and_then(|text| json::read::<Owner>(&text).ok());
            if owner.is_some_and(|owner| owner.lives(note.started, owner::now())) {
                continue;
            }
            note.ending = Ending::Lost;
            note.ended = Some(now);
            note.reason = "the scheduler ended before it did: a crash, a kill, or the machine went down".to_owned();
            self.finish_occurrence(&note)?;
            lost.push(note);
        }
        Ok(lost)
    }

    fn schedule_text(&self, schedule: &Schedule) -> Result<String, Error> {
        json::write(schedule).map_err(|detail| Error::Unstorable {
            path: self.path.clone(),
            what: "a schedule".to_owned(),
            detail,
        })
    }

    fn followed(&self, (data, due, checked): (String, i64, i64)) -> Result<Followed, Error> {
        let schedule = json::read(&data).map_err(|detail| Error::Unreadable {
            path: self.path.clone(),
            run: "a schedule".to_owned(),
            detail,
        })?;
        Ok(Followed { schedule, mark: Mark { due: Timestamp(due), checked: Timestamp(checked) } })
    }
}

fn insert(connection: &Connection, note: &Occurrence) -> rusqlite::Result<i64> {
    let going = note.ending == Ending::Running;
    let owner = going.then(|| json::write(&Owner::current()).unwrap_or_default());
    connection
        .prepare_cached(
            "INSERT INTO occurrences (schedule, due, cause, started, ended, ending, times, reason, exit, run, owner)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            note.schedule,
            note.due.0,
            note.cause.name(),
            note.started.0,
            note.ended.map(|at| at.0),
            note.ending.name(),
            note.times,
            note.reason,
            note.exit,
            note.run.as_ref().map(|run| &run.0),
            owner,
        ])?;
    Ok(connection.last_insert_rowid())
}

fn occurrence_of(row: &Row<'_>) -> rusqlite::Result<(Occurrence, Option<String>)> {
    let word = |column: usize, detail: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, detail.into())
    };
    let (cause, ending): (String, String) = (row.get(3)?, row.get(6)?);
    let occurrence = Occurrence {
        id: row.get(0)?,
        schedule: row.get(1)?,
        due: Timestamp(row.get(2)?),
        cause: json::named(&cause).map_err(|detail| word(3, detail))?,
        started: Timestamp(row.get(4)?),
        ended: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        ending: json::named(&ending).map_err(|detail| word(6, detail))?,
        times: row.get(7)?,
        reason: row.get(8)?,
        exit: row.get(9)?,
        run: row.get::<_, Option<String>>(10)?.map(RunId),
    };
    Ok((occurrence, row.get(11)?))
}
