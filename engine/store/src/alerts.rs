//! Alerts with their life: raised and resolved by what runs say, acknowledged, silenced, resolved and labelled by people.

use engine_core::alert::{Alert, AlertState, AlertStep, Label, Rule, Signal, Strength, next};
use engine_core::evidence::short_id;
use engine_core::nearest::hint;
use engine_core::run::{RunId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::error::{At, Error};
use crate::normal::Place;
use crate::{Store, json, owner, told};

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// With those that are resolved.
    pub resolved: bool,
    /// Of this scenario.
    pub suite: Option<String>,
    /// Of this branch.
    pub branch: Option<String>,
    /// Of this rule.
    pub rule: Option<Rule>,
}

/// What a person does to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It is known.
    Acknowledge,
    /// It is not to be told until then.
    Silence(Timestamp),
    /// It is over.
    Resolve,
    /// What it was.
    Label(Label),
}

/// A regression that nothing reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Series, as `step.metric{labels}`.
    pub subject: String,
    /// Scenario.
    pub suite: String,
    /// Machine.
    pub machine: String,
    /// Branch.
    pub branch: Option<String>,
    /// The run with which it began.
    pub began: RunId,
    /// Who says so.
    pub who: String,
    /// Why.
    pub why: String,
}

/// An alert about a history is held for so many runs that no longer find the change. What barely stands out is not seen in
/// every run, though the history is the same, and comes back: it would be told anew each time.
const HELD: usize = 10;

const COLUMNS: &str =
    "SELECT alert, id, rule, subject, suite, machine, nullif(branch, ''), state, summary, verdict, first_run,
                              last_run, began, raised, updated, times, until, label FROM alerts";

impl Store {
    /// Takes what a run says. A signal finds the open alert of its rule, subject and place, or makes one; what is well
    /// resolves it; what a run does not speak of stays as it is. Gives the alerts whose state changed.
    ///
    /// A change point that was resolved or called false by a person is not raised again: the same change is there in
    /// every later run.
    ///
    /// # Errors
    /// Those of writing, after which nothing of it is stored.
    pub fn observe(&mut self, place: Place<'_>, run: &RunId, signals: &[Signal]) -> Result<Vec<Alert>, Error> {
        let path = self.path.clone();
        let now = owner::now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let mut changed = Vec::new();
        for signal in signals {
            if let Some(alert) = one(&transaction, place, run, signal, now).at(&path)? {
                changed.push(alert);
            }
        }
        transaction.commit().at(&path)?;
        changed.iter().map(|key| self.alert_of(*key)).collect()
    }

