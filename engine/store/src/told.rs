//! What people were last told of each rule and subject, and what of the alerts they have not been told yet.
//!
//! This compares states, it does not follow events: whatever was interrupted, the next look finds what is still to be
//! told, and nothing twice.

use engine_core::alert::{Alert, AlertState, Rule};
use engine_core::run::{RunId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{At, Error};
use crate::outbox::count;
use crate::{AlertFilter, Store};

/// What people were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldState {
    /// That it is wrong.
    Firing,
    /// That it is well again.
    Resolved,
}

impl ToldState {
    const fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// What people are told of a rule and a subject from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The alert that it is about.
    pub alert: Alert,
    /// What they are told.
    pub state: ToldState,
    /// Whether nothing is said of it by itself.
    pub silent: bool,
    /// What they were told before, as it was read.
    pub before: Option<(ToldState, Timestamp)>,
}

/// What people have not been told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The alert.
    pub alert: Alert,
    /// What there is to tell.
    pub state: ToldState,
    /// What they were told before.
    pub before: Option<(ToldState, Timestamp)>,
    /// Whether what they were told before was counted in with another notice.
    pub silent: bool,
    /// Of what is well again: the runs of its scenario, machine and branch since, that with which it became so included.
    pub runs_since: usize,
    /// Of what is well again: whether a person said so.
    pub by_person: bool,
}

impl Untold {
    /// What is noted when people are told it.
    #[must_use]
    pub fn told(&self, silent: bool) -> Told {
        Told { alert: self.alert.clone(), state: self.state, silent, before: self.before }
    }
}

struct Known {
    rule: String,
    subject: String,
    suite: String,
    machine: String,
    branch: String,
    at: i64,
    silent: bool,
}

impl Store {
    /// What people have not been told yet, the oldest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn untold(&self) -> Result<Vec<Untold>, Error> {
        let open = self.alerts(&AlertFilter::default())?;
        let mut all = Vec::new();
        for alert in open.iter().rev().filter(|alert| alert.state == AlertState::Firing) {
            let before = self.told_of(alert)?;
            if let Some((ToldState::Firing, _, of)) = &before
                && !self.is_replaced(of, alert)?
            {
                continue;
            }
            all.push(Untold {
                alert: alert.clone(),
                state: ToldState::Firing,
                before: before.map(|(state, at, _)| (state, at)),
                silent: false,
                runs_since: 0,
                by_person: false,
            });
        }
        for row in self.told_firing()? {
            let same = |alert: &&Alert| {
                alert.rule.name() == row.rule
                    && alert.subject == row.subject
                    && alert.suite == row.suite
                    && alert.machine == row.machine
                    && alert.branch.as_deref().unwrap_or_default() == row.branch
            };
            if open.iter().any(|alert| same(&alert)) {
                continue;
            }
            let Some(alert) = self.last_alert(&row)? else { continue };
            let step = alert.steps.iter().rev().find(|step| step.state == AlertState::Resolved.name());
            let run = step.and_then(|step| step.run.clone());
            let runs_since = match &run {
                Some(run) => self.runs_from(&row, run)?,
                None => 0,
            };
            all.push(Untold {
                alert,
                state: ToldState::Resolved,
                before: Some((ToldState::Firing, Timestamp(row.at))),
                silent: row.silent,
                runs_since,
                by_person: run.is_none(),
            });
        }
        Ok(all)
    }

    /// The alerts of a rule about a place, resolved ones too, that were raised by a run: the runs with which the
    /// environment changed, for instance.
    ///
    /// # Errors
    /// Those of reading.
    pub fn raised_by(&self, rule: Rule, like: &Alert) -> Result<Vec<RunId>, Error> {
        let sql = "SELECT first_run FROM alerts WHERE rule = ?1 AND suite = ?2 AND machine = ?3 AND branch = ?4";
        let branch = like.branch.as_deref().unwrap_or_default();
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_map(params![rule.name(), like.suite, like.machine, branch], |row| row.get(0).map(RunId))
            .and_then(Iterator::collect)
            .at(&self.path)
    }

    /// How many runs of the same scenario, machine and branch lie between two, the later one included; 0 for the same.
    ///
    /// # Errors
    /// Those of reading.
    pub fn runs_between(&self, like: &Alert, a: &RunId, b: &RunId) -> Result<usize, Error> {
        let (from, to) = if a <= b { (a, b) } else { (b, a) };
        let branch = like.branch.as_deref().unwrap_or_default();
        runs_between(&self.connection, (&like.suite, &like.machine, branch), &from.0, &to.0).at(&self.path)
    }

    /// The newest run of the scenario, machine and branch of an alert.
    ///
    /// # Errors
    /// Those of reading.
    pub fn newest_like(&self, like: &Alert) -> Result<Option<RunId>, Error> {
        let sql =
            "SELECT max(id) FROM runs WHERE suite = ?1 AND machine = ?2 AND coalesce(branch, '') = ?3 AND tiny = 0";
        let branch = like.branch.as_deref().unwrap_or_default();
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found =
            statement.query_row(params![like.suite, like.machine, branch], |row| row.get::<_, Option<String>>(0));
        found.map(|run| run.map(RunId)).at(&self.path)
    }

    /// Notes where an alert is thought to have begun; gives how many runs in a row have agreed, this one included. Places
    /// that are `near` runs apart are the same.
    ///
    /// # Errors
    /// Those of writing.
    pub fn note_place(&mut self, alert: &Alert, run: &RunId, near: usize) -> Result<u32, Error> {
        let before = self.place_of(&alert.id)?;
        let agreed = match before {
            Some((place, agreed)) if self.runs_between(alert, &place, run)? <= near => agreed.saturating_add(1),
            _ => 1,
        };
        let sql = "INSERT INTO places (alert, run, agreed) VALUES (?1, ?2, ?3)
                   ON CONFLICT (alert) DO UPDATE SET run = ?2, agreed = ?3";
        self.connection.execute(sql, params![alert.id, run.0, agreed]).at(&self.path)?;
        Ok(agreed)
    }

    /// Where an alert is thought to have begun, and how many runs in a row have agreed on it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn place_of(&self, alert: &str) -> Result<Option<(RunId, u32)>, Error> {
        let sql = "SELECT run, agreed FROM places WHERE alert = ?1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement.query_row([alert], |row| Ok((RunId(row.get(0)?), row.get(1)?))).optional().at(&self.path)
    }

    /// Whether an alert is about another change than the one that people were told of, `before`: that was resolved by the
    /// very run which raised this one, or had been raised before this change began.
    fn is_replaced(&self, before: &str, alert: &Alert) -> Result<bool, Error> {
        if before == alert.id {
            return Ok(false);
        }
        let sql = "SELECT count(*) FROM alerts a WHERE a.id = ?1 AND (a.first_run < ?3 OR EXISTS (
                       SELECT 1 FROM alert_steps s WHERE s.alert = a.alert AND s.state = 'resolved' AND s.run = ?2))";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let began = alert.began.as_ref().map(|run| &run.0);
        statement
            .query_row(params![before, alert.first_run.0, began], |row| Ok(row.get::<_, i64>(0)? > 0))
            .at(&self.path)
    }

    fn told_of(&self, alert: &Alert) -> Result<Option<(ToldState, Timestamp, String)>, Error> {
        let sql = "SELECT state, at, alert FROM told WHERE rule = ?1 AND subject = ?2 AND suite = ?3 AND machine = ?4
                   AND branch = ?5";
        let branch = alert.branch.as_deref().unwrap_or_default();
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_row(params![alert.rule.name(), alert.subject, alert.suite, alert.machine, branch], |row| {
                let state: String = row.get(0)?;
                let state = if state == "firing" { ToldState::Firing } else { ToldState::Resolved };
                Ok((state, Timestamp(row.get(1)?), row.get(2)?))
            })
            .optional()
            .at(&self.path)
    }

    fn told_firing(&self) -> Result<Vec<Known>, Error> {
        let sql =
            "SELECT rule, subject, suite, machine, branch, at, silent FROM told WHERE state = 'firing' ORDER BY at";
        let read = |row: &Row<'_>| {
            Ok(Known {
                rule: row.get(0)?,
                subject: row.get(1)?,
                suite: row.get(2)?,
                machine: row.get(3)?,
                branch: row.get(4)?,
                at: row.get(5)?,
                silent: row.get(6)?,
            })
        };
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement.query_map([], read).and_then(Iterator::collect).at(&self.path)
    }

    fn last_alert(&self, row: &Known) -> Result<Option<Alert>, Error> {
        let sql =
            "SELECT id FROM alerts WHERE rule = ?1 AND subject = ?2 AND suite = ?3 AND machine = ?4 AND branch = ?5
                   ORDER BY alert DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let id: Option<String> = statement
            .query_row(params![row.rule, row.subject, row.suite, row.machine, row.branch], |row| row.get(0))
            .optional()
            .at(&self.path)?;
        id.map(|id| self.alert(&id)).transpose()
    }

    fn runs_from(&self, row: &Known, run: &RunId) -> Result<usize, Error> {
        let sql = "SELECT count(*) FROM runs WHERE suite = ?1 AND machine = ?2 AND coalesce(branch, '') = ?3
                   AND tiny = 0 AND id >= ?4";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement.query_row(params![row.suite, row.machine, row.branch, run.0], |row| count(row, 0)).at(&self.path)
    }
}

