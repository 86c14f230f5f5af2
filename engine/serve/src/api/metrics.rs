//! `/metrics` in Prometheus' text format 0.0.4: the newest value of every series of the newest run of each scenario, alerts,
//! and the server itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use engine_core::run::{RunRecord, RunState, ValidityLevel};
use engine_store::{AlertFilter, Filter, Store};

use crate::answers::Answer;
use crate::api::Errors;
use crate::api::site::Plain;
use crate::error::ApiError;
use crate::params::Params;
use crate::shape::AlertCounts;
use crate::state::App;

/// Scenarios that are told, newest first.
const SCENARIOS: usize = 20;

/// Lines of results.
const LINES: usize = 5000;

/// Results, alerts and the server for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "site",
    responses((status = 200, description = "Text format 0.0.4", body = String, content_type = "text/plain; version=0.0.4"), Errors)
)]
pub(crate) async fn get(State(app): State<Arc<App>>, _: Params<Plain>) -> Result<Response, ApiError> {
    let mut text = app.work(|app| app.database.read(|store| of_store(app, store))).await?;
    let sockets = app.watching();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "# HELP engine_live_sockets Open WebSockets.\n# TYPE engine_live_sockets gauge\nengine_live_sockets {sockets}\n"
    );
    if let Some(seconds) = crate::time::own_cpu() {
        let _ = write!(
            text,
            "# HELP engine_process_cpu_seconds_total CPU time of the server's process.\n\
             # TYPE engine_process_cpu_seconds_total counter\nengine_process_cpu_seconds_total {seconds}\n"
        );
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn of_store(app: &App, store: &Store) -> Result<String, ApiError> {
    let rows = store.list(&Filter::default())?;
    let mut text = String::new();
    let head = |text: &mut String, name: &str, help: &str| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    };
    head(&mut text, "engine_runs", "Stored runs, without those of the tiny profile.");
    let _ = writeln!(text, "engine_runs {}", rows.len());
    let counts = AlertCounts::of(&store.alerts(&AlertFilter { resolved: true, ..AlertFilter::default() })?);
    head(&mut text, "engine_alerts", "Alerts by state.");
    for (state, count) in [
        ("pending", counts.pending),
        ("firing", counts.firing),
        ("acknowledged", counts.acknowledged),
        ("silenced", counts.silenced),
        ("resolved", counts.resolved),
    ] {
        let _ = writeln!(text, "engine_alerts{{state=\"{state}\"}} {count}");
    }
    let mut seen = BTreeSet::new();
    let newest: Vec<_> = rows
        .iter()
        .filter(|row| row.state == RunState::Complete && seen.insert(row.suite.clone()))
        .take(SCENARIOS)
        .collect();
    head(&mut text, "engine_run_started_seconds", "Start of the newest complete run, seconds since 1970.");
    for row in &newest {
        let _ = writeln!(
            text,
            "engine_run_started_seconds{{scenario=\"{}\"}} {}",
            label(&row.suite),
            row.started.0 / 1_000_000
        );
    }
    head(&mut text, "engine_run_valid", "Whether the newest complete run can be trusted: 1, 0.5 disturbed, 0 invalid.");
    for row in &newest {
        let value = match row.validity.level {
            ValidityLevel::Valid => "1",
            ValidityLevel::Degraded => "0.5",
            ValidityLevel::Invalid => "0",
        };
        let _ = writeln!(text, "engine_run_valid{{scenario=\"{}\"}} {value}", label(&row.suite));
    }
    head(
        &mut text,
        "engine_result",
        "Median over rounds in the newest complete run, in the base unit named by `unit`.",
    );
    let mut left = LINES;
    for row in &newest {
        let (_, results) = app.answer(&row.id.0, Answer::Results)?;
        for line in String::from_utf8_lossy(&results).lines().take(left) {
            let _ = writeln!(text, "{line}");
            left -= 1;
        }
    }
    Ok(text)
}

/// The results of a run: one line each.
pub(crate) fn results(record: &RunRecord) -> String {
    let mut text = String::new();
    for step in &record.steps {
        for measurement in &step.measurements {
            let Some(estimate) = measurement.estimate().filter(|found| found.value.is_finite()) else { continue };
            let labels = step.plan.labels.joined(&measurement.labels);
            let _ = write!(
                text,
                "engine_result{{scenario=\"{}\",step=\"{}\",metric=\"{}\",unit=\"{}\"",
                label(&record.header.scenario.name),
                label(&step.plan.name),
                label(&measurement.metric.id),
                label(&measurement.metric.unit.to_string()),
            );
            for (name, value) in &labels.0 {
                let _ = write!(text, ",label_{}=\"{}\"", name_of(name), label(value));
            }
            let _ = writeln!(text, "}} {}", estimate.value);
        }
    }
    text
}

/// A value of a label: backslash, quote and line end are written as the format asks.
fn label(text: &str) -> String {
    engine_report::clean::clip(text, 200).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A name of a label: letters, digits, `_`.
fn name_of(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
