//! Windows around a fault, and the figures that follow from them. How they follow is `engine-analysis`'s.

use serde::{Deserialize, Serialize};

/// What was seen in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// When it began, in seconds.
    pub start: f64,
    /// How long it is, in seconds.
    pub length: f64,
    /// Requests that were answered rightly.
    pub succeeded: u64,
    /// Requests that were not, time-outs included.
    pub failed: u64,
    /// 95th percentile of the response time of all requests that were meant to start in it, in seconds; none without one.
    pub p95: Option<f64>,
}

impl Window {
    /// Successes a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        ratio(self.succeeded, 1) / self.length
    }

    /// Share of requests that failed.
    #[must_use]
    pub fn errors(&self) -> f64 {
        ratio(self.failed, self.succeeded + self.failed)
    }

    /// When it ended, in seconds.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.start + self.length
    }
}

/// What counts as well, and as steady.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Criteria {
    /// By which share the percentile may be above the baseline's.
    pub latency: f64,
    /// By how much the share of failures may be above the baseline's.
    pub errors: f64,
    /// By which share the rate may be below the baseline's.
    pub rate: f64,
    /// Windows in a row that must be well.
    pub consecutive: usize,
    /// Fewest windows of a baseline.
    pub least: usize,
    /// Fewest requests of a baseline.
    pub requests: u64,
    /// Largest spread of the baseline's percentiles: median absolute deviation over median.
    pub spread: f64,
    /// Largest share of baseline windows that are not well.
    pub unwell: f64,
}

impl Default for Criteria {
    fn default() -> Self {
        Self {
            latency: 0.10,
            errors: 0.001,
            rate: 0.05,
            consecutive: 5,
            least: 10,
            requests: 1000,
            spread: 0.25,
            unwell: 0.2,
        }
    }
}

/// How the service was before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Median of the windows' 95th percentiles, in seconds.
    pub p95: f64,
    /// Share of failed requests.
    pub errors: f64,
    /// Median rate of successes, per second.
    pub rate: f64,
    /// Windows that it is made of.
    pub windows: usize,
}

/// What became of the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// It was not steady before: nothing can be said.
    Inconclusive {
        /// Why.
        reason: String,
    },
    /// It was, and this is what happened.
    Seen(Seen),
}

/// Figures of one fault. Times in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// How it was before.
    pub baseline: Baseline,
    /// From the fault to the first window that is not well; none when the fault did not show.
    pub detect: Option<f64>,
    /// From the removal to the first of the windows in a row that are well; none when that did not come.
    pub recover: Option<f64>,
    /// Highest 95th percentile from the fault on.
    pub worst_p95: f64,
    /// Lowest rate of successes from the fault on, per second.
    pub worst_rate: f64,
    /// Requests that failed from the fault on.
    pub failed: u64,
    /// Successes that did not come, from the fault to the recovery or the end.
    pub lost: f64,
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests are far below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