/// The runs of a scenario, machine and branch after one and up to another.
pub(crate) fn runs_between(
    connection: &Connection,
    (suite, machine, branch): (&str, &str, &str),
    after: &str,
    to: &str,
) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM runs WHERE suite = ?1 AND machine = ?2 AND coalesce(branch, '') = ?3
               AND tiny = 0 AND id > ?4 AND id <= ?5";
    connection.prepare_cached(sql)?.query_row(params![suite, machine, branch, after, to], |row| count(row, 0))
}

/// Notes what people are told, unless another process has done so since it was read.
pub(crate) fn mark(connection: &Connection, told: &Told, now: Timestamp) -> rusqlite::Result<bool> {
    let alert = &told.alert;
    let branch = alert.branch.as_deref().unwrap_or_default();
    let changed = match told.before {
        None => {
            let sql = "INSERT OR IGNORE INTO told (rule, subject, suite, machine, branch, state, alert, at, silent)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            connection.prepare_cached(sql)?.execute(params![
                alert.rule.name(),
                alert.subject,
                alert.suite,
                alert.machine,
                branch,
                told.state.name(),
                alert.id,
                now.0,
                told.silent
            ])?
        }
        Some((state, at)) => {
            let sql = "UPDATE told SET state = ?6, alert = ?7, at = ?8, silent = ?9 WHERE rule = ?1 AND subject = ?2
                       AND suite = ?3 AND machine = ?4 AND branch = ?5 AND state = ?10 AND at = ?11";
            connection.prepare_cached(sql)?.execute(params![
                alert.rule.name(),
                alert.subject,
                alert.suite,
                alert.machine,
                branch,
                told.state.name(),
                alert.id,
                now.0,
                told.silent,
                state.name(),
                at.0
            ])?
        }
    };
    Ok(changed == 1)
}
