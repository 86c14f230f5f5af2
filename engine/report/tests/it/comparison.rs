//! Comparisons in every format.

use engine_core::comparison::Refusal;
use engine_report::text::{self, Style};
use engine_report::{TimeZone, json, markdown};
use insta::assert_snapshot;

use crate::fixture;

#[test]
fn two_runs_are_compared_on_the_terminal() {
    assert_snapshot!(text::comparison(&fixture::comparison(), &TimeZone::UTC, Style::new(80, false, true)));
}

#[test]
fn two_runs_are_compared_in_markdown() {
    assert_snapshot!(markdown::comparison(&fixture::comparison(), &TimeZone::UTC));
}

#[test]
fn two_runs_are_compared_in_json() {
    let value: serde_json::Value = serde_json::from_str(&json::comparison(&fixture::comparison())).unwrap();
    assert_eq!(value["schema_version"], 1);
    assert_eq!(value["verdict"], "worse");
    assert_eq!(value["series"][1]["series"], "memory.stream.rate");
    assert_eq!(value["series"][1]["unit"], "B/s");
    assert_eq!(value["series"][2]["rounds_needed"], 64);
    assert_eq!(value["differences"][1]["unlike"], true);
    assert_eq!(value["refusals"][0]["subject"], "storage.fsync");
}

#[test]
fn a_refused_comparison_has_no_verdict_in_any_format() {
    let mut comparison = fixture::comparison();
    comparison.refusals.push(Refusal {
        subject: None,
        reason: "the runs come from unlike machines".into(),
        remedy: "compare runs of one machine, or give `--force`".into(),
    });
    let text = text::comparison(&comparison, &TimeZone::UTC, Style::plain());
    assert!(text.ends_with("refused: the runs cannot be compared\n"), "{text}");
    let value: serde_json::Value = serde_json::from_str(&json::comparison(&comparison)).unwrap();
    assert_eq!((value["refused"].as_bool(), value["verdict"].is_null()), (Some(true), true));
    assert!(markdown::comparison(&comparison, &TimeZone::UTC).starts_with("# Comparison: refused"));
}
