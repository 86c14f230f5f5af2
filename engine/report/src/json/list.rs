//! Lists of runs and baselines for machines.

use serde::Serialize;

use super::document::SCHEMA_VERSION;
use super::{finite, pretty};
use crate::diagnosis::level;
use crate::input::{BaselineRow, RunRow};
use crate::moment;

/// A list of runs as JSON.
#[must_use]
pub fn runs(rows: &[RunRow]) -> String {
    let runs = rows.iter().map(|row| {
        let [passed, failed, unsure] = row.expectations;
        RunText {
            id: &row.id,
            scenario: &row.scenario,
            started: moment::rfc3339(row.started),
            duration_seconds: finite(row.duration),
            state: row.state.name(),
            validity: level(row.validity),
            profile: row.profile.name(),
            expectations: ExpectationsText { passed, failed, unsure },
            commit: row.code.as_deref(),
            branch: row.branch.as_deref(),
            tags: &row.tags,
        }
    });
    pretty(&RunsText { schema_version: SCHEMA_VERSION, kind: "runs", runs: runs.collect() })
}

/// A list of baselines as JSON.
#[must_use]
pub fn baselines(rows: &[BaselineRow]) -> String {
    let baselines = rows.iter().map(|row| BaselineText {
        name: &row.name,
        run: &row.run,
        runs: row.runs,
        scenario: &row.scenario,
        branch: row.branch.as_deref(),
        expires: row.expires.map(moment::rfc3339),
        started: moment::rfc3339(row.started),
        set: moment::rfc3339(row.set),
        commit: row.code.as_deref(),
        machine: &row.machine,
    });
    pretty(&BaselinesText { schema_version: SCHEMA_VERSION, kind: "baselines", baselines: baselines.collect() })
}

#[derive(Debug, Serialize)]
struct RunsText<'a> {
    schema_version: u32,
    kind: &'static str,
    runs: Vec<RunText<'a>>,
}

#[derive(Debug, Serialize)]
struct RunText<'a> {
    id: &'a str,
    scenario: &'a str,
    started: String,
    duration_seconds: Option<f64>,
    state: &'static str,
    validity: &'static str,
    profile: &'static str,
    expectations: ExpectationsText,
    commit: Option<&'a str>,
    branch: Option<&'a str>,
    tags: &'a [String],
}

#[derive(Debug, Serialize)]
struct ExpectationsText {
    passed: usize,
    failed: usize,
    unsure: usize,
}

#[derive(Debug, Serialize)]
struct BaselinesText<'a> {
    schema_version: u32,
    kind: &'static str,
    baselines: Vec<BaselineText<'a>>,
}

#[derive(Debug, Serialize)]
struct BaselineText<'a> {
    name: &'a str,
    run: &'a str,
    runs: usize,
    scenario: &'a str,
    branch: Option<&'a str>,
    expires: Option<String>,
    started: String,
    set: String,
    commit: Option<&'a str>,
    machine: &'a str,
}