    /// Alerts, the newest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, Error> {
        let sql = format!(
            "{COLUMNS} WHERE (?1 OR state <> 'resolved') AND (?2 IS NULL OR suite = ?2) AND (?3 IS NULL OR branch = ?3)
             AND (?4 IS NULL OR rule = ?4) ORDER BY raised DESC, alert DESC"
        );
        let values = params![filter.resolved, filter.suite, filter.branch, filter.rule.map(Rule::name)];
        let mut statement = self.connection.prepare_cached(&sql).at(&self.path)?;
        let found: Vec<(i64, Alert)> =
            statement.query_map(values, alert_of).and_then(Iterator::collect).at(&self.path)?;
        found.into_iter().map(|(key, alert)| self.with_steps(key, alert)).collect()
    }

    /// The alert of an id or of the beginning of one.
    ///
    /// # Errors
    /// [`Error::UnknownAlert`] when there is none or several.
    pub fn alert(&self, typed: &str) -> Result<Alert, Error> {
        self.alert_of(self.alert_key(typed)?)
    }

    /// Does what a person says to an alert.
    ///
    /// # Errors
    /// [`Error::UnknownAlert`]; [`Error::BadAlert`] when a resolved one is to be acknowledged or silenced.
    pub fn act(&mut self, typed: &str, deed: Deed, who: &str, why: &str) -> Result<Alert, Error> {
        let key = self.alert_key(typed)?;
        let before = self.alert_of(key)?;
        let path = self.path.clone();
        let now = owner::now();
        let over = before.state == AlertState::Resolved;
        if over && matches!(deed, Deed::Acknowledge | Deed::Silence(_)) {
            let reason = "it is resolved already; when it comes back, it is a new alert".to_owned();
            return Err(Error::BadAlert { id: before.id, reason });
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).at(&path)?;
        let set = |state: AlertState, until: Option<Timestamp>| {
            let sql = "UPDATE alerts SET state = ?2, until = ?3, updated = ?4 WHERE alert = ?1";
            transaction
                .execute(sql, params![key, state.name(), until.map(|until| until.0), now.0])
                .map(|_| state.name())
        };
        let word = match deed {
            Deed::Acknowledge => set(AlertState::Acknowledged, None),
            Deed::Silence(until) => set(AlertState::Silenced, Some(until)),
            Deed::Resolve => set(AlertState::Resolved, None),
            Deed::Label(label) => {
                let sql = "UPDATE alerts SET label = ?2, updated = ?3 WHERE alert = ?1";
                transaction.execute(sql, params![key, label.name(), now.0]).map(|_| "labelled")
            }
        };
        let word = word.at(&path)?;
        let why = if let Deed::Label(label) = deed { format!("{}: {why}", label.name()) } else { why.to_owned() };
        step(&transaction, key, now, word, (who, why.trim_end_matches(": ")), None).at(&path)?;
        transaction.commit().at(&path)?;
        self.alert_of(key)
    }

    /// Links an alert to the verdict behind it.
    ///
    /// # Errors
    /// Those of writing.
    pub fn link(&mut self, id: &str, verdict: &str) -> Result<(), Error> {
        let sql = "UPDATE alerts SET verdict = ?2 WHERE id = ?1";
        self.connection.execute(sql, params![id, verdict]).at(&self.path).map(|_| ())
    }

    /// Notes a regression that nothing reported.
    ///
    /// # Errors
    /// Those of writing.
    pub fn note_miss(&mut self, miss: &Miss) -> Result<(), Error> {
        let sql = "INSERT INTO misses (subject, suite, machine, branch, began, at, who, why)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let branch = miss.branch.as_deref().unwrap_or_default();
        let row =
            params![miss.subject, miss.suite, miss.machine, branch, miss.began.0, owner::now().0, miss.who, miss.why];
        self.connection.execute(sql, row).at(&self.path).map(|_| ())
    }

    /// The regressions that nothing reported, oldest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn misses(&self) -> Result<Vec<Miss>, Error> {
        let sql = "SELECT subject, suite, machine, nullif(branch, ''), began, who, why FROM misses ORDER BY miss";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        statement
            .query_map([], |row| {
                Ok(Miss {
                    subject: row.get(0)?,
                    suite: row.get(1)?,
                    machine: row.get(2)?,
                    branch: row.get(3)?,
                    began: RunId(row.get(4)?),
                    who: row.get(5)?,
                    why: row.get(6)?,
                })
            })
            .and_then(Iterator::collect)
            .at(&self.path)
    }

    fn alert_key(&self, typed: &str) -> Result<i64, Error> {
        let sql = "SELECT alert, id FROM alerts WHERE substr(id, 1, length(?1)) = ?1 ORDER BY alert DESC LIMIT 9";
        let wanted = typed.to_ascii_lowercase();
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let found: Vec<(i64, String)> = statement
            .query_map([&wanted], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .at(&self.path)?;
        match found.as_slice() {
            [(key, _)] if !wanted.is_empty() => Ok(*key),
            [] => {
                let mut statement = self
                    .connection
                    .prepare_cached("SELECT id FROM alerts ORDER BY alert DESC LIMIT 1000")
                    .at(&self.path)?;
                let ids: Vec<String> =
                    statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).at(&self.path)?;
                let near = hint(typed, ids.iter().map(String::as_str));
                let near = if near.is_empty() { "; `engine alerts list --all` shows them".to_owned() } else { near };
                Err(Error::UnknownAlert { id: typed.to_owned(), hint: near })
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|(_, id)| id.as_str()).collect();
                Err(Error::UnknownAlert { id: typed.to_owned(), hint: format!("; it could be {}", ids.join(", ")) })
            }
        }
    }

    fn alert_of(&self, key: i64) -> Result<Alert, Error> {
        let sql = format!("{COLUMNS} WHERE alert = ?1");
        let (key, alert) = self.connection.query_row(&sql, [key], alert_of).at(&self.path)?;
        self.with_steps(key, alert)
    }

    fn with_steps(&self, key: i64, alert: Alert) -> Result<Alert, Error> {
        let sql = "SELECT at, state, who, why, run FROM alert_steps WHERE alert = ?1 ORDER BY position";
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let steps = statement
            .query_map([key], |row| {
                Ok(AlertStep {
                    at: Timestamp(row.get(0)?),
                    state: row.get(1)?,
                    who: row.get(2)?,
                    why: row.get(3)?,
                    run: row.get::<_, Option<String>>(4)?.map(RunId),
                })
            })
            .and_then(Iterator::collect)
            .at(&self.path)?;
        Ok(Alert { steps, ..alert })
    }
}

