//! JSON: the results file of a run and of a comparison, versioned and described by a published JSON Schema
//! (`docs/report.schema.json`).
//!
//! The shapes here are a promise to other programs and are kept apart from the types of `engine-core`, so that a change
//! there cannot break it unseen. Every number that has a unit carries it beside it; numbers that do not exist are
//! `null`. Within one `schema_version` fields are added, never renamed, removed or given another meaning.

mod advice;
mod comparison;
mod document;
mod fault;
mod fill;
mod interference;
mod list;
mod load;
mod results;
mod steps;
mod timeline;
mod trend;

pub use advice::advice;
pub use comparison::comparison;
pub use document::SCHEMA_VERSION;
pub(crate) use fill::failure_kind;
pub use list::{baselines, runs};
pub use timeline::timelines;
pub use trend::{samples, trends};

use crate::input::Report;

/// The results file of a run.
#[must_use]
pub fn report(report: &Report<'_>) -> String {
    pretty(&fill::document(report))
}

/// The JSON Schema of [`report`].
#[must_use]
pub fn schema() -> String {
    schema_of::<document::Document>("Results of a benchmark run")
}

/// The JSON Schema of [`comparison`].
#[must_use]
pub fn comparison_schema() -> String {
    schema_of::<comparison::ComparisonText<'_>>("Comparison of two sides")
}

/// The JSON Schema of [`timelines`].
#[must_use]
pub fn timelines_schema() -> String {
    schema_of::<timeline::TimelinesText<'_>>("Metrics over runs")
}

fn schema_of<T: schemars::JsonSchema>(title: &str) -> String {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    pretty(&schema)
}

fn pretty(value: &impl serde::Serialize) -> String {
    // Plain structs of strings, numbers and lists always convert.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A number that JSON can hold.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
