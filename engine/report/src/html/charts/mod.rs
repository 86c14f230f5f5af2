//! The charts of a run, as data.

mod host;
mod load;
mod series;

use engine_core::run::RunRecord;

pub(super) use load::{latency_over_rate, load};
pub(super) use series::{along, rounds};

use super::chart::Chart;

/// How much is shown: fewer points where there is less room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detail {
    /// Most points of a line over time; more are summed up.
    pub(super) points: usize,
    /// Rows of a heat map.
    pub(super) rows: usize,
    /// Most spans of the timeline.
    pub(super) spans: usize,
    /// Most rows of all tables together.
    pub(super) lines: usize,
    /// Most charts.
    pub(super) figures: usize,
}

/// What ran when, and what the machine did meanwhile.
pub(super) fn timeline(record: &RunRecord, detail: Detail) -> Vec<Chart> {
    let mut charts = Vec::new();
    charts.extend(host::spans(record, detail));
    charts.extend(host::machine(record, detail));
    charts
}

/// Values that span so much that only a logarithmic scale shows them.
fn is_wide(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    low > 0.0 && high / low > 20.0
}