/// What one signal does; gives the key of the alert whose state it changed.
fn one(
    connection: &Connection,
    place: Place<'_>,
    run: &RunId,
    signal: &Signal,
    now: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    let branch = place.branch.unwrap_or_default();
    let of = params![signal.rule.name(), signal.subject, place.suite, place.machine, branch];
    replaced(connection, place, run, signal, now)?;
    let sql = "SELECT alert, state, until FROM alerts WHERE rule = ?1 AND subject = ?2 AND suite = ?3 AND machine = ?4
               AND branch = ?5 AND state <> 'resolved'";
    let open = connection
        .prepare_cached(sql)?
        .query_row(of, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?)))
        .optional()?;
    let why = (signal.strength.is_some()).then_some(signal.summary.as_str());
    let Some((key, state, until)) = open else {
        let Some(strength) = signal.strength else { return Ok(None) };
        if is_settled(connection, place, signal)? {
            return Ok(None);
        }
        let state = next(AlertState::Resolved, None, Some(strength), now);
        let id = short_id(&format!(
            "{} {} {} {} {branch} {}",
            signal.rule.name(),
            signal.subject,
            place.suite,
            place.machine,
            run.0
        ));
        // The same letters as a verdict's, but for the first.
        let id = format!("a{}", &id[1..]);
        // What was over once for this very run is not raised by it again.
        let known = connection.prepare_cached("SELECT 1 FROM alerts WHERE id = ?1")?.exists([&id])?;
        if known {
            return Ok(None);
        }
        connection.prepare_cached(
            "INSERT INTO alerts (id, rule, subject, suite, machine, branch, state, summary, verdict, first_run, last_run,
             raised, updated, times, began) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?11, 1, ?12)",
        )?.execute(params![
            id,
            signal.rule.name(),
            signal.subject,
            place.suite,
            place.machine,
            branch,
            state.name(),
            signal.summary,
            signal.verdict,
            run.0,
            now.0,
            signal.began.as_ref().map(|run| &run.0),
        ])?;
        let key = connection.last_insert_rowid();
        step(connection, key, now, state.name(), ("", why.unwrap_or_default()), Some(run))?;
        return Ok(Some(key));
    };
    let before: AlertState = json::named(&state).unwrap_or(AlertState::Firing);
    let sure = signal.rule == Rule::ChangePoint && before != AlertState::Pending;
    if sure && signal.strength.is_none() && is_held(connection, place, run, signal, key)? {
        return Ok(None);
    }
    let after = next(before, until.map(Timestamp), signal.strength, now);
    if sure && signal.strength == Some(Strength::Weak) {
        // It may speak of another change than the one that is sure: it says only that this is not over.
        let sql = "UPDATE alerts SET last_run = ?2, times = times + 1 WHERE alert = ?1 AND last_run <> ?2";
        connection.prepare_cached(sql)?.execute(params![key, run.0])?;
    } else if signal.strength.is_some() {
        let sql = "UPDATE alerts SET summary = ?2, verdict = coalesce(?3, verdict), last_run = ?4, times = times + 1,
                   began = coalesce(?5, began) WHERE alert = ?1 AND last_run <> ?4";
        let began = signal.began.as_ref().map(|run| &run.0);
        connection.prepare_cached(sql)?.execute(params![key, signal.summary, signal.verdict, run.0, began])?;
    }
    if after == before {
        return Ok(None);
    }
    connection
        .execute("UPDATE alerts SET state = ?2, updated = ?3 WHERE alert = ?1", params![key, after.name(), now.0])?;
    let well = if before == AlertState::Pending { "it did not last" } else { "it is well again" };
    step(connection, key, now, after.name(), ("", why.unwrap_or(well)), Some(run))?;
    Ok(Some(key))
}

