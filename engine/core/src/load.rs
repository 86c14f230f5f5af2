//! A load as the plan and the record know it: its shape, and its course in windows of one second.

use serde::{Deserialize, Serialize};

pub use crate::demo_target::{DemoTarget, DemoTargetError, ServiceTime, Stall, Store, TextError, Warmup};
use crate::histogram::Packed;
use crate::series::Labels;
use crate::unit::Unit;

mod course;
mod metrics;
mod trials;

pub use course::{Course, MOST_WINDOWS, Stretch, Stretches, keep};
pub use metrics::{METRICS, metric_of};
pub use trials::{
    CAPACITY_METRICS, CapacityShape, Fitted, SCALE_METRICS, ScaleShape, Scaling, ScalingLevel, Varied, rate_label,
    trial_metric, trial_record,
};

/// Label of the phase that is not counted: what was meant to start within the warm-up.
pub const WARM_UP: &str = "(warm-up)";

/// Labels that only a load's own series have.
pub const LOAD_LABELS: [&str; 4] = ["name", "group", "journey", "phase"];

/// What a load will do, for people and for what follows from its phases.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadShape {
    /// Where requests go.
    pub target: String,
    /// The workload model in words: `arrivals 200/s, Poisson`.
    pub model: String,
    /// Names of the journeys.
    pub journeys: Vec<String>,
    /// The phases, in order.
    pub phases: Vec<PhaseShape>,
}

/// One phase of a load. Times are in seconds since the load's start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PhaseShape {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub start: f64,
    /// When it ends.
    pub end: f64,
    /// Arrivals per second, on average; none in a closed model.
    pub rate: Option<f64>,
    /// Users, on average; none in an open model.
    pub users: Option<f64>,
}

impl PhaseShape {
    /// One line: name, when, how much.
    #[must_use]
    pub fn describe(&self) -> String {
        let much = match (self.rate, self.users) {
            (Some(rate), _) => format!("{} on average", Unit::PerSecond.format(rate)),
            (None, Some(users)) => format!("{users:.1} users on average"),
            (None, None) => "as recorded".to_owned(),
        };
        let name = if self.name.is_empty() { "all" } else { &self.name };
        format!("{name}: {:.1} .. {:.1} s, {much}", self.start, self.end)
    }
}

impl LoadShape {
    /// How long it lasts, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.phases.iter().map(|phase| phase.end).fold(0.0, f64::max)
    }

    /// One line: model, duration, target.
    #[must_use]
    pub fn describe(&self) -> String {
        let phases = match self.phases.len() {
            0 | 1 => String::new(),
            count => format!(" in {count} phases"),
        };
        let journeys = self.journeys.join(", ");
        format!("{}, {:.0} s{phases}, {journeys} against {}", self.model, self.seconds(), self.target)
    }
}

/// What one window of a load saw, over all that generate it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadWindow {
    /// Index of the step in the plan.
    pub step: usize,
    /// Number of the round, from 0.
    pub round: u32,
    /// Start, in seconds since the load's start.
    pub at: f64,
    /// Length in seconds.
    pub seconds: f64,
    /// One row without labels, of everything, and one for each endpoint.
    pub rows: Vec<WindowRow>,
    /// Users within an iteration at its end.
    pub users: u64,
    /// The phase of its middle; [`WARM_UP`] before anything counts.
    pub phase: String,
}

/// What ended in one window. Latencies are in nanoseconds, as in every histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WindowRow {
    /// None for everything; else `name`, and `group` and `journey` where there are several.
    pub labels: Labels,
    /// Requests started.
    pub started: u64,
    /// Requests that ended well.
    pub ok: u64,
    /// Requests that ended with an error.
    pub failed: u64,
    /// Requests that ran out of time.
    pub timed_out: u64,
    /// Requests that the load's end cut off.
    pub cut_off: u64,
    /// Intended start to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Packed>,
    /// Start to end; kept for everything together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Packed>,
    /// Intended start to start; kept for everything together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Packed>,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Errors by class, and how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<(String, u64)>,
}

impl WindowRow {
    /// Requests that ended, in whatever way.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.ok + self.failed + self.timed_out + self.cut_off
    }

    /// Adds all of `other`; the labels stay.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.started, other.started),
            (&mut self.ok, other.ok),
            (&mut self.failed, other.failed),
            (&mut self.timed_out, other.timed_out),
            (&mut self.cut_off, other.cut_off),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
        ] {
            *mine += theirs;
        }
        for (mine, theirs) in
            [(&mut self.response, &other.response), (&mut self.service, &other.service), (&mut self.lag, &other.lag)]
        {
            *mine = match (mine.take(), theirs) {
                (None, theirs) => theirs.clone(),
                (mine, None) => mine,
                (Some(mine), Some(theirs)) => Some(Packed::merged([&mine, theirs])),
            };
        }
        for (class, count) in &other.errors {
            match self.errors.iter_mut().find(|(known, _)| known == class) {
                Some((_, known)) => *known += count,
                None => self.errors.push((class.clone(), *count)),
            }
        }
    }
}

impl LoadWindow {
    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Option<&WindowRow> {
        self.rows.iter().find(|row| row.labels.is_empty())
    }

    /// When it ends, in seconds since the load's start.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.at + self.seconds
    }

    /// Whether it counts: it is no part of the warm-up.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.phase != WARM_UP
    }

    /// Joins the window that follows.
    pub fn join(&mut self, next: &Self) {
        self.seconds = next.end() - self.at;
        self.users = next.users;
        for row in &next.rows {
            match self.rows.iter_mut().find(|known| known.labels == row.labels) {
                Some(known) => known.merge(row),
                None => self.rows.push(row.clone()),
            }
        }
    }
}
