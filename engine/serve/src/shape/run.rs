//! A run in a list.

use std::collections::BTreeMap;

use engine_core::run::{Validity, ValidityLevel};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// How far the numbers of a run can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ValidityText {
    /// `valid`, `degraded` or `invalid`.
    pub(crate) level: &'static str,
    /// Why it is not valid, one sentence each.
    pub(crate) reasons: Vec<String>,
}

impl ValidityText {
    pub(crate) fn of(validity: &Validity) -> Self {
        let level = match validity.level {
            ValidityLevel::Valid => "valid",
            ValidityLevel::Degraded => "degraded",
            ValidityLevel::Invalid => "invalid",
        };
        Self { level, reasons: validity.reasons.iter().map(|reason| engine_report::clean::line(reason)).collect() }
    }
}

/// A stored run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RunRow {
    /// 26 characters that sort by time.
    pub(crate) id: String,
    /// The first characters of it, unique in practice.
    pub(crate) short: String,
    /// Name of the suite.
    pub(crate) scenario: String,
    /// The file, or `embedded:NAME`, `-e`, `-`.
    pub(crate) source: String,
    /// `tiny`, `short`, `default` or `long`.
    pub(crate) profile: &'static str,
    /// `running`, `complete`, `partial` or `crashed`.
    pub(crate) state: &'static str,
    /// How far it can be trusted.
    pub(crate) validity: ValidityText,
    /// Start, RFC 3339 in UTC.
    pub(crate) started: String,
    /// Duration in seconds.
    pub(crate) duration_seconds: Option<f64>,
    /// Full commit id of the code under test.
    pub(crate) commit: Option<String>,
    /// Its branch.
    pub(crate) branch: Option<String>,
    /// Whether tracked files differed from the commit.
    pub(crate) dirty: Option<bool>,
    /// Stable id of the machine.
    pub(crate) machine: String,
    /// Class of environments that can be compared with this one.
    pub(crate) environment_class: String,
    /// Tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Version of the engine.
    pub(crate) engine: String,
    /// Steps by how they ended.
    pub(crate) steps: StepCounts,
    /// Expectations by what came of them.
    pub(crate) expectations: ExpectationCounts,
    /// How many remarks it has.
    pub(crate) annotations: u32,
    /// Names of the baselines that it belongs to.
    pub(crate) baselines: Vec<String>,
}

/// Steps by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StepCounts {
    /// In the plan.
    pub(crate) planned: u32,
    /// With results.
    pub(crate) measured: u32,
    /// Not possible on the machine.
    pub(crate) skipped: u32,
    /// Gone wrong.
    pub(crate) failed: u32,
}

/// Expectations by what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ExpectationCounts {
    /// Met.
    pub(crate) pass: u32,
    /// Not met.
    pub(crate) fail: u32,
    /// The data do not decide.
    pub(crate) unsure: u32,
    /// Not judged.
    pub(crate) unjudged: u32,
}

impl RunRow {
    pub(crate) fn of(row: &engine_store::RunRow) -> Self {
        let clean = engine_report::clean::line;
        let judged = |name: &str| row.expectations.get(name).copied().unwrap_or(0);
        Self {
            id: row.id.0.clone(),
            short: row.id.short().to_owned(),
            scenario: clean(&row.suite),
            source: clean(&row.source),
            profile: row.profile.name(),
            state: row.state.name(),
            validity: ValidityText::of(&row.validity),
            started: time::text(row.started),
            duration_seconds: super::finite(row.duration),
            commit: row.commit.as_deref().map(clean),
            branch: row.branch.as_deref().map(clean),
            dirty: row.dirty,
            machine: clean(&row.machine),
            environment_class: row.class.clone(),
            tags: row.tags.iter().map(|(name, value)| (clean(name), clean(value))).collect(),
            engine: clean(&row.engine),
            steps: StepCounts {
                planned: row.steps.planned,
                measured: row.steps.measured,
                skipped: row.steps.skipped,
                failed: row.steps.failed,
            },
            expectations: ExpectationCounts {
                pass: judged("pass"),
                fail: judged("fail"),
                unsure: judged("unsure"),
                unjudged: judged("unjudged"),
            },
            annotations: row.annotations,
            baselines: row.baselines.iter().map(|name| clean(name)).collect(),
        }
    }
}
