//! A change of level that begins where the machine or its software changed: is it the machine's, or the code's?
//!
//! Most often it is the machine's, and one notice about the machine says it for all series. But a commit of the same
//! nights may have made one of them slower: that one moves while the others stand, or by more than all others. It is
//! told when enough runs have come to see that.

use engine_analysis::{Apart, apart};
use engine_core::alert::{Alert, Rule};
use engine_core::run::RunId;
use engine_store::{Error, Place, Store};

use crate::observe::histories;

/// The place of a change moves by so many runs as more come.
const DRIFT: usize = 3;

/// A change of the environment draws the place of a change of level so many runs towards the past.
const DRAWN: usize = 10;

/// So many runs after both, whether the other series moved too can be said.
const SETTLED: usize = 5;

/// Runs of each series that are looked at.
const RUNS: usize = 60;

/// What becomes of an alert about a history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fate {
    /// It is told; with what is to be said about the machine, where there is something.
    Told(Option<String>),
    /// It is counted in with the notice about the machine.
    CountedIn,
    /// It is too early to say.
    Waits,
}

/// What becomes of an alert about a history, by the changes of the environment around its beginning.
pub(crate) fn fate(store: &Store, alert: &Alert) -> Result<Fate, Error> {
    let Some(began) = &alert.began else { return Ok(Fate::Told(None)) };
    for change in store.raised_by(Rule::Environment, alert)? {
        let away = store.runs_between(alert, began, &change)?;
        // What was found with runs from after the change of the environment, and is said to have begun a little before,
        // may be drawn there by them.
        let drawn = *began < change && change <= alert.last_run && away <= DRAWN;
        if away <= DRIFT || drawn {
            let (from, to) = if *began < change { (began, &change) } else { (&change, began) };
            return beside(store, alert, from, to);
        }
    }
    Ok(Fate::Told(None))
}

fn beside(store: &Store, alert: &Alert, from: &RunId, to: &RunId) -> Result<Fate, Error> {
    let newest = store.newest_like(alert)?.unwrap_or_else(|| alert.last_run.clone());
    if store.runs_between(alert, to, &newest)? + 1 < SETTLED {
        return Ok(Fate::Waits);
    }
    let place = Place { suite: &alert.suite, machine: &alert.machine, branch: alert.branch.as_deref() };
    let histories = histories(store, place, RUNS)?;
    Ok(apart(&histories, &alert.subject, from, to).map_or(Fate::CountedIn, |found| Fate::Told(Some(said(&found)))))
}

fn said(found: &Apart) -> String {
    let percent = |share: f64| format!("{:+.1} %", share * 100.0);
    format!(
        "the machine or its software changed at about the same run, but that is not all of it: this series got worse by {}, \
         while {} others moved by {} to {}",
        percent(found.own).trim_start_matches('+'),
        found.count,
        percent(found.others.0),
        percent(found.others.1)
    )
}
