//! What a load gave: plain data, with the proofs that it adds up and the reasons not to trust it.

use serde::{Deserialize, Serialize};

use crate::driver::DriverKind;
use crate::health::Health;
use crate::record::{Kind, Label, Row, Totals};

/// A load's result.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What carried the traffic.
    pub driver: DriverKind,
    /// Threads.
    pub threads: usize,
    /// Whether the threads spun (to the microsecond) or slept (late by a wake-up, some 50 us) until something was due.
    pub spinning: bool,
    /// What happened to arrivals that found no user free; none in a closed model.
    pub catch_up: Option<String>,
    /// For how long new iterations began, in seconds.
    pub seconds: f64,
    /// For how long iterations went on after that, in seconds.
    pub drained: f64,
    /// Every series.
    pub totals: Totals,
    /// Where every arrival and every request has gone.
    pub conservation: Conservation,
    /// How the generator itself was.
    pub health: Health,
    /// What speaks against the numbers.
    pub doubts: Vec<Doubt>,
    /// Whether it was stopped from outside before its end.
    pub stopped: bool,
}

/// Where everything has gone. What does not add up makes the result invalid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conservation {
    /// Arrivals that the schedule had, counted from the schedule alone; 0 in a closed model.
    pub scheduled: u64,
    /// Arrivals that became iterations.
    pub arrived: u64,
    /// Arrivals dropped because no user was free.
    pub dropped: u64,
    /// Arrivals that were due and still waited for a user at the end.
    pub not_started: u64,
    /// Iterations started.
    pub iterations: u64,
    /// Iterations that ended, in whatever way.
    pub iterations_ended: u64,
    /// Requests started.
    pub requests: u64,
    /// Requests answered well, failed, timed out, cut off.
    pub ok: u64,
    /// See [`Self::ok`].
    pub failed: u64,
    /// See [`Self::ok`].
    pub timed_out: u64,
    /// See [`Self::ok`].
    pub cut_off: u64,
}

impl Conservation {
    /// From what was recorded; the arrivals' numbers come from the threads.
    pub(crate) fn of(totals: &Totals) -> Self {
        let iterations = totals.sum(|label| label.kind == Kind::Iteration);
        let requests = totals.sum(|label| label.kind == Kind::Request);
        Self {
            iterations: iterations.started,
            iterations_ended: iterations.ended(),
            requests: requests.started,
            ok: requests.ok,
            failed: requests.failed,
            timed_out: requests.timed_out,
            cut_off: requests.cut_off,
            ..Self::default()
        }
    }

    /// The laws that do not hold, in words.
    pub fn violations(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut law = |holds: bool, words: String| {
            if !holds {
                broken.push(words);
            }
        };
        law(
            self.scheduled == self.arrived + self.dropped + self.not_started,
            format!(
                "{} arrivals were due, {} came, {} were dropped and {} not started",
                self.scheduled, self.arrived, self.dropped, self.not_started
            ),
        );
        law(
            self.scheduled == 0 || self.arrived == self.iterations,
            format!("{} arrivals came and {} iterations began", self.arrived, self.iterations),
        );
        law(
            self.iterations == self.iterations_ended,
            format!("{} iterations began and {} ended", self.iterations, self.iterations_ended),
        );
        law(
            self.requests == self.ok + self.failed + self.timed_out + self.cut_off,
            format!(
                "{} requests were started, {} were answered well, {} failed, {} timed out and {} were cut off",
                self.requests, self.ok, self.failed, self.timed_out, self.cut_off
            ),
        );
        broken
    }
}

/// How much a doubt weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The numbers are to be read with care.
    Degraded,
    /// The numbers say nothing about the target.
    Invalid,
}

/// What speaks against the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// How much.
    pub weight: Weight,
    /// Why, in words.
    pub reason: String,
}

impl Outcome {
    /// All requests with those that were due and never sent.
    pub fn requests(&self) -> Row {
        self.totals.requests()
    }

    /// One endpoint's requests over all journeys, groups and phases.
    pub fn endpoint(&self, name: &str) -> Row {
        self.totals.sum(|label| label.kind == Kind::Request && *label.endpoint == *name)
    }

    /// The rows of requests, one for each endpoint, journey, group and phase.
    pub fn endpoints(&self) -> impl Iterator<Item = (&Label, &Row)> {
        self.totals.rows.iter().filter(|(label, _)| label.kind == Kind::Request)
    }

    /// Requests that ended well a second.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.conservation.ok as f64 / self.seconds } else { 0.0 }
    }

    /// Whether the numbers may be used at all.
    pub fn is_valid(&self) -> bool {
        self.doubts.iter().all(|doubt| doubt.weight != Weight::Invalid)
    }
}
