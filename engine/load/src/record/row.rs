//! One series: counters, and three histograms that keep apart what is the target's and what is ours.

use std::sync::Arc;

use engine_core::histogram::Histogram;
use engine_core::unit::{Dimension, Unit};
use serde::{Deserialize, Serialize};

use crate::error::ErrorClass;
use crate::http::Timings;

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Requests to one endpoint.
    Request,
    /// Whole iterations of a journey.
    Iteration,
    /// A stretch of a journey that it times itself.
    Timer,
    /// Arrivals that were due and never started, as the requests that were not sent: known only to have waited so long.
    NotStarted,
    /// A check: how often it was met (`ok`) and not met (`failed`); it has no times.
    Check,
    /// A value that the journey records, in [`Row::unit`] and times [`value_scale`] in the histograms.
    Value,
}

impl Kind {
    /// Whether its rows have times, or values in their place.
    pub const fn is_timed(self) -> bool {
        !matches!(self, Self::Check)
    }
}

/// What a value in `unit` is multiplied with, so that a whole number keeps enough of it: a histogram tells apart values
/// up to 3.6e12.
pub fn value_scale(unit: Unit) -> f64 {
    match unit.dimension() {
        Dimension::DATA => 1.0,
        dimension if dimension == Dimension::DATA.per(Dimension::TIME) => 1.0,
        Dimension::TIME => 1e9,
        _ if unit == Unit::Ratio => 1e9,
        _ => 1e3,
    }
}

/// Whose row it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// What it counts.
    pub kind: Kind,
    /// The journey.
    pub journey: Arc<str>,
    /// The endpoint, or the timer's name; empty for iterations.
    pub endpoint: Arc<str>,
    /// The group within the journey; empty outside groups.
    pub group: Arc<str>,
    /// The phase by intended start.
    pub phase: Arc<str>,
}

/// How something that was started ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Well.
    Ok,
    /// With an error; it has a latency all the same.
    Failed,
    /// Time ran out: known only to take longer.
    TimedOut,
    /// The load ended before: known only to take longer.
    CutOff,
}

/// What is known about one ended request, in nanoseconds of the load's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How it ended.
    pub end: End,
    /// When it was meant to start: computed from the schedule.
    pub intended: u64,
    /// When it did start: the first byte to the network, be it of the connection or of the request.
    pub begun: u64,
    /// When it ended.
    pub ended: u64,
}

/// Errors of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// The class.
    pub class: ErrorClass,
    /// How often.
    pub count: u64,
    /// One of them, in words.
    pub example: String,
}

/// Counters and histograms of one series. Rows add up exactly: merging is associative and commutative (up to which
/// example of an error is kept).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Row {
    /// Started.
    pub started: u64,
    /// Ended well.
    pub ok: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Timed out.
    pub timed_out: u64,
    /// Cut off by the end of the load.
    pub cut_off: u64,
    /// Connections made.
    pub connections: u64,
    /// Requests sent again because a kept connection was gone.
    pub repeated: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received, heads included.
    pub bytes_in: u64,
    /// Intended start to end, in nanoseconds: what a user would have seen.
    pub response: Histogram,
    /// Start to end, in nanoseconds: what the target took.
    pub service: Histogram,
    /// Intended start to start, in nanoseconds: what the generator took.
    pub lag: Histogram,
    /// Sending to the first byte of the answer.
    pub first_byte: Option<Box<Histogram>>,
    /// Making connections, where one was made.
    pub connect: Option<Box<Histogram>>,
    /// Finding addresses, where one was looked up.
    pub dns: Option<Box<Histogram>>,
    /// Agreeing on encryption, where that was done.
    pub tls: Option<Box<Histogram>>,
    /// Errors by class.
    pub errors: Vec<ErrorCount>,
    /// What recorded values are measured in; none for times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

impl Row {
    /// Counts something that ended.
    pub fn record(&mut self, sample: Sample) {
        let Sample { end, intended, begun, ended } = sample;
        let (response, service) = (ended.saturating_sub(intended), ended.saturating_sub(begun));
        match end {
            End::Ok | End::Failed => {
                self.response.record(response);
                self.service.record(service);
            }
            End::TimedOut | End::CutOff => {
                self.response.record_censored(response);
                self.service.record_censored(service);
            }
        }
        self.lag.record(begun.saturating_sub(intended));
        match end {
            End::Ok => self.ok += 1,
            End::Failed => self.failed += 1,
            End::TimedOut => self.timed_out += 1,
            End::CutOff => self.cut_off += 1,
        }
    }

    /// Notes where the time of an answered request went.
    pub fn record_timings(&mut self, timings: &Timings) {
        let into = |histogram: &mut Option<Box<Histogram>>, nanos: u64| {
            if nanos > 0 {
                histogram.get_or_insert_with(Box::default).record(nanos);
            }
        };
        into(&mut self.first_byte, timings.first_byte);
        into(&mut self.connect, timings.connect);
        into(&mut self.dns, timings.dns);
        into(&mut self.tls, timings.tls);
    }

    /// Counts an error; the first of its class is kept as the example.
    pub fn error(&mut self, class: ErrorClass, example: impl FnOnce() -> String) {
        match self.errors.iter_mut().find(|known| known.class == class) {
            Some(known) => known.count += 1,
            None => self.errors.push(ErrorCount { class, count: 1, example: example() }),
        }
    }

    /// Forgets everything and keeps the memory of the histograms that nearly every row has.
    pub fn clear(&mut self) {
        let Self { mut response, mut service, mut lag, mut first_byte, .. } = std::mem::take(self);
        [&mut response, &mut service, &mut lag].into_iter().chain(first_byte.as_deref_mut()).for_each(Histogram::clear);
        *self = Self { response, service, lag, first_byte, ..Self::default() };
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.started, other.started),
            (&mut self.ok, other.ok),
            (&mut self.failed, other.failed),
            (&mut self.timed_out, other.timed_out),
            (&mut self.cut_off, other.cut_off),
            (&mut self.connections, other.connections),
            (&mut self.repeated, other.repeated),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.bytes_in, other.bytes_in),
        ] {
            *mine += theirs;
        }
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
        for (mine, theirs) in [
            (&mut self.first_byte, &other.first_byte),
            (&mut self.connect, &other.connect),
            (&mut self.dns, &other.dns),
            (&mut self.tls, &other.tls),
        ] {
            if let Some(theirs) = theirs {
                mine.get_or_insert_with(Box::default).merge(theirs);
            }
        }
        self.unit = self.unit.or(other.unit);
        for error in &other.errors {
            match self.errors.iter_mut().find(|known| known.class == error.class) {
                Some(known) => known.count += error.count,
                None => self.errors.push(error.clone()),
            }
        }
    }

    /// Ended, in whatever way.
    pub const fn ended(&self) -> u64 {
        self.ok + self.failed + self.timed_out + self.cut_off
    }

    /// Whether everything that was started has ended in exactly one way, and has one value in each histogram.
    pub fn is_conserved(&self) -> bool {
        let ended = self.ended();
        self.started == ended
            && [&self.response, &self.service, &self.lag].iter().all(|histogram| histogram.count() == ended)
    }

    /// Share of what ended that did not end well.
    pub fn error_share(&self) -> f64 {
        let ended = self.ended();
        if ended == 0 { 0.0 } else { (ended - self.ok) as f64 / ended as f64 }
    }
}
