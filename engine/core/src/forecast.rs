//! Where a metric is going, as plain data: who works it out and who shows it know only this.

use serde::{Deserialize, Serialize};

use crate::run::Timestamp;
use crate::stats::Interval;

/// What the past says of foretelling this metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// Places from which was foretold.
    pub origins: usize,
    /// Mean absolute error of the line, in the metric's unit.
    pub line: f64,
    /// That of "no change".
    pub no_change: f64,
    /// p-value of "the line is no better".
    pub p: f64,
}

/// A forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Days ahead of the last run.
    pub days: f64,
    /// Moment that is foretold.
    pub at: Timestamp,
    /// Change per day, in the metric's unit.
    pub slope: f64,
    /// What is expected.
    pub value: f64,
    /// Within it with 95 %.
    pub interval: Interval,
    /// What the past says of it.
    pub backtest: Backtest,
    /// When the threshold is reached, where one was given.
    pub threshold: Option<Reached>,
}

/// When a threshold is reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The threshold, in the metric's unit.
    pub value: f64,
    /// Whether it is passed already.
    pub passed: bool,
    /// The moment at which the line reaches it; none within the horizon.
    pub at: Option<Timestamp>,
    /// The earliest moment that the interval allows.
    pub earliest: Option<Timestamp>,
    /// The latest one; none when it may not be reached within the horizon.
    pub latest: Option<Timestamp>,
}

/// A forecast, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Foretold {
    /// It beat "no change" on its own past.
    Told(Box<Forecast>),
    /// It did not, or could not be tried.
    Silent(String),
}