/// Whether an alert about a history stays open though a run does not find its change: until the history is sure to have
/// become better since or its level was accepted, or [`HELD`] runs in a row have not found it.
fn is_held(
    connection: &Connection,
    place: Place<'_>,
    run: &RunId,
    signal: &Signal,
    key: i64,
) -> rusqlite::Result<bool> {
    let sql = "SELECT began, last_run FROM alerts WHERE alert = ?1";
    let (began, last): (Option<String>, String) =
        connection.prepare_cached(sql)?.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if let Some(worse) = began.map(RunId)
        && (signal.began.as_ref().is_some_and(|better| *better >= worse) || signal.perhaps.contains(&worse))
    {
        return Ok(false);
    }
    let branch = place.branch.unwrap_or_default();
    let missed = told::runs_between(connection, (place.suite, place.machine, branch), &last, &run.0)?;
    Ok(missed < HELD)
}

/// Resolves the open alert about a history when another change has made it worse again: one that began after the alert
/// was raised. It would hide the later one for ever.
fn replaced(
    connection: &Connection,
    place: Place<'_>,
    run: &RunId,
    signal: &Signal,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let (Some(Strength::Strong), Some(began)) = (signal.strength, &signal.began) else { return Ok(()) };
    let branch = place.branch.unwrap_or_default();
    let sql = "SELECT alert, began FROM alerts WHERE rule = ?1 AND subject = ?2 AND suite = ?3 AND machine = ?4
               AND branch = ?5 AND state <> 'resolved' AND began IS NOT NULL AND first_run < ?6";
    let open: Option<(i64, String)> = connection
        .prepare_cached(sql)?
        .query_row(params![signal.rule.name(), signal.subject, place.suite, place.machine, branch, began.0], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((key, before)) = open else { return Ok(()) };
    if signal.perhaps.contains(&RunId(before)) {
        return Ok(());
    }
    let state = AlertState::Resolved.name();
    connection.execute("UPDATE alerts SET state = ?2, updated = ?3 WHERE alert = ?1", params![key, state, now.0])?;
    step(connection, key, now, state, ("", "a later change took its place"), Some(run))
}

/// Whether a person has said of the same change that it is over, or that it is none.
fn is_settled(connection: &Connection, place: Place<'_>, signal: &Signal) -> rusqlite::Result<bool> {
    if signal.perhaps.is_empty() {
        return Ok(false);
    }
    let sql = "SELECT began FROM alerts a WHERE rule = ?1 AND subject = ?2 AND suite = ?3 AND machine = ?4
               AND branch = ?5 AND began IS NOT NULL AND state = 'resolved' AND (label = 'false' OR EXISTS (
                   SELECT 1 FROM alert_steps s WHERE s.alert = a.alert AND s.state = 'resolved' AND s.run IS NULL))";
    let branch = place.branch.unwrap_or_default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![signal.rule.name(), signal.subject, place.suite, place.machine, branch])?;
    while let Some(row) = rows.next()? {
        let began = RunId(row.get(0)?);
        if signal.perhaps.contains(&began) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn step(
    connection: &Connection,
    key: i64,
    now: Timestamp,
    state: &str,
    (who, why): (&str, &str),
    run: Option<&RunId>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO alert_steps (alert, position, at, state, who, why, run)
               VALUES (?1, (SELECT count(*) FROM alert_steps WHERE alert = ?1), ?2, ?3, ?4, ?5, ?6)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![key, now.0, state, who, why, run.map(|run| &run.0)]).map(|_| ())
}

fn alert_of(row: &Row<'_>) -> rusqlite::Result<(i64, Alert)> {
    let text = |column: usize| row.get::<_, String>(column);
    let unknown = |column: usize, word: &str| {
        let error = format!("`{word}` is no state of an alert");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    };
    let (rule, state) = (text(2)?, text(7)?);
    let label: Option<String> = row.get(17)?;
    let alert = Alert {
        id: text(1)?,
        rule: Rule::named(&rule).ok_or_else(|| unknown(2, &rule))?,
        subject: text(3)?,
        suite: text(4)?,
        machine: text(5)?,
        branch: row.get(6)?,
        state: json::named(&state).map_err(|_| unknown(7, &state))?,
        summary: text(8)?,
        verdict: row.get(9)?,
        first_run: RunId(text(10)?),
        last_run: RunId(text(11)?),
        began: row.get::<_, Option<String>>(12)?.map(RunId),
        raised: Timestamp(row.get(13)?),
        updated: Timestamp(row.get(14)?),
        times: row.get(15)?,
        until: row.get::<_, Option<i64>>(16)?.map(Timestamp),
        label: label.as_deref().and_then(|label| json::named(label).ok()),
        steps: Vec::new(),
    };
    Ok((row.get(0)?, alert))
}
