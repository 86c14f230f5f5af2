//! Which process writes a run, and whether it still lives: a run whose process is gone will never be finished.
//!
//! A process id alone is reused; with the process's start time and the boot it names one process for ever. A process of
//! another pid namespace (another container) cannot be looked up: there the age of the run's last commit decides.

use std::time::{SystemTime, UNIX_EPOCH};

use engine_core::run::{RunState, Timestamp, Validity, ValidityLevel};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::error::{At, Error};
use crate::json;

/// A live run commits at least as often as its monitor reports; one silent for so long is taken for dead when nothing
/// better is known. Microseconds.
const SILENCE: i64 = 60_000_000;

/// The reason in the validity of a run whose process ended without finishing it.
pub const REASON: &str = "the process that ran it ended without finishing it; what it had stored by then is here";

/// A process, named for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pid: u32,
    /// Clock ticks from boot to the process's start; 0 when unknown.
    start: u64,
    /// The kernel's id of this boot; empty when unknown.
    boot: String,
    /// The pid namespace; empty when unknown.
    namespace: String,
}

impl Owner {
    /// This process.
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        let start = match stat(pid) {
            Some((_, start)) => start,
            None => 0,
        };
        Self { pid, start, boot: boot(), namespace: namespace() }
    }

    /// Whether the process lives, as far as can be told; `touched` is when it last stored something.
    pub(crate) fn lives(&self, touched: Timestamp, now: Timestamp) -> bool {
        let here = Self { pid: self.pid, start: self.start, boot: boot(), namespace: namespace() };
        if !here.boot.is_empty() && !self.boot.is_empty() && here.boot != self.boot {
            return false;
        }
        if self.start == 0 || here.namespace.is_empty() || here != *self {
            return now.0.saturating_sub(touched.0).abs() < SILENCE;
        }
        // A zombie has ended; only its parent has not noticed.
        stat(self.pid).is_some_and(|(state, start)| start == self.start && !matches!(state, 'Z' | 'X'))
    }
}

/// State letter and start time of a process; none when there is no such process.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold any character, a parenthesis too.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

fn namespace() -> String {
    std::fs::read_link("/proc/self/ns/pid").map_or_else(|_| String::new(), |link| link.to_string_lossy().into_owned())
}

/// The calendar time.
pub(crate) fn now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// What a stored run that says `running` really is.
pub(crate) fn settled(
    state: RunState,
    validity: Validity,
    owner: Option<&str>,
    touched: Timestamp,
) -> (RunState, Validity) {
    let abandoned = state == RunState::Running
        && !owner.and_then(|owner| json::read::<Owner>(owner).ok()).is_some_and(|owner| owner.lives(touched, now()));
    if abandoned { (RunState::Partial, lowered(validity)) } else { (state, validity) }
}

fn lowered(mut validity: Validity) -> Validity {
    validity.lower(ValidityLevel::Degraded, REASON);
    validity
}

/// Marks the runs whose process is gone as `partial`. Gives their ids.
pub(crate) fn settle_orphans(connection: &mut Connection, path: &std::path::Path) -> Result<Vec<String>, Error> {
    let orphans = abandoned(connection).at(path)?;
    if orphans.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).at(path)?;
    let mut settled = Vec::new();
    // Looked up again: another process may have settled or resumed them.
    for (run, id, validity) in abandoned(&transaction).at(path)? {
        let validity = lowered(json::read(&validity).unwrap_or_default());
        let validity = json::write(&validity).map_err(|detail| Error::Unstorable {
            path: path.to_owned(),
            what: "a validity".to_owned(),
            detail,
        })?;
        transaction
            .execute(
                "UPDATE runs SET state = 'partial', owner = NULL, validity = ?2 WHERE run = ?1",
                params![run, validity],
            )
            .at(path)?;
        settled.push(id);
    }
    transaction.commit().at(path)?;
    for id in &settled {
        tracing::warn!(run = id.as_str(), "{REASON}");
    }
    Ok(settled)
}

/// Key, id and validity of the runs that say `running` and whose process is gone.
fn abandoned(connection: &Connection) -> rusqlite::Result<Vec<(i64, String, String)>> {
    let mut statement =
        connection.prepare("SELECT run, id, validity, owner, touched FROM runs WHERE state = 'running'")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (owner, touched): (Option<String>, i64) = (row.get(3)?, row.get(4)?);
        let (state, _) = settled(RunState::Running, Validity::default(), owner.as_deref(), Timestamp(touched));
        if state == RunState::Partial {
            found.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_an_earlier_one_of_the_same_id_does_not() {
        let me = Owner::current();
        let long_ago = Timestamp(0);
        assert!(me.lives(long_ago, now()));
        assert!(!Owner { start: me.start + 1, ..me.clone() }.lives(now(), now()), "the id was reused");
        assert!(!Owner { boot: "another".into(), ..me.clone() }.lives(now(), now()), "before a restart");
    }

    #[test]
    fn a_process_that_cannot_be_looked_up_is_judged_by_its_silence() {
        let elsewhere = Owner { namespace: "pid:[1]".into(), ..Owner::current() };
        let moment = now();
        assert!(elsewhere.lives(moment, moment));
        assert!(!elsewhere.lives(Timestamp(moment.0 - SILENCE), moment));
    }

    #[test]
    fn a_dead_child_is_dead_before_and_after_it_is_waited_for() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (_, start) = stat(child.id()).unwrap();
        let owner = Owner { pid: child.id(), start, ..Owner::current() };
        assert!(owner.lives(Timestamp(0), now()));
        child.kill().unwrap();
        while stat(child.id()).is_some_and(|(state, _)| state != 'Z') {
            std::thread::yield_now();
        }
        assert!(!owner.lives(now(), now()), "a zombie");
        child.wait().unwrap();
        assert!(!owner.lives(now(), now()));
    }
}
