//! A second of a load as plain data, and the sum of all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Label, Row};

/// What one source (a thread, later a machine) recorded in one interval. Carries its source and number, so that it can
/// be applied twice without harm; merging intervals in any order gives the same totals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Who recorded it.
    pub source: u32,
    /// Counts from 0 within the source.
    pub sequence: u64,
    /// Start, in seconds since the load's start.
    pub at: f64,
    /// Length in seconds.
    pub seconds: f64,
    /// Users within an iteration at its end.
    pub active: u64,
    /// Connections open at its end.
    pub connections: u64,
    /// CPU time that the source's thread used in it, in seconds.
    pub cpu: f64,
    /// Arrivals due in it that this source was to start.
    pub scheduled: u64,
    /// Of the arrivals so far, those that were given up because no user was free.
    pub dropped: u64,
    /// The series that saw anything.
    pub rows: Vec<(Label, Row)>,
}

/// The sum of intervals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Every series.
    pub rows: BTreeMap<Label, Row>,
    seen: BTreeMap<u32, Seen>,
}

/// Which numbers of a source were applied: all below `next`, and some beyond.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    next: u64,
    beyond: Vec<u64>,
}

impl Seen {
    /// Whether this number is new; from now on it is not.
    fn insert(&mut self, number: u64) -> bool {
        if number < self.next || self.beyond.contains(&number) {
            return false;
        }
        self.beyond.push(number);
        while let Some(at) = self.beyond.iter().position(|known| *known == self.next) {
            self.beyond.swap_remove(at);
            self.next += 1;
        }
        true
    }
}

impl Totals {
    /// Adds an interval; one that was added before changes nothing and gives `false`.
    pub fn apply(&mut self, interval: &Interval) -> bool {
        if !self.seen.entry(interval.source).or_default().insert(interval.sequence) {
            return false;
        }
        for (label, row) in &interval.rows {
            match self.rows.get_mut(label) {
                Some(known) => known.merge(row),
                None => {
                    self.rows.insert(label.clone(), row.clone());
                }
            }
        }
        true
    }

    /// The sum of the rows that `select` takes.
    pub fn sum(&self, select: impl Fn(&Label) -> bool) -> Row {
        let mut all = Row::default();
        for (label, row) in &self.rows {
            if select(label) {
                all.merge(row);
            }
        }
        all
    }

    /// All requests, with those that were due and never sent: what percentiles of a load are taken from.
    pub fn requests(&self) -> Row {
        self.sum(|label| matches!(label.kind, Kind::Request | Kind::NotStarted))
    }
}
