//! The health of a machine against the user's limits, as plain data.

use serde::{Deserialize, Serialize};

use crate::unit::Unit;

/// How one limit, or all of them, turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthVerdict {
    /// Within the limit.
    Healthy,
    /// It could not be told: nothing was observed.
    Unknown,
    /// Beyond the limit.
    Warning,
}

impl HealthVerdict {
    /// The word in reports and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
        }
    }
}

/// One limit and what was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthRow {
    /// What is limited: `CPU`, `memory`, `latency`, ...
    pub name: String,
    /// What was observed, in `unit`; none when there was no sample.
    pub observed: Option<f64>,
    /// The limit, in `unit`.
    pub limit: f64,
    /// Unit of both.
    pub unit: Unit,
    /// How it turned out.
    pub verdict: HealthVerdict,
    /// One sentence: what was taken (median over the run, worst window, ..), and why this verdict.
    pub reason: String,
}

/// The health of the machine over a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The worst of the rows.
    pub verdict: HealthVerdict,
    /// One row a limit.
    pub rows: Vec<HealthRow>,
}

impl Health {
    /// The health that these rows add up to: the worst verdict; unknown when there are none.
    #[must_use]
    pub fn of(rows: Vec<HealthRow>) -> Self {
        let verdict = rows.iter().map(|row| row.verdict).max().unwrap_or(HealthVerdict::Unknown);
        Self { verdict, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_as_healthy_as_its_worst_row() {
        let row = |verdict| HealthRow {
            name: "CPU".into(),
            observed: None,
            limit: 0.8,
            unit: Unit::Ratio,
            verdict,
            reason: String::new(),
        };
        assert_eq!(Health::of(vec![]).verdict, HealthVerdict::Unknown);
        assert_eq!(
            Health::of(vec![row(HealthVerdict::Healthy), row(HealthVerdict::Unknown)]).verdict,
            HealthVerdict::Unknown
        );
        assert_eq!(
            Health::of(vec![row(HealthVerdict::Warning), row(HealthVerdict::Healthy)]).verdict,
            HealthVerdict::Warning
        );
    }
}
